"""The base class of all runs: advance, log, save, end."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from embodied import when
from embodied.errors import UsageError, mark_shared
from embodied.hosts import Alone, Hosts
from embodied.log.logger import Logger
from embodied.log.terminal import Terminal
from embodied.run.learner import Diverged, Learner
from embodied.run.sync import HostSync, Status

log = logging.getLogger('embodied')


class Checkpoint(Protocol):
  """The interface of `ponderdream.checkpoint.Checkpoint` to a run."""

  def steps(self) -> list[int]: ...

  def save(
    self, step: int, state: Any, meta: dict[str, Any], score: float | None
  ) -> None: ...

  def load(self, like: Any) -> tuple[int, Any, dict[str, Any]]: ...


class Loop:
  """Base class of the runs.

  A subclass defines the clock (`step`), one round of the run (`advance`) and
  the status that is sent to the other hosts (`status`). Checkpoints are
  numbered by `step`.

  Args:
    learner: updates the agent.
    logger, terminal, checkpoint: for results.
    settings: the `run` block of the configuration.
    stop: called between steps; if it returns True on any host, the run ends.
    hosts: that train together; by default a single host.
  """

  def __init__(
    self,
    learner: Learner,
    logger: Logger,
    terminal: Terminal,
    checkpoint: Checkpoint,
    settings: Any,
    stop: Callable[[], bool],
    hosts: Hosts | None = None,
  ) -> None:
    self.learner = learner
    self.logger = logger
    self.terminal = terminal
    self.checkpoint = checkpoint
    self.settings = settings
    self.hosts = hosts or Alone()
    self.sync = HostSync(self.hosts, stop)
    self.timer = learner.timer
    self.save_now = when.Every(settings.save_every)

  @property
  def step(self) -> int:
    """The run's clock, the same on all hosts."""
    raise NotImplementedError

  def advance(self) -> None:
    """One round of the loop, with at least one `sync_hosts`."""
    raise NotImplementedError

  def status(self) -> Status:
    """The status of this host for the others."""
    saving = self.sync.saving or self.save_now()
    return Status(self.learner.ready, saving)

  def meta(self) -> dict[str, Any]:
    """The part of a checkpoint beside the agent's state, for JSON."""
    return self.learner.save()

  def restore(self, step: int, state: Any, meta: dict[str, Any]) -> None:
    """Restores the content of a checkpoint of `step`."""
    self.learner.agent.load(state)
    self.learner.load(meta)

  def sync_hosts(self) -> None:
    """Exchanges the status of all hosts; a collective operation."""
    with self.timer('sync'):
      self.sync.exchange(self.status())

  def resume(self) -> int:
    """Restores the newest checkpoint; returns its step.

    Raises:
      UsageError: the hosts read different checkpoints.
    """
    agent = self.learner.agent
    step, state, meta = self.checkpoint.load(agent.save())
    if (self.hosts.exchange([step]) != step).any():
      raise mark_shared(
        UsageError(
          'The hosts read different checkpoints, because a newer one is'
          ' damaged on some of them; restore a copy of it or delete it.'
        )
      )
    self.restore(step, state, meta)
    return step

  def save(self) -> None:
    """Writes a checkpoint of this step, on all hosts together."""
    with self.timer('save'):
      state = self.learner.agent.save()
      self.checkpoint.save(self.step, state, self.meta(), self.sync.score)
    self.sync.saving = False

  def run(self) -> None:
    """Runs until `settings.steps`, or until asked to stop, and saves.

    Raises:
      Diverged: a loss is not finite. The state before it has been saved.
      OtherHostFailed: another host failed. An error of this host is raised
        unchanged.
    """
    self.sync_hosts()
    if not self.checkpoint.steps():
      self.save()
    try:
      self.loop()
      self.end()
    except Exception as error:
      self.rescue(error)
      raise
    finally:
      self.learner.close()
    self.sync.raise_failure()
    if not self.sync.stopping:
      self.report()

  def loop(self) -> None:
    """Repeats rounds, with reports, log lines and checkpoints when due."""
    cfg = self.settings
    report_now = when.Every(cfg.report_every)
    log_now = when.Every(cfg.log_every)
    while not self.sync.over and self.step < cfg.steps:
      self.advance()
      self.show()
      if report_now():
        self.sync.run_local(self.report)
      if log_now():
        self.sync.run_local(self.log)
      if self.sync.saving:
        self.save()
    self.learner.flush()
    self.sync.run_local(self.learner.write_back)

  def update(self) -> None:
    """One update, on all hosts together."""
    self.learner.update()
    self.sync.run_local(self.learner.write_back)
    self.show()

  def end(self) -> None:
    """The last log line, also after a failure, and the last checkpoint."""
    failure, self.sync.failure = self.sync.failure, None
    self.sync.run_local(self.log)
    self.sync.failure = failure or self.sync.failure
    self.sync_hosts()
    try:
      self.save()
      self.sync.ended = True
    except OSError as error:
      if self.sync.failure is None:
        raise
      log.warning('%s', error)

  def rescue(self, error: Exception) -> None:
    """Saves after an error if possible; marks `error` as shared if all hosts
    saved."""
    # A loss that is not finite stops all hosts at the same place. After other
    # errors the hosts are at different places, and after a failed write the
    # next one would fail too.
    alone = self.hosts.count == 1 and not isinstance(error, OSError)
    if alone or isinstance(error, Diverged):
      try:
        self.end()
      except Exception as second:
        log.warning('There is no last checkpoint: %s', second)
    if self.sync.ended:
      mark_shared(error)

  def show(self) -> None:
    """Updates the progress line."""
    self.sync.run_local(self.terminal.update, self.step, self.learner.updates)

  def result(self) -> dict[str, Any]:
    """Numbers to log, by key."""
    return self.learner.result()

  def log(self) -> None:
    """Writes the results since the last call."""
    with self.timer('log'):
      self.logger.add(self.result())
      self.logger.write()

  def report(self) -> None:
    """Writes the agent's report, on the first host."""
    if self.hosts.index:
      return
    with self.timer('report'):
      self.logger.add(self.learner.report(), 'report')
      self.logger.write()
