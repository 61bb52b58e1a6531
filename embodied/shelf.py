"""The chunks of one replay directory, and the windows that start in them."""

import contextlib
import fcntl
import logging
import os
import resource
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embodied.chunk import Array, Chunk, ChunkError, Part, Schema
from embodied.errors import UsageError

log = logging.getLogger('embodied')


class Shelf:
  """Chunks in the order of their making, and which step is where.

  A *window* is `length` successive steps of one stream, across chunks.
  `widths` says how many windows start in each chunk; those are always the
  ones that start at its first steps, as a stream grows at its end only.

  Opening a directory reads all of it once, and checks it. Files that are no
  whole chunk, or whose steps differ in form from the newest chunk's,
  are left alone, counted in `skipped` and named in a warning.

  Raises UsageError if another process uses the directory.
  """

  def __init__(
    self, directory: Path, length: int, loose: Collection[str] = ()
  ) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    self.directory = directory
    self.loose = loose
    self.unlock = weakref.finalize(self, os.close, _lock(directory))
    self.skipped = 0
    self.chunks: list[Chunk] = []
    self.widths = np.zeros(0, np.int64)
    self._firsts = np.zeros(0, np.int64)
    self._mapped: OrderedDict[int, Chunk] = OrderedDict()
    self._map_limit = _raise_file_limit() // 2
    chunks = self._load()
    after = _link(chunks)
    for chunk in sorted(chunks, key=lambda c: c.first):
      windows = after[chunk.first] - length + 1
      self._insert(chunk, max(0, min(windows, chunk.count)))
    self._next_id = max((c.first + c.size for c in chunks), default=0)
    self._next_stream = max((c.stream for c in chunks), default=-1) + 1

  def start(self, size: int, schema: Schema) -> Chunk:
    """A chunk for `size` steps of a new stream, to be appended to."""
    self._next_stream += 1
    return self._create(size, self._next_stream - 1, 0, schema)

  def extend(self, chunk: Chunk) -> Chunk:
    """The chunk in which the stream of the full `chunk` goes on."""
    chunk.seal()
    chunk.next = self._create(
      chunk.size, chunk.stream, chunk.offset + chunk.size, chunk.schema
    )
    return chunk.next

  def drop(self) -> Chunk:
    """Deletes the oldest chunk and returns what was it."""
    chunk = self.chunks.pop(0)
    self._firsts = self._firsts[1:]
    self.widths = self.widths[1:]
    self._mapped.pop(chunk.first, None)
    chunk.delete()
    return chunk

  def find(self, stepid: int) -> int | None:
    """Place of the chunk that holds the step, or None if it was dropped."""
    slot = int(np.searchsorted(self._firsts, stepid, 'right')) - 1
    if slot < 0 or stepid - self.chunks[slot].first >= self.chunks[slot].size:
      return None
    return slot

  def slots(self, stepids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the chunks that hold these steps, -1 for dropped ones."""
    sizes = np.array([c.size for c in self.chunks])
    slots = np.searchsorted(self._firsts, stepids, 'right') - 1
    held = (slots >= 0) & (stepids < (self._firsts + sizes)[slots])
    return np.where(held, slots, -1)

  def starts(self, windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stepids of the first steps of windows numbered by age, from 0."""
    ends = np.cumsum(self.widths)
    slots = np.searchsorted(ends, windows, 'right')
    return self._firsts[slots] + windows - (ends - self.widths)[slots]

  def parts(self, stepid: int, length: int) -> Iterator[Part]:
    """The `length` steps of one stream from `stepid` on, by the chunks that
    they lie in. Steps that are not there, and those after them, are left out.
    """
    slot = self.find(stepid)
    chunk = None if slot is None else self.chunks[slot]
    while length and chunk is not None:
      begin = stepid - chunk.first
      end = min(begin + length, chunk.count)
      yield Part(stepid, begin, end, self._columns(chunk), chunk)
      length -= end - begin
      chunk = chunk.next
      stepid = chunk.first if chunk else -1

  def close(self) -> None:
    """Ends the use of the directory."""
    for chunk in self.chunks:
      chunk.seal()
      chunk.unmap()
    self._mapped.clear()
    self.unlock()

  def _create(
    self, size: int, stream: int, offset: int, schema: Schema
  ) -> Chunk:
    if not self.unlock.alive:
      raise RuntimeError('Replay is closed; no step can be added.')
    while (path := self.directory / f'{self._next_id:015d}.chunk').exists():
      self._next_id += size  # a file that was skipped
    chunk = Chunk.create(
      path,
      size=size,
      first=self._next_id,
      stream=stream,
      offset=offset,
      schema=schema,
      loose=self.loose,
    )
    self._next_id += size
    self._insert(chunk, 0)
    return chunk

  def _insert(self, chunk: Chunk, width: int) -> None:
    self.chunks.append(chunk)
    self._firsts = np.append(self._firsts, chunk.first)
    self.widths = np.append(self.widths, width)

  def _columns(self, chunk: Chunk) -> dict[str, Array]:
    self._mapped[chunk.first] = chunk
    self._mapped.move_to_end(chunk.first)
    if len(self._mapped) > self._map_limit:
      self._mapped.popitem(last=False)[1].unmap()
    return chunk.columns()

  def _load(self) -> list[Chunk]:
    """The directory's chunks, newest first."""
    chunks: list[Chunk] = []
    for path in sorted(self.directory.glob('*.chunk'), reverse=True):
      try:
        chunk = Chunk.open(path)
        if chunk.count and chunks and chunk.schema != chunks[0].schema:
          raise ChunkError(f'{path} holds steps of another form.')
      except ChunkError as error:
        self.skipped += 1
        log.warning('Replay skips a file: %s', error)
        continue
      if chunk.count:
        chunks.append(chunk)
      else:  # the process was killed before its first step
        chunk.delete()
    return chunks


def _link(chunks: list[Chunk]) -> dict[int, int]:
  """Links each chunk to the next of its stream; returns how many steps of
  its stream there are from each chunk on, by the chunk's first stepid."""
  ends = {(c.stream, c.offset + c.size): c for c in chunks if c.full}
  after: dict[int, int] = {}
  for chunk in sorted(chunks, key=lambda c: c.first, reverse=True):
    rest = after[chunk.next.first] if chunk.next else 0
    after[chunk.first] = chunk.count + rest
    before = ends.get((chunk.stream, chunk.offset))
    if before is not None:
      before.next = chunk
  return after


def _raise_file_limit() -> int:
  """Files this process may open: a mapping keeps its file open, so the soft
  limit, often 1024, is raised to what the system allows."""
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
  if soft == resource.RLIM_INFINITY or soft >= most:
    return most
  with contextlib.suppress(ValueError, OSError):
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
  return soft


def _lock(directory: Path) -> int:
  """Locks the directory against a second process. Returns the file that
  holds the lock; the kernel lets go of it when this process ends, however."""
  fd = os.open(directory / 'lock', os.O_RDWR | os.O_CREAT, 0o644)
  try:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    os.close(fd)
    raise UsageError(
      f'Replay directory {directory} is in use by another run; '
      'stop that run or choose another logdir.'
    ) from None
  except OSError as error:  # a file system without locks
    log.warning(
      'Replay directory %s cannot be locked (%s); make sure that only one '
      'run uses it.',
      directory,
      error.strerror,
    )
  return fd
