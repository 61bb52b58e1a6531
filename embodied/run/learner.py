"""The learner: updates an agent on batches of a source."""

import math
from collections.abc import Mapping
from typing import Any

from embodied.base import Agent
from embodied.log.metrics import Metrics
from embodied.log.timer import Clock, Timer
from embodied.sources import Batch, Source
from embodied.streams import Prefetch


class Diverged(RuntimeError):
  """A loss or the gradient is not a finite number."""


class Learner:
  """Fetches batches, updates the agent, and writes latents back.

  It does not know environments. All hosts of a run call `update` and `flush`
  together; the other methods concern only this host.

  Args:
    agent: to be trained.
    source: of batches.
    batch: number of sequences per update of this host.
    length: number of training steps per sequence.

  Attributes:
    updates: number of updates since the run began.
    batches: number of those on batches of the source.
    timer: wall-clock time by part.
    clock: seconds since the run began.
  """

  def __init__(
    self, agent: Agent, source: Source, batch: int, length: int
  ) -> None:
    self.agent = agent
    self.source = source
    self.batch = batch
    self.length = length
    self.updates = self.batches = 0
    self.timer = Timer()
    self.clock = Clock()
    self._metrics = Metrics()
    self._stream = Prefetch(lambda: agent.place(source.sample(batch)))
    self._data: Any = None
    self._outs: dict[str, Any] = {}

  @property
  def ready(self) -> bool:
    """Whether a batch has been fetched."""
    return self._data is not None

  def fetch(self) -> None:
    """Waits for the next batch, unless one has been fetched."""
    if self._data is None:
      with self.timer('sample'):
        self._data = next(self._stream)

  def update(self) -> None:
    """One update on the batch that was fetched.

    Raises:
      Diverged: as `record_update`.
    """
    data, self._data = self._data, None
    self.batches += 1
    self._train(data)

  def update_fresh(self, data: Batch) -> None:
    """One update on the newest steps `[B, T, ...]`. Raises Diverged."""
    self._train(self.agent.place(data, fresh=True))

  def _train(self, data: Any) -> None:
    with self.timer('update'):
      outs, metrics = self.agent.train(data)
    self.updates += 1
    self.record_update(outs, metrics)

  def flush(self) -> None:
    """Records the results of the last update. Raises Diverged."""
    with self.timer('update'):
      outs, metrics = self.agent.flush()
    self.record_update(outs, metrics)

  def record_update(
    self, outs: dict[str, Any], metrics: Mapping[str, Any]
  ) -> None:
    """Checks and stores the results of an update; both may be empty.

    A metric is NaN where no step of the batch has what it measures, and is
    then left out.

    Raises:
      Diverged: the sum of the losses, or a gradient or parameter (`opt/...`),
        is not finite. Metrics are means over all hosts, so all hosts raise it.
    """
    bad = [
      k
      for k, v in metrics.items()
      if not math.isfinite(v) and k.startswith(('loss/', 'opt/'))
    ]
    if any(k.startswith('opt/') for k in bad):
      raise Diverged(
        f'After {self.updates} updates, these are not finite numbers:'
        f' {", ".join(bad)}. The state before this update is saved; lower'
        ' opt.lr, or check the data for numbers that are not finite.'
      )
    self._outs = outs
    known = {k: v for k, v in metrics.items() if not math.isnan(v)}
    self._metrics.add(known, 'train')

  def write_back(self) -> None:
    """Writes the outputs of the last update to the source, once."""
    outs, self._outs = self._outs, {}
    if outs:
      with self.timer('write_back'):
        self.source.update(outs.pop('stepid'), outs)

  def report(self) -> dict[str, Any]:
    """The agent's report on a batch, such as predictions; empty if the source
    has no batch."""
    if not len(self.source):
      return {}
    return self.agent.report(self.source.sample(self.batch, fresh=False))

  def result(self) -> dict[str, Any]:
    """Numbers to log, by key: means of metrics and shares of time since the
    last result, numbers of the source, and the number of updates and the
    seconds since the run began."""
    times = {f'time/{k}': v for k, v in self.timer.result().items()}
    numbers = self._metrics.result() | self.source.stats() | times
    seconds = {f'run/{k}_seconds': v for k, v in self.clock.seconds().items()}
    return numbers | {'run/updates': self.updates} | seconds

  def save(self) -> dict[str, Any]:
    """Its part of the meta of a checkpoint."""
    return {
      'updates': self.updates,
      'batches': self.batches,
      'seconds': self.clock.seconds(),
    }

  def load(self, meta: Mapping[str, Any]) -> None:
    """Restores the meta of a checkpoint."""
    self.updates = meta['updates']
    # Earlier versions did not count batches and seconds.
    self.batches = meta.get('batches', self.updates)
    if 'seconds' in meta:
      self.clock.load(meta['seconds'])
    self.source.seek(self.batches)

  def close(self) -> None:
    """Ends the prefetching."""
    self._stream.close()
