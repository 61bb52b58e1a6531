"""Environments of Gymnasium by their names, with arguments and wrappers."""

import functools
import importlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import ruamel.yaml

from embodied import errors
from embodied.config import BAD_YAML
from embodied.envs.gym.calls import Gym
from embodied.errors import UsageError

# What to install for a module, if its name does not say so.
PACKAGES = {
  'ale_py': '[atari]',
  'shimmy': '[dmc]',
  'highway_env': 'highway-env',
}
# How the names of environments that a script makes begin.
SCRIPTED = 'Script'
MODULE = re.compile(r'[^\W\d]\w*(\.[^\W\d]\w*)*')


def make(
  task: str,
  kwargs: str = '',
  wrappers: Sequence[str] = (),
  length: int = 0,
  rendered: bool = False,
) -> Gym:
  """The environment itself.

  Args:
    task, kwargs, wrappers, length: See `from_gymnasium.FromGymnasium`.
    rendered: Whether it is to be rendered as pictures where it can be.

  Raises:
    UsageError: As `FromGymnasium`.
  """
  arguments = _arguments(kwargs, length)
  env = _rendered(task, arguments) if rendered else _make(task, arguments)
  for path in wrappers:
    env = _wrapper(path)(env)
  return env


def _arguments(kwargs: str, length: int) -> dict[str, Any]:
  """The arguments of `gymnasium.make`."""
  limit = {'max_episode_steps': length} if length else {}
  given = _mapping('env.gymnasium.kwargs', kwargs)
  return {'disable_env_checker': True, **limit, **given}


def _mapping(name: str, text: str) -> dict[str, Any]:
  """A mapping in YAML; empty without a text."""
  try:
    found = ruamel.yaml.YAML(typ='safe').load(text) if text.strip() else {}
  except BAD_YAML:
    found = None
  if not isinstance(found, Mapping) or any(type(k) is not str for k in found):
    raise UsageError(
      f'{name} is {errors.quoted(text)}; write a mapping, such as'
      ' "{map_name: 8x8, is_slippery: false}".'
    )
  return dict(found)


def _wrapper(text: str) -> Callable[[Gym], Gym]:
  """The wrapper `module:Class`, or `module:Class {argument: value}`."""
  path, _, given = text.partition(' ')
  module, _, name = path.partition(':')
  try:
    found = getattr(importlib.import_module(module), name)
  except (ImportError, AttributeError, ValueError) as error:
    raise UsageError(
      f"env.gymnasium.wrappers holds '{path}', which cannot be imported:"
      f' {error}. Write module:Class, such as'
      ' gymnasium.wrappers:FlattenObservation.'
    ) from None
  return functools.partial(found, **_mapping(f'The rest of {path}', given))


def _rendered(task: str, arguments: Mapping[str, Any]) -> Gym:
  try:
    return _make(task, {'render_mode': 'rgb_array', **arguments})
  except Exception:  # of an environment that does not know these arguments
    return _make(task, arguments)


def _make(task: str, arguments: Mapping[str, Any]) -> Gym:
  display = os.environ.keys() & {'DISPLAY', 'WAYLAND_DISPLAY'}
  if 'render_mode' in arguments and not display:
    # MuJoCo would render by GLFW, which needs a display.
    os.environ.setdefault('MUJOCO_GL', 'egl')
  module, colon, _ = task.partition(':')
  if task.count(':') > 1 or (colon and not MODULE.fullmatch(module)):
    raise UsageError(
      f'The name {errors.quoted(task)} is none of Gymnasium; write ID, or'
      ' MODULE:ID if a module registers it.'
    )
  try:
    return gymnasium.make(task, **arguments)
  except gymnasium.error.DependencyNotInstalled as e:
    # Gymnasium's message contains the pip command.
    raise UsageError(
      f"Gymnasium's '{task}' needs a package that is not installed: {e}"
    ) from None
  except TypeError as e:
    if 'must inherit' in str(e):
      raise UsageError(
        f"'{task}' makes no single environment: {str(e).partition(' See ')[0]}"
        ' The setting run.envs runs several of them side by side.'
      ) from None
    raise UsageError(
      f"Gymnasium's '{task}' does not take env.gymnasium.kwargs: {e}."
    ) from None
  except (gymnasium.error.Error, ImportError) as e:
    reason = str(e)
    if task.startswith(SCRIPTED):
      reason += (
        ' It was made by a function in a script; there,'
        ' ponderdream.load(logdir, task=FUNCTION) gives the policy.'
      )
    if isinstance(e, ModuleNotFoundError) and e.name:
      package = e.name.partition('.')[0]
      reason += (
        f'; {errors.install(PACKAGES.get(package, package))}, or install the'
        ' package that contains it.'
      )
    raise UsageError(
      f"Gymnasium cannot make an environment '{task}': {reason}"
    ) from None
