"""Records what a trained agent does, and what it says, as LRXC data.

The goals of an agent with words are a stack at each step: the goal of the run,
and what each level says, up to the one that it halted at. Nobody knows whether
they were reached.

This is `python -m ponderdream.lrxc collect --policy LOGDIR`, and not a part of
that package, which knows no JAX.
"""

import contextlib
import itertools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from embodied import signals
from embodied.base import Spaces
from embodied.config import Config
from embodied.errors import Stopped
from embodied.experts.plan import LONGEST, Goal, Plan
from embodied.run.tracker import Tracker
from ponderdream import evaluate, settings, texts, trackers
from ponderdream.lrxc import collect, play, store
from ponderdream.lrxc.data import Data, shards
from ponderdream.lrxc.progress import progress

# Number of the first environment; those of evaluation lie below.
FIRST = 2**41


def demonstrate(options: Config) -> int:
  """Lets the newest checkpoint of the run `options.policy` play, as in
  training; returns the exit code.

  Raises:
    UsageError: no run or no checkpoint, actions that cannot be stored, or a
      folder that is in use or has data of other settings.
  """
  options = collect.checked(options)
  config = settings.recall(options.policy)
  folder = pathlib.Path(options.out)
  logdir = str(pathlib.Path(config.logdir).resolve())
  with signals.stop_requested() as stop, store.writing(folder):
    collect.remember(folder, {'policy': logdir})
    done = len(Data(folder)) if shards(folder) else 0
    with progress('episodes', options.episodes, done) as show:
      writer = Writer(folder, config, done, show)
      if done < options.episodes:
        _play(config, options, writer, stop.is_set)
  return collect.finish(folder, writer.done, options.episodes)


class Writer(Tracker):
  """Writes the episodes of all environments, in the order in which they end.

  Args:
    config: settings of the run.
    done: episodes that are in the data set already.
    show: is called with the number that are, after every commit.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    config: Config,
    done: int,
    show: Callable[[int], None],
  ) -> None:
    self.done = done
    self._folder = folder
    self._task = config.task
    self._decode = texts.decoder(config)
    self._goal = texts.wanted(config) if self._decode else None
    self._show = show
    self._keys: list[str] = []
    self._playing: dict[int, play.Recorder] = {}
    self._plans: dict[int, Plan] = {}
    self._ended: list[store.Recording] = []

  def expect(self, obs_space: Spaces, act_space: Spaces) -> None:
    """Says what there is to record. Raises UsageError for other actions than
    LRXC has."""
    play.check_action(self._task, act_space)
    self._keys = play.observed(obs_space)

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    if transition['is_first']:
      self._playing[worker] = play.Recorder(self._keys)
      self._plans[worker] = Plan()
    recorder, plan = self._playing[worker], self._plans[worker]
    if transition['is_last']:
      recorder.add(transition)
      self._end(recorder, plan)
      return
    if self._decode:
      plan.tell(len(recorder), self._stack(transition))
    recorder.add(transition, int(transition['action']))

  def commit(self) -> None:
    """Makes the episodes that ended part of the data set."""
    if not self._ended:
      return
    shard = store.Shard(self._folder, f'shard-{self.done:08}')
    for each in self._ended:
      shard.add(each)
    store.commit(shard.seal())
    self.done += len(self._ended)
    self._ended = []
    self._show(self.done)

  def _stack(self, transition: Mapping[str, Any]) -> list[Goal]:
    """What the agent says at a step, most abstract first."""
    assert self._decode is not None and self._goal is not None
    count = round(float(transition[trackers.STEPS]))
    said = self._decode(transition[trackers.SAID][:count])
    # Of a text without a letter nothing is left, nor of what is below it.
    said = [*itertools.takewhile(str.strip, said)]
    found = [x.strip()[:LONGEST] for x in (self._goal, *said)]
    return [Goal(x, x.split()[0]) for x in found]

  def _end(self, recorder: play.Recorder, plan: Plan) -> None:
    number = self.done + len(self._ended)
    unknown = {'status': 'unknown', 'source': 'inferred', 'goal_image_t': None}
    nodes = plan.nodes(len(recorder) - 1) if self._decode else []
    self._ended.append(
      play.recording(
        recorder.steps(),
        [node | unknown for node in nodes],
        number,
        episode_id=f'policy-{number:06}',
        env_id=self._task,
        goal=self._goal,
        source={'kind': 'policy'},
      )
    )
    if len(self._ended) == store.SHARD:
      self.commit()


def _play(
  config: Config, options: Config, writer: Writer, stop: Callable[[], bool]
) -> None:
  """Plays the episodes that are missing, or as many as there is time for."""
  from embodied.run import evaluate as loop
  from ponderdream import factories

  config = factories.setup(config)
  left = options.episodes - writer.done
  count = min(options.workers, left)
  # Environments that no earlier process of this data set has used.
  first = FIRST + writer.done * options.workers
  driver = factories.make_driver(
    config, count, first, stop, limit=evaluate.OPTIONS.limit
  )
  try:
    writer.expect(driver.obs_space, driver.act_space)
    aloud = evaluate.OPTIONS.update({'video': True})
    _, agent = evaluate.restore(driver, config, aloud)
    with contextlib.suppress(Stopped):
      loop.evaluate(agent, driver, left, [writer], stop)
    writer.commit()
  finally:
    driver.close()
