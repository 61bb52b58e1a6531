"""Calls of Gymnasium's interface, which not every environment follows."""

from collections.abc import Mapping
from typing import Any

import gymnasium

from embodied.errors import ContractError, UsageError

Gym = gymnasium.Env[Any, Any]
Info = Mapping[str, Any]


def check_spaces(env: Gym) -> None:
  """Raises UsageError if an environment has no spaces."""
  for name in ('observation_space', 'action_space'):
    if not isinstance(getattr(env, name, None), gymnasium.Space):
      raise UsageError(
        f'{env.unwrapped} has no {name} of Gymnasium; set it, such as to'
        ' gymnasium.spaces.Discrete(2).'
      )


def reset(env: Gym, seed: int | None = None) -> tuple[Any, Info]:
  """The first observation of an episode, and its `info`.

  Raises:
    UsageError: A `reset` as before Gymnasium 0.26.
  """
  try:
    found: Any = env.reset(seed=seed)
  except TypeError as error:
    if "argument 'seed'" not in str(error):
      raise
    raise UsageError(
      f'{error}; write `def reset(self, *, seed=None, options=None)` and'
      ' begin it with `super().reset(seed=seed)`.'
    ) from None
  match found:
    case (obs, Mapping() | None as info):
      return obs, info or {}
  raise UsageError(
    f'The reset of {env.unwrapped} returns {_shown(found)}; it has to return'
    ' (observation, info), where info is a dict.'
  )


def step(env: Gym, action: Any) -> tuple[Any, Any, Any, Any, Info]:
  """What follows an action: observation, reward, terminated, truncated and
  `info`.

  Raises:
    ContractError: A `step` as before Gymnasium 0.26.
  """
  found: Any = env.step(action)
  match found:
    case (obs, reward, terminated, truncated, Mapping() | None as info):
      return obs, reward, terminated, truncated, info or {}
  raise ContractError(
    f"The environment's step returns {_shown(found)}; it has to return"
    ' (observation, reward, terminated, truncated, info), where info is a'
    ' dict.'
  )


def _shown(value: Any) -> str:
  """The types of a value, such as `(ndarray, dict)`."""
  if not isinstance(value, tuple):
    return type(value).__name__
  return f'({", ".join(type(x).__name__ for x in value)})'
