"""Selectors of windows of the replay, by their age."""

from collections.abc import Sequence
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


class Mixture:
  """Several selectors, each for a share of the draws.

  `parts` are pairs of a selector and its share. The shares sum to 1.
  """

  def __init__(
    self, parts: Sequence[tuple[Selector, float]], seed: int = 0
  ) -> None:
    self._selectors, self._shares = zip(*parts, strict=True)
    self._rng = np.random.default_rng(seed)

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    amounts = self._rng.multinomial(amount, self._shares).tolist()
    pairs = zip(self._selectors, amounts, strict=True)
    return np.concatenate([choose(windows, n) for choose, n in pairs])


class Recency:
  """Windows with a probability in inverse proportion to their age.

  The window of age k, from 0 to n - 1, has the probability
  `log((k + 2) / (k + 1)) / log(n + 1)`, which is about `1 / (k + 1)` up to a
  constant. Ages from k to 2 k have about the same share for every k.
  """

  def __init__(self, seed: int = 0) -> None:
    self._rng = np.random.default_rng(seed)

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    ages = np.exp(self._rng.random(amount) * np.log1p(windows)) - 1
    # Rounding may exceed the largest age.
    return windows - 1 - np.minimum(ages.astype(np.int64), windows - 1)
