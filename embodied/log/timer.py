"""Wall-clock time by part of a loop."""

import contextlib
import time
from collections.abc import Iterator


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
