"""Acts, remembers and learns until the steps are done."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from embodied import logger as logger_
from embodied import metrics as metrics_
from embodied import success as success_
from embodied import when
from embodied.base import Agent
from embodied.driver import Driver
from embodied.replay import Replay
from embodied.streams import Prefetch
from embodied.terminal import Terminal


class Checkpoint(Protocol):
  """Where a run is saved."""

  def steps(self) -> list[int]: ...

  def save(self, step: int, state: Any, meta: dict[str, Any]) -> None: ...

  def load(self, like: Any) -> tuple[int, Any, dict[str, Any]]: ...


class Diverged(RuntimeError):
  """A loss, or the gradient, is not a finite number."""


# Updates between two environment steps at most: those that a killed process
# owes are made up for bit by bit, with checkpoints in between.
CATCH_UP = 16


class Train:
  """The training loop.

  One environment step per environment, then as many updates as the ratio
  owes; now and then a log line, a report, a checkpoint.

  Args:
    agent, driver, replay, logger, terminal, checkpoint: the parts.
    settings: the `run` block of the configuration.
    batch: sequences per update.
    length: steps per sequence that are learnt from.
    stop: asked between steps; True ends the run early.
  """

  def __init__(
    self,
    agent: Agent,
    driver: Driver,
    replay: Replay,
    logger: logger_.Logger,
    terminal: Terminal,
    checkpoint: Checkpoint,
    success: success_.Success,
    settings: Any,
    batch: int,
    length: int,
    stop: Callable[[], bool],
  ) -> None:
    self.agent = agent
    self.driver = driver
    self.replay = replay
    self.logger = logger
    self.terminal = terminal
    self.checkpoint = checkpoint
    self.success = success
    self.settings = settings
    self.batch = batch
    self.length = length
    self.stop = stop
    # Steps of which the replay knows nothing, if its files were deleted.
    self.forgotten = 0
    self.updates = 0
    self.ratio = when.Ratio(settings.train_ratio / (batch * length))
    self.metrics = metrics_.Metrics()
    self.episodes = metrics_.Episodes()
    # Ponder steps of the actions since the last log line.
    self.thought: list[float] = []
    self.stream = Prefetch(lambda: agent.place(replay.sample(batch)))
    self.carry = agent.init_train(batch)
    driver.on_step(replay.add)
    driver.on_step(self.follow)
    driver.reset(agent.init_policy)

  @property
  def step(self) -> int:
    """Environment steps since the run began, in any process."""
    return self.forgotten + self.replay.total

  def resume(self) -> int:
    """Goes on from the newest checkpoint, and returns its step. Steps that
    were taken after it are in the replay, and count."""
    step, state, meta = self.checkpoint.load(self.agent.save())
    self.agent.load(state)
    self.forgotten = max(meta['forgotten'], step - self.replay.total)
    self.updates = meta['updates']
    self.ratio.load(meta['ratio'])
    return step

  def save(self) -> None:
    """Writes a checkpoint of this step."""
    meta = {
      'forgotten': self.forgotten,
      'updates': self.updates,
      'ratio': self.ratio.save(),
    }
    self.checkpoint.save(self.step, self.agent.save(), meta)

  def run(self) -> None:
    """Trains until `settings.steps`, or until asked to stop, and saves.

    Raises:
      Diverged: a loss is not finite. The state before it has been saved.
    """
    cfg = self.settings
    log, show, save = (
      when.Every(x) for x in (cfg.log_every, cfg.report_every, cfg.save_every)
    )
    policy = lambda carry, obs: self.agent.policy(carry, obs, mode='train')
    if not self.checkpoint.steps():
      self.save()
    try:
      while self.step < cfg.steps and not self.stop():
        self.driver(policy, steps=len(self.driver))
        self.learn()
        self.terminal.update(self.step, self.updates)
        if show():
          self.report()
        if log():
          self.log()
        if save():
          self.save()
      self.take(*self.agent.flush())
    finally:
      self.stream.close()
      self.save()
      self.log()
    if not self.stop():
      self.report()

  def learn(self) -> None:
    """The updates that are owed, once there is enough to learn from."""
    if len(self.replay) < self.batch * self.length:
      return
    for _ in range(CATCH_UP):
      if self.stop() or not self.ratio.due(self.step, most=1):
        return
      data = next(self.stream)
      self.carry, outs, metrics = self.agent.train(self.carry, data)
      self.updates += 1
      self.take(outs, metrics)
      self.terminal.update(self.step, self.updates)

  def take(self, outs: dict[str, Any], metrics: Mapping[str, Any]) -> None:
    """Checks and keeps what an update gave; both may be empty.

    Raises:
      Diverged: naming each loss that is not finite.
    """
    bad = [
      k
      for k, v in metrics.items()
      if not math.isfinite(v) and k.startswith(('loss/', 'opt/'))
    ]
    if bad:
      raise Diverged(
        f'No finite number at step {self.step}: {", ".join(bad)}. The state'
        ' before it is saved.'
      )
    if metrics:
      self.metrics.add(metrics, 'train')
    if outs:
      self.replay.update(outs.pop('stepid'), outs)

  def follow(self, transition: dict[str, Any], worker: int) -> None:
    """Writes down how long was thought, and every episode that ends."""
    if 'log/ponder_steps' in transition:
      self.thought.append(float(transition['log/ponder_steps']))
    episode = self.episodes.add(transition, worker)
    if episode is None:
      return
    unlocked = success_.unlocked(episode)
    self.success.add(unlocked)
    line = {'score': episode['score'], 'length': episode['length']}
    if 'log/ponder_steps/sum' in episode:
      # The policy is asked at the first observation, too.
      steps = episode['log/ponder_steps/sum'] / (episode['length'] + 1)
      line['ponder_steps'] = steps
    line |= {success_.ACHIEVEMENT + k: v for k, v in unlocked.items()}
    self.logger.add(line, 'episode')
    self.logger.write()

  def log(self) -> None:
    """Writes the means since the last time."""
    self.logger.add(self.metrics.result())
    self.logger.add(self.success.result())
    self.logger.add(self.replay.stats(), 'replay')
    if self.thought:
      self.logger.add({'ponder_steps': np.array(self.thought)}, 'acted')
      self.thought.clear()
    self.logger.add(
      {'updates': self.updates, 'restarts': self.driver.restarts}, 'run'
    )
    self.logger.write()

  def report(self) -> None:
    """Writes predictions of the model beside the truth, if there is any."""
    if not len(self.replay):
      return
    data = self.replay.sample(self.batch, fresh=False)
    _, report = self.agent.report((), data)
    self.logger.add(report, 'report')
    self.logger.write()
