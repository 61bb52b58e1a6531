"""The time that a run takes, and its share by part of a loop."""

import contextlib
import os
import time
from collections.abc import Iterator, Mapping


class Clock:
  """Seconds that a run has taken, in this process and in earlier ones: of
  wall-clock time, and of processor time, user and system time of this process
  and of its children that have ended."""

  def __init__(self) -> None:
    self._before = {'wall': 0.0, 'core': 0.0}
    self._since = self._now()

  def seconds(self) -> dict[str, float]:
    """The seconds by kind, `wall` and `core`."""
    return {
      k: self._before[k] + v - self._since[k] for k, v in self._now().items()
    }

  def load(self, before: Mapping[str, float]) -> None:
    """Goes on from the seconds of earlier processes, beside those that this
    one has used."""
    self._before = dict(before)

  def _now(self) -> dict[str, float]:
    times = os.times()
    return {'wall': time.perf_counter(), 'core': sum(times[:4])}


class Timer:
  """Wall-clock time by part of a loop, for one thread.

  `with timer('update'): ...` counts for the part 'update'. The time of a part
  within another part counts only for the inner one. So the times of all parts
  add up to at most the elapsed time.
  """

  def __init__(self) -> None:
    # Seconds by part since the timer was made.
    self.seconds: dict[str, float] = {}
    self._inner = [0.0]  # of the current parts, innermost last
    self._before: dict[str, float] = {}
    self._since = time.perf_counter()

  @contextlib.contextmanager
  def __call__(self, part: str) -> Iterator[None]:
    begin = time.perf_counter()
    self._inner.append(0.0)
    try:
      yield
    finally:
      whole = time.perf_counter() - begin
      own = whole - self._inner.pop()
      self._inner[-1] += whole
      self.seconds[part] = self.seconds.get(part, 0.0) + own

  def result(self) -> dict[str, float]:
    """Share of each part, from 0 to 1, in the time since the last result."""
    now = time.perf_counter()
    wall = max(now - self._since, 1e-9)
    shares = {
      k: (v - self._before.get(k, 0.0)) / wall for k, v in self.seconds.items()
    }
    self._since, self._before = now, dict(self.seconds)
    return shares
