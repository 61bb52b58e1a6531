"""Means of metrics between two log lines, and sums over an episode."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Value = float | NDArray[Any]


class Metrics:
  """Means of metrics between two results. The mean is NaN if a value is."""

  def __init__(self) -> None:
    self._sums: dict[str, NDArray[np.float64]] = {}
    self._counts: dict[str, int] = {}

  def add(self, values: Mapping[str, ArrayLike], prefix: str = '') -> None:
    """Adds numbers, or arrays whose shape is always the same for a key. With a
    prefix, a key becomes 'prefix/key'.

    Raises ValueError, naming the key, if a shape changed.
    """
    for key, value in values.items():
      key = f'{prefix}/{key}' if prefix else key
      array = np.asarray(value, np.float64)
      old = self._sums.get(key)
      if old is not None and old.shape != array.shape:
        raise ValueError(
          f"Metric '{key}' has shape {array.shape} after {old.shape}; "
          'give every value of a metric the same shape.'
        )
      self._sums[key] = array + (0.0 if old is None else old)
      self._counts[key] = self._counts.get(key, 0) + 1

  def result(self) -> dict[str, Value]:
    """The means since the last result. The next result begins empty."""
    means = self.means()
    self.reset()
    return means

  def means(self) -> dict[str, Value]:
    """The means so far, as floats or float64 arrays."""
    means = {k: total / self._counts[k] for k, total in self._sums.items()}
    return {k: v if np.ndim(v) else float(v) for k, v in means.items()}

  def reset(self) -> None:
    """Removes all values."""
    self._sums.clear()
    self._counts.clear()


class Episodes:
  """Returns, lengths and 'log/' values of the episodes of several workers."""

  def __init__(self) -> None:
    self._episodes: dict[int, dict[str, float]] = {}
    # Names of the largest value, the sum and the last one, by key.
    self._names: dict[str, tuple[str, str, str]] = {}

  def add(
    self, transition: Mapping[str, Any], worker: int
  ) -> dict[str, float] | None:
    """Adds one step; returns the episode if this is its last step.

    An episode has `score`, the sum of its rewards; `length`, the number of its
    actions; and for each key 'log/x' the largest value 'log/x/max', the sum
    'log/x/sum' and the value at the last step 'log/x/last'. Values that are
    not a number are left out. An episode that begins anew before its last step
    is dropped.
    """
    if transition['is_first'] or worker not in self._episodes:
      self._episodes[worker] = {'score': 0.0, 'length': 0.0}
    episode = self._episodes[worker]
    episode['score'] += float(transition['reward'])
    episode['length'] += not transition['is_first']
    for key, value in transition.items():
      if key.startswith('log/'):
        value = float(value)
        if math.isnan(value):
          continue
        if key not in self._names:
          self._names[key] = f'{key}/max', f'{key}/sum', f'{key}/last'
        largest, total, last = self._names[key]
        episode[largest] = max(episode.get(largest, value), value)
        episode[total] = episode.get(total, 0.0) + value
        episode[last] = value
    return self._episodes.pop(worker) if transition['is_last'] else None
