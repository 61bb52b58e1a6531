"""Locks that let only one process use a folder."""

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from embodied.errors import UsageError
from embodied.files import Folder

log = logging.getLogger('embodied')


@contextlib.contextmanager
def hold(folder: Folder, name: str = 'lock') -> Iterator[None]:
  """Holds a lock on the file `name` in the folder, which names this process.

  The kernel releases the lock when the process ends, even if it is killed. The
  file may stay; only the lock counts. If the file system does not support
  locks, this logs a warning and goes on.

  Raises:
    UsageError: Another process holds the lock; the message names it. Or what
      is there is not a regular file.
  """
  fd = folder.opener(name, os.O_RDWR | os.O_CREAT)
  try:
    _take(fd, folder.path)
    yield
  finally:
    os.close(fd)


def _take(fd: int, where: Path) -> None:
  try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError as error:
    if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
      holder = os.read(fd, 200).decode(errors='replace').strip()
      raise UsageError(
        f'{where} is in use by {holder or "another process"}; stop that'
        ' process first, or choose another folder.'
      ) from None
    log.warning(
      '%s cannot be locked (%s); make sure that only one process uses it.',
      where,
      error.strerror,
    )
  os.ftruncate(fd, 0)
  os.write(fd, f'process {os.getpid()} on {socket.gethostname()}\n'.encode())
