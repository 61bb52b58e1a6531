"""Actions of Gymnasium, from arrays by key."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from embodied.base import action_classes
from embodied.envs.gym import observations
from embodied.errors import UsageError
from embodied.space import Space


def leaves(space: spaces.Space[Any]) -> dict[str, Space]:
  """The arrays of an action space: `action`, or `action.<key>` for the parts
  of a Dict or Tuple.

  Raises:
    UsageError: A space of another kind or without numbers, or two equal keys.
  """
  found = observations.parts('action', space)
  made = {_key(name): _space(part) for name, _, part in found}
  if len(made) < len(found):
    raise UsageError(
      f'Two keys of the action space {space} are equal after nested keys are'
      ' joined by dots. Rename one.'
    )
  return made


def assemble(
  space: spaces.Space[Any],
  values: Mapping[str, np.ndarray],
  path: observations.Path = (),
) -> Any:
  """The action that the environment takes, from the arrays of `leaves`."""
  if isinstance(space, spaces.Dict):
    items = space.spaces.items()
    return {k: assemble(v, values, (*path, k)) for k, v in items}
  if isinstance(space, spaces.Tuple):
    parts = enumerate(space.spaces)
    return tuple(assemble(v, values, (*path, i)) for i, v in parts)
  if 0 in (space.shape or ()):
    return np.zeros(space.shape or (), space.dtype)
  return _value(space, values[_key('.'.join(map(str, path)))])


def mask(space: spaces.Space[Any], value: Any) -> np.ndarray:
  """A mask of the classes of all discrete variables, bool `[sum of classes]`.

  Args:
    space: The action space.
    value: One vector or, as `space.sample` takes it, a mask of each variable:
      a Dict or tuple like the action, where None allows everything.
  """
  found = [np.ravel(x).astype(bool) for x in _masks(space, value)]
  return np.concatenate(found) if found else np.zeros(0, bool)


def _masks(space: spaces.Space[Any], value: Any) -> Iterator[Any]:
  parts: list[spaces.Space[Any]] = []
  match space:
    case spaces.Dict() if isinstance(value, Mapping):
      parts = list(space.spaces.values())
      value = [value.get(key) for key in space.spaces]
    case spaces.Tuple():
      parts = list(space.spaces)
    case spaces.MultiDiscrete():
      parts = [
        spaces.MultiDiscrete(n) if np.ndim(n) else spaces.Discrete(n)
        for n in space.nvec
      ]
  if value is None:
    yield np.ones(action_classes(leaves(space)).sum(), bool)
  elif parts and isinstance(value, tuple | list) and len(value) == len(parts):
    for part, x in zip(parts, value, strict=True):
      yield from _masks(part, x)
  else:
    yield value


def _key(name: str) -> str:
  return f'action.{name}' if name else 'action'


def _space(space: spaces.Space[Any]) -> Space:
  match space:
    case spaces.Discrete():
      return Space(np.int32, (), 0, int(space.n))
    case spaces.MultiDiscrete():
      return Space(np.int32, space.shape, 0, space.nvec)
    case spaces.MultiBinary():
      return Space(np.int32, space.shape, 0, 2)
    case spaces.Box():
      # Whole numbers are rounded floats, see `_value`.
      dtype = space.dtype if space.dtype.kind == 'f' else np.float32
      return Space(dtype, space.shape, space.low, space.high)
  raise UsageError(
    f'The action space is {space}; supported are Discrete, MultiDiscrete,'
    ' MultiBinary, Box, and Dict and Tuple of them.'
  )


def _value(space: spaces.Space[Any], value: np.ndarray) -> Any:
  match space:
    case spaces.Discrete():
      return int(value) + int(space.start)
    case spaces.MultiDiscrete():
      return (value + space.start).astype(space.dtype)
    case spaces.Box() if space.dtype.kind in 'iu':
      value = np.rint(value).clip(space.low, space.high)
  return np.asarray(value, space.dtype)
