"""The random numbers of NumPy's `RandomState`, drawn faster."""

from typing import Any

import numpy as np


class Draws:
  """Draws the same numbers as `np.random.RandomState(seed)`.

  The two calls that the rules make most often use the bit generator directly,
  which saves most of their 2 to 3 microseconds. The tests compare numbers and
  state with NumPy. Copies and pickles continue with the same numbers.
  """

  def __init__(self, seed: int | None = None) -> None:
    bits = np.random.MT19937(0)
    self._state = np.random.RandomState(bits)
    self._state.seed(seed)
    self._float = self._state.random_sample
    self._word = bits.random_raw

  def seed(self, seed: Any) -> None:
    """As `RandomState.seed(seed)`, in place."""
    self._state.seed(seed)

  def uniform(
    self, low: float = 0.0, high: float = 1.0, size: Any = None
  ) -> Any:
    """Floats in [low, high); one Python float if `size` is None."""
    if size is None and low == 0.0 and high == 1.0:
      return self._float()
    return self._state.uniform(low, high, size)

  def randint(self, low: int, high: int) -> int:
    """An integer in [low, high); at most 2**32 of them."""
    most = high - low - 1
    if most < 0:
      raise ValueError(f'No integer is in [{low}, {high}); raise high.')
    if most == 0:
      return low
    # As RandomState does: mask a 32-bit word, and repeat if it is too large.
    mask = (1 << most.bit_length()) - 1
    value = self._word() & mask
    while value > most:
      value = self._word() & mask
    return low + value

  def floats(self, amount: int) -> np.ndarray:
    """The next floats in [0, 1), `[amount]`."""
    return self._state.random_sample(amount)

  def get_state(self) -> Any:
    """As `RandomState.get_state()`."""
    return self._state.get_state()

  def set_state(self, state: tuple[Any, ...]) -> None:
    """As `RandomState.set_state(state)`."""
    self._state.set_state(state)

  def __reduce__(self) -> tuple[Any, ...]:
    return _restore, self.get_state()[1:3]


def _restore(key: np.ndarray, pos: int) -> Draws:
  draws = Draws(0)
  draws.set_state(('MT19937', key, pos))
  return draws
