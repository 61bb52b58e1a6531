"""The measurement of thoughts: shares by hand."""

import numpy as np
import pytest

from scripts.experiments import thoughts

ROWS = np.array([[5, 1, 0], [6, 1, 0], [7, 8, 1]])


def test_shares_by_hand():
  # Three steps of plans with depths 2, 1 and 0, and two levels.
  stack = np.array([[0, 2, -1], [1, -1, -1]])
  said = ROWS[[[0, 1, 0], [2, 0, 0]]]
  found = {
    'said': said, 'nearest': np.array([[0, 2, 1], [1, 1, 1]]),
    'halt': np.array([2, 2, 1]), 'steps': np.array([1.9, 1.2, 1.0]),
    'action': np.array([3, 4, 0]),
  }  # fmt: skip
  have = thoughts.summary(found, stack, np.array([3, -1, 2]), ROWS)
  assert have == {
    'steps': 2,
    'said': [0.5, 0.0],  # level 1 of step 0 alone; level 2 of step 0 is wrong
    'nearest': [1.0, 1.0],
    'said_all': pytest.approx(1 / 3),
    'halt': 0.5,
    'rank': pytest.approx(1),
    'action': 1.0,  # the second step's action is not known
  }


def test_rank_correlation_with_ties():
  # Ranks 1.5 1.5 3 4 and 1 2 3.5 3.5: covariance 4 of variances 4.5 and 4.5.
  assert thoughts.ranked(
    np.array([0.0, 0.0, 2.0, 9.0]), np.array([1, 2, 5, 5])
  ) == pytest.approx(4 / 4.5)
  assert thoughts.ranked(np.arange(5), -np.arange(5)) == pytest.approx(-1)
