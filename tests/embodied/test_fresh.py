"""The newest steps of every environment."""

import numpy as np
import pytest

from embodied.fresh import Fresh
from tests.naming import naming


def add(fresh, steps, worker):
  for step in steps:
    fresh.add({'step': np.int32(step), 'worker': np.int8(worker)}, worker)


def test_windows_follow_each_other_with_one_step_in_common():
  fresh = Fresh(2, 3)
  add(fresh, range(4), 0)
  assert not fresh.full
  add(fresh, range(4), 1)
  assert fresh.full
  [batch] = fresh.batches(2, 1)
  np.testing.assert_array_equal(batch['step'], [[0, 1, 2, 3]] * 2)
  assert batch['step'].dtype == np.int32
  add(fresh, range(4, 7), 1)
  assert not fresh.full
  add(fresh, range(4, 7), 0)
  [batch] = fresh.batches(2, 1)
  np.testing.assert_array_equal(batch['step'], [[3, 4, 5, 6]] * 2)
  assert sorted(batch['worker'][:, 0]) == [0, 1]


def test_every_window_once_per_epoch_in_an_order_of_its_own():
  fresh = Fresh(8, 1, seed=1)
  for worker in range(8):
    add(fresh, range(2), worker)
  seen = [x['worker'][:, 0] for x in fresh.batches(2, 5)]
  epochs = np.concatenate(seen).reshape(5, 8)
  np.testing.assert_array_equal(np.sort(epochs, 1), [range(8)] * 5)
  assert len({tuple(x) for x in epochs}) == 5


def test_a_batch_is_no_view_of_what_comes_next():
  fresh = Fresh(1, 1)
  add(fresh, range(2), 0)
  [batch] = fresh.batches(1, 1)
  add(fresh, [9], 0)
  np.testing.assert_array_equal(batch['step'], [[0, 1]])


def test_a_complete_window_takes_no_more_steps():
  fresh = Fresh(1, 1)
  add(fresh, range(2), 0)
  with pytest.raises(ValueError, match=naming('worker', 0)):
    add(fresh, [2], 0)


def test_windows_have_to_divide_into_batches():
  fresh = Fresh(6, 1)
  with pytest.raises(ValueError, match=naming(6, 4)):
    next(fresh.batches(4, 1))
