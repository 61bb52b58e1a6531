"""Which of the windows in the replay buffer to train on."""

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
