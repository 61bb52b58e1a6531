"""PonderDream in a script: `train`, `load`, `make_env`.

import gymnasium
import ponderdream

task = 'gymnasium_CartPole-v1'
logdir = ponderdream.train(task, 'logdir/cartpole', ['gymnasium', 'cpu'])
policy, env = ponderdream.load(logdir), gymnasium.make('CartPole-v1')
obs, info = env.reset()
obs, *rest = env.step(policy(obs))
"""

import pathlib
import types
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium

from embodied import envs, signals
from embodied.envs.gym import making
from embodied.errors import UsageError
from ponderdream import checkpoint, factories, settings, texts
from ponderdream import train as command
from ponderdream.agent import Acting
from ponderdream.policy import Policy, convert

Maker = Callable[..., gymnasium.Env[Any, Any]]
GYMNASIUM = 'gymnasium_'


def make_env(task: str, seed: int = 0, **options: Any) -> Any:
  """The environment of a task.

  Args:
    task: such as `gymnasium_CartPole-v1` or `crafter_reward`.
    seed: of an environment of this project.
    options: the settings `env.<suite>` of the task.

  Returns:
    The `gymnasium.Env` of a Gymnasium task, else an `embodied.Env`.

  Raises:
    UsageError: an unknown task, or options that do not fit.
  """
  if not task.startswith(GYMNASIUM):
    return envs.make_env(task, 0, seed=seed, **options)
  known = ('kwargs', 'wrappers', 'length')
  for key in options.keys() - {*known}:
    raise UsageError(
      f"An environment of Gymnasium itself is not made with '{key}'; there are"
      f' {", ".join(known)}.'
    )
  return making.make(task.removeprefix(GYMNASIUM), **options)


class Command(types.ModuleType):
  """The module `ponderdream.train`, which is called like the function below:
  once it is imported, `ponderdream.train` is the module."""

  def __call__(self, *args: Any, **kwargs: Any) -> str:
    return train(*args, **kwargs)


command.__class__ = Command


def train(
  task: str | Maker,
  logdir: str,
  configs: Sequence[str] = ('gymnasium', 'pondernet'),
  **values: Any,
) -> str:
  """Trains as `python -m ponderdream.train` does, until `run.steps`; the same
  call resumes.

  Args:
    task: its name, or a function that makes a `gymnasium.Env`. Environments
      of a function run in this process. Others may have processes of their
      own (`run.parallel`), and then a script needs `if __name__ ==
      '__main__':`.
    logdir: folder of the results.
    configs: blocks of `configs.yaml`.
    values: of further settings, such as `**{'run.steps': 1e5}`.

  Returns:
    The logdir.

  Raises:
    UsageError: settings that do not fit.
    RuntimeError: the training failed; the error was printed.
    KeyboardInterrupt: it was asked to stop, by Ctrl-C or SIGTERM, and has
      saved a checkpoint.
  """
  if callable(task):
    values = {'run.parallel': False, **values}
    task = GYMNASIUM + register(task)
  given = {'task': task, 'logdir': logdir, **values}
  argv = ['--configs', *configs]
  for key, value in given.items():
    words = value if isinstance(value, list | tuple) else [value]
    argv += [f'--{key}', *map(str, words)]
  config = command.configure(argv)
  with signals.stop_requested() as stop:
    if command.train(config, stop):
      raise RuntimeError(f'The training in {config.logdir} failed.')
    if stop.is_set():
      raise KeyboardInterrupt
  return str(config.logdir)


def register(make: Maker) -> str:
  """Gives a function that makes environments a name in Gymnasium."""
  given = getattr(make, '__name__', '')
  name = ''.join(x for x in given if x.isalnum()) or 'Env'
  name = f'{making.SCRIPTED}{name}-v0'
  gymnasium.registry.pop(name, None)
  gymnasium.register(name, entry_point=make)
  return name


def load(
  logdir: str,
  count: int | None = None,
  step: int | None = None,
  best: bool = False,
  acting: Acting | None = None,
  task: str | Maker = '',
  wrappers: Sequence[str] = (),
  goal: str = '',
) -> Policy:
  """The policy of a checkpoint, without the replay.

  Args:
    logdir: of a training.
    count: environments side by side; None for one, without a batch axis.
    step: of the checkpoint, the newest by default.
    best: take the checkpoint of the best return while training.
    acting: how actions are chosen; by default sampled, as while training.
      With `Acting(aloud=True)`, an agent with words says what it thinks.
    task: the task again, if it imports a module, or the function that made
      its environments.
    wrappers: `env.gymnasium.wrappers` again, if there were some.
    goal: what the agent is to do, in words, if its goals are texts.

  Raises:
    UsageError: there is no run, no checkpoint that can be read, or a goal for
      an agent without words.
  """
  if callable(task):
    task = GYMNASIUM + register(task)
  config = texts.asked(settings.recall(logdir, task, wrappers), goal)
  config = factories.setup(config)
  make = factories.env_maker(config)
  env = make(0)
  try:
    spaces = env.obs_space, env.act_space
    agent = factories.make_agent(spaces, config, {'eval': acting or Acting()})
    where = pathlib.Path(config.logdir) / 'checkpoints'
    checkpoint.restore(agent, where, step, best)
    options = config.env.gymnasium
    rows = [convert(env, options) for _ in range(count or 1)]
  finally:
    env.close()
  return Policy(agent, rows, count is not None, texts.decoder(config))
