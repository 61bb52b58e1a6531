"""Spreads jobs over processes."""

import contextlib
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from embodied.driver.worker import follow_parent
from embodied.errors import UsageError

Job = TypeVar('Job')
Result = TypeVar('Result')

# Seconds between two looks whether to stop.
SLICE = 0.5


class WorkerFailed(RuntimeError):
  """A worker process raised or died; the message says how."""


def spread(
  function: Callable[[Job], Result],
  jobs: Sequence[Job],
  workers: int,
  stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Result]:
  """Yields `function(job)` of every job, as they come; at most as many jobs
  run at once as there are workers.

  Workers are spawned processes, and end with this one. They are killed when
  the iterator is closed, or when `stopped` says so; it ends then.

  Args:
    function: of a module, so that it can be sent to another process.

  Raises:
    WorkerFailed: a job failed, or a process was killed.
    UsageError: a job raised it.
  """
  left = list(jobs)[::-1]
  busy: dict[Connection, SpawnProcess] = {}
  try:
    while left and len(busy) < workers:
      pipe, process = _start(function)
      busy[pipe] = process
      pipe.send(left.pop())
    while busy and not stopped():
      ready = connection.wait(list(busy), SLICE)
      for pipe in [x for x in busy if x in ready]:
        result = _receive(pipe, busy[pipe])
        if left:
          pipe.send(left.pop())
        else:
          _end(pipe, busy.pop(pipe))
        yield result
  finally:
    for pipe, process in busy.items():
      _end(pipe, process)


def _start(function: Callable) -> tuple[Connection, SpawnProcess]:
  context = multiprocessing.get_context('spawn')
  pipe, theirs = context.Pipe()
  process = context.Process(
    target=_serve, args=(function, theirs), daemon=True
  )
  process.start()
  # With this copy closed, the pipe breaks when the process dies.
  theirs.close()
  return pipe, process


def _end(pipe: Connection, process: SpawnProcess) -> None:
  pipe.close()
  process.kill()
  process.join()
  process.close()


def _receive(pipe: Connection, process: SpawnProcess) -> Any:
  try:
    kind, value = pipe.recv()
  except (EOFError, OSError):
    process.join(1.0)
    raise WorkerFailed(
      f'A worker process died with exit code {process.exitcode}. Run the same'
      ' command again, with fewer workers if memory is short.'
    ) from None
  if kind == 'usage':
    raise UsageError(value)
  if kind == 'error':
    raise WorkerFailed(f'A worker process failed: {value}')
  return value


def _serve(function: Callable, pipe: Connection) -> None:
  """Main function of a worker: answers jobs until it is killed."""
  # A terminal sends these signals to all processes. The parent handles them.
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
  threading.Thread(target=follow_parent, daemon=True).start()
  with contextlib.suppress(EOFError, OSError):
    while True:
      pipe.send(_answer(function, pipe.recv()))


def _answer(function: Callable, job: object) -> tuple[str, object]:
  try:
    return 'done', function(job)
  except UsageError as error:
    return 'usage', str(error)
  except Exception:  # the parent raises it, with this text
    return 'error', traceback.format_exc()
