"""The runs by `run.script`: builds a run and resumes it."""

import contextlib
import functools
import pathlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from embodied import errors, lock
from embodied.base import Spaces
from embodied.config import Config
from embodied.errors import UsageError
from embodied.log import scores
from embodied.run.learner import Learner
from embodied.run.loop import Loop
from embodied.run.offline import Offline
from embodied.run.tracker import Tracker
from embodied.run.train import Train
from embodied.sources import Source
from ponderdream import datasets, factories, objectives, settings
from ponderdream.checkpoint import Checkpoint
from ponderdream.distributed import console, devices, hosts


class Parts(NamedTuple):
  """The parts of a run that each host builds for itself.

  Attributes:
    spaces: observation and action spaces.
    source: of training batches.
    make: makes the run from the arguments of `Loop`.
    trackers: further metrics.
    resumed: whether the logdir holds an earlier part of this run.
  """

  spaces: tuple[Spaces, Spaces]
  source: Source
  make: Callable[..., Loop]
  trackers: Sequence[Tracker] = ()
  resumed: bool = False


def train(
  config: Config, stack: contextlib.ExitStack, stop: threading.Event
) -> Parts:
  """The parts of a run that acts and learns."""
  replay = keep(stack, factories.make_replay(config))
  # Environments get numbers that no earlier process of this run has used.
  driver = keep(
    stack,
    factories.make_driver(
      config,
      config.run.envs,
      replay.total,
      stop.is_set,
      ask=config.run.ask,
    ),
  )
  spaces = driver.obs_space, driver.act_space
  source = datasets.make(config, spaces, {'replay': replay})
  trackers = factories.make_trackers(config, config.run.watch)
  make = functools.partial(
    Train,
    driver=driver,
    replay=replay,
    newest=factories.make_newest(config),
    trackers=trackers,
  )
  return Parts(spaces, source, make, trackers)


def offline(
  config: Config, stack: contextlib.ExitStack, stop: threading.Event
) -> Parts:
  """The parts of a run that only learns."""
  spaces = factories.make_spaces(config)
  return Parts(spaces, datasets.make(config, spaces, {}), Offline)


RUNS = {'train': train, 'offline': offline}


def keep(stack: contextlib.ExitStack, part: Any) -> Any:
  """Returns the part, which the stack will close."""
  return stack.enter_context(contextlib.closing(part))


def prepare(
  config: Config, stack: contextlib.ExitStack, stop: threading.Event
) -> Parts:
  """Builds what may fail on a single host: folders, locks, environments,
  data. The stack closes them.

  Raises:
    UsageError: a setting, a folder or a data set that cannot be used.
  """
  devices.share(config.batch.size)
  settings.make_logdir(config)
  for folder in factories.locked(config):
    stack.enter_context(lock.hold(folder))
  resumed = not hosts.host() and settings.compare(config)
  parts = RUNS[config.run.script](config, stack, stop)
  keep(stack, parts.source)
  return parts._replace(resumed=resumed)


def assemble(
  config: Config,
  stack: contextlib.ExitStack,
  stop: threading.Event,
  parts: Parts,
) -> tuple[Loop, Checkpoint]:
  """Builds the run and its checkpoints, on all hosts together. The stack
  closes them."""
  agent = factories.make_agent(parts.spaces, config)
  console.say(learnt(config))
  where = factories.checkpoints(config)
  checkpoint = Checkpoint(where, config.run.keep, config.flat)
  keep(stack, checkpoint)
  before = scores.read(pathlib.Path(config.logdir) / 'scores.jsonl')
  for tracker in parts.trackers:
    tracker.load(before)
  best = scores.best(before)
  terminal = factories.make_terminal(config, best, parts.trackers)
  logger = factories.make_logger(config, terminal, lambda: run.step)
  keep(stack, logger)
  share = devices.share(config.batch.size)
  run: Loop = parts.make(
    learner=Learner(agent, parts.source, share, config.batch.length),
    logger=logger,
    terminal=terminal,
    checkpoint=checkpoint,
    settings=config.run,
    stop=stop.is_set,
    hosts=hosts.Hosts(),
  )
  return run, checkpoint


def learnt(config: Config) -> str:
  """Which losses are learnt from which steps, in a sentence."""
  scales = config.loss_scales

  def losses(fresh: bool) -> list[str]:
    rows = objectives.active(scales, fresh).values()
    return [x for row in rows for x in row.scales if scales[x]]

  replayed = losses(False)
  fresh = [x for x in losses(True) if x not in replayed]
  if config.run.script == 'offline':
    acts = {'policy', 'bc', 'clone'} & {*replayed}
    rest = '' if acts else ', and no policy'
    return f'Learning {", ".join(replayed)} from data{rest}.'
  told = [f'{", ".join(fresh)} from the newest steps'] if fresh else []
  if not config.run.train_ratio:
    told += ['nothing from replayed ones, as run.train_ratio is 0']
  elif replayed:
    told += [f'{", ".join(replayed)} from replayed ones']
  return f'Learning {", and ".join(told)}.'


def resume(
  run: Loop, checkpoint: Checkpoint, config: Config, resumed: bool
) -> None:
  """Restores the newest checkpoint, or copies the parameters of `init_from`;
  prints which.

  Args:
    resumed: whether the logdir of this host holds an earlier part of the run.

  Raises:
    UsageError: the hosts do not share checkpoints, or the checkpoints were
      saved with other settings.
  """
  run.sync_hosts()
  # Host 0 writes config.yaml, so its answer decides.
  resumed = bool(hosts.exchange([resumed])[0, 0])
  where = checkpoint.directory
  if not hosts.shared(where):
    raise errors.mark_shared(
      UsageError(
        'The hosts do not see the same checkpoints; name a folder or bucket'
        ' that all of them share by --checkpoints.'
      )
    )
  # Checkpoints may be outside of the logdir, and exist although it was lost.
  if checkpoint.steps():
    hosts.together(lambda: check_checkpoints(checkpoint, config))
    step = run.resume()
    console.say(f'Resuming at step {run.step}, from the checkpoint of {step}.')
    return
  if resumed:
    console.say(
      f'There is no checkpoint in {where}: starting with new networks at step'
      f' {run.step}.'
    )
  if config.init_from:
    hosts.together(lambda: adopt(run.learner.agent, config.init_from))


def adopt(agent: Any, name: str) -> None:
  """Copies the parameters of another run; prints which were not copied.

  Args:
    name: the logdir of that run, or its folder of checkpoints.

  Raises:
    UsageError: there is no checkpoint, or no parameter fits.
  """
  inside = pathlib.Path(name).expanduser() / 'checkpoints'
  where = inside if inside.is_dir() else name
  with contextlib.closing(Checkpoint(where)) as saved:
    params = saved.load_params()
  missing = agent.adopt(params)
  count = len(jax.tree.leaves(agent.state.params))
  if len(missing) == count:
    raise UsageError(
      f'No parameter of {name} has the name and shape of one here; give a run'
      ' with the same networks as init_from.'
    )
  rest = f'; new: {", ".join(missing)}' if missing else ''
  console.say(
    f'Took {count - len(missing)} of {count} parameters from {name}{rest}.'
  )


def check_checkpoints(checkpoint: Checkpoint, config: Config) -> None:
  """Raises UsageError if they were saved with other settings."""
  found = checkpoint.config()
  if found:
    where = checkpoint.directory
    before = settings.complete(Config(found), where, config)
    settings.check_same(
      config, before, f'The folder {where} has checkpoints of'
    )
