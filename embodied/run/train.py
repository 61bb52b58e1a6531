"""Acts, remembers and learns until the steps are done.

On several hosts each one runs this loop, with environments and a replay of
its own, and brings its share of every batch. Updates and checkpoints are
common work: all hosts have to begin them together. So they tell each other
how things stand, and decide alike from the same numbers (`Train.meet`). What
goes wrong on one host alone is told at the next meeting, and ends the run on
all of them, after a common checkpoint.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from embodied import success as success_
from embodied import when
from embodied.base import Agent
from embodied.driver import Driver
from embodied.errors import Stopped, UsageError, agree
from embodied.hosts import Alone, Hosts
from embodied.log import logger as logger_
from embodied.log import metrics as metrics_
from embodied.log.terminal import Terminal
from embodied.replay import Replay
from embodied.streams import Prefetch

log = logging.getLogger('embodied')


class Checkpoint(Protocol):
  """Where a run is saved."""

  def steps(self) -> list[int]: ...

  def save(
    self, step: int, state: Any, meta: dict[str, Any], score: float | None
  ) -> None: ...

  def load(self, like: Any) -> tuple[int, Any, dict[str, Any]]: ...


class Diverged(RuntimeError):
  """A loss, or the gradient, is not a finite number."""


class Elsewhere(RuntimeError):
  """Another host failed."""


# Updates between two environment steps at most, or twice what they owe: those
# that a killed process owes are made up for bit by bit, with checkpoints in
# between.
CATCH_UP = 16

# Episodes whose mean return says how good a checkpoint is.
RECENT = 10


class Train:
  """The training loop.

  One environment step per environment, then as many updates as the ratio
  owes; now and then a log line, a report, a checkpoint.

  Args:
    agent, driver, replay, logger, terminal, checkpoint: the parts.
    settings: the `run` block of the configuration.
    batch: sequences per update that this host brings.
    length: steps per sequence that are learnt from.
    stop: asked between steps; True on any host ends the run early.
    hosts: those that train together.
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
    hosts: Hosts | None = None,
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
    self.hosts = hosts or Alone()
    # Steps that none of these replays knows of: the files were deleted, or
    # they are those of a host that is not there any more.
    self.forgotten = 0
    # Steps ever added, by host; of the other ones as of the last meeting.
    self.totals: dict[str, int] = {}
    self.updates = 0
    replayed = batch * self.hosts.count * length
    self.ratio = when.Ratio(settings.train_ratio / replayed)
    steps = len(driver) * self.hosts.count
    owed = math.ceil(settings.train_ratio / replayed * steps)
    self.most = max(CATCH_UP, 2 * owed)
    self.save_now = when.Every(settings.save_every)
    self.metrics = metrics_.Metrics()
    self.episodes = metrics_.Episodes()
    self.recent: deque[float] = deque(maxlen=RECENT)
    # Ponder steps of the actions since the last log line.
    self.thought: list[float] = []
    self.stream = Prefetch(lambda: agent.place(replay.sample(batch)))
    self.data: Any = None
    self.failure: Exception | None = None
    # What the hosts agreed on when they last met.
    self.ready = self.stopping = self.failing = self.saving = False
    self.score: float | None = None
    # Whether all hosts came to the end, with its checkpoint, together.
    self.ended = False
    driver.on_step(replay.add)
    driver.on_step(self.follow)
    driver.reset(agent.init_policy)

  @property
  def step(self) -> int:
    """Environment steps of all hosts since the run began, in any process."""
    names = (str(i) for i in range(self.hosts.count) if i != self.hosts.index)
    others = sum(self.totals.get(k, 0) for k in names)
    return self.forgotten + self.replay.total + others

  def meet(self) -> None:
    """Tells the other hosts how things stand here, and takes it from all."""
    own = {
      'total': self.replay.total,
      'ready': self.data is not None,
      'stopping': self.stop(),
      'failing': self.failure is not None,
      'saving': self.saving or self.save_now(),
      'episodes': len(self.recent),
      'returns': sum(self.recent),
    }
    rows = self.hosts.exchange(list(own.values()))
    told = dict(zip(own, rows.T, strict=True))
    self.totals |= {str(i): int(x) for i, x in enumerate(told['total'])}
    self.ready = bool(told['ready'].all())
    self.stopping = bool(told['stopping'].any())
    self.failing = bool(told['failing'].any())
    self.saving = bool(told['saving'][0])
    episodes = told['episodes'].sum()
    enough = episodes >= RECENT
    self.score = float(told['returns'].sum() / episodes) if enough else None

  def attempt(self, part: Callable[..., object], *args: Any) -> None:
    """Does what concerns this host alone; an error of it is told to the
    others at the next meeting, and raised when all have come to an end."""
    try:
      if self.failure is None:
        part(*args)
    except Stopped:
      pass  # as the next meeting will tell
    except Exception as error:
      self.failure = error

  def resume(self) -> int:
    """Goes on from the newest checkpoint, and returns its step. Steps that
    were taken after it are in the replays, and count.

    Raises UsageError if the hosts read different ones."""
    step, state, meta = self.checkpoint.load(self.agent.save())
    if (self.hosts.exchange([step]) != step).any():
      raise agree(
        UsageError(
          'The hosts read different checkpoints, as a newer one is damaged for'
          ' some of them; restore a copy or delete it.'
        )
      )
    self.agent.load(state, self.replay.total)
    # Before there were several hosts, their totals were not written.
    before = meta.get('totals', {'0': step - meta['forgotten']})
    self.totals = before | self.totals
    self.meet()
    here = (str(i) for i in range(self.hosts.count))
    known = sum(min(before.get(k, 0), self.totals[k]) for k in here)
    self.forgotten = step - known
    self.updates = meta['updates']
    self.ratio.load(meta['ratio'])
    return step

  def save(self) -> None:
    """Writes a checkpoint of this step, on all hosts together."""
    meta = {
      'forgotten': self.forgotten,
      'totals': self.totals,
      'updates': self.updates,
      'ratio': self.ratio.save(),
    }
    state = self.agent.save()
    self.checkpoint.save(self.step, state, meta, self.score)
    self.saving = False

  def run(self) -> None:
    """Trains until `settings.steps`, or until asked to stop, and saves.

    Raises:
      Diverged: a loss is not finite. The state before it has been saved.
      Elsewhere: another host failed; what failed here is raised as it is.
    """
    self.meet()
    if not self.checkpoint.steps():
      self.save()
    try:
      self.loop()
      self.end()
    except Exception as error:
      # After anything but a loss, which is the same on all of them, the other
      # hosts are elsewhere; after a failed write, the next one would fail too.
      alone = self.hosts.count == 1 and not isinstance(error, OSError)
      if alone or isinstance(error, Diverged):
        self.rescue()
      if self.ended:
        agree(error)
      raise
    finally:
      self.stream.close()
    if self.failure is not None:
      raise agree(self.failure) if self.ended else self.failure
    if self.failing:
      raise agree(Elsewhere('Another host failed; what it printed says why.'))
    if not self.stopping:
      self.report()

  def loop(self) -> None:
    """Steps, updates, and now and then a report, a log line, a checkpoint."""
    cfg = self.settings
    write, show = when.Every(cfg.log_every), when.Every(cfg.report_every)
    policy = lambda carry, obs: self.agent.policy(carry, obs, mode='train')
    act = lambda: self.driver(policy, steps=len(self.driver))
    while not (self.stopping or self.failing or self.step >= cfg.steps):
      self.attempt(act)
      self.learn()
      self.show()
      if show():
        self.attempt(self.report)
      if write():
        self.attempt(self.log)
      if self.saving:
        self.save()
    self.take(*self.agent.flush())

  def end(self) -> None:
    """The last log line, also after a failure, and the last checkpoint."""
    failure, self.failure = self.failure, None
    self.attempt(self.log)
    self.failure = failure or self.failure
    self.meet()
    try:
      self.save()
      self.ended = True
    except OSError as error:
      if self.failure is None:
        raise
      log.warning('%s', error)

  def rescue(self) -> None:
    """`end` on the way out of an error, which is the one to be told of."""
    try:
      self.end()
    except Exception as error:
      log.warning('There is no last checkpoint: %s', error)

  def show(self) -> None:
    """Brings the line of the terminal up to date."""
    self.attempt(self.terminal.update, self.step, self.updates)

  def learn(self) -> None:
    """The updates that are owed, once all hosts have enough to learn from."""
    for _ in range(self.most):
      self.attempt(self.fetch)
      self.meet()
      if self.stopping or self.failing or not self.ready:
        return
      if not self.ratio.due(self.step, most=1):
        return
      data, self.data = self.data, None
      outs, metrics = self.agent.train(data)
      self.updates += 1
      self.take(outs, metrics)
      self.show()

  def fetch(self) -> None:
    """Has a batch at hand, if there is enough to make it of."""
    if self.data is None and len(self.replay) >= self.batch * self.length:
      self.data = next(self.stream)

  def take(self, outs: dict[str, Any], metrics: Mapping[str, Any]) -> None:
    """Checks and keeps what an update gave; both may be empty.

    Raises:
      Diverged: naming each loss that is not finite; the metrics are those of
        all hosts, so it is raised on all of them.
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
      self.attempt(self.replay.update, outs.pop('stepid'), outs)

  def follow(self, transition: dict[str, Any], worker: int) -> None:
    """Writes down how long was thought, and every episode that ends."""
    # After the last observation nothing is done, whatever was thought.
    if 'log/ponder_steps' in transition and not transition['is_last']:
      self.thought.append(float(transition['log/ponder_steps']))
    episode = self.episodes.add(transition, worker)
    if episode is None:
      return
    self.recent.append(episode['score'])
    unlocked = success_.unlocked(episode)
    self.success.add(unlocked)
    line = {'score': episode['score'], 'length': episode['length']}
    if 'log/ponder_steps/sum' in episode:
      last = episode['log/ponder_steps/last']
      steps = episode['log/ponder_steps/sum'] - last
      line['ponder_steps'] = steps / episode['length']
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
    if self.hosts.index or not len(self.replay):
      return
    data = self.replay.sample(self.batch, fresh=False)
    self.logger.add(self.agent.report(data), 'report')
    self.logger.write()
