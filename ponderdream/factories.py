"""Builds the parts of a run from its configuration."""

import contextlib
import functools
import logging
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax

import embodied
from embodied import envs, errors, fresh, replay, wrappers
from embodied.base import Spaces
from embodied.config import Config
from embodied.envs import achievements, several
from embodied.errors import UsageError
from embodied.files import Folder
from embodied.log import logger, services, terminal
from embodied.run.tracker import Logged, Tracker
from embodied.run.train import Newest
from ponderdream import texts, trackers
from ponderdream.agent import Acting, Agent
from ponderdream.distributed import devices, hosts
from ponderdream.dream import posterior
from ponderdream.nets.cpu import malloc as memory
from ponderdream.watch import Watch

# Number of environment numbers that are reserved for each host.
WORLDS = 2**48

# Extra of setup.py that a platform needs.
EXTRAS = {'cuda': 'cuda', 'gpu': 'cuda', 'tpu': 'tpu'}


def connect(config: Config) -> None:
  """Joins the other hosts of the run, if there are any. Raises UsageError."""
  if config.jax.platform != 'auto':
    jax.config.update('jax_platforms', config.jax.platform)
  hosts.connect(
    config.jax.distributed, config.jax.num_processes, config.jax.process_id
  )


def folder(config: Config, *inside: str) -> Folder:
  """The folder of this host, or one inside of it: the logdir for host 0, a
  folder in it for other hosts. Raises UsageError if a link leads there."""
  index = hosts.host()
  own = ('hosts', str(index)) if index else ()
  return Folder(config.logdir, *own, *inside)


def checkpoints(config: Config) -> str | pathlib.Path:
  """Folder or URL of the checkpoints."""
  return config.checkpoints or pathlib.Path(config.logdir) / 'checkpoints'


def locked(config: Config) -> Iterator[Folder]:
  """The folders that this host locks, so that no other run uses them: its own
  and, on host 0, the folder of the checkpoints unless it is a URL."""
  own, where = folder(config), config.checkpoints
  yield own
  if hosts.host() or '://' in where:
    return
  if where:
    other = Folder(pathlib.Path(where).expanduser())
  else:
    other = folder(config, 'checkpoints')
  if other.number != own.number:
    yield other


def setup(config: Config) -> Config:
  """Sets platform, precision and memory allocation. Call it before JAX is
  used.

  Returns:
    The configuration with `jax.dtype` resolved.

  Raises:
    UsageError: an unknown platform, or no such device.
  """
  # XLA allocates memory in the thread that runs a step, and only the main
  # thread can keep its memory between steps (see `nets.cpu.malloc`).
  jax.config.update('jax_cpu_enable_async_dispatch', False)
  if config.jax.platform != 'auto':
    jax.config.update('jax_platforms', config.jax.platform)
  try:
    accelerated = devices.accelerated()
  except (RuntimeError, AssertionError) as error:
    name = config.jax.platform
    extra = EXTRAS.get(name)
    hint = f'; {errors.install(f"[{extra}]")}' if extra else ''
    reason = ' '.join(str(error).split())[:200] or 'JAX finds none'
    raise UsageError(
      f"The platform '{name}' cannot be used{hint} ({reason})."
    ) from None
  if not accelerated:
    memory.keep()
  # Orbax warns about each option that it derives from another.
  logging.getLogger('absl').setLevel(logging.ERROR)
  dtype = config.jax.dtype
  if dtype == 'auto':
    dtype = 'bfloat16' if accelerated else 'float32'
  cache = pathlib.Path.home() / '.cache' / 'ponderdream'
  jax.config.update('jax_compilation_cache_dir', str(cache))
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 1.0)
  return config.update({'jax.dtype': dtype})


def env_maker(config: Config, ask: float = 0.0) -> Callable[..., embodied.Env]:
  """A picklable function that makes the task's environment number i.

  The seed of the run and the number determine the episodes of an environment.

  Args:
    ask: share of the episodes that ask for another goal than the task's; of
      several worlds, in those where that is possible.

  Raises:
    UsageError: worlds that do not fit together, or none that can be asked.
  """
  tasks = several.tasks(config.task)
  makers = [_maker(config, x, ask, len(tasks) == 1) for x in tasks]
  if len(makers) == 1:
    return makers[0]
  shared = several.union(world_spaces(config, ask))
  if ask and 'log/asked' not in shared[0]:
    raise UsageError(
      f'run.ask is above 0, and none of {", ".join(tasks)} can be asked for'
      ' another goal than its task; leave run.ask out.'
    )
  counts = [len(x) for x in texts.goals(config)]
  firsts = [sum(counts[:i]) for i in range(len(counts))]
  return functools.partial(several.make, makers, shared, firsts)


def world_spaces(
  config: Config, ask: float = 0.0
) -> dict[str, tuple[Spaces, Spaces]]:
  """The observation and action spaces of each world of the task. Opens an
  environment of each and closes it."""
  found, tasks = {}, several.tasks(config.task)
  for task in tasks:
    envs.warm_up(task)
    make = _maker(config, task, ask, len(tasks) == 1)
    with contextlib.closing(make(0)) as env:
      found[task] = env.obs_space, env.act_space
  return found


def _maker(
  config: Config, task: str, ask: float, must: bool
) -> Callable[..., embodied.Env]:
  """As `env_maker`, of one world, which `must` be able to ask."""
  suite, _ = envs.split_task(task)
  extra = dict(config.env[suite]) if suite in config.env else {}
  make = functools.partial(envs.make_env, task, seed=config.seed, **extra)
  if not ask:
    return make
  return functools.partial(wrappers.asked, make, ask, config.seed, must)


def make_driver(
  config: Config,
  count: int,
  first: int,
  stop_requested: Callable[[], bool] = lambda: False,
  frames: int = 0,
  limit: int = 0,
  ask: float = 0.0,
) -> embodied.Driver:
  """`count` environments of the task.

  Args:
    first: number of the first environment. Each host adds an offset, so that
      no two environments have the same number.
    stop_requested: whether the run should stop.
    frames: pictures that the first environment renders, if its observations
      have none and its suite can.
    limit: steps after which an episode is cut off; 0 for none.
    ask: share of the episodes that ask for another goal than the task's.
  """
  first += hosts.host() * WORLDS
  tasks = several.tasks(config.task)
  if count < len(tasks):
    raise UsageError(
      f'{len(tasks)} worlds need {len(tasks)} environments or more, and there'
      f' are {count}; set run.envs, or in an evaluation --envs and --episodes.'
    )
  # Done here, because worker processes have a time limit.
  for task in tasks:
    envs.warm_up(task)
  make = env_maker(config, ask)
  if limit:
    make = functools.partial(wrappers.limited, make, limit)
  rendered: list[dict[str, int]] = [{}] * count
  if frames and [envs.split_task(x)[0] for x in tasks] == ['gymnasium']:
    # The others have the same spaces, but no pictures.
    rendered = [{'frames': 0 if i else frames} for i in range(count)]
  return embodied.Driver(
    [functools.partial(make, first + i, **x) for i, x in enumerate(rendered)],
    parallel=config.run.parallel,
    timeout=config.run.timeout,
    stop_requested=stop_requested,
  )


def make_replay(config: Config) -> replay.Replay:
  """The replay of this host, with windows of `batch.length` steps and one
  step before them for context."""
  return replay.Replay(
    config.batch.length + 1,
    config.replay.capacity,
    folder(config, 'replay'),
    chunk_size=config.replay.chunk,
    seed=config.seed,
    priority=config.replay.priority,
    context=posterior.LATENTS,
  )


def make_newest(config: Config) -> Newest | None:
  """The settings for updates on the newest steps; None if `loss_scales.ppo`
  is 0.

  Raises:
    UsageError: `ppo.batch` does not divide `run.envs`.
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
  return Newest(windows, rows, cfg.epochs, cfg.early.epochs, cfg.early.steps)


def make_spaces(config: Config) -> tuple[Spaces, Spaces]:
  """The task's observation and action spaces, for a run without a driver.
  Opens an environment of each world and closes it."""
  found = world_spaces(config)
  return several.union(found) if len(found) > 1 else next(iter(found.values()))


def make_agent(
  spaces: tuple[Spaces, Spaces],
  config: Config,
  acting: Mapping[str, Acting] | None = None,
) -> Agent:
  """The agent for these observation and action spaces; see `Agent` for
  `acting`."""
  return Agent(*spaces, config, acting, texts.task(config))


def make_trackers(config: Config, watch: bool = False) -> list[Tracker]:
  """Metrics beside returns, and what a terminal shows of them if there is
  somebody to `watch`. Each tracker does nothing if the environment or the
  agent has no such metric."""
  known = trackers.STEPS, several.WORLD
  rest = Logged(
    (achievements.PREFIX, *(x.removeprefix('log/') for x in known))
  )
  success = achievements.Achievements()
  worlds = several.Returns(several.tasks(config.task))
  more = [Watch(success.rates)] if watch else []
  return [trackers.PonderSteps(), success, worlds, rest, *more]


def make_terminal(
  config: Config, best: float | None, watching: Sequence[Tracker] = ()
) -> terminal.Terminal:
  """The progress line, shown on host 0.

  Args:
    best: the best return of an episode so far.
    watching: trackers; a `Watch` among them is shown below the line.
  """
  acting = config.run.script == 'train'
  return terminal.Terminal(
    config.run.steps,
    every=config.run.log_every,
    unit='steps' if acting else terminal.TRAIN,
    fields={'ponder': trackers.TRAINED},
    best=best,
    silent=hosts.host() > 0 or 'terminal' not in config.logger.outputs,
    more=next((x.lines for x in watching if isinstance(x, Watch)), None),
  )


def make_logger(
  config: Config, line: terminal.Terminal, step: Any
) -> logger.Logger:
  """Writes to what `logger.outputs` names, on host 0. `scores.jsonl` is always
  written: a run that is resumed reads it."""
  if hosts.host():
    return logger.Logger([line], step)
  logdir = pathlib.Path(config.logdir)
  makers: dict[str, Callable[[], logger.Output]] = {
    'scores': lambda: logger.JsonLines(logdir / 'scores.jsonl', 'episode/.*'),
    'jsonl': lambda: logger.JsonLines(
      logdir / 'metrics.jsonl', '(?!episode/).*'
    ),
    'tensorboard': lambda: logger.TensorBoard(logdir),
    'videos': lambda: logger.VideoFiles(folder(config, 'videos')),
    'wandb': lambda: services.WandB(logdir, config.flat),
    'mlflow': lambda: services.MLflow(logdir, config.flat),
  }
  names = {'scores', *config.logger.outputs}
  with contextlib.ExitStack() as stack:
    made = [
      stack.enter_context(contextlib.closing(make()))
      for name, make in makers.items()
      if name in names
    ]
    stack.pop_all()  # they stay open
  return logger.Logger([*made, line], step)
