"""Steps stored on disk, and batches of windows sampled from them."""

from embodied.replay.replay import Replay as Replay
