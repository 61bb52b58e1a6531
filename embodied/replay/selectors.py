"""Selectors of windows of the replay."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Selector(Protocol):
  """Draws numbers of windows."""

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    """Numbers from 0, the oldest, to `windows` - 1: int64 `[amount]`."""
    ...


class Uniform:
  """All windows with equal probability, with replacement."""

  def __init__(self, seed: int = 0) -> None:
    self._rng = np.random.default_rng(seed)

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    return self._rng.integers(windows, size=amount)
