"""The replay buffer: every step once, in memory-mapped chunks on disk."""

import os
import shutil
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embodied.replay.chunk import Array, Chunk, Part, Schema, schema_of
from embodied.replay.priorities import Priorities
from embodied.replay.selectors import Selector, Uniform
from embodied.replay.store import ChunkStore


@dataclass
class Writer:
  """One worker's end of its stream."""

  chunk: Chunk  # being written
  tail: Chunk  # in which the newest whole window starts
  steps: int  # of the stream
  fresh: int  # stepid where the newest fresh window starts
  last: bool  # whether the stream's newest step ends an episode


class Replay:
  """Steps of several workers; returns windows of `length` of them.

  A *stream* is what one worker did without a break: an episode follows upon
  the last step of the one before. A worker that starts anew in the middle of
  an episode starts a new stream, and so does a new process. A *window* is
  `length` successive steps of one stream; windows may overlap. Steps are
  numbered for good by their `stepid`.

  `capacity` is counted in steps. When more are held, whole chunks of
  `chunk_size` steps are deleted, oldest first (smaller chunks if the
  capacity is small), but never those being written.

  `directory` holds one file per chunk and is the memory: another Replay on
  it goes on where the last process stopped, even if that was killed. None
  means a temporary directory.

  With `online`, every fresh window (those of a stream that do not overlap)
  is returned once before the rest of a batch is drawn: with probability
  `priority` each by how badly its steps are predicted (see `Priorities`),
  otherwise by the `selector` (uniform by default, from `seed`).

  `context` names keys that are wanted of the first step of a window alone,
  such as the model state that learning starts from. Checksums guard all
  others, which makes these the ones that are fast to update.

  With `read_only` the directory is read as it is: nothing is added, updated
  or deleted, whatever the capacity, and other processes may use it.

  All methods may be called from any thread. Raises UsageError if another
  process uses the directory.
  """

  def __init__(
    self,
    length: int,
    capacity: int,
    directory: str | os.PathLike[str] | None = None,
    *,
    chunk_size: int = 1024,
    seed: int = 0,
    online: bool = True,
    selector: Selector | None = None,
    priority: float = 0.0,
    context: Collection[str] = (),
    read_only: bool = False,
  ) -> None:
    if length < 1 or chunk_size < 1:
      raise ValueError(
        f'length is {length} and chunk_size is {chunk_size}; '
        'both must be 1 or more.'
      )
    if capacity < length:
      raise ValueError(
        f'capacity is {capacity} steps; it must hold at least one window '
        f'of {length} steps.'
      )
    self.length = length
    self.capacity = capacity
    self._chunk_size = min(chunk_size, max(1, capacity // 8))
    self._online = online
    self._context = frozenset(context)
    self._selector = selector or Uniform(seed)
    self._lock = threading.RLock()
    self._writers: dict[int, Writer] = {}
    self._fresh: deque[int] = deque()
    self._counts = dict.fromkeys(('sampled', 'updated', 'evicted'), 0)
    self._clean: Callable[[], object] | None = None
    if directory is None:
      directory = tempfile.mkdtemp(prefix='replay-')
      self._clean = weakref.finalize(self, shutil.rmtree, directory, True)
    self._store = ChunkStore(Path(directory), length, self._context, read_only)
    chunks = self._store.chunks
    self._schema: Schema | None = chunks[-1].schema if chunks else None
    self._total = max((c.total for c in chunks), default=0)
    self._held = sum(c.count for c in chunks)
    self._priorities: Priorities | None = None
    if priority:
      self._priorities = Priorities(self._store, length, seed)
    self._share = priority
    self._rng = np.random.default_rng(seed)
    self._evict()

  def __len__(self) -> int:
    """Windows that can be sampled."""
    with self._lock:
      return int(self._store.window_counts.sum())

  @property
  def total(self) -> int:
    """Steps ever added, evicted ones and earlier processes included."""
    return self._total

  @property
  def schema(self) -> Schema:
    """dtype and shape of one step by key; empty before the first step."""
    return dict(self._schema or {})

  def add(self, step: Mapping[str, ArrayLike], worker: int) -> None:
    """Appends one step of `worker`: a dict of scalars and arrays without
    leading axes, `is_first` and `is_last` among them. Keys 'log/...' are
    not stored.

    The step is safe from a kill of this process when the call returns.
    Raises ValueError, naming the key, if the step differs in keys, dtypes or
    shapes from those held, OSError if the disk is full, and RuntimeError if
    the replay is read only.
    """
    self._check_writable()
    arrays = {
      k: np.asarray(v) for k, v in step.items() if not k.startswith('log/')
    }
    with self._lock:
      schema = self._check(arrays)
      writer = self._writers.get(worker)
      if writer is None or (arrays['is_first'] and not writer.last):
        writer = self._start(worker, schema)
      elif writer.chunk.full:
        writer.chunk = self._store.extend(writer.chunk)
      chunk = writer.chunk
      chunk.append(arrays, self._total + 1)
      self._total += 1
      self._held += 1
      writer.steps += 1
      writer.last = bool(arrays['is_last'])
      if self._priorities is not None:
        self._priorities.add(chunk)
      self._count_windows(writer)
      self._evict()

  def sample(self, batch: int, fresh: bool = True) -> dict[str, Array]:
    """Windows of successive steps: key -> [B, T, ...] with B = `batch` and
    T = `length`, but [B, 1, ...] for `context`; and `stepid`, int64 [B, T].

    With `fresh` False all of them are chosen by the selector, and the fresh
    windows stay for a later call: a report must not take them from training.

    Raises RuntimeError while the buffer holds no whole window.
    """
    windows: list[list[Part]] = []
    with self._lock:
      while len(windows) < batch:
        if not self._store.window_counts.any():
          raise RuntimeError(
            f'Replay holds no window of {self.length} steps yet; add at least '
            f'{self.length} successive steps of one worker before sampling.'
          )
        for start in self._choose(batch - len(windows), fresh):
          parts = list(self._store.parts(start, self.length))
          if sum(x.end - x.begin for x in parts) == self.length:
            windows.append(parts)
        self._forget_damaged()
      self._counts['sampled'] += batch
    assert self._schema is not None
    out: dict[str, Array] = {}
    for key, field in self._schema.items():
      steps = 1 if key in self._context else self.length
      out[key] = np.empty((batch, steps, *field.shape), field.dtype)
    out['stepid'] = np.empty((batch, self.length), np.int64)
    for row, parts in enumerate(windows):
      # Parts outlive an eviction, so that the lock is let go between rows for
      # `add`; within a row it keeps an update whole.
      with self._lock:
        _copy(parts, row, out)
    return out

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, Array]
  ) -> None:
    """Overwrites `values`, key -> [B, T, ...], of the steps `stepid`
    [B, T], as sampled: successive steps in each row. Steps that were
    evicted meanwhile are left out. A key 'priority', float32 [B, T], is the
    loss that the steps are drawn by, if they are.

    Raises ValueError, naming the key, if a value is not stored under that
    key, dtype and shape, and RuntimeError if the replay is read only.
    """
    self._check_writable()
    values = dict(values)
    loss = values.pop('priority', None)
    with self._lock:
      if self._priorities is not None and loss is not None:
        self._priorities.update(stepid, loss)
      for key, value in values.items():
        field = (self._schema or {}).get(key)
        if field is None:
          raise ValueError(f"Replay stores no key '{key}' to update.")
        want = (*stepid.shape, *field.shape)
        if value.shape != want or value.dtype != field.dtype:
          raise ValueError(
            f"Update of '{key}' is {value.dtype} {value.shape}; "
            f'replay stores it as {field.dtype} {want}.'
          )
      for row, ids in enumerate(stepid.tolist()):
        self._update_row(ids, {k: v[row] for k, v in values.items()})

  def stats(self) -> dict[str, float]:
    """Numbers to log: windows, steps, chunks and gigabytes held, steps ever
    added, and since this process began windows sampled, steps updated, steps
    evicted and files skipped."""
    with self._lock:
      step = sum(
        f.dtype.itemsize * int(np.prod(f.shape))
        for f in (self._schema or {}).values()
      )
      return {
        'windows': float(len(self)),
        'steps': float(self._held),
        'total': float(self._total),
        'chunks': float(len(self._store.chunks)),
        'gigabytes': self._held * step / 1e9,
        'skipped_files': float(self._store.skipped),
        **{k: float(v) for k, v in self._counts.items()},
      }

  def close(self) -> None:
    """Ends the use of the directory; a temporary one is removed."""
    with self._lock:
      self._writers.clear()
      self._store.close()
      if self._clean is not None:
        self._clean()

  def _check_writable(self) -> None:
    if self._store.read_only:
      raise RuntimeError(
        f'The replay in {self._store.directory} is read only; open it without'
        ' read_only to add or update steps.'
      )

  def _check(self, step: dict[str, Array]) -> Schema:
    """The schema, once the step is known to fit; the first step sets it."""
    if self._schema is None:
      for key in ('is_first', 'is_last'):
        if key not in step:
          raise ValueError(f"The step lacks '{key}', which replay needs.")
      self._schema = schema_of(step)
    if step.keys() != self._schema.keys():
      key = min(step.keys() ^ self._schema.keys())
      how = 'is new in' if key in step else 'is missing from'
      raise ValueError(
        f"Key '{key}' {how} this step; replay holds steps with the keys "
        f'{sorted(self._schema)}. Use a new replay directory for new keys.'
      )
    for key, (dtype, shape) in self._schema.items():
      value = step[key]
      if value.shape != shape or value.dtype != dtype:
        raise ValueError(
          f"Key '{key}' is {value.dtype} {value.shape} in this step; replay "
          f'holds it as {dtype} {shape}. Use a new replay directory for '
          'steps of another form.'
        )
    return self._schema

  def _start(self, worker: int, schema: Schema) -> Writer:
    """Ends the worker's stream, if it has one, and starts its next."""
    if worker in self._writers:
      self._writers[worker].chunk.seal()
    chunk = self._store.start(self._chunk_size, schema)
    self._writers[worker] = Writer(chunk, chunk, 0, chunk.first, False)
    return self._writers[worker]

  def _count_windows(self, writer: Writer) -> None:
    """Counts the window that the writer's newest step completed, if any."""
    if (writer.steps - 1) % self.length == 0:
      writer.fresh = writer.chunk.first + writer.chunk.count - 1
    if writer.steps < self.length:
      return
    if self._online and writer.steps % self.length == 0:
      self._fresh.append(writer.fresh)
    begin = writer.steps - self.length  # of the window, within the stream
    if begin == writer.tail.offset + writer.tail.size:
      assert writer.tail.next is not None
      writer.tail = writer.tail.next
    slot = self._store.find(writer.tail.first)
    if slot is not None:
      self._store.window_counts[slot] += 1

  def _evict(self) -> None:
    if self._store.read_only:
      return
    # The newest one knows how many steps there ever were.
    chunks = self._store.chunks
    while self._held > self.capacity and len(chunks) > 1:
      if chunks[0].live:
        return
      chunk = self._store.drop()
      if self._priorities is not None:
        self._priorities.drop(chunk)
      self._held -= chunk.count
      self._counts['evicted'] += chunk.count
      gone = range(chunk.first, chunk.first + chunk.size)
      self._fresh = deque(x for x in self._fresh if x not in gone)

  def _forget_damaged(self) -> None:
    """Counts the steps no longer that were found to be damaged."""
    for chunk in self._store.damaged:
      self._held -= chunk.count
      if self._priorities is not None:
        self._priorities.drop(chunk)
    self._store.damaged.clear()

  def _choose(self, batch: int, fresh: bool) -> list[int]:
    """Stepids of the first steps of `batch` windows."""
    starts: list[int] = []
    while fresh and self._fresh and len(starts) < batch:
      starts.append(self._fresh.popleft())
    if self._priorities is not None:
      amount = self._rng.binomial(batch - len(starts), self._share)
      starts += self._priorities.draw(amount).tolist()
    rest = self._selector(len(self), batch - len(starts))
    return starts + self._store.starts(rest).tolist()

  def _update_row(self, ids: list[int], values: dict[str, Array]) -> None:
    begin = 0
    while begin < len(ids):
      part = next(self._store.parts(ids[begin], len(ids) - begin), None)
      if part is None:  # evicted
        begin += 1
        continue
      end = begin + part.end - part.begin
      if ids[end - 1] - ids[begin] != end - 1 - begin:
        raise ValueError(
          f'Row {ids} of stepid is not of successive steps; update whole '
          'windows, or slices of them, as they were sampled.'
        )
      part.chunk.overwrite(
        part.begin, {k: v[begin:end] for k, v in values.items()}
      )
      self._counts['updated'] += end - begin
      begin = end


def _copy(parts: list[Part], row: int, out: dict[str, Array]) -> None:
  """Copies the parts of one window into row `row` of a batch, as far as the
  batch has room for them."""
  start = 0
  for first, begin, end, columns, _ in parts:
    stop = start + end - begin
    for key, column in columns.items():
      room = out[key][row, start:stop]
      room[...] = column[begin : begin + len(room)]
    out['stepid'][row, start:stop] = np.arange(first, first + stop - start)
    start = stop
