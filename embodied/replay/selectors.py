"""Which of the windows in the replay buffer to train on, by their age."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Selector(Protocol):
  """Chooses among `windows` windows, which are numbered by age from 0, the
  oldest, and returns `amount` numbers, int64 [amount]."""

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]: ...


class Uniform:
  """Every window is as likely as any other; with replacement."""

  def __init__(self, seed: int = 0) -> None:
    self._rng = np.random.default_rng(seed)

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    return self._rng.integers(windows, size=amount)


class Mixture:
  """Several selectors, each for a share of what is drawn.

  `parts` are pairs of a selector and its share; the shares sum to 1.
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
  """Newer windows are likelier, in inverse proportion to their age.

  Of `n` windows, the k-th newest (from 0) comes with the probability
  `log((k + 2) / (k + 1)) / log(n + 1)`, about `1 / (k + 1)` up to a constant:
  every doubling of the age holds the same share.
  """

  def __init__(self, seed: int = 0) -> None:
    self._rng = np.random.default_rng(seed)

  def __call__(self, windows: int, amount: int) -> NDArray[np.int64]:
    ages = np.exp(self._rng.random(amount) * np.log1p(windows)) - 1
    # Rounding may step over the oldest one.
    return windows - 1 - np.minimum(ages.astype(np.int64), windows - 1)
