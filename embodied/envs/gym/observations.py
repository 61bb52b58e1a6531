"""Observations of Gymnasium, as arrays by key."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from embodied.base import SIGNALS
from embodied.envs.gym import pictures, values
from embodied.errors import UsageError
from embodied.space import Space

Path = tuple[Any, ...]

# Keys, and beginnings of keys, that are stored beside the observations or mean
# something in a batch.
STORED = 'action', 'reset', 'stepid'
RESERVED = 'log/', 'dyn/', 'enc/', 'has/', 'shared/', 'action.'


class Leaf(NamedTuple):
  """One array of an observation.

  Attributes:
    path: Where it is found: keys of Dicts, indices of Tuples.
    space: What the agent sees.
    convert: Makes it from the environment's value.
  """

  path: Path
  space: Space
  convert: Callable[[Any], np.ndarray]

  def read(self, obs: Any) -> np.ndarray:
    """The array, from a whole observation of the environment.

    Raises:
      TypeError, ValueError: What is there is no such array.
    """
    try:
      for part in self.path:
        obs = obs[part]
    except (TypeError, KeyError, IndexError):
      raise ValueError('it is missing') from None
    return self.convert(obs)


class Options(NamedTuple):
  """How observations are taken.

  Attributes:
    size: Side of the square that pictures are resized to; 0 leaves them.
    classes: By key, how many classes an array of numbers holds.
    text: Bytes of a text that are kept.
  """

  size: int
  classes: Mapping[str, int]
  text: int


def leaves(space: spaces.Space[Any], options: Options) -> dict[str, Leaf]:
  """The arrays of an observation space. Keys are joined by dots; a space
  without parts has the key `image`, `vector`, `text` or `state`.

  Raises:
    UsageError: Two keys are equal, one is reserved, a space of another kind or
      without numbers, or `options.classes` that fit no key.
  """
  found = parts('observation', space)
  keys = [key or _only(space, options) for key, _, _ in found]
  if len(set(keys)) < len(keys):
    raise UsageError(
      'Two observation keys are equal after nested keys are joined by dots:'
      f' {sorted(keys)}. Rename one.'
    )
  unknown = sorted(options.classes.keys() - set(keys))
  if unknown:
    raise UsageError(
      f'env.gymnasium.classes names {unknown}; the observations are'
      f' {sorted(keys)}.'
    )
  rows = zip(keys, found, strict=True)
  return {k: _leaf(k, path, part, options) for k, (_, path, part) in rows}


def parts(
  name: str, space: spaces.Space[Any]
) -> list[tuple[str, Path, spaces.Space[Any]]]:
  """What `flatten` finds in the space `name`, without arrays of no elements.

  Raises:
    UsageError: There is nothing else.
  """
  found = [x for x in flatten(space) if 0 not in (x[2].shape or ())]
  if not found:
    raise UsageError(
      f'The {name} space is {space}, which holds nothing; give it at least one'
      ' number.'
    )
  return found


def flatten(
  space: spaces.Space[Any], path: Path = ()
) -> Iterator[tuple[str, Path, spaces.Space[Any]]]:
  """Key, path and space of each part of a space; the key is '' for a space
  without parts."""
  children: Iterator[tuple[Any, spaces.Space[Any]]]
  if isinstance(space, spaces.Dict):
    children = iter(space.spaces.items())
  elif isinstance(space, spaces.Tuple):
    children = iter(enumerate(space.spaces))
  else:
    yield '.'.join(map(str, path)), path, space
    return
  for name, child in children:
    yield from flatten(child, (*path, name))


def _only(space: spaces.Space[Any], options: Options) -> str:
  """The key of an observation that has no parts."""
  if not isinstance(space, spaces.Box):
    return 'text' if _is_text(space) else 'state'
  picture = pictures.converter('image', space) is not None
  return 'image' if picture or 'image' in options.classes else 'vector'


def _leaf(
  key: str, path: Path, space: spaces.Space[Any], options: Options
) -> Leaf:
  if key in (*SIGNALS, *STORED) or key.startswith(RESERVED):
    raise UsageError(
      f"The observation key '{key}' is reserved; rename it in the environment."
    )
  if key in options.classes:
    return Leaf(path, *_symbols(key, space, options.classes[key]))
  match space:
    case spaces.Discrete():
      seen = Space(np.int32, (), 0, int(space.n))
      return Leaf(path, seen, _shifted(space))
    case spaces.MultiDiscrete():
      seen = Space(np.int32, space.shape, 0, space.nvec)
      return Leaf(path, seen, _shifted(space))
    case spaces.MultiBinary():
      return Leaf(path, Space(bool, space.shape), _as(bool, space.shape))
    case spaces.Box():
      return Leaf(path, *_box(key, space, options.size))
  if _is_text(space):  # Text, and what MiniGrid has in its place
    seen = Space(np.uint8, (options.text,), role='text')
    return Leaf(path, seen, lambda x: encoded(x, options.text))
  raise UsageError(
    f"The observation '{key}' is {space}; supported are Box, Discrete,"
    ' MultiDiscrete, MultiBinary, Text, and Dict and Tuple of them.'
  )


def _is_text(space: spaces.Space[Any]) -> bool:
  return space.dtype is not None and space.dtype.kind == 'U'


def encoded(text: str, size: int) -> np.ndarray:
  """The first `size` bytes of a text in UTF-8, zeros behind it: `[size]`. A
  character is not cut in two. Raises TypeError for what is no text."""
  if not isinstance(text, str):
    raise TypeError(f'{type(text).__name__} is no text')
  data = text.encode(errors='replace')[:size]
  data = data.decode(errors='ignore').encode()
  return np.frombuffer(data.ljust(size, b'\0'), np.uint8)


def _box(
  key: str, space: spaces.Box, size: int
) -> tuple[Space, Callable[[Any], np.ndarray]]:
  picture = pictures.converter(key, space, size)
  if picture:
    shape, convert = picture
    read = _as(space.dtype, space.shape)
    return Space(np.uint8, shape), lambda x: convert(read(x))
  if space.dtype.kind == 'b':
    return Space(bool, space.shape), _as(bool, space.shape)
  seen = Space(np.float32, space.shape, *_slack(space))
  return seen, _as(np.float32, space.shape)


def _slack(space: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
  """Bounds that a value of this space does not break by accident."""
  low, high = space.low.astype(np.float64), space.high.astype(np.float64)
  finite = np.isfinite(low) & np.isfinite(high)
  reach = np.where(
    finite, pictures.SLACK * np.where(finite, high - low, 0), np.inf
  )
  most = float(np.finfo(np.float32).max)
  wide = reach > most / (2 * pictures.SLACK)
  low = np.where(finite & ~wide, low - reach, -np.inf)
  high = np.where(finite & ~wide, high + reach, np.inf)
  return low.astype(np.float32), high.astype(np.float32)


def _symbols(
  key: str, space: spaces.Space[Any], count: int
) -> tuple[Space, Callable[[Any], np.ndarray]]:
  """Whole numbers of a Box, as classes."""
  if not isinstance(space, spaces.Box) or space.dtype.kind not in 'iu':
    raise UsageError(
      f"env.gymnasium.classes names '{key}', which is {space}; only a Box of"
      ' whole numbers can be taken as classes.'
    )
  seen = Space(np.int32, space.shape, 0, count)
  return seen, _as(np.int32, space.shape)


def _shifted(
  space: spaces.Discrete | spaces.MultiDiscrete,
) -> Callable[[Any], np.ndarray]:
  """Classes from 0 on."""
  read = _as(np.int64, space.shape)
  return lambda x: np.asarray(read(x) - space.start, np.int32)


def _as(dtype: Any, shape: Any) -> Callable[[Any], np.ndarray]:
  """Makes an array of this type and shape, see `values.array`."""
  return functools.partial(values.array, dtype=np.dtype(dtype), shape=shape)
