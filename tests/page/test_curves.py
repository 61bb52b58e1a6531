"""How curves are thinned, smoothed and joined."""

import numpy as np
import pytest

from ponderdream.page import curves
from ponderdream.page.columns import Columns

NAN = np.nan


def test_columns_have_gaps_where_a_line_lacks_a_key():
  columns = Columns()
  columns.add([{'step': 1, 'a': 1.0}, {'step': 2, 'b': 2.0}])
  columns.add([{'step': 1.0, 'a': float('inf')}, {'step': 4, 'b': NAN}])
  np.testing.assert_array_equal(columns['a'], [1, NAN, np.inf, NAN])
  np.testing.assert_array_equal(columns['b'], [NAN, 2, NAN, NAN])
  assert np.isnan(columns['none']).all() and columns.rows == 4
  assert columns.keys == ['a', 'b'] and columns.odd == {'a': 1, 'b': 1}
  # Steps never fall.
  assert columns.step.tolist() == [1, 2, 2, 4]


def test_thinned_by_hand():
  columns = np.array([[1.0, 3, 5, NAN, 9], [NAN, NAN, 2, 4, NAN]])
  # Groups of rows 0-1, and 2-4.
  means, weight = curves.thinned(columns, 2)
  np.testing.assert_array_equal(means, [[2, 7], [NAN, 3]])
  assert weight.tolist() == [2, 3]
  same, weight = curves.thinned(columns, 9)
  np.testing.assert_array_equal(same, columns)
  assert weight.tolist() == [1] * 5
  empty, weight = curves.thinned(np.zeros((2, 0)), 9)
  assert empty.shape == (2, 0) and not len(weight)


def test_smooth_by_hand():
  x = np.array([0.0, 1, 2, 2, 4])
  y = np.array([1.0, NAN, 3, 5, 7])
  weight = np.array([1.0, 1, 2, 1, 1])
  # Windows of 2: (-2, 0], (-1, 1], (0, 2], (0, 2], (2, 4].
  want = [1, 1, (2 * 3 + 5) / 3, (2 * 3 + 5) / 3, 7]
  np.testing.assert_allclose(curves.smooth(x, y, weight, 2.0), want)
  np.testing.assert_array_equal(curves.smooth(x, y, weight, 0.0), y)
  # A window in which nothing is known.
  found = curves.smooth(x, np.array([NAN, NAN, 3, 5, 7]), weight, 1.0)
  np.testing.assert_allclose(found, [NAN, NAN, 11 / 3, 11 / 3, 7])


@pytest.mark.parametrize('width', [0.5, 3.0, 40.0])
def test_smooth_as_a_loop(width):
  rng = np.random.default_rng(0)
  x = np.sort(rng.integers(0, 50, 80)).astype(float)
  y, weight = rng.normal(size=80), rng.uniform(1, 3, 80)
  want = [
    np.average(y[inside], weights=weight[inside])
    for inside in ((x > i - width) & (x <= i) for i in x)
  ]
  np.testing.assert_allclose(curves.smooth(x, y, weight, width), want)


def test_runs_are_aligned_where_all_of_them_are():
  grid, values = curves.aligned(
    [([0, 2, 4], [0, 20, 40]), ([1, 3], [5, 7])], 3
  )
  assert grid.tolist() == [1, 2, 3]
  assert values.tolist() == [[10, 20, 30], [5, 6, 7]]
  band = curves.band(values)
  assert band.mean.tolist() == [7.5, 13, 18.5]
  assert band.low.tolist() == [5, 6, 7] and band.high.tolist() == [10, 20, 30]
  grid, _ = curves.aligned([([1, 100], [0, 0])], 3, log=True)
  np.testing.assert_allclose(grid, [1, 10, 100])
