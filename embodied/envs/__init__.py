"""Environments by task name. Modules are imported when they are needed."""

import importlib
import inspect
from types import ModuleType
from typing import Any

import numpy as np

from embodied import errors, wrappers
from embodied.base import Env
from embodied.errors import UsageError

# Suite -> class. The task '<suite>_<rest>' calls the class with `rest`, the
# keyword `seed`, and the settings of the suite.
REGISTRY = {
  'battlefactory': 'embodied.envs.battlefactory.environment:BattleFactory',
  'crafter': 'embodied.envs.crafter:Crafter',
  'dummy': 'embodied.envs.dummy:Dummy',
  'gymnasium': 'embodied.envs.from_gymnasium:FromGymnasium',
  'ladder': 'embodied.envs.ladder:Ladder',
  'sokoban': 'embodied.envs.sokoban:Sokoban',
}


def make_env(task: str, index: int, *, seed: int, **settings: Any) -> Env:
  """Make and wrap the environment of `task`, such as 'crafter_reward'.

  Args:
    task: `<suite>_<rest>`, where REGISTRY names the suites.
    index: Number of this environment among those of a run. Every pair of
      `seed` and `index` gives different random numbers.
    seed: Of the run, 0 or more.
    settings: Further arguments of the suite's class.

  Raises:
    UsageError: An unknown suite, task or setting, a negative seed, or a
      package that is not installed.
  """
  suite, rest = split_task(task)
  module = _module(task)
  if seed < 0 or index < 0:
    raise UsageError(
      f'The seed is {seed} and the index is {index}; both must be 0 or more.'
    )
  ctor = getattr(module, REGISTRY[suite].partition(':')[2])
  known = set(inspect.signature(ctor).parameters) - {'task', 'seed'}
  for key in settings.keys() - known:
    raise UsageError(
      f"The environments of '{suite}' have no setting '{key}'."
      f' {errors.suggest(key, known)}'
    )
  words = np.random.SeedSequence((seed, index)).generate_state(1)
  return wrap(ctor(rest, seed=int(words[0]), **settings), task)


def goals(task: str) -> tuple[str, ...]:
  """What may be wanted in the environments of a task, in words, see
  `Env.goals`. Raises UsageError as `make_env`."""
  ctor = getattr(
    _module(task), REGISTRY[split_task(task)[0]].partition(':')[2]
  )
  return getattr(ctor, 'goals', ())


def warm_up(task: str) -> None:
  """Do work that is slow the first time, such as compiling.

  The result is stored on disk for the processes that make the environment.

  Raises:
    UsageError: As `make_env`.
  """
  getattr(_module(task), 'warm_up', lambda: None)()


def split_task(task: str) -> tuple[str, str]:
  """`(suite, rest)` of the task `<suite>_<rest>`.

  The suite is the longest name in REGISTRY that the task begins with, so both
  parts may contain `_`.

  Raises:
    UsageError: No such suite, or nothing after it.
  """
  suites = [x for x in REGISTRY if task.startswith(f'{x}_')]
  suite = max(suites, key=len, default='')
  rest = task[len(suite) + 1 :]
  if not suite or not rest:
    raise UsageError(
      f"The task '{task}' has to be <suite>_<name> with one of the suites"
      f' {", ".join(REGISTRY)}.'
    )
  return suite, rest


def _module(task: str) -> ModuleType:
  """The module with the class of the task's suite."""
  suite, _ = split_task(task)
  try:
    return importlib.import_module(REGISTRY[suite].partition(':')[0])
  except ModuleNotFoundError as e:
    if (e.name or '').partition('.')[0] == 'embodied':
      raise
    raise UsageError(
      f"The task '{task}' needs the package '{e.name}', which is not"
      f' installed: {errors.install(e.name or "")}'
    ) from None


def wrap(env: Env, name: str = '') -> Env:
  """Scale float actions to [-1, 1], unify dtypes, and check every step; errors
  have the name of the environment."""
  floats = [k for k, v in env.act_space.items() if v.dtype.kind == 'f']
  for key in floats:
    env = wrappers.NormalizeAction(env, key)
  env = wrappers.CheckSpaces(wrappers.UnifyDtypes(env), name)
  for key in floats:
    env = wrappers.ClipAction(env, key)
  return env
