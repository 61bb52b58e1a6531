"""95% intervals of rates and of means over seeds."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The two-sided 95% quantile of the normal distribution.
Z = 1.959964
# Seeds from which on the interquartile mean is used, and resamples.
SEEDS, DRAWS = 5, 2000


class Interval(NamedTuple):
  """A value, and the ends of its 95% interval."""

  value: float
  low: float
  high: float


def wilson(successes: float, trials: float) -> Interval:
  """A rate and its score interval (Wilson 1927):

    (k + z^2 / 2 +- z sqrt(k (n - k) / n + z^2 / 4)) / (n + z^2)

  Raises:
    ValueError: no trials.
  """
  k, n = successes, trials
  if n < 1:
    raise ValueError('A rate needs one trial or more.')
  half = Z * math.sqrt(k * (n - k) / n + Z * Z / 4)
  middle, whole = k + Z * Z / 2, n + Z * Z
  low, high = (middle - half) / whole, (middle + half) / whole
  return Interval(k / n, max(0.0, low), min(1.0, high))


def iqm(values: ArrayLike) -> float:
  """The interquartile mean of values `[N]`: the mean of their middle half,
  where a value that lies half in it counts half."""
  return float(_iqm(np.asarray(values, np.float64)[None])[0])


def _iqm(rows: NDArray[np.float64]) -> NDArray[np.float64]:
  """Of each row of `[D, N]`."""
  n = rows.shape[1]
  place = np.arange(n)
  # The part of each sorted value in [n / 4, 3 n / 4].
  inside = np.minimum(place + 1, 0.75 * n) - np.maximum(place, 0.25 * n)
  weight = inside.clip(0, 1)
  return np.sort(rows, 1) @ weight / weight.sum()


def over_seeds(strata: Sequence[Sequence[float]]) -> Interval:
  """The mean of seeds, or the interquartile mean if there are `SEEDS` or
  more, with a stratified bootstrap interval (Agarwal et al. 2021, arXiv
  2108.13264): each resample draws as many seeds of every stratum as it has.

  Args:
    strata: the results of the seeds of each task.

  Raises:
    ValueError: there are no values.
  """
  robust = max(map(len, strata), default=0) >= SEEDS
  return _bootstrap(strata, _iqm if robust else _mean)


def over_episodes(returns: Sequence[float]) -> Interval:
  """The mean of the episodes of one seed, with a bootstrap interval. Raises
  ValueError if there are none."""
  return _bootstrap([returns], _mean)


def _mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
  return rows.mean(1)


def _bootstrap(
  strata: Sequence[Sequence[float]],
  middle: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Interval:
  rows = [np.asarray(x, np.float64) for x in strata if len(x)]
  if not rows:
    raise ValueError('An interval needs one value or more.')
  rng = np.random.default_rng(0)
  drawn = [x[rng.integers(0, len(x), (DRAWS, len(x)))] for x in rows]
  low, high = np.quantile(middle(np.concatenate(drawn, 1)), [0.025, 0.975])
  value = middle(np.concatenate(rows)[None])[0]
  return Interval(float(value), float(low), float(high))
