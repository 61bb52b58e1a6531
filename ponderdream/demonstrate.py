"""Records what a trained agent does, and what it says, as LRXC data.

The goals of an agent with words are a stack at each step: the goal of the run,
and what each level says, up to the one that it halted at. Nobody knows whether
they were reached.

With an expert, the agent plays, and the expert says at every step what it
would do: its plan and its actions are what is to be imitated.

This is `python -m ponderdream.lrxc collect --policy LOGDIR`, and not a part of
that package, which knows no JAX.
"""

import contextlib
import functools
import itertools
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from embodied import Driver, envs, signals, wrappers
from embodied.base import Spaces
from embodied.config import Config
from embodied.envs import several
from embodied.errors import Stopped, UsageError
from embodied.experts import make_expert
from embodied.experts.advised import Advised
from embodied.experts.plan import LONGEST, Goal, Plan
from embodied.run.tracker import Tracker
from ponderdream import evaluate, settings, texts, trackers
from ponderdream.lrxc import collect, play, store, tables
from ponderdream.lrxc.data import Data, shards
from ponderdream.lrxc.progress import progress

# Number of the first environment; those of evaluation lie below.
FIRST = 2**41
# An episode uses one environment of so many at most.
MANY = 2**14


def demonstrate(options: Config) -> int:
  """Lets the newest checkpoint of the run `options.policy` play, as in
  training; returns the exit code.

  Raises:
    UsageError: no run or no checkpoint, actions that cannot be stored, or a
      folder that is in use or has data of other settings.
  """
  options = collect.checked(options)
  config = settings.recall(options.policy)
  if len(several.tasks(config.task)) > 1:
    raise UsageError(
      f'The agent of {options.policy} acts in several worlds, {config.task};'
      ' a data set is of one.'
    )
  folder = pathlib.Path(options.out)
  about: dict[str, Any] = {
    'policy': str(pathlib.Path(config.logdir).resolve())
  }
  if options.expert:
    check_task(options, config)
    about |= {'expert': options.expert, 'variant': collect.variants(options)}
  with signals.stop_requested() as stop, store.writing(folder):
    collect.remember(folder, about)
    done = len(Data(folder)) if shards(folder) else 0
    with progress('episodes', options.episodes, done) as show:
      writer = Writer(folder, config, done, show, options.expert)
      if done < options.episodes:
        _play(config, options, writer, stop.is_set)
  return collect.finish(folder, writer.done, options.episodes)


class Writer(Tracker):
  """Writes the episodes of all environments, in the order in which they end.

  Args:
    config: settings of the run.
    done: episodes that are in the data set already.
    show: is called with the number that are, after every commit.
    expert: the name of the one that advises, or ''.

  Attributes:
    advised: the environments in which it does, by worker.
  """

  def __init__(
    self,
    folder: pathlib.Path,
    config: Config,
    done: int,
    show: Callable[[int], None],
    expert: str = '',
  ) -> None:
    self.done = done
    self.advised: dict[int, Advised] = {}
    self._expert = expert
    self._folder = folder
    self._task = config.task
    self._decode = texts.decoder(config)
    self._goal = texts.wanted(config, config.task) if self._decode else None
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
    meant: int | None = transition.get(tables.INTENDED)
    if transition['is_last']:
      recorder.add(transition, intended=meant)
      self._end(recorder, self._nodes(recorder, plan, worker))
      return
    if self._decode and not self._expert:
      plan.tell(len(recorder), self._stack(transition))
    recorder.add(transition, int(transition['action']), intended=meant)

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

  def _nodes(
    self, recorder: play.Recorder, plan: Plan, worker: int
  ) -> list[dict[str, Any]]:
    """The plan of an episode that ended: the expert's, or what was said."""
    unknown = {'status': 'unknown', 'goal_image_t': None}
    if self._expert:
      nodes = self.advised[worker].plans.popleft()
      above = {x['parent_id'] for x in nodes}
      # The expert's actions are what it would have done.
      return [x if x['node_id'] in above else x | unknown for x in nodes]
    unknown['source'] = 'inferred'
    nodes = plan.nodes(len(recorder) - 1) if self._decode else []
    return [node | unknown for node in nodes]

  def _end(self, recorder: play.Recorder, nodes: list[dict[str, Any]]) -> None:
    number = self.done + len(self._ended)
    source = {'kind': 'policy'}
    if self._expert:
      source['extractor'] = self._expert
    self._ended.append(
      play.recording(
        recorder.steps(),
        nodes,
        number,
        episode_id=f'policy-{number:06}',
        env_id=self._task,
        goal=nodes[0]['text'] if self._expert else self._goal,
        source=source,
      )
    )
    if len(self._ended) == store.SHARD:
      self.commit()


def check_task(options: Config, config: Config) -> None:
  """Raises UsageError if the expert plays another task than the agent."""
  task = make_expert(options.expert, **collect.variants(options)).task
  if task != config.task:
    raise UsageError(
      f"The expert '{options.expert}' plays {task}, and the agent"
      f' {config.task}; give an agent of its task.'
    )


def _advised(
  config: Config, options: Config, writer: Writer, numbers: range
) -> Driver:
  """Environments of these numbers in this process, each with an expert that
  advises; the writer gets to know them."""
  from ponderdream import factories

  envs.warm_up(config.task)
  limited = functools.partial(
    wrappers.limited, factories.env_maker(config), evaluate.OPTIONS.limit
  )

  def make(worker: int) -> Advised:
    expert = make_expert(options.expert, **collect.variants(options))
    number = numbers[worker]
    # Episodes of one environment get numbers of their own.
    seed = number * collect.SEEDS
    writer.advised[worker] = Advised(limited(number), expert, seed)
    return writer.advised[worker]

  makers = [functools.partial(make, i) for i in range(len(numbers))]
  return Driver(makers, parallel=False)


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
  first = FIRST + writer.done * MANY
  if options.expert:
    driver = _advised(config, options, writer, range(first, first + count))
  else:
    driver = factories.make_driver(
      config, count, first, stop, limit=evaluate.OPTIONS.limit
    )
  try:
    writer.expect(driver.obs_space, driver.act_space)
    aloud = evaluate.OPTIONS.update({'video': not options.expert})
    _, agent = evaluate.restore(driver, config, aloud)
    with contextlib.suppress(Stopped):
      loop.evaluate(agent, driver, left, [writer], stop)
    writer.commit()
  finally:
    driver.close()
