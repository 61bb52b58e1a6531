"""Steps on disk, and the windows of them that are learnt from."""

from embodied.replay.replay import Replay as Replay
