"""How far a command is."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  TextColumn,
  TimeRemainingColumn,
)

from embodied.when import Every

# Seconds between two lines where there is no terminal.
QUIET = 30.0


@contextlib.contextmanager
def progress(
  what: str, total: int, done: int = 0
) -> Iterator[Callable[[int], None]]:
  """A function to call with how many of `total` are done: a bar in a
  terminal, a line now and then elsewhere, and one at the end.

  Args:
    what: is counted, such as 'episodes'.
    done: by earlier processes.
  """
  console = Console(highlight=False)
  if console.is_terminal and not console.is_dumb_terminal:
    with Progress(
      BarColumn(), MofNCompleteColumn(), TextColumn('{task.description}'),
      TimeRemainingColumn(), console=console,
    ) as bar:  # fmt: skip
      task = bar.add_task(what, total=total, completed=done)
      yield lambda count: bar.update(task, completed=count)
    return
  start, due, last = time.monotonic(), Every(QUIET), [done]
  due()  # counts from here

  def line() -> None:
    seconds = time.monotonic() - start
    print(f'{last[0]:,} of {total:,} {what} in {seconds:.0f} s', flush=True)

  def update(count: int) -> None:
    last[0] = count
    if due():
      line()

  yield update
  line()
