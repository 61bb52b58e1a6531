"""Draws by loss and by age, against probabilities computed by hand."""

import collections

import numpy as np

from embodied.replay import Replay
from embodied.replay.priorities import EXPONENT, LEAST


def fill(replay, steps, worker=0, begin=0):
  for n in range(begin, begin + steps):
    step = {
      'count': np.int32(n),
      'is_first': np.bool_(n == 0),
      'is_last': np.False_,
    }
    replay.add(step, worker)


def shares(replay, draws=5000):
  """The share of draws of each window, by its first count."""
  firsts = replay.sample(draws)['count'][:, 0]
  counts = collections.Counter(firsts.tolist())
  return {k: v / draws for k, v in counts.items()}


def losses(replay, values):
  """Sets the losses of the steps, as training does."""
  ids = np.arange(len(values))[None]
  loss = np.array([values], np.float32)
  replay.update(ids, {'priority': loss})


def test_windows_are_drawn_by_the_losses_of_their_steps():
  replay = Replay(3, 100, online=False, priority=1.0, chunk_size=16)
  fill(replay, 6)
  weights = np.array([1, 2, 0, 4, 0, 3.0])
  losses(replay, weights ** (1 / EXPONENT) - LEAST)
  p = weights / weights.sum()
  # Windows start at 0 to 3. Step 0 is only in window 0, step 1 in 0 and 1,
  # step 3 in 1, 2 and 3, step 5 only in 3. (Steps 2 and 4 are never drawn.)
  want = {
    0: p[0] + p[1] / 2,
    1: p[1] / 2 + p[3] / 3,
    2: p[3] / 3,
    3: p[3] / 3 + p[5],
  }
  got = shares(replay)
  for start, share in want.items():
    # Deviation of a share: at most sqrt(0.25 / 5000) = 0.007.
    assert abs(got[start] - share) < 0.03, (start, got)
  replay.close()


def test_chunks_are_drawn_by_their_sums_and_across_windows():
  replay = Replay(4, 1000, online=False, priority=1.0, chunk_size=8)
  fill(replay, 40)
  losses(replay, [0.0] * 16 + [9.0] * 8 + [0.0] * 16)
  got = shares(replay)
  inside = sum(v for k, v in got.items() if 16 <= k < 24)
  # p is 9.01 ** 0.7 = 4.66 against 0.01 ** 0.7 = 0.04.
  assert abs(inside - 4.66 * 8 / (4.66 * 8 + 0.04 * 32)) < 0.03
  data = replay.sample(500)['count']
  assert (np.diff(data, axis=1) == 1).all()
  replay.close()


def test_steps_without_a_window_are_not_drawn():
  # Worker 1 has two steps, not a window, between two chunks of worker 0.
  replay = Replay(4, 1000, online=False, priority=1.0, chunk_size=8)
  fill(replay, 8)
  fill(replay, 2, worker=1)
  fill(replay, 8, begin=8)
  replay.update(np.array([[8, 9]]), {'priority': np.full((1, 2), 1e6, 'f')})
  got = shares(replay)
  # Each of the 13 windows has steps of equal priority.
  assert set(got) == set(range(13)) and got[7] < 0.2
  replay.close()


def test_new_steps_have_the_highest_priority_there_was():
  replay = Replay(1, 100, online=False, priority=1.0, chunk_size=8)
  fill(replay, 4)
  losses(replay, [3.0, 0.0, 0.0, 0.0])
  losses(replay, [3.0, 0.0])
  replay.update(np.array([[1]]), {'priority': np.zeros((1, 1), np.float32)})
  fill(replay, 1, begin=4)
  got = shares(replay)
  assert abs(got[0] - got[4]) < 0.03 and got[0] > 0.4
  replay.close()


def test_the_share_is_that_of_the_draws():
  replay = Replay(1, 100, online=False, priority=0.3, chunk_size=8)
  fill(replay, 5)
  losses(replay, [0, 0, 0, 0, 1e9])
  got = shares(replay)
  assert abs(got[4] - (0.3 + 0.7 / 5)) < 0.03
  replay.close()


def test_evictions_and_losses_that_are_not_finite_are_survived(tmp_path):
  replay = Replay(2, 32, tmp_path, online=False, priority=1.0, chunk_size=4)
  fill(replay, 30)
  losses(replay, [1.0] * 30)
  fill(replay, 100, begin=30)
  losses(replay, [7.0] * 105 + [np.nan] * 5)  # steps up to 97 are gone
  data = replay.sample(200)['count']
  assert data.min() >= 98 and (np.diff(data, axis=1) == 1).all()
  kept = replay._priorities
  assert set(kept._values) == {c.first for c in replay._store.chunks}
  replay.close()
  # A new process has no losses. Windows are equally likely, except at the
  # borders of these short chunks.
  replay = Replay(2, 32, tmp_path, online=False, priority=1.0, chunk_size=4)
  got = shares(replay)
  assert len(got) == len(replay) and max(got.values()) < 0.09
  replay.close()


def test_fresh_windows_still_come_first():
  replay = Replay(4, 1000, priority=1.0)
  fill(replay, 12)
  losses(replay, [0.0] * 4 + [100.0] * 8)
  assert replay.sample(3)['count'][:, 0].tolist() == [0, 4, 8]
  replay.close()


def test_losses_are_ignored_without_priorities():
  replay = Replay(4, 1000)
  fill(replay, 12)
  losses(replay, [1.0] * 12)
  assert 'priority' not in replay.sample(2)
  replay.close()
