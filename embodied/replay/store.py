"""The chunks in a replay directory, and the windows that start in them."""

import contextlib
import logging
import resource
import secrets
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator

import numpy as np
from numpy.typing import NDArray

from embodied import lock
from embodied.files import Folder, Odd
from embodied.replay.chunk import Chunk, ChunkError, Part
from embodied.replay.header import Array, Header, Schema

log = logging.getLogger('embodied')


class ChunkStore:
  """Chunks in the order of their creation, and where each step is.

  A *window* is `length` successive steps of one stream, across chunks.
  `window_counts` is the number of windows that start in each chunk. They start
  at its first steps, because a stream grows only at its end.

  The constructor reads only headers; the columns of a chunk are checked when
  it is first used. A file is skipped if it is incomplete, damaged, or has
  another schema than the newest chunk. It stays on disk, is counted in
  `skipped`, and a warning names it.

  With `read_only` nothing in the directory is written, locked or deleted.
  Steps that another process adds later are not seen.

  Raises UsageError if another process uses the directory.
  """

  def __init__(
    self,
    folder: Folder,
    length: int,
    mutable: Collection[str] = (),
    read_only: bool = False,
  ) -> None:
    self.folder = folder
    self.length = length
    self.mutable = frozenset(mutable)
    self.read_only = read_only
    # Deleting this object releases the lock.
    held = contextlib.ExitStack()
    if not read_only:
      held.enter_context(lock.hold(folder))
    self.unlock = weakref.finalize(self, held.close)
    self.skipped = 0
    # Chunks that were found to be damaged; the replay subtracts their steps.
    self.damaged: list[Chunk] = []
    self.chunks: list[Chunk] = []
    self.window_counts = np.zeros(0, np.int64)
    self._firsts = np.zeros(0, np.int64)
    self._mapped: OrderedDict[int, Chunk] = OrderedDict()
    self._map_limit = _raise_file_limit() // 2
    chunks = self._agreeing(self._load())
    self._run = next((c.header.run for c in chunks if c.header.run), '')
    self._run = self._run or secrets.token_hex(8)
    after = _link(chunks)
    for chunk in sorted(chunks, key=lambda c: c.first):
      self._insert(chunk, self._windows(chunk, after))
    self._unchecked = {c.first for c in chunks}
    self._next_id = max((c.first + c.size for c in chunks), default=0)
    self._next_stream = max((c.stream for c in chunks), default=-1) + 1

  def start(self, size: int, schema: Schema) -> Chunk:
    """A new chunk for the first `size` steps of a new stream."""
    self._next_stream += 1
    return self._create(size, self._next_stream - 1, 0, schema)

  def extend(self, chunk: Chunk) -> Chunk:
    """A new chunk for the steps that follow those of the full `chunk`."""
    chunk.seal()
    chunk.next = self._create(
      chunk.size, chunk.stream, chunk.offset + chunk.size, chunk.schema
    )
    return chunk.next

  def drop(self) -> Chunk:
    """Deletes the oldest chunk and returns it."""
    chunk = self.chunks[0]
    self._forget(0, chunk)
    chunk.delete()
    return chunk

  def find(self, stepid: int) -> int | None:
    """Index of the chunk with this step, or None if it was dropped."""
    slot = int(np.searchsorted(self._firsts, stepid, 'right')) - 1
    if slot < 0 or stepid - self.chunks[slot].first >= self.chunks[slot].size:
      return None
    return slot

  def slots(self, stepids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices of the chunks with these steps, -1 for dropped ones."""
    sizes = np.array([c.size for c in self.chunks])
    slots = np.searchsorted(self._firsts, stepids, 'right') - 1
    held = (slots >= 0) & (stepids < (self._firsts + sizes)[slots])
    return np.where(held, slots, -1)

  def starts(self, windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stepids of the first steps of windows; window 0 is the oldest."""
    ends = np.cumsum(self.window_counts)
    slots = np.searchsorted(ends, windows, 'right')
    return self._firsts[slots] + windows - (ends - self.window_counts)[slots]

  def parts(self, stepid: int, length: int) -> Iterator[Part]:
    """The `length` steps of a stream from `stepid` on, as parts of chunks.

    Ends at the first step that is missing or damaged.
    """
    slot = self.find(stepid)
    chunk = None if slot is None else self.chunks[slot]
    while length and chunk is not None and self._sound(chunk):
      begin = stepid - chunk.first
      end = min(begin + length, chunk.count)
      yield Part(stepid, begin, end, self._columns(chunk), chunk)
      length -= end - begin
      chunk = chunk.next
      stepid = chunk.first if chunk else -1

  def close(self) -> None:
    """Closes all files and releases the lock."""
    for chunk in self.chunks:
      chunk.seal()
      chunk.unmap()
    self._mapped.clear()
    self.unlock()

  def _create(
    self, size: int, stream: int, offset: int, schema: Schema
  ) -> Chunk:
    if not self.unlock.alive:
      raise RuntimeError('The replay is closed; open a new one to add steps.')
    header = Header(
      size, self._next_id, stream, offset, schema, self.mutable, self._run
    )
    while self.folder.exists(header.name):  # this file was skipped
      header = header._replace(first=header.first + size)
    chunk = Chunk.create(self.folder, header)
    self._next_id = header.first + size
    self._insert(chunk, 0)
    return chunk

  def _insert(self, chunk: Chunk, windows: int) -> None:
    self.chunks.append(chunk)
    self._firsts = np.append(self._firsts, chunk.first)
    self.window_counts = np.append(self.window_counts, windows)

  def _columns(self, chunk: Chunk) -> dict[str, Array]:
    self._mapped[chunk.first] = chunk
    self._mapped.move_to_end(chunk.first)
    if len(self._mapped) > self._map_limit:
      self._mapped.popitem(last=False)[1].unmap()
    return chunk.columns()

  def _sound(self, chunk: Chunk) -> bool:
    """Whether the checksums of a chunk are right, computed at its first use.

    A damaged chunk is taken out of the store, and so are all windows with a
    step in it.
    """
    if chunk.first not in self._unchecked:
      return True
    self._unchecked.remove(chunk.first)
    try:
      chunk.check()
      return True
    except (ChunkError, OSError) as error:
      self._skip(error)
    self.damaged.append(chunk)
    self._forget(self.chunks.index(chunk), chunk)
    chunk.unmap()
    stream = [c for c in self.chunks if c.stream == chunk.stream]
    for other in stream:
      other.next = None if other.next is chunk else other.next
    after = _link(stream)
    for slot, other in enumerate(self.chunks):
      if other.stream == chunk.stream:
        self.window_counts[slot] = self._windows(other, after)
    return False

  def _windows(self, chunk: Chunk, after: dict[int, int]) -> int:
    """How many windows start in the chunk; see `_link` for `after`."""
    return max(0, min(after[chunk.first] - self.length + 1, chunk.count))

  def _forget(self, slot: int, chunk: Chunk) -> None:
    del self.chunks[slot]
    self._firsts = np.delete(self._firsts, slot)
    self.window_counts = np.delete(self.window_counts, slot)
    self._mapped.pop(chunk.first, None)
    self._unchecked.discard(chunk.first)

  def _skip(self, error: Exception) -> None:
    self.skipped += 1
    log.warning('Replay skips a file: %s', error)

  def _load(self) -> list[Chunk]:
    """The folder's chunks, newest first."""
    chunks: list[Chunk] = []
    for name in reversed(self.folder.names()):
      if not name.endswith('.chunk'):
        continue
      try:
        chunk = Chunk.open(self.folder, name)
      except (ChunkError, Odd, OSError) as error:
        self._skip(error)
        continue
      if chunk.count:
        chunks.append(chunk)
      elif not self.read_only:  # the process ended before its first step
        chunk.delete()
    return chunks

  def _agreeing(self, chunks: list[Chunk]) -> list[Chunk]:
    """The chunks with the schema and run of most steps, without overlaps."""
    chunks = self._most(chunks, _schema, 'schema')
    marked = {*self._most([c for c in chunks if c.header.run], _run, 'run')}
    chunks = [c for c in chunks if not c.header.run or c in marked]
    agreeing: list[Chunk] = []
    for chunk in chunks:
      if agreeing and chunk.first + chunk.size > agreeing[-1].first:
        other = agreeing[-1].path.name
        self._skip(ChunkError(f'{chunk.path} has numbers of {other}.'))
      else:
        agreeing.append(chunk)
    return agreeing

  def _most(
    self, chunks: list[Chunk], key: Callable[[Chunk], Hashable], what: str
  ) -> list[Chunk]:
    """The chunks whose key is that of most steps; the oldest of equal ones."""
    steps: Counter[Hashable] = Counter()
    for chunk in reversed(chunks):
      steps[key(chunk)] += chunk.count
    if len(steps) < 2:
      return chunks
    most = max(steps, key=steps.__getitem__)
    for chunk in chunks:
      if key(chunk) != most:
        error = f'{chunk.path} is of another {what} than most steps here.'
        self._skip(ChunkError(error))
    return [c for c in chunks if key(c) == most]


def _schema(chunk: Chunk) -> Hashable:
  return frozenset(chunk.schema.items())


def _run(chunk: Chunk) -> Hashable:
  return chunk.header.run


def _link(chunks: list[Chunk]) -> dict[int, int]:
  """Sets `next` of each chunk to the next chunk of its stream.

  Returns, by the first stepid of each chunk, how many steps its stream has
  from there on.
  """
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
  """Raises the limit of open files (often 1024) to what the system allows.

  Returns the limit. Every mapping needs an open file.
  """
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  most = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
  if soft == resource.RLIM_INFINITY or soft >= most:
    return most
  with contextlib.suppress(ValueError, OSError):
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
  return soft
