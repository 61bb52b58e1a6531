"""Files of a folder that may come from somebody else.

What the program names inside of such a folder has to be a folder or a regular
file of its own. A link could lead out of the folder, and a pipe in the place
of a file would be waited for without end. Folders are held by handles, and
files are opened relative to them, so that nothing can be exchanged between a
check and its use.
"""

import errno
import os
import stat
import weakref
from pathlib import Path
from typing import IO, Any

from embodied.errors import UsageError

KINDS = {
  stat.S_IFLNK: 'a link', stat.S_IFIFO: 'a pipe', stat.S_IFSOCK: 'a socket',
  stat.S_IFCHR: 'a device', stat.S_IFBLK: 'a device',
  stat.S_IFDIR: 'a folder', stat.S_IFREG: 'a file',
}  # fmt: skip
# An open waits for nobody, and does not follow a link in the last place.
STRICT = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Odd(UsageError):
  """Something else than a regular file, or a folder, is in its place."""


class Folder:
  """A folder, held by a handle until this object is deleted.

  Args:
    path: of the folder, which may be a link to one.
    inside: names of folders below it, one in the other, which may not.
    make: whether folders that are missing are made.

  Raises:
    Odd: a name in `inside` is there, and is not a folder.
    OSError: a folder cannot be opened or made.
  """

  def __init__(
    self, path: str | os.PathLike[str], *inside: str, make: bool = True
  ) -> None:
    self.path = Path(path)
    if make:
      self.path.mkdir(parents=True, exist_ok=True)
    self._hold(os.open(self.path, os.O_RDONLY | os.O_DIRECTORY))
    for name in inside:
      self._enter(name, make)

  def opener(self, name: str, flags: int) -> int:
    """A handle of the regular file `name`, as the built-in `open` wants it.

    Raises:
      Odd: what is there is not a regular file.
      OSError: it cannot be opened.
    """
    try:
      fd = os.open(name, flags | STRICT, 0o644, dir_fd=self.fd)
    except OSError as error:
      self.check(name)
      raise self._named(error, name) from None
    if stat.S_ISREG(os.fstat(fd).st_mode):
      return fd
    os.close(fd)
    self.check(name)
    raise self._named(OSError(errno.ENXIO, 'It was exchanged'), name)

  def open(self, name: str, mode: str = 'rb') -> IO[Any]:
    """The regular file `name`. Raises as `opener`."""
    return open(name, mode, opener=self.opener)

  def read(self, name: str) -> bytes:
    """The content of the regular file `name`. Raises as `opener`."""
    with self.open(name) as file:
      return bytes(file.read())

  def replace(self, name: str, data: bytes) -> None:
    """Writes the file `name`, in whole or not at all. Raises as `opener`."""
    self.check(name)
    part = f'.{name}'
    with self.open(part, 'wb') as file:
      file.write(data)
    self.rename(part, name)

  def rename(self, name: str, new: str) -> None:
    """Lets the file `name` take the place of the file `new`."""
    os.replace(name, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

  def unlink(self, name: str) -> None:
    """Removes the file `name`, or the link."""
    os.unlink(name, dir_fd=self.fd)

  def names(self) -> list[str]:
    """What is in the folder, in order."""
    return sorted(os.listdir(self.fd))

  def exists(self, name: str) -> bool:
    """Whether there is a file, or anything else, of this name."""
    return self._mode(name) is not None

  def check(self, name: str, kind: int = stat.S_IFREG) -> None:
    """Raises Odd if something else than `kind` has this name."""
    mode = self._mode(name)
    if mode is not None and stat.S_IFMT(mode) != kind:
      raise _odd(self.path / name, mode, kind)

  def check_all(self) -> None:
    """Raises Odd if there is anything else than folders and regular files
    in the folder, however deep."""
    for here, folders, names, fd in os.fwalk('.', dir_fd=self.fd):
      for name in (*folders, *names):
        try:
          mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
          continue  # a run has removed it
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
          raise _odd(self.path / here / name, mode, stat.S_IFREG)

  @property
  def number(self) -> tuple[int, int]:
    """The same for all paths to one folder."""
    found = os.fstat(self.fd)
    return found.st_dev, found.st_ino

  def at(self, path: str | os.PathLike[str]) -> bool:
    """Whether the path leads to this folder."""
    try:
      found = os.stat(path)
    except FileNotFoundError:
      return False
    return self.number == (found.st_dev, found.st_ino)

  def _enter(self, name: str, make: bool) -> None:
    """Goes on to a folder inside."""
    if make and not self.exists(name):
      os.mkdir(name, dir_fd=self.fd)
    flags = os.O_RDONLY | os.O_DIRECTORY | STRICT
    try:
      fd = os.open(name, flags, dir_fd=self.fd)
    except OSError as error:
      self.check(name, stat.S_IFDIR)
      raise self._named(error, name) from None
    self._close()
    self.path /= name
    self._hold(fd)

  def _hold(self, fd: int) -> None:
    self.fd = fd
    self._close = weakref.finalize(self, os.close, fd)

  def _mode(self, name: str) -> int | None:
    try:
      return os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
      return None

  def _named(self, error: OSError, name: str) -> OSError:
    return OSError(error.errno, error.strerror, str(self.path / name))


def beside(path: str | os.PathLike[str], make: bool = False) -> Folder:
  """The folder of a file, by the path of the file."""
  return Folder(Path(path).parent, make=make)


def _odd(path: Path, mode: int, kind: int) -> Odd:
  found = KINDS.get(stat.S_IFMT(mode), 'something else')
  return Odd(
    f'{path} is {found} where {KINDS[kind]} has to be; remove it, or use'
    ' another folder.'
  )
