"""Several hosts that train together, as far as a loop has to know."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Hosts(Protocol):
  """`count` hosts, of which this one is number `index`."""

  count: int
  index: int

  def exchange(self, values: Sequence[float]) -> NDArray[Any]:
    """The numbers of all hosts `[count, n]`, float64, from each one's n.

    It is common work: all hosts have to come to it, and it waits for them.
    """
    ...


class Alone:
  """One host."""

  count = 1
  index = 0

  def exchange(self, values: Sequence[float]) -> NDArray[Any]:
    return np.array([values], np.float64)
