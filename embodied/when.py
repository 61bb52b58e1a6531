"""Schedules by steps and by wall-clock time."""

import math
import time
from fractions import Fraction


class Ratio:
  """The number of updates that are due after a number of environment steps.

  At step t, `floor((t - start) * ratio)` updates are due in total, where start
  is the step of the first call. `ratio` is converted to a fraction (0.1 to
  1/10), so that rounding errors do not add up.
  """

  def __init__(self, ratio: float) -> None:
    if not (math.isfinite(ratio) and ratio >= 0):
      raise ValueError(f'The ratio is {ratio}; it must be 0 or more.')
    self._ratio = Fraction(ratio).limit_denominator(10**9)
    self._start: int | None = None
    self._done = 0

  def due(self, step: int, most: int | None = None) -> int:
    """How many updates are due at `step`, without those of earlier calls.

    The first call returns 0, and so does a call with a smaller `step`. At most
    `most` updates are returned; later calls return the others.
    """
    if most is not None and most < 0:
      raise ValueError(f'most is {most} updates; it must be 0 or more.')
    if self._start is None:
      self._start = step
    due = math.floor((step - self._start) * self._ratio)
    owed = max(0, due - self._done)
    if most is not None:
      owed = min(owed, most)
    self._done += owed
    return owed

  def save(self) -> dict[str, int]:
    """The state; `start` is -1 before the first call."""
    start = -1 if self._start is None else self._start
    return {'start': start, 'done': self._done}

  def load(self, state: dict[str, int]) -> None:
    """Restores a state that `save` returned."""
    start = int(state['start'])
    self._start = None if start < 0 else start
    self._done = int(state['done'])


class Every:
  """True once per `seconds` of wall-clock time; False at the first call."""

  def __init__(self, seconds: float) -> None:
    if not seconds >= 0:
      raise ValueError(f'The period is {seconds} s; it must be 0 or more.')
    self._seconds = seconds
    self._last: float | None = None

  def __call__(self) -> bool:
    now = time.monotonic()
    if self._last is not None and now - self._last < self._seconds:
      return False
    first, self._last = self._last is None, now
    return not first
