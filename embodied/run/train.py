"""Collects and learns: the run of an agent in its environments."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from embodied import when
from embodied.base import Carry, Obs
from embodied.driver import Driver
from embodied.fresh import Fresh
from embodied.log.metrics import Episodes, Metrics
from embodied.replay import Replay
from embodied.run.loop import Loop
from embodied.run.sync import RECENT, Status
from embodied.run.tracker import Tracker

# Most updates in one round, or twice what a round owes. After a crash the
# backlog is worked off gradually, so that checkpoints happen in between.
CATCH_UP = 16


class Newest(NamedTuple):
  """How a run learns from its newest steps: they are collected in `fresh`,
  and are learnt from several times in batches of `rows` windows.

  Attributes:
    epochs: how often.
    more: so much more often at the beginning; it falls linearly to nothing
    steps: in so many environment steps.
  """

  fresh: Fresh
  rows: int
  epochs: int
  more: int = 0
  steps: float = 1.0

  def epochs_at(self, step: int) -> int:
    """Epochs at an environment step."""
    left = max(0.0, 1 - step / self.steps)
    return self.epochs + round(self.more * left)


class Train(Loop):
  """One environment step per environment, then the updates that the ratio
  owes. Its clock is environment steps, those of all hosts.

  Args:
    driver: the environments.
    replay: where steps are added; the learner's source, or a part of it.
    newest: how the newest steps are learnt from at once; None if not.
    trackers: what else to measure.
    common: the arguments of `Loop`.
  """

  def __init__(
    self,
    driver: Driver,
    replay: Replay,
    newest: Newest | None = None,
    trackers: Sequence[Tracker] = (),
    **common: Any,
  ) -> None:
    super().__init__(**common)
    self.driver = driver
    self.replay = replay
    self.newest = newest
    self.trackers = trackers
    # Steps of the run that none of these replays knows of, because files were
    # deleted or a host has left.
    self.forgotten = 0
    learner, hosts = self.learner, self.hosts.count
    replayed = learner.batch * hosts * learner.length
    ratio = self.settings.train_ratio / replayed
    self.ratio = when.Ratio(ratio)
    owed = math.ceil(ratio * len(driver) * hosts)
    self.most = max(CATCH_UP, 2 * owed)
    self.episodes = Episodes()
    self.asked = Metrics()
    self.recent: deque[float] = deque(maxlen=RECENT)
    driver.on_step(self.add)
    if newest is not None:
      driver.on_step(newest.fresh.add)
    driver.on_step(self.on_transition)
    driver.reset(learner.agent.init_policy)

  @property
  def step(self) -> int:
    """Environment steps of all hosts since the run began, in any process."""
    here = range(self.hosts.count)
    others = [str(i) for i in here if i != self.hosts.index]
    totals = self.sync.totals
    others_total = sum(totals.get(k, 0) for k in others)
    return self.forgotten + self.replay.total + others_total

  def status(self) -> Status:
    ready, saving, *_ = super().status()
    return Status(
      ready,
      saving,
      self.newest is not None and self.newest.fresh.full,
      self.replay.total,
      len(self.recent),
      sum(self.recent),
    )

  def meta(self) -> dict[str, Any]:
    return super().meta() | {
      'forgotten': self.forgotten,
      'totals': self.sync.totals,
      'ratio': self.ratio.save(),
    }

  def restore(self, step: int, state: Any, meta: dict[str, Any]) -> None:
    """Goes on from a checkpoint. Steps that were taken after it are in the
    replays, and count."""
    self.learner.agent.load(state, self.replay.total)
    self.learner.load(meta)
    self.ratio.load(meta['ratio'])
    # Before there were several hosts, their totals were not written.
    before = meta.get('totals', {'0': step - meta['forgotten']})
    self.sync.totals = before | self.sync.totals
    self.sync_hosts()
    here = (str(i) for i in range(self.hosts.count))
    known = sum(min(before.get(k, 0), self.sync.totals[k]) for k in here)
    self.forgotten = step - known

  def advance(self) -> None:
    self.sync.run_local(self.collect)
    self.sync.run_local(self.fetch)
    self.sync_hosts()
    # What all hosts know decides: one may have failed before its windows were
    # complete.
    if self.newest is not None and self.sync.full and not self.sync.over:
      self.learn_from_newest(self.newest)
    for _ in range(self.most):
      if self.sync.over or not self.sync.ready:
        return
      if not self.ratio.due(self.step, most=1):
        return
      self.update()
      self.sync.run_local(self.fetch)
      self.sync_hosts()

  def learn_from_newest(self, newest: Newest) -> None:
    """Updates on the newest steps, whose windows are complete."""
    epochs = newest.epochs_at(self.step)
    for batch in newest.fresh.batches(newest.rows, epochs):
      self.sync_hosts()
      if self.sync.over:
        return
      self.learner.update_fresh(batch)
      self.sync.run_local(self.learner.write_back)
    self.show()

  def collect(self) -> None:
    """One step of every environment."""
    with self.timer('env'):
      self.driver(self.policy, steps=len(self.driver))

  def policy(self, carry: Carry, obs: Obs) -> tuple[Carry, Any, Any]:
    """The agent's policy, timed."""
    with self.timer('policy'):
      return self.learner.agent.policy(carry, obs, mode='train')

  def fetch(self) -> None:
    """Fetches a batch once the replay holds as many windows as a batch has
    steps, if anything is learnt from it."""
    if not self.settings.train_ratio:
      return
    least = self.learner.batch * self.learner.length
    if not self.learner.ready and len(self.replay) >= least:
      self.learner.fetch()

  def add(self, transition: dict[str, Any], worker: int) -> None:
    """Adds a step to the replay."""
    with self.timer('add'):
      self.replay.add(transition, worker)

  def on_transition(self, transition: dict[str, Any], worker: int) -> None:
    """Tells the trackers, and writes a line for every episode that ends."""
    with self.timer('log'):
      for tracker in self.trackers:
        tracker.on_step(transition, worker)
      episode = self.episodes.add(transition, worker)
      if episode is None:
        return
      if episode.get('log/asked/max'):
        # Its reward is not the task's.
        shown = {'reached': episode['score'], 'length': episode['length']}
        self.asked.add(shown, 'asked')
        return
      self.recent.append(episode['score'])
      line = {'score': episode['score'], 'length': episode['length']}
      for tracker in self.trackers:
        line |= tracker.episode(episode)
      self.logger.add(line, 'episode')
      self.logger.write()

  def report(self) -> None:
    """Writes the agent's report, unless it does not learn from the replay."""
    if self.settings.train_ratio:
      super().report()

  def result(self) -> dict[str, Any]:
    numbers = super().result() | {'run/restarts': self.driver.restarts}
    numbers |= self.asked.result()
    for tracker in self.trackers:
      numbers |= tracker.result()
    return numbers
