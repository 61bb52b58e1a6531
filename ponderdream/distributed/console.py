"""What a host prints, and with which code its process ends."""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator

from embodied import errors
from embodied.errors import EnvironmentFailed, Stopped, UsageError
from embodied.run.learner import Diverged
from embodied.run.sync import OtherHostFailed
from ponderdream.distributed import hosts

# Errors that a user understands without a traceback.
KNOWN = (
  UsageError,
  Diverged,
  OtherHostFailed,
  EnvironmentFailed,
  FloatingPointError,
  OSError,
)


def say(text: str) -> None:
  """Prints, on the first host."""
  if not hosts.host():
    print(text, flush=True)


def print_error(error: Exception) -> int:
  """Prints what ended the run, in one sentence if the error is known; returns
  the exit code."""
  if isinstance(error, Stopped):
    print('Stopped before it began.')
    return 0
  if isinstance(error, KNOWN):
    print(f'Error: {error}', file=sys.stderr)
  else:
    traceback.print_exception(error)
  return 2 if isinstance(error, UsageError) else 1


@contextlib.contextmanager
def exit_alone() -> Iterator[None]:
  """Ends the process at once on an error that the other hosts do not know of:
  an orderly exit would wait for them, and they for this one."""
  try:
    yield
  except Exception as error:
    if errors.is_shared(error) or not hosts.connected():
      raise
    code = print_error(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
