"""How a curve is drawn, in pages and in figures.

Python thins curves, and the page in the browser smooths and aligns them by the
same formulas (`parts/curves.js`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

# One colour per method; colour-blind readers can tell them apart (Okabe and
# Ito 2008, Color Universal Design).
COLORS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')
INK, FAINT = '#333333', '#8c8c8c'


class Band(NamedTuple):
  """Several runs on one grid `[N]`: mean, lowest and highest."""

  mean: Numbers
  low: Numbers
  high: Numbers


def band(values: ArrayLike) -> Band:
  """Of runs `[R, N]`."""
  rows = np.asarray(values, np.float64)
  return Band(rows.mean(0), rows.min(0), rows.max(0))


def aligned(
  curves: Sequence[tuple[ArrayLike, ArrayLike]],
  points: int,
  log: bool = False,
) -> tuple[Numbers, Numbers]:
  """A grid `[points]` within the range of all R curves, which are pairs of x
  and y, and their values on it `[R, points]`, by linear interpolation.

  Args:
    log: whether the grid is spread by equal factors.
  """
  pairs = [(np.asarray(x, float), np.asarray(y, float)) for x, y in curves]
  start = max(x[0] for x, _ in pairs)
  end = min(x[-1] for x, _ in pairs)
  grid = (np.geomspace if log else np.linspace)(start, end, points)
  values = [np.interp(grid, x, y) for x, y in pairs]
  return grid, np.array(values)


def thinned(columns: Numbers, most: int) -> tuple[Numbers, Numbers]:
  """Means over at most `most` groups of neighbouring rows.

  Args:
    columns: `[K, N]`, with NaN for what is missing.

  Returns:
    Means `[K, M]` of what is there, NaN if nothing is, and the number of rows
    in each group `[M]`.
  """
  rows = columns.shape[1]
  groups = min(rows, most)
  if not groups:
    return columns, np.zeros(0)
  starts = np.linspace(0, rows, groups, endpoint=False).astype(int)
  known = np.isfinite(columns)
  counts = np.add.reduceat(known.astype(np.float64), starts, 1)
  sums = np.add.reduceat(np.where(known, columns, 0.0), starts, 1)
  means = np.divide(
    sums, counts, where=counts > 0, out=np.full(sums.shape, np.nan)
  )
  return means, np.diff([*starts, rows]).astype(np.float64)


def smooth(x: Numbers, y: Numbers, weight: Numbers, width: float) -> Numbers:
  """Each value becomes the mean of those at `(x - width, x]`.

    y'_i = sum_j w_j y_j / sum_j w_j,  over j with x_i - width < x_j <= x_i

  Args:
    x: places `[N]`, which never fall.
    y: values `[N]`, with NaN for what is missing.
    weight: how many values each of them is the mean of, `[N]`.
    width: of the window, in units of x; with 0 nothing is changed.
  """
  if width <= 0:
    return y
  known = np.isfinite(y)
  mass = np.cumsum([0.0, *np.where(known, weight, 0.0)])
  total = np.cumsum([0.0, *np.where(known, weight * np.nan_to_num(y), 0.0)])
  first = np.searchsorted(x, x - width, 'right')
  # Of equal places, the later values are within the window too.
  last = np.searchsorted(x, x, 'right')
  there = mass[last] - mass[first]
  return np.divide(
    total[last] - total[first], there, where=there > 0,
    out=np.full(len(x), np.nan),
  )  # fmt: skip
