"""Reads files of JSON lines with numbers that grow."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from embodied import files

log = logging.getLogger('embodied')

# Bytes that are read at once.
BLOCK = 2**20
NUMBER = int, float


class Tail:
  """Reads a file as `embodied.log.logger.JsonLines` writes it, which grows or
  does not exist yet.

  Each line is read once. A last line without its end is left for the next
  call. A damaged line is left out and named in a warning. Raises as
  `embodied.files.Folder.open` if there is something else than a file.

  Attributes:
    place: byte up to which lines were read.
    damaged: number of lines that were left out.
  """

  def __init__(self, path: str | os.PathLike[str]) -> None:
    self.path = Path(path)
    self.place = 0
    self.damaged = 0
    self._number = 0

  def shrunk(self) -> bool:
    """Whether the file is shorter than what was read: another one took its
    place."""
    return self.place > (self.path.stat().st_size if self.path.exists() else 0)

  def lines(self, most: int | None = None) -> Iterator[dict[str, float]]:
    """The complete lines since the last call, at most `most`, damaged ones
    among them."""
    for line in self._complete(most):
      try:
        values = json.loads(line).items()
        # Values that JSON has no number for are texts.
        found = {k: v if type(v) in NUMBER else float(v) for k, v in values}
      except (ValueError, TypeError, AttributeError, RecursionError) as error:
        self.damaged += 1
        log.warning(
          'Line %d of %s is damaged and left out (%s).',
          self._number,
          self.path,
          error,
        )
        continue
      yield found

  def _complete(self, most: int | None) -> Iterator[bytes]:
    if not self.path.parent.is_dir():
      return
    folder, name = files.beside(self.path), self.path.name
    if not folder.exists(name):
      return
    count, rest = 0, b''
    with folder.open(name) as file:
      file.seek(self.place)
      while block := file.read(BLOCK):
        *whole, rest = (rest + block).split(b'\n')
        for line in whole:
          if count == most:
            return
          count += 1
          self.place += len(line) + 1
          self._number += 1
          yield line
