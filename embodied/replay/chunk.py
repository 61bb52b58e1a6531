"""A chunk: successive steps of one stream in one memory-mapped file.

    header block   magic, version, checksum and length of the JSON
                   JSON: size, first, stream, offset, loose, columns, run
                   state: count, total, a checksum per column
                   checksum of the state
    columns        key -> array [size, ...], one after another

In the JSON, `loose` lists the mutable columns; files have had this name since
before the code called them so.

The file is sparse: it uses disk space only for steps that were written. A step
is written column by column, and `count` last. So a killed process leaves all
finished steps and no partial step. A power cut can lose data that the system
has not written to disk yet. Checksums detect this, and flipped bits too, in
all columns except mutable ones, which are overwritten often.
"""

import mmap
import os
import struct
import weakref
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from embodied.files import Folder
from embodied.replay import header as headers
from embodied.replay.header import Array, Header, Schema

MAGIC = b'PDCHUNK\n'
VERSION = 2
PREFIX = struct.Struct('<8sIII')  # magic version checksum json
CHECK = struct.Struct('<I')
BLOCK = 4096
ALIGN = 64


class ChunkError(ValueError):
  """A file that is not a complete chunk of this version."""


class Part(NamedTuple):
  """Successive steps in one chunk: rows `begin` to `end` of `columns`.

  `first` is the stepid of the first of them. The columns can be read even
  after the chunk has been deleted.
  """

  first: int
  begin: int
  end: int
  columns: dict[str, Array]
  chunk: 'Chunk'


class Chunk:
  """Space for `size` steps; make one by `Chunk.create` or `Chunk.open`.

  The steps belong to stream `stream` and begin at its step `offset`. In the
  replay buffer they have the stepids `first`, `first + 1` and so on. `count`
  steps have been written. `total` is how many steps had ever been added to the
  buffer when the last of them was. `next` is the next chunk of the stream.
  """

  def __init__(self, folder: Folder, header: Header, length: int) -> None:
    self.path = folder.path / header.name
    self.header = header
    self.size, self.first, self.stream, self.offset = header[:4]
    self.schema = header.schema
    self.next: Chunk | None = None
    self._folder = folder
    self._mutable = header.mutable
    self._state = struct.Struct(f'<qq{len(self.schema)}I')
    # The state is written in one call. To be written completely or not at all
    # it has to lie within one page, if there are not very many columns.
    size = self._state.size + CHECK.size
    self._state_at = PREFIX.size + length
    if self._state_at % BLOCK + size > BLOCK:
      self._state_at = _round_up(self._state_at, BLOCK)
    start = _round_up(self._state_at + size, BLOCK)
    self._starts, self._bytes = _layout(self.schema, self.size, start)
    self.count = self.total = 0
    self._checks = dict.fromkeys(self.schema, 0)
    self._columns: dict[str, Array] | None = None
    self._fd = -1
    self._close_fd: weakref.finalize[[int], Chunk] | None = None

  @classmethod
  def create(cls, folder: Folder, header: Header) -> 'Chunk':
    """Creates the file of a chunk, which must not exist, for appending.

    Mutable columns have no checksum, and are fast to overwrite. Raises OSError
    if the disk is full; the file is removed then.
    """
    text = header.encode()
    chunk = cls(folder, header, len(text))
    fd = folder.opener(header.name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    chunk._fd = fd
    chunk._close_fd = weakref.finalize(chunk, os.close, fd)
    prefix = PREFIX.pack(MAGIC, VERSION, zlib.crc32(text), len(text))
    space = bytes(chunk._state_at - len(prefix + text))
    state = chunk._packed(0, 0, chunk._checks)
    try:
      chunk._write(prefix + text + space + state, 0)
      chunk._extend()
    except OSError:
      # An incomplete file would cause a warning at every start.
      chunk.delete()
      raise
    return chunk

  @classmethod
  def open(cls, folder: Folder, name: str) -> 'Chunk':
    """Opens a chunk for reading and updating. Reads only the header.

    Raises ChunkError if the file is not a chunk, is truncated, has another
    version or the name of another chunk, or its header is damaged.
    """
    path = folder.path / name
    with folder.open(name) as file:
      prefix = file.read(PREFIX.size)
      if len(prefix) < PREFIX.size or not prefix.startswith(MAGIC):
        raise ChunkError(f'{path} is not a replay chunk.')
      _, version, checksum, length = PREFIX.unpack(prefix)
      if version != VERSION:
        raise ChunkError(
          f'{path} has version {version}; this program reads version'
          f' {VERSION}.'
        )
      text = file.read(min(length, headers.LONGEST))
      if zlib.crc32(text) != checksum:
        raise ChunkError(f'{path} has a damaged header.')
      try:
        chunk = cls(folder, headers.decode(text), length)
      except ValueError as error:
        raise ChunkError(
          f'{path} has a header that cannot be right: {error}.'
        ) from None
      if name != chunk.header.name:
        raise ChunkError(
          f'{path} is a copy of {chunk.header.name}, or has been renamed.'
        )
      file.seek(chunk._state_at)
      state = file.read(chunk._state.size)
      check = file.read(CHECK.size)
      if CHECK.pack(zlib.crc32(state)) != check:
        raise ChunkError(f'{path} has a damaged header.')
      chunk.count, chunk.total, *checks = chunk._state.unpack(state)
      chunk._checks = dict(zip(chunk.schema, checks, strict=True))
      length = os.fstat(file.fileno()).st_size
    most = min(chunk.size, chunk.total)
    if length != chunk._bytes or not 0 <= chunk.count <= most:
      raise ChunkError(
        f'{path} has {length} bytes and {chunk.count} steps of {chunk.total};'
        f' it should have {chunk._bytes} bytes and at most {most} steps.'
      )
    return chunk

  def check(self) -> None:
    """Compares all columns with their checksums. Raises ChunkError if one
    differs."""
    for key, found in self._sums().items():
      if found != self._checks[key]:
        raise ChunkError(f"{self.path} has a damaged column '{key}'.")

  @property
  def live(self) -> bool:
    """Whether steps can be appended."""
    return self._close_fd is not None and self._close_fd.alive

  @property
  def full(self) -> bool:
    return self.count == self.size

  def append(self, step: Mapping[str, Array], total: int) -> None:
    """Writes one step that fits the schema; see the class for `total`.

    Raises OSError if this fails, for instance because the disk is full. The
    step is not in the chunk then.
    """
    checks = dict(self._checks)
    for key, start in self._starts.items():
      data = step[key].tobytes()
      self._write(data, start + self.count * len(data))
      if key not in self._mutable:
        checks[key] = zlib.crc32(data, checks[key])
    self._write_state(self.count + 1, total, checks)
    self.count, self.total, self._checks = self.count + 1, total, checks

  def overwrite(self, row: int, values: Mapping[str, Array]) -> None:
    """Writes `values`, key -> [t, ...], over the rows from `row` on.

    A column that is not mutable is read as a whole for its new checksum. This
    does not use the mapping, because a page fault for every page would take
    longer than the writes.
    """
    fd = self._folder.opener(self.path.name, os.O_WRONLY)
    try:
      for key, value in values.items():
        step = value.nbytes // max(1, len(value))
        start = self._starts[key] + row * step
        self._write(np.ascontiguousarray(value).reshape(-1).data, start, fd)
      if not values.keys() <= self._mutable:
        self._checks = self._sums()
        self._write_state(self.count, self.total, self._checks, fd)
    finally:
      os.close(fd)

  def columns(self) -> dict[str, Array]:
    """The columns [size, ...], read-only and mapped at the first call.

    They show later writes. Rows from `count` on are undefined.
    """
    if self._columns is None:
      memory = self._map()
      self._columns = {
        key: np.ndarray(
          (self.size, *field.shape), field.dtype, memory, self._starts[key]
        )
        for key, field in self.schema.items()
      }
    return self._columns

  def _map(self) -> mmap.mmap:
    fd = self._folder.opener(self.path.name, os.O_RDONLY)
    try:
      return mmap.mmap(fd, self._bytes, prot=mmap.PROT_READ)
    finally:
      os.close(fd)

  def _sums(self) -> dict[str, int]:
    """Checksums of the columns in the file, 0 for mutable ones."""
    sums = dict.fromkeys(self._starts, 0)
    with self._map() as memory, memoryview(memory) as view:
      for key in self._starts.keys() - self._mutable:
        start = self._starts[key]
        step = self.schema[key].bytes
        with view[start : start + self.count * step] as rows:
          sums[key] = zlib.crc32(rows)
    return sums

  def unmap(self) -> None:
    """Drops the mapping, which ends when no array uses it any more."""
    self._columns = None

  def seal(self) -> None:
    """Ends appending."""
    if self._close_fd is not None:
      self._close_fd()
      self._fd = -1

  def delete(self) -> None:
    """Removes the file. Arrays that map it can still be read."""
    self.seal()
    self.unmap()
    self._folder.unlink(self.path.name)

  def _write_state(
    self,
    count: int,
    total: int,
    checks: Mapping[str, int],
    fd: int | None = None,
  ) -> None:
    data = self._packed(count, total, checks)
    self._write(data, self._state_at, fd)

  def _packed(
    self, count: int, total: int, checks: Mapping[str, int]
  ) -> bytes:
    state = self._state.pack(count, total, *checks.values())
    return state + CHECK.pack(zlib.crc32(state))

  def _write(
    self, data: bytes | memoryview, start: int, fd: int | None = None
  ) -> None:
    # On a full disk, pwrite raises an error; a write through the mapping would
    # kill the process with SIGBUS.
    view = memoryview(data).cast('B')
    while view:
      try:
        done = os.pwrite(self._fd if fd is None else fd, view, start)
      except OSError as error:
        raise self._refused(error) from error
      view, start = view[done:], start + done

  def _extend(self) -> None:
    """Gives the file its full length, without using disk space for it."""
    try:
      os.ftruncate(self._fd, self._bytes)
    except OSError as error:
      raise self._refused(error) from error

  def _refused(self, error: OSError) -> OSError:
    return OSError(
      error.errno,
      f'Replay cannot write ({error.strerror}); free disk space, or continue'
      ' with a smaller --replay.capacity',
      str(self.path),
    )


def _round_up(value: int, multiple: int) -> int:
  return -(-value // multiple) * multiple


def _layout(
  schema: Schema, size: int, start: int
) -> tuple[dict[str, int], int]:
  """Byte offset of every column, and the size of the file in bytes."""
  starts = {}
  for key, field in schema.items():
    starts[key] = start
    start = _round_up(start + size * field.bytes, ALIGN)
  return starts, start
