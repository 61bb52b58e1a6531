"""Messages of a host, and the exit code of its process."""

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

# Errors that are printed without a traceback.
KNOWN = (
  UsageError,
  Diverged,
  OtherHostFailed,
  EnvironmentFailed,
  FloatingPointError,
  OSError,
)


def say(text: str) -> None:
  """Prints on host 0."""
  if not hosts.host():
    print(text, flush=True)


def print_error(error: Exception) -> int:
  """Prints the error that ended the run, with a traceback unless its type is
  in KNOWN; returns the exit code."""
  if isinstance(error, Stopped):
    print('Stopped before training began.')
    return 0
  if isinstance(error, KNOWN):
    print(f'Error: {error}', file=sys.stderr)
  else:
    traceback.print_exception(error)
  return 2 if isinstance(error, UsageError) else 1


@contextlib.contextmanager
def exit_alone() -> Iterator[None]:
  """Ends the process at once after an error that the other hosts do not know
  of. A normal exit would wait for them, while they wait for this host."""
  try:
    yield
  except Exception as error:
    if errors.is_shared(error) or not hosts.connected():
      raise
    code = print_error(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
