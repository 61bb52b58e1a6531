"""The strip that shows how long was thought."""

import numpy as np
import pytest

from embodied.log import video


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


def test_grey_and_rgba_pictures_are_shown_in_three_channels():
  grey = np.arange(16 * 64, dtype=np.uint8).reshape(16, 64, 1)
  rgb = np.concatenate([grey, grey + np.uint8(1), grey + np.uint8(2)], -1)
  rgba = np.concatenate([rgb, np.full_like(grey, 9)], -1)
  film = video.thinking([grey, rgb, rgba], [1.0, 1.0, 1.0], scale=1)
  assert (film[0, :16] == grey).all()
  assert (film[1, :16] == rgb).all() and (film[2] == film[1]).all()


@pytest.mark.parametrize('channels', [2, 5])
def test_of_other_numbers_of_channels_the_first_are_shown(channels):
  frame = np.arange(16 * 64 * channels, dtype=np.uint8)
  frame = frame.reshape(16, 64, channels)
  film = video.thinking([frame], [1.0], scale=1)[0, :16]
  want = frame[..., :3] if channels == 5 else frame[..., :1]
  assert (film == want).all()


def test_small_pictures_and_long_thoughts_have_room():
  frames = [np.zeros((7, 7, 3), np.uint8)] * 3
  film = video.thinking(frames, [1000.0, 500.0, 1.0])
  assert film.shape[2] >= 160
  lit = (film == [255, 190, 60]).all(-1).sum((1, 2))
  assert lit[0] == 2 * lit[1] > 0 and lit[2] == 0
