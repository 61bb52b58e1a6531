"""What is measured of pondering, and the film that shows it."""

import numpy as np
import pytest

from embodied.log import video
from ponderdream import trackers


def test_as_many_cells_are_lit_as_ponder_steps():
  frames = [np.full((16, 64, 3), 7, np.uint8)] * 3
  film = trackers.draw(frames, [1.0, 3.0, 2.0], scale=4)
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
  film = trackers.draw([grey, rgb, rgba], [1.0, 1.0, 1.0], scale=1)
  assert (film[0, :16] == grey).all()
  assert (film[1, :16] == rgb).all() and (film[2] == film[1]).all()


@pytest.mark.parametrize('channels', [2, 5])
def test_of_other_numbers_of_channels_the_first_are_shown(channels):
  frame = np.arange(16 * 64 * channels, dtype=np.uint8)
  frame = frame.reshape(16, 64, channels)
  film = trackers.draw([frame], [1.0], scale=1)[0, :16]
  want = frame[..., :3] if channels == 5 else frame[..., :1]
  assert (film == want).all()


def test_small_pictures_and_many_steps_have_room():
  frames = [np.zeros((8, 8, 3), np.uint8)] * 3
  film = trackers.draw(frames, [1000.0, 500.0, 1.0])
  assert film.shape[2] >= 160
  lit = (film == [255, 190, 60]).all(-1).sum((1, 2))
  assert lit[0] == 2 * lit[1] > 0 and lit[2] == 0


def transitions(steps):
  """One episode; the last observation has no action."""
  for i, count in enumerate(steps):
    last = i == len(steps) - 1
    yield {'is_last': last, 'log/ponder_steps': np.float32(count)}


def test_ponder_steps_by_hand():
  tracker = trackers.PonderSteps()
  for step in transitions([1, 1, 2, 4, 9]):
    tracker.on_step(step, 0)
  assert tracker.summary() == {
    'ponder_steps_mean': 2.0,
    'ponder_steps_histogram': {'1': 0.5, '2': 0.25, '4': 0.25},
  }
  # Five observations, four actions: (17 - 9) / 4.
  episode = {'log/ponder_steps/sum': 17.0, 'log/ponder_steps/last': 9.0}
  line = tracker.episode(episode | {'length': 4.0})
  assert line == {'ponder_steps': 2.0}
  found = tracker.result()
  np.testing.assert_array_equal(found.pop('acted/ponder_steps'), [1, 1, 2, 4])
  halted = {'1': 0.5, '2': 0.25, '4': 0.25}
  assert found == {f'acted/halted/{k}': v for k, v in halted.items()}
  assert tracker.result() == {}


def test_an_agent_that_does_not_ponder_has_no_steps():
  tracker = trackers.PonderSteps()
  tracker.on_step({'is_last': False}, 0)
  assert tracker.episode({'length': 1.0}) == {} == tracker.result()
  assert tracker.summary()['ponder_steps_mean'] is None


def test_the_film_is_of_the_first_environment():
  film = trackers.Film('image')
  for worker in (0, 1, 0):
    image = np.full((16, 64, 3), worker, np.uint8)
    film.on_step({'image': image, 'log/ponder_steps': 2.0}, worker)
  assert film.steps == [2.0, 2.0] and (np.array(film.frames) == 0).all()
  assert film.video().shape[0] == 2 and video.is_video(film.video())


def test_a_film_shows_what_is_thought_until_it_has_halted():
  words = {1: 'win', 2: 'eat a cow', 3: 'move left'}
  film = trackers.Film('image', lambda rows: [words[int(x[0])] for x in rows])
  step = {
    'image': np.full((16, 64, 3), 7, np.uint8), 'log/ponder_steps': 2.0,
    'think/said': np.array([[1], [2], [3]], np.int32),
    'think/halts': np.log(np.array([0.25, 0.72, 0.03])),
  }  # fmt: skip
  film.on_step(step, 0)
  assert film.lines == [['0.25 win', '0.72 eat a cow']]
  certain = np.log(np.array([0.9, 0.02, 0.08]))
  film.on_step(step | {'think/halts': certain}, 0)
  assert len(film.lines[1]) == 3
  # A strip of 24 pixels for the bar, and a line for each level.
  video = film.video()
  assert video.shape[1] == 16 * 4 + 24 + 3 * trackers.LINE
  text = video[:, 16 * 4 + 24 :].reshape((2, 3, -1)).any(-1)
  assert text.tolist() == [[True, True, False], [True, True, True]]
  # Without words there are no lines.
  quiet = trackers.Film('image')
  quiet.on_step(step, 0)
  assert quiet.lines == [[]] and quiet.video().shape[1] == 16 * 4 + 24


def test_a_film_shows_what_each_level_is_after():
  film = trackers.Film('image', lambda rows: [str(x[0]) for x in rows])
  colors = np.array([[200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
  step = {
    'image': np.full((16, 64, 3), 7, np.uint8), 'log/ponder_steps': 2.0,
    'think/said': np.arange(3)[:, None],
    'think/halts': np.log(np.array([0.25, 0.72, 0.03])),
    'think/wanted': colors[:, None, None].repeat(16, 1).repeat(16, 2),
  }  # fmt: skip
  film.on_step(step, 0)
  film.on_step(step | {'think/halts': np.log([0.9, 0.02, 0.08])}, 0)
  # Below the lines, the pictures of as many levels as there are lines.
  top = 16 * 4 + 24 + 3 * trackers.LINE
  side = 64 * 4 // 3
  video = film.video()
  assert video.shape[1:] == (top + side, 64 * 4, 3)
  for i, count in enumerate((2, 3)):
    row = video[i, top:, : 3 * side].reshape((side, 3, side, 3))
    for j, color in enumerate(colors):
      assert (row[:, j] == (color if j < count else 0)).all()
