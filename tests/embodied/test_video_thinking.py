"""The strip that shows how long was thought."""

import numpy as np

from embodied import video


def test_as_many_cells_are_lit_as_steps_were_thought():
  frames = [np.full((16, 64, 3), 7, np.uint8)] * 3
  film = video.thinking(frames, [1.0, 3.0, 2.0], scale=4)
  assert film.shape == (3, 16 * 4 + 24, 256, 3) and video.is_video(film)
  # The picture itself, four pixels per pixel.
  assert (film[:, :64] == 7).all()
  # Three cells across, of which 1, 3 and 2 are lit: look at a row through
  # their middle, leaving out the number at the right.
  row = film[:, 64 + 12, : 256 - 28]
  lit = (row == [255, 190, 60]).all(-1).sum(-1)
  assert lit[1] == 3 * lit[0] and lit[2] == 2 * lit[0] and lit[0] > 30
