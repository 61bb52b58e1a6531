"""Files that appear complete or not at all, and files from elsewhere."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from embodied.errors import UsageError


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """A path to write to; at the end its file takes the place of `path`.

  Nothing changes if the block raises or the process is killed.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  part = temporary(path)
  try:
    yield part
    sync(part)
    os.replace(part, path)
    sync(path.parent)
  except BaseException:
    part.unlink(missing_ok=True)
    raise


def clean(folder: pathlib.Path) -> None:
  """Removes what killed processes left in a folder, which this process alone
  may write to."""
  for leftover in folder.rglob('.*.tmp'):
    leftover.unlink(missing_ok=True)


def temporary(path: pathlib.Path) -> pathlib.Path:
  """Where this process writes what will become `path`."""
  return path.with_name(f'.{path.name}.{os.getpid()}.tmp')


def sync(path: pathlib.Path) -> None:
  """Waits until a file, or the entries of a folder, are on disk."""
  fd = os.open(path, os.O_RDONLY)
  try:
    os.fsync(fd)
  finally:
    os.close(fd)


def lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
  """Numbers, from 1, and texts of the lines that are not blank.

  Raises:
    UsageError: the file cannot be read, or is not UTF-8.
  """
  try:
    with path.open(encoding='utf-8-sig') as file:
      for number, line in enumerate(file, 1):
        if line.strip():
          yield number, line
  except OSError as error:
    raise UsageError(f'{path} cannot be read: {error.strerror}.') from None
  except UnicodeDecodeError as error:
    raise UsageError(
      f'{path} is not UTF-8 at byte {error.start} of a line; save it as UTF-8.'
    ) from None
