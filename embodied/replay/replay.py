"""The replay buffer: steps in memory-mapped chunks on disk."""

import os
import shutil
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embodied.errors import UsageError
from embodied.files import Folder
from embodied.replay.chunk import Chunk, Part
from embodied.replay.header import Array, Schema, schema_of
from embodied.replay.priorities import Priorities
from embodied.replay.selectors import Selector, Uniform
from embodied.replay.store import ChunkStore


@dataclass
class Writer:
  """The stream that a worker is adding to."""

  chunk: Chunk  # that is being written
  tail: Chunk  # where the newest complete window starts
  steps: int  # number of steps of the stream
  fresh: int  # stepid where the newest fresh window starts
  last: bool  # whether the newest step ends an episode


class Replay:
  """Stores the steps of several workers and samples windows of them.

  A *stream* is the unbroken sequence of steps of one worker. Its episodes
  follow each other. A new stream starts with every process, and if a worker
  resets its environment in the middle of an episode. A *window* is `length`
  successive steps of one stream; windows may overlap. Each step has a number,
  its `stepid`, which never changes.

  Args:
    length: Steps per window.
    capacity: Largest number of steps to hold. Above it, the oldest chunks are
      deleted as a whole, except those that are being written.
    directory: Where the chunks are, one file each. A later Replay on the same
      directory continues with all steps, even if this process is killed. None
      makes a temporary directory.
    chunk_size: Steps per chunk; less if the capacity is small.
    seed: Of the default selector and of drawing by priorities.
    online: Return every fresh window once, before other windows are drawn.
      Fresh windows are those of the stream that do not overlap.
    selector: Draws the other windows; uniform by default.
    priority: Probability with which a window is drawn by the loss of its steps
      (see `Priorities`) instead of by the selector.
    context: Keys that are needed only at the first step of a window, such as
      the model state from which learning starts. They have no checksum, which
      makes them fast to update.
    read_only: Neither add, update nor delete anything, whatever the capacity.
      Other processes may use the directory.

  All methods may be called from any thread.

  Raises:
    ValueError: `length` or `chunk_size` below 1, or `capacity` below `length`.
    UsageError: Another process uses the directory, or it has a link or a pipe
      where a file has to be.
    FileNotFoundError: `read_only`, and there is no directory.
  """

  def __init__(
    self,
    length: int,
    capacity: int,
    directory: str | os.PathLike[str] | Folder | None = None,
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
    if not isinstance(directory, Folder):
      directory = Folder(directory, make=not read_only)
    self._store = ChunkStore(directory, length, self._context, read_only)
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
    """Number of windows that can be sampled."""
    with self._lock:
      return int(self._store.window_counts.sum())

  @property
  def total(self) -> int:
    """Steps ever added, with those of earlier processes and evicted ones."""
    return self._total

  @property
  def schema(self) -> Schema:
    """dtype and shape of one step by key; empty before the first step."""
    return dict(self._schema or {})

  def add(self, step: Mapping[str, ArrayLike], worker: int) -> None:
    """Appends one step of `worker`.

    After the call the step is not lost if this process is killed.

    Args:
      step: Scalars and arrays without leading axes, with the keys `is_first`
        and `is_last`. Keys 'log/...' are not stored.
      worker: Number of the worker.

    Raises:
      UsageError: The step differs from earlier ones in keys, dtypes or shapes.
      OSError: The disk is full.
      RuntimeError: The replay is read only, or closed.
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
    """Samples windows.

    Args:
      batch: Number of windows, B.
      fresh: Whether fresh windows come first. If not, they stay for later
        calls, so that a report does not take them from training.

    Returns:
      Arrays `[B, T, ...]` by key, where T is `length`; keys of `context` are
      `[B, 1, ...]`. `stepid` is int64 `[B, T]`.

    Raises:
      RuntimeError: There is no complete window yet.
    """
    windows: list[list[Part]] = []
    with self._lock:
      while len(windows) < batch:
        if not self._store.window_counts.any():
          raise RuntimeError(
            f'The replay has no window of {self.length} steps yet; add at '
            f'least {self.length} successive steps of one worker first.'
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
      # Parts can be read even after their chunk was deleted. So the lock is
      # released between rows, and `add` need not wait for the whole batch.
      # Within a row the lock prevents partial updates.
      with self._lock:
        _copy(parts, row, out)
    return out

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, Array]
  ) -> None:
    """Overwrites values of steps that were sampled.

    Args:
      stepid: Steps `[B, T]`, successive in each row. Steps that were evicted
        are ignored.
      values: Arrays `[B, T, ...]` by key. The key 'priority', float32
        `[B, T]`, is the loss by which steps are drawn if `priority` is not 0.

    Raises:
      ValueError: A key is not stored, or has another dtype or shape.
      RuntimeError: The replay is read only.
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

  def seek(self, batches: int) -> None:
    """Does nothing. Sources that never change go on here after the batches
    that earlier processes drew; a replay has new steps to draw from."""

  def stats(self) -> dict[str, float]:
    """Numbers for the log.

    Held now: windows, steps, chunks, gigabytes. Ever added: total steps. Since
    the process began: windows sampled, steps updated, steps evicted, files
    skipped.
    """
    with self._lock:
      step = sum(f.bytes for f in (self._schema or {}).values())
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
    """Closes the directory; a temporary one is deleted."""
    with self._lock:
      self._writers.clear()
      self._store.close()
      if self._clean is not None:
        self._clean()

  def _check_writable(self) -> None:
    if self._store.read_only:
      raise RuntimeError(
        f'The replay in {self._store.folder.path} is read only; open it'
        ' without read_only to add or update steps.'
      )

  def _check(self, step: dict[str, Array]) -> Schema:
    """The schema, after a check of the step. The first step sets it."""
    if self._schema is None:
      for key in ('is_first', 'is_last'):
        if key not in step:
          raise ValueError(f"The step has no key '{key}'; replay needs it.")
      self._schema = schema_of(step)
    if step.keys() != self._schema.keys():
      key = min(step.keys() ^ self._schema.keys())
      how = 'is new in' if key in step else 'is missing from'
      raise UsageError(
        f"Key '{key}' {how} this step; the steps in the replay have the keys "
        f'{sorted(self._schema)}. Use a new directory for other keys.'
      )
    for key, (dtype, shape) in self._schema.items():
      value = step[key]
      if value.shape != shape or value.dtype != dtype:
        raise UsageError(
          f"Key '{key}' is {value.dtype} {value.shape} in this step; in the "
          f'replay it is {dtype} {shape}. Use a new directory for steps with '
          'other dtypes or shapes.'
        )
    return self._schema

  def _start(self, worker: int, schema: Schema) -> Writer:
    """Starts a new stream of the worker, and ends the stream before it."""
    if worker in self._writers:
      self._writers[worker].chunk.seal()
    chunk = self._store.start(self._chunk_size, schema)
    self._writers[worker] = Writer(chunk, chunk, 0, chunk.first, False)
    return self._writers[worker]

  def _count_windows(self, writer: Writer) -> None:
    """Counts the window that the newest step completes, if there is one."""
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
    # The newest chunk is never deleted: it holds the total number of steps.
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
    """Subtracts the steps of chunks that were found to be damaged."""
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
          f'The stepid row {ids} does not contain successive steps; update '
          'windows, or slices of windows, as they were sampled.'
        )
      part.chunk.overwrite(
        part.begin, {k: v[begin:end] for k, v in values.items()}
      )
      self._counts['updated'] += end - begin
      begin = end


def _copy(parts: list[Part], row: int, out: dict[str, Array]) -> None:
  """Copies the parts of one window into row `row` of a batch.

  Keys that the batch has for fewer steps are copied for those steps.
  """
  start = 0
  for first, begin, end, columns, _ in parts:
    stop = start + end - begin
    for key, column in columns.items():
      room = out[key][row, start:stop]
      room[...] = column[begin : begin + len(room)]
    out['stepid'][row, start:stop] = np.arange(first, first + stop - start)
    start = stop
