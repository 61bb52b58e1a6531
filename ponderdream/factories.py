"""Makes the parts of a run from its configuration."""

import contextlib
import functools
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax

import embodied
from embodied import envs, fresh, replay, sources
from embodied.base import Spaces
from embodied.config import Config
from embodied.envs import achievements
from embodied.errors import UsageError
from embodied.log import logger, terminal
from embodied.replay import selectors
from embodied.run.tracker import Tracker
from embodied.run.train import Newest
from ponderdream import settings, trackers
from ponderdream.agent import Acting, Agent
from ponderdream.distributed import devices, hosts
from ponderdream.dream import posterior
from ponderdream.nets.cpu import malloc as memory

# Numbers of environments that are reserved for each host.
WORLDS = 2**48

# What a platform needs beyond the plain installation.
EXTRAS = {'cuda': 'cuda', 'gpu': 'cuda', 'tpu': 'tpu'}


def connect(config: Config) -> None:
  """Joins the other hosts of the run, if there are any. Raises UsageError."""
  jax_ = config.jax
  if jax_.platform != 'auto':
    jax.config.update('jax_platforms', jax_.platform)
  hosts.connect(jax_.distributed, jax_.num_processes, jax_.process_id)


def folder(config: Config) -> pathlib.Path:
  """Where this host writes: host 0 into the logdir itself, as a run of one
  host does, the others below it."""
  logdir = pathlib.Path(config.logdir)
  index = hosts.host()
  return logdir / 'hosts' / str(index) if index else logdir


def checkpoints(config: Config) -> str | pathlib.Path:
  """Where the checkpoints are."""
  return config.checkpoints or pathlib.Path(config.logdir) / 'checkpoints'


def locked(config: Config) -> list[pathlib.Path]:
  """The folders that this host locks, so that no second run uses them: its
  own, and on the first host that of the checkpoints, unless it is a URL."""
  folders, where = [folder(config)], str(checkpoints(config))
  if not hosts.host() and '://' not in where:
    folders.append(pathlib.Path(where).expanduser())
  return list(dict.fromkeys(x.resolve() for x in folders))


def setup(config: Config) -> Config:
  """Chooses platform, precision and memory, before JAX is used.

  Returns:
    The configuration with `jax.dtype` resolved.

  Raises:
    UsageError: an unknown platform, or no such device.
  """
  # XLA allocates in the thread that runs a step, and only the heap of the
  # main thread can keep its memory between steps.
  jax.config.update('jax_cpu_enable_async_dispatch', False)
  if config.jax.platform != 'auto':
    jax.config.update('jax_platforms', config.jax.platform)
  try:
    accelerated = devices.accelerated()
  except (RuntimeError, AssertionError) as error:
    name = config.jax.platform
    extra = EXTRAS.get(name)
    hint = f"; pip install -e '.[{extra}]'" if extra else ''
    reason = ' '.join(str(error).split())[:200] or 'JAX finds none'
    raise UsageError(
      f"The platform '{name}' cannot be used{hint} ({reason})."
    ) from None
  if not accelerated:
    memory.keep()
  # Orbax warns of every option that it derives from another.
  logging.getLogger('absl').setLevel(logging.ERROR)
  dtype = config.jax.dtype
  if dtype == 'auto':
    dtype = 'bfloat16' if accelerated else 'float32'
  cache = pathlib.Path.home() / '.cache' / 'ponderdream'
  jax.config.update('jax_compilation_cache_dir', str(cache))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 1.0)
  return config.update({'jax.dtype': dtype})


def env_maker(config: Config) -> Callable[[int], embodied.Env]:
  """Makes environments of the task by their numbers, in any process.

  Seed and number determine the worlds of an environment: a number that a run
  has not used before gives worlds that it has not seen.
  """
  suite, _ = envs.split_task(config.task)
  extra = dict(config.env[suite]) if suite in config.env else {}
  return functools.partial(
    envs.make_env, config.task, seed=config.seed, **extra
  )


def make_driver(
  config: Config,
  count: int,
  first: int,
  stop_requested: Callable[[], bool] = lambda: False,
) -> embodied.Driver:
  """`count` environments of the task, numbered from `first` on;
  `stop_requested` says whether the run is to stop.

  Each host uses other numbers, so that no two of them see the same worlds.
  """
  first += hosts.host() * WORLDS
  # In this process, where no worker waits for it with a time limit.
  envs.warm_up(config.task)
  make = env_maker(config)
  return embodied.Driver(
    [functools.partial(make, first + i) for i in range(count)],
    parallel=config.run.parallel,
    timeout=config.run.timeout,
    stop_requested=stop_requested,
  )


def make_replay(config: Config) -> replay.Replay:
  """Windows of `batch.length` steps, and the one before them for context."""
  recent, seed = config.replay.recency, config.seed
  selector = selectors.Mixture(
    [
      (selectors.Uniform(seed), 1 - recent),
      (selectors.Recency(seed), recent),
    ],
    seed,
  )
  return replay.Replay(
    config.batch.length + 1,
    config.replay.capacity,
    folder(config) / 'replay',
    chunk_size=config.replay.chunk,
    seed=seed,
    selector=selector,
    priority=config.replay.priority,
    context=posterior.LATENTS,
  )


def make_newest(config: Config) -> Newest | None:
  """How the newest steps are learnt from, if `loss_scales.ppo` is not 0.

  Raises:
    UsageError: the environments do not divide into batches.
  """
  cfg = config.ppo
  if not config.loss_scales.ppo:
    return None
  rows = devices.share(cfg.batch, 'ppo.batch')
  if config.run.envs % rows:
    raise UsageError(
      f'run.envs is {config.run.envs}, which does not divide into batches of'
      f' {rows} windows; set ppo.batch to a number that divides run.envs.'
    )
  windows = fresh.Fresh(config.run.envs, cfg.length, config.seed)
  return Newest(windows, rows, cfg.epochs)


def make_source(
  config: Config,
  spaces: tuple[Spaces, Spaces],
  own: Mapping[str, sources.Source],
) -> sources.Mixture:
  """What the run learns from, as the setting `data` says: its `own` sources
  by name, and fixed data sets in folders.

  Raises:
    UsageError: a folder has no replay, or one of another task.
  """
  found: dict[str, tuple[sources.Source, float]] = {}
  for name, share in settings.data.shares(config).items():
    if name in own:
      found[name] = own[name], share
    else:
      data = make_data(config, spaces, name, len(found))
      found[f'data{len(found)}'] = data, share
  return sources.Mixture(found)


def make_data(
  config: Config, spaces: tuple[Spaces, Spaces], name: str, number: int
) -> sources.Fixed:
  """The data set in the folder `name`, for the task's `spaces`; `number` tells
  it from the others of the run. Raises UsageError."""
  obs, act = spaces
  keys = {k: v for k, v in obs.items() if not k.startswith('log/')}
  keys |= {k: v for k, v in act.items() if k != 'reset'}
  data = sources.Fixed(
    settings.data.folder(name),
    config.batch.length + 1,
    keys,
    # Each host draws other windows.
    (config.seed, hosts.host(), number),
    posterior.LATENTS,
  )
  sources.check_spaces(name, data, keys)
  return data


def make_spaces(config: Config) -> tuple[Spaces, Spaces]:
  """What the task's environments show and take: one of them is opened for
  that, and closed. For a run that has no driver."""
  envs.warm_up(config.task)
  with contextlib.closing(env_maker(config)(0)) as env:
    return env.obs_space, env.act_space


def make_agent(
  spaces: tuple[Spaces, Spaces],
  config: Config,
  acting: Mapping[str, Acting] | None = None,
) -> Agent:
  """The agent for observations and actions of these spaces; see `Agent` for
  `acting`."""
  return Agent(*spaces, config, acting)


def make_trackers() -> list[Tracker]:
  """What is measured beside returns; what an environment or an agent does not
  have is left out by each of them."""
  return [trackers.PonderSteps(), achievements.Achievements()]


def make_terminal(config: Config, best: float | None) -> terminal.Terminal:
  """The line that shows how the run is going, on the first host; `best` is
  the best return of an episode so far."""
  acting = config.run.script == 'train'
  return terminal.Terminal(
    config.run.steps,
    every=config.run.log_every,
    unit='steps' if acting else terminal.TRAIN,
    fields={'ponder': trackers.TRAINED},
    best=best,
    silent=hosts.host() > 0,
  )


def make_logger(
  config: Config, line: terminal.Terminal, step: Any
) -> logger.Logger:
  """Metrics, scores, TensorBoard events and videos in the logdir, written by
  the first host."""
  logdir = pathlib.Path(config.logdir)
  if hosts.host():
    return logger.Logger([line], step)
  return logger.Logger(
    [
      logger.JsonLines(logdir / 'metrics.jsonl', '(?!episode/).*'),
      logger.JsonLines(logdir / 'scores.jsonl', 'episode/.*'),
      logger.TensorBoard(logdir),
      logger.VideoFiles(logdir / 'videos'),
      line,
    ],
    step,
  )
