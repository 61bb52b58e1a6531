"""Which arrays of Gymnasium are pictures, and how they become `[H, W, C]`."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from PIL import Image

log = logging.getLogger('embodied')

Convert = Callable[[Any], np.ndarray]

# Channels at most, frames stacked on each other included; and the shortest
# side of a picture that is no uint8 [H, W, C], which other arrays have, too.
CHANNELS, SIDE = 16, 24
# How many values whole numbers have that are shades: fewer are symbols, and
# more are not bounded in truth.
SHADES = range(2**8, 2**16 + 1)
# Many environments break the bounds that they declare. Only what is further
# out than so many times their distance is refused.
SLACK = 10.0


def converter(
  key: str, space: spaces.Box, size: int = 0
) -> tuple[tuple[int, int, int], Convert] | None:
  """The shape `[H, W, C]` of the pictures of a space, and the function that
  makes them, uint8; None if these arrays are no pictures.

  Pictures are uint8, or other numbers with equal finite bounds, which are
  scaled to 0 to 255: floats, and whole numbers of 8 to 16 bits. They have the
  axes `[H, W, C]`, `[C, H, W]`, `[H, W]`, or `[N, ...]` for N frames of three
  axes, whose channels are put side by side.

  Args:
    key: Name of the observation.
    space: The space.
    size: Side of the square that pictures are resized to; 0 leaves them.
  """
  arrange = _arrangement(key, space)
  if arrange is None:
    return None
  height, width, channels = arrange(np.zeros(space.shape, np.uint8)).shape
  steps: list[Convert] = [*_scale(space), arrange]
  if size and (height, width) != (size, size):
    steps.append(functools.partial(resize, size=size))
    height, width = size, size
  shape = height, width, channels
  return shape, lambda x: functools.reduce(lambda y, f: f(y), steps, x)


def _arrangement(key: str, space: spaces.Box) -> Convert | None:
  """Puts the axes of pictures in order; None for what is no picture."""
  shape = space.shape
  byte = space.dtype == np.uint8
  if not (byte or _bounds(space)):
    return None
  match len(shape):
    case 2 if min(shape) >= SIDE:
      return lambda x: x[:, :, None]
    case 3 if byte or _sides(shape):
      return _say_first(key, shape) if _channels_first(shape) else _same
    case 4 if _sides(shape[1:]) and shape[0] <= CHANNELS:
      first = _channels_first(shape[1:])
      axes = (2, 3, 0, 1) if first else (1, 2, 0, 3)
      return lambda x: _merged(x.transpose(axes))
  return None


def _sides(shape: tuple[int, ...]) -> bool:
  """Whether these are two long sides and a few channels, in any order."""
  few = min(shape[0], shape[2])
  return few <= CHANNELS and sorted(shape)[1] >= SIDE


def _channels_first(shape: tuple[int, ...]) -> bool:
  """Whether a picture is `[C, H, W]`."""
  return shape[0] <= CHANNELS < shape[2] and shape[0] < shape[1]


@functools.cache
def _say_first(key: str, shape: tuple[int, ...]) -> Convert:
  """The arrangement of `[C, H, W]`; says once that it is used."""
  log.info(
    "The pictures '%s' of shape %s have their channels first; they are turned"
    ' to [H, W, C].',
    key,
    shape,
  )
  return lambda x: x.transpose(1, 2, 0)


def _same(x: np.ndarray) -> np.ndarray:
  return x


def _merged(x: np.ndarray) -> np.ndarray:
  """`[H, W, N, C]` -> `[H, W, N C]`."""
  return x.reshape((*x.shape[:2], -1))


def _bounds(space: spaces.Box) -> tuple[float, float] | None:
  """The bounds of a space of shades, if they are finite and all equal."""
  low, high = float(space.low.min()), float(space.high.max())
  equal = (space.low == low).all() and (space.high == high).all()
  finite = np.isfinite(low) and np.isfinite(high) and low < high
  if not (equal and finite):
    return None
  whole = space.dtype.kind in 'iu' and int(high - low) + 1 in SHADES
  return (low, high) if whole or space.dtype.kind == 'f' else None


def _scale(space: spaces.Box) -> list[Convert]:
  """The step to bytes, if one is needed."""
  bounds = _bounds(space)
  if bounds is None or space.dtype == np.uint8:
    return []
  low, high = bounds
  reach = SLACK * (high - low)

  def scale(x: Any) -> np.ndarray:
    # Not so if a value is NaN.
    if not (low - reach <= x.min() and x.max() <= high + reach):
      raise ValueError(
        f'it holds numbers from {x.min()} to {x.max()}, and its bounds are'
        f' {low} and {high}'
      )
    x = (np.asarray(x, np.float32) - low) * np.float32(255 / (high - low))
    return np.rint(x.clip(0, 255)).astype(np.uint8)

  return [scale]


def resize(x: np.ndarray, size: int) -> np.ndarray:
  """Means over areas: uint8 `[H, W, C]` -> `[size, size, C]`."""
  x = np.ascontiguousarray(x)
  if x.shape[-1] in (3, 4):
    return _resized(x, size)
  each = [_resized(x[..., i], size) for i in range(x.shape[-1])]
  return np.stack(each, -1)


def _resized(x: np.ndarray, size: int) -> np.ndarray:
  picture = Image.fromarray(x)
  if picture.mode == 'RGBA':  # or Pillow would weight colours by alpha
    return np.stack([_resized(x[..., i], size) for i in range(4)], -1)
  return np.asarray(picture.resize((size, size), Image.Resampling.BOX))
