"""Intervals of rates and means."""

import numpy as np
import pytest

from ponderdream.page import intervals


def test_wilson_by_hand():
  # 5 of 10 with z = 1.96: (5 + 1.9207 -+ sqrt(2.5 + 0.9604) * 1.96) / 13.8415
  # = (6.9207 -+ 3.6460) / 13.8415.
  found = intervals.wilson(5, 10)
  assert found == pytest.approx((0.5, 0.23659, 0.76341), abs=1e-5)
  # Of none, z^2 / (n + z^2) is the upper end.
  assert intervals.wilson(0, 20) == pytest.approx((0, 0, 0.16113), abs=1e-5)
  assert intervals.wilson(20, 20).high == 1.0
  with pytest.raises(ValueError, match='trial'):
    intervals.wilson(0, 0)


@pytest.mark.parametrize(
  'values, want',
  [
    ([1, 2, 3, 100], 2.5),
    ([8, 1, 2, 3, 4, 5, 6, 7], 4.5),
    # Of five, 1.25 to 3.75: three quarters of 2 and of 4, and 3.
    ([1, 2, 3, 6, 100], (0.75 * 2 + 3 + 0.75 * 6) / 2.5),
    ([7], 7),
  ],
)
def test_interquartile_mean_by_hand(values, want):
  assert intervals.iqm(values) == pytest.approx(want)


def test_few_seeds_have_a_mean_and_many_an_interquartile_mean():
  assert intervals.over_seeds([1, 2, 9]).value == 4
  assert intervals.over_seeds([1, 2, 3, 100]).value == 26.5
  five = [1.0, 2, 3, 6, 100]
  found = intervals.over_seeds(five)
  assert found.value == pytest.approx(intervals.iqm(five))
  assert found.low < found.value < found.high <= 100
  assert intervals.over_episodes(five).value == np.mean(five)
  for make in (intervals.over_seeds, intervals.over_episodes):
    with pytest.raises(ValueError, match='value'):
      make([])


def test_few_seeds_have_their_lowest_and_highest():
  assert intervals.over_seeds([9, 2, 4]) == (5, 2, 9)


def test_the_interval_is_as_wide_as_that_of_the_normal_distribution():
  values = np.random.default_rng(0).normal(size=400).tolist()
  half = 1.96 * np.std(values) / 20
  for interval in (intervals.over_episodes, intervals.of_mean):
    found = interval(values)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert found.low < found.value < found.high
  assert intervals.of_mean([3.0]) == (3, 3, 3)
  # Of 2, 4 and 9 the deviation is sqrt(13), and t is 4.303.
  half = 4.303 * np.sqrt(13 / 3)
  assert intervals.of_mean([2, 4, 9]) == pytest.approx((5, 5 - half, 5 + half))
