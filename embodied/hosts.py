"""The interface to the hosts that train together."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Hosts(Protocol):
  """`count` hosts. This process is host number `index`."""

  count: int
  index: int

  def exchange(self, values: Sequence[float]) -> NDArray[Any]:
    """Collect n numbers from each host; returns float64 `[count, n]`.

    A collective operation: every host has to call it, and waits until all
    others have called it.
    """
    ...


class Alone:
  """A single host."""

  count = 1
  index = 0

  def exchange(self, values: Sequence[float]) -> NDArray[Any]:
    return np.array([values], np.float64)
