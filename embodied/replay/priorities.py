"""Prioritised replay: windows are drawn by the loss of their steps."""

import numpy as np
from numpy.typing import NDArray

from embodied.replay.chunk import Chunk
from embodied.replay.store import ChunkStore

# The values of Curious Replay (Kauvar et al. 2023, arXiv 2306.15934, appendix
# A) for Dreamer.
EXPONENT = 0.7
LEAST = 0.01


class Priorities:
  """A priority per step, `(|loss| + 0.01) ** 0.7`.

  Proportional prioritised replay (Schaul et al. 2015, arXiv 1511.05952) over
  steps. Step i is drawn with the probability `p_i / sum_j p_j`. Then a window
  of `length` steps is drawn uniformly from those that start in the chunk of
  this step and contain it. A step without a loss has the highest priority of
  all so far.

  Priorities exist only in memory, with 4 bytes per step. A new process starts
  with equal ones.
  """

  def __init__(self, store: ChunkStore, length: int, seed: int) -> None:
    self._store = store
    self._length = length
    self._rng = np.random.default_rng(seed)
    self._top = 1.0
    self._values: dict[int, NDArray[np.float32]] = {}
    self._sums: dict[int, float] = {}
    for chunk in store.chunks:
      self._new(chunk)[: chunk.count] = self._top
      self._sums[chunk.first] = chunk.count * self._top

  def add(self, chunk: Chunk) -> None:
    """Call this after a step was appended to the chunk."""
    values = self._values.get(chunk.first)
    if values is None:
      values = self._new(chunk)
    values[chunk.count - 1] = self._top
    self._sums[chunk.first] += self._top

  def drop(self, chunk: Chunk) -> None:
    """Call this after the chunk was deleted."""
    self._values.pop(chunk.first, None)
    self._sums.pop(chunk.first, None)

  def update(
    self, stepid: NDArray[np.int64], loss: NDArray[np.float32]
  ) -> None:
    """Sets the losses `[B, T]` of the steps `stepid` `[B, T]`.

    Ignores steps that were evicted, and losses that are not finite.
    """
    good = np.isfinite(loss)
    ids = stepid[good]
    values = (np.abs(loss[good]) + LEAST) ** EXPONENT
    self._top = max(self._top, float(values.max(initial=0)))
    slots = self._store.slots(ids)
    for slot in np.unique(slots[slots >= 0]).tolist():
      first = self._store.chunks[slot].first
      here = slots == slot
      self._values[first][ids[here] - first] = values[here]
      self._sums[first] = float(self._values[first].sum(dtype=np.float64))

  def draw(self, amount: int) -> NDArray[np.int64]:
    """Draws windows; returns the stepids of their first steps `[amount]`."""
    counts = self._store.window_counts
    sums = [self._sums.get(c.first, 0.0) for c in self._store.chunks]
    ends = np.cumsum(np.where(counts > 0, sums, 0))
    slots = np.searchsorted(ends, self._rng.random(amount) * ends[-1], 'right')
    return np.array([self._draw(slot) for slot in slots.tolist()], np.int64)

  def _draw(self, slot: int) -> int:
    chunk = self._store.chunks[slot]
    ends = np.cumsum(self._values[chunk.first], dtype=np.float64)
    row = int(np.searchsorted(ends, self._rng.random() * ends[-1], 'right'))
    last = int(self._store.window_counts[slot]) - 1
    low, high = max(0, row - self._length + 1), min(row, last)
    return chunk.first + int(self._rng.integers(min(low, high), high + 1))

  def _new(self, chunk: Chunk) -> NDArray[np.float32]:
    self._sums[chunk.first] = 0.0
    self._values[chunk.first] = np.zeros(chunk.size, np.float32)
    return self._values[chunk.first]
