"""95% intervals of rates and means, and the spread of a few seeds."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embodied.run.evaluate import quantile

# The two-sided 95% quantile of the normal distribution.
Z = 1.959964
# Seeds from which on the interquartile mean is used, and resamples.
SEEDS, DRAWS = 5, 2000


class Interval(NamedTuple):
  """A value, and the ends of its 95% interval or of its range."""

  value: float
  low: float
  high: float

  @property
  def half(self) -> float:
    """Half of its width."""
    return (self.high - self.low) / 2


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


def of_mean(values: ArrayLike) -> Interval:
  """The mean of values `[N]`, and Student's interval `+- t s / sqrt(N)` with
  their standard deviation s. The ends of one value are the value. Raises
  ValueError if there are none."""
  array = _some(values)
  mean, count, half = float(array.mean()), len(array), 0.0
  if count > 1:
    half = quantile(count - 1) * float(array.std(ddof=1)) / math.sqrt(count)
  return Interval(mean, mean - half, mean + half)


def over_seeds(values: ArrayLike) -> Interval:
  """The result of seeds `[N]`. Of `SEEDS` or more: the interquartile mean with
  a bootstrap interval (Agarwal et al. 2021, arXiv 2108.13264). Of fewer, for
  which that interval is far too narrow: the mean with the lowest and the
  highest. Raises ValueError if there are none."""
  array = _some(values)
  if len(array) >= SEEDS:
    return _bootstrap(array, _iqm)
  return Interval(*map(float, (array.mean(), array.min(), array.max())))


def over_episodes(returns: ArrayLike) -> Interval:
  """The mean of the episodes of one seed, with a bootstrap interval. Raises
  ValueError if there are none."""
  return _bootstrap(_some(returns), lambda rows: rows.mean(1))


def _some(values: ArrayLike) -> NDArray[np.float64]:
  array = np.asarray(values, np.float64)
  if not len(array):
    raise ValueError('An interval needs one value or more.')
  return array


def _bootstrap(
  values: NDArray[np.float64],
  middle: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Interval:
  rng, count = np.random.default_rng(0), len(values)
  drawn = values[rng.integers(0, count, (DRAWS, count))]
  low, high = np.quantile(middle(drawn), [0.025, 0.975])
  return Interval(float(middle(values[None])[0]), float(low), float(high))
