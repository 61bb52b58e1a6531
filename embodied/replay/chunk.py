"""A chunk: a stretch of one stream of steps, in one memory-mapped file.

    header block   magic, version, checksum, length of the JSON
                   JSON: size, first, stream, offset, mutable, columns
                   count, total, a checksum per column, and one of these
    columns        key -> array [size, ...], one after another

The file is sparse: it takes up the disk space of the steps it holds. A step
is written column by column and counted last, so a killed process leaves
every finished step and never half a step. What only the operating system
can lose (a power cut within its write-back time) is found by the checksums,
as are flipped bits, in all columns but those that are `mutable`: they are
written over again and again.
"""

import json
import math
import mmap
import os
import struct
import weakref
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

MAGIC = b'PDCHUNK\n'
VERSION = 2
PREFIX = struct.Struct('<8sIII')  # magic version checksum json
CHECK = struct.Struct('<I')
BLOCK = 4096
ALIGN = 64


class ChunkError(ValueError):
  """A file that is not a whole chunk of this version."""


class Field(NamedTuple):
  """What a column holds of one step: its `dtype` and `shape`."""

  dtype: np.dtype[Any]
  shape: tuple[int, ...]


Schema = dict[str, Field]


def schema_of(step: Mapping[str, Array]) -> Schema:
  """The schema of one step, a dict of arrays without leading axes.

  Raises ValueError for a dtype that a file cannot hold (only booleans,
  integers and floats of numpy itself can be stored).
  """
  for key, value in step.items():
    if value.dtype.kind not in 'biuf':
      raise ValueError(
        f"Key '{key}' has dtype {value.dtype}, which replay cannot store; "
        'convert it to a bool, integer or float dtype of numpy.'
      )
  return {k: Field(v.dtype, v.shape) for k, v in step.items()}


class Part(NamedTuple):
  """Successive steps: rows `begin` to `end` of a chunk's mapped `columns`, the
  first being step `first`. The columns outlive the chunk's deletion."""

  first: int
  begin: int
  end: int
  columns: dict[str, Array]
  chunk: 'Chunk'


class Chunk:
  """`size` steps of stream `stream`, the first being its `offset`-th step.

  Steps are numbered `first`, `first + 1`, ... throughout the replay buffer.
  `count` is the number of steps written, `total` the number ever added to
  the buffer when the last of them was. `next` is the chunk in which the
  stream goes on. Use `Chunk.create` or `Chunk.open`.
  """

  def __init__(self, path: Path, header: dict[str, Any]) -> None:
    self.path = path
    self.size: int = header['size']
    self.first: int = header['first']
    self.stream: int = header['stream']
    self.offset: int = header['offset']
    self.next: Chunk | None = None
    self.schema = {
      key: Field(np.dtype(dtype), tuple(shape))
      for key, (dtype, shape) in header['columns'].items()
    }
    self._mutable = frozenset(header['loose'])
    self._state = struct.Struct(f'<qq{len(self.schema)}I')
    # Written at once, so that a killed process leaves all of it or nothing:
    # it has to lie within one page, if there are not very many columns.
    size = self._state.size + CHECK.size
    self._state_at = PREFIX.size + len(_encode(header))
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
  def create(
    cls,
    path: Path,
    *,
    size: int,
    first: int,
    stream: int,
    offset: int,
    schema: Schema,
    mutable: Collection[str] = (),
  ) -> 'Chunk':
    """Creates the file at `path` (which must not exist) for appending.
    The columns `mutable` have no checksum, and can be written over.

    Raises OSError if there is no room; there is no file then."""
    header = {
      'size': size,
      'first': first,
      'stream': stream,
      'offset': offset,
      'loose': sorted(mutable),
      'columns': {k: [f.dtype.str, f.shape] for k, f in schema.items()},
    }
    text = _encode(header)
    chunk = cls(path, header)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    chunk._fd = fd
    chunk._close_fd = weakref.finalize(chunk, os.close, fd)
    prefix = PREFIX.pack(MAGIC, VERSION, zlib.crc32(text), len(text))
    space = bytes(chunk._state_at - len(prefix + text))
    state = chunk._packed(0, 0, chunk._checks)
    try:
      chunk._write(prefix + text + space + state, 0)
      chunk._extend()
    except OSError:
      # What is no whole chunk would be named at every start.
      chunk.delete()
      raise
    return chunk

  @classmethod
  def open(cls, path: Path) -> 'Chunk':
    """Opens a chunk for reading and updating; reads nothing but its header.

    Raises ChunkError if the file is foreign, cut short or of another version,
    or its header is damaged.
    """
    with path.open('rb') as file:
      prefix = file.read(PREFIX.size)
      if len(prefix) < PREFIX.size or not prefix.startswith(MAGIC):
        raise ChunkError(f'{path} is not a replay chunk.')
      _, version, checksum, length = PREFIX.unpack(prefix)
      if version != VERSION:
        raise ChunkError(
          f'{path} has version {version}; this program reads {VERSION}.'
        )
      text = file.read(length)
      if zlib.crc32(text) != checksum:
        raise ChunkError(f'{path} has a damaged header.')
      chunk = cls(path, json.loads(text))
      file.seek(chunk._state_at)
      state = file.read(chunk._state.size)
      check = file.read(CHECK.size)
      if CHECK.pack(zlib.crc32(state)) != check:
        raise ChunkError(f'{path} has a damaged header.')
      chunk.count, chunk.total, *checks = chunk._state.unpack(state)
      chunk._checks = dict(zip(chunk.schema, checks, strict=True))
      length = os.fstat(file.fileno()).st_size
    if length != chunk._bytes or not 0 <= chunk.count <= chunk.size:
      raise ChunkError(
        f'{path} has {length} bytes and {chunk.count} steps; '
        f'a whole chunk has {chunk._bytes} bytes and up to {chunk.size} steps.'
      )
    return chunk

  def check(self) -> None:
    """Reads all that was written once. Raises ChunkError for a column that
    is not what was written."""
    for key, found in self._sums().items():
      if found != self._checks[key]:
        raise ChunkError(f"{self.path} has a damaged column '{key}'.")

  @property
  def live(self) -> bool:
    """Whether the chunk can still be appended to."""
    return self._close_fd is not None and self._close_fd.alive

  @property
  def full(self) -> bool:
    return self.count == self.size

  def append(self, step: Mapping[str, Array], total: int) -> None:
    """Writes one step that fits the schema; `total` as in the class text.

    Raises OSError if it cannot be written, for instance on a full disk;
    the step is then not in the chunk.
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
    """Writes `values`, key -> [t, ...], over the rows from `row` on. For a
    column that is not mutable, all of it is read for its checksum.

    Not through a mapping: the system would be told of each of its pages with
    a fault, which takes longer than to write it.
    """
    fd = os.open(self.path, os.O_WRONLY)
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
    """The columns [size, ...], for reading, mapped on first use; they show
    what is written later. Rows from `count` on mean nothing."""
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
    fd = os.open(self.path, os.O_RDONLY)
    try:
      return mmap.mmap(fd, self._bytes, prot=mmap.PROT_READ)
    finally:
      os.close(fd)

  def _sums(self) -> dict[str, int]:
    """Checksums of the columns as the file holds them, 0 for mutable ones."""
    sums = dict.fromkeys(self._starts, 0)
    with self._map() as memory, memoryview(memory) as view:
      for key in self._starts.keys() - self._mutable:
        field, start = self.schema[key], self._starts[key]
        step = field.dtype.itemsize * math.prod(field.shape)
        with view[start : start + self.count * step] as rows:
          sums[key] = zlib.crc32(rows)
    return sums

  def unmap(self) -> None:
    """Forgets the mapping; it ends when the last array that uses it does."""
    self._columns = None

  def seal(self) -> None:
    """Ends appending."""
    if self._close_fd is not None:
      self._close_fd()
      self._fd = -1

  def delete(self) -> None:
    """Removes the file; arrays that map it stay readable."""
    self.seal()
    self.unmap()
    self.path.unlink()

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
    # Not through the mapping: on a full disk a mapped store kills the
    # process with SIGBUS where pwrite says what is wrong.
    view = memoryview(data).cast('B')
    while view:
      try:
        done = os.pwrite(self._fd if fd is None else fd, view, start)
      except OSError as error:
        raise self._refused(error) from error
      view, start = view[done:], start + done

  def _extend(self) -> None:
    """Gives the file its full length, without taking the space for it."""
    try:
      os.ftruncate(self._fd, self._bytes)
    except OSError as error:
      raise self._refused(error) from error

  def _refused(self, error: OSError) -> OSError:
    return OSError(
      error.errno,
      f'Replay cannot write ({error.strerror}); free disk space, or go on with'
      ' a smaller --replay.capacity',
      str(self.path),
    )


def _encode(header: dict[str, Any]) -> bytes:
  return json.dumps(header, separators=(',', ':')).encode()


def _round_up(value: int, multiple: int) -> int:
  return -(-value // multiple) * multiple


def _layout(
  schema: Schema, size: int, start: int
) -> tuple[dict[str, int], int]:
  """Byte offset of every column, and the bytes of the whole file."""
  starts = {}
  for key, field in schema.items():
    starts[key] = start
    step = field.dtype.itemsize * math.prod(field.shape)
    start = _round_up(start + size * step, ALIGN)
  return starts, start
