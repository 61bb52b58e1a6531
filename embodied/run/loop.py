"""What all runs do, whatever they learn from: advance, log, save, end."""

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
  """Where a run is saved."""

  def steps(self) -> list[int]: ...

  def save(
    self, step: int, state: Any, meta: dict[str, Any], score: float | None
  ) -> None: ...

  def load(self, like: Any) -> tuple[int, Any, dict[str, Any]]: ...


class Loop:
  """Base class of the runs.

  A run says how far it is (`step`), what it does in one round (`advance`),
  and what it tells the other hosts (`status`). Checkpoints are numbered by
  `step`.

  Args:
    learner: updates the agent.
    logger, terminal, checkpoint: where results go.
    settings: the `run` block of the configuration.
    stop: asked between steps; True on any host ends the run early.
    hosts: those that train together; this one alone by default.
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
    """What this host reports to the others."""
    saving = self.sync.saving or self.save_now()
    return Status(self.learner.ready, saving)

  def meta(self) -> dict[str, Any]:
    """What a checkpoint holds beside the agent's state, for JSON."""
    return self.learner.save()

  def restore(self, step: int, state: Any, meta: dict[str, Any]) -> None:
    """Goes on from what a checkpoint of `step` holds."""
    self.learner.agent.load(state)
    self.learner.load(meta)

  def sync_hosts(self) -> None:
    """Exchanges the status of all hosts. Common work."""
    with self.timer('sync'):
      self.sync.exchange(self.status())

  def resume(self) -> int:
    """Goes on from the newest checkpoint; returns its step.

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
      OtherHostFailed: another host failed. What failed here is raised as it
        is.
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
    """Rounds, and now and then a report, a log line, a checkpoint."""
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
    """Saves after an error, if that can be done; `error` is marked if all
    hosts have done it."""
    # A loss that is not finite stops all hosts at the same place. After any
    # other error the other hosts are elsewhere; after a failed write the next
    # one would fail too.
    alone = self.hosts.count == 1 and not isinstance(error, OSError)
    if alone or isinstance(error, Diverged):
      try:
        self.end()
      except Exception as second:
        log.warning('There is no last checkpoint: %s', second)
    if self.sync.ended:
      mark_shared(error)

  def show(self) -> None:
    """Brings the line of the terminal up to date."""
    self.sync.run_local(self.terminal.update, self.step, self.learner.updates)

  def result(self) -> dict[str, Any]:
    """Numbers to log, by key."""
    return self.learner.result()

  def log(self) -> None:
    """Writes what happened since the last time."""
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
