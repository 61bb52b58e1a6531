"""The newest steps of every environment, to be learnt from at once."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from embodied.sources import Batch


class Fresh:
  """Collects `length` + 1 successive steps of every worker.

  The last step of a window is the first one of the next: learning needs the
  observation that an action led to.

  Args:
    workers: number of workers; they add their steps in turns.
    length: steps to be learnt from.
    seed: of the order in which windows are drawn.
  """

  def __init__(self, workers: int, length: int, seed: int = 0) -> None:
    self.workers = workers
    self.length = length
    self._rng = np.random.default_rng(seed)
    self._steps: Batch = {}
    self._counts = [0] * workers

  @property
  def full(self) -> bool:
    """Whether the window of every worker is complete."""
    return all(x > self.length for x in self._counts)

  def add(self, step: Mapping[str, Any], worker: int) -> None:
    """Adds a step of `worker`, without keys 'log/...'. Raises ValueError if
    its window is complete."""
    count = self._counts[worker]
    if count > self.length:
      raise ValueError(
        f'The window of worker {worker} is complete; take the batches first.'
      )
    if not self._steps:
      kept = {k: v for k, v in step.items() if not k.startswith('log/')}
      self._steps = {k: self._empty(v) for k, v in kept.items()}
    for key, room in self._steps.items():
      room[worker, count] = step[key]
    self._counts[worker] = count + 1

  def batches(self, rows: int, epochs: int) -> Iterator[Batch]:
    """Batches `[rows, length + 1, ...]` of complete windows, each window once
    in every epoch, in random order; then the next windows begin.

    Raises:
      ValueError: the workers do not divide into batches of so many rows.
    """
    if self.workers % rows:
      raise ValueError(
        f'{self.workers} windows do not divide into batches of {rows}.'
      )
    for _ in range(epochs):
      order = self._rng.permutation(self.workers)
      for start in range(0, self.workers, rows):
        chosen = order[start : start + rows]
        yield {k: v[chosen] for k, v in self._steps.items()}
    for value in self._steps.values():
      value[:, 0] = value[:, -1]
    self._counts = [1] * self.workers

  def _empty(self, value: Any) -> np.ndarray:
    """Room for the values of one key."""
    value = np.asarray(value)
    shape = (self.workers, self.length + 1, *value.shape)
    return np.zeros(shape, value.dtype)
