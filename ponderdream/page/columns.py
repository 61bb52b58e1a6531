"""Lines of numbers as columns."""

import array
import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Columns:
  """Numbers by key, in a row for each line; NaN where a line lacks a key.

  Attributes:
    rows: number of lines.
    odd: how many lines hold NaN or an infinity, by key.
  """

  def __init__(self) -> None:
    self.rows = 0
    self.odd: dict[str, int] = {}
    self._data: dict[str, array.array[float]] = {}

  def add(self, lines: Iterable[Mapping[str, float]]) -> None:
    """Appends lines."""
    data = self._data
    for line in lines:
      for key, value in line.items():
        column = data.get(key)
        if column is None:
          column = data[key] = array.array('d')
        if len(column) < self.rows:
          column.extend([math.nan] * (self.rows - len(column)))
        if not -math.inf < value < math.inf:
          self.odd[key] = self.odd.get(key, 0) + 1
        column.append(value)
      self.rows += 1

  @property
  def keys(self) -> list[str]:
    """All keys but `step`, sorted."""
    return sorted(self._data.keys() - {'step'})

  def __contains__(self, key: str) -> bool:
    return key in self._data

  def __getitem__(self, key: str) -> Numbers:
    """The column `[rows]`; NaN if no line has it."""
    column = np.full(self.rows, np.nan)
    found = self._data.get(key, ())
    column[: len(found)] = found
    return column

  @property
  def step(self) -> Numbers:
    """The steps `[rows]`, which never fall."""
    return np.maximum.accumulate(np.nan_to_num(self['step']))
