"""Arrays, numbers and flags from what environments give in their place."""

from typing import Any

import numpy as np

from embodied.errors import ContractError

LARGEST = float(np.finfo(np.float32).max)


def array(value: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
  """An array of this type and shape.

  Axes of length 1 may be there or not. Whole numbers may be given as floats
  and booleans as numbers, but no value is changed other than by rounding to
  a shorter float; what that makes too large becomes infinite.

  Raises:
    TypeError: Something else than numbers.
    ValueError: Another shape, or a value that `dtype` does not have.
  """
  found = np.asarray(value)
  if found.shape != shape:
    if _long(found.shape) != _long(shape):
      raise ValueError(f'its shape is {found.shape}, not {shape}')
    found = found.reshape(shape)
  if found.dtype == dtype:
    return found
  if found.dtype.kind == 'O':
    found = found.astype(np.float64)
  if found.dtype.kind not in 'biuf':
    raise TypeError(f'it holds {found.dtype}')
  with np.errstate(invalid='ignore', over='ignore'):
    made = found.astype(dtype)
    if dtype.kind != 'f' and not (made == found).all():
      low, high = found.min(), found.max()
      raise ValueError(
        f'it holds numbers from {low} to {high}, not all of which are {dtype}'
      )
  return made


def number(name: str, value: Any) -> float:
  """A number, which may be an array of one element.

  Raises:
    ContractError: Something else, or what float32 cannot hold.
  """
  found = np.asarray(value)
  if found.size != 1 or found.dtype.kind not in 'biuf':
    raise ContractError(
      f"'{name}' is {found.dtype} of shape {found.shape}; it has to be one"
      ' number.'
    )
  result = float(found.reshape(()).item())
  if not abs(result) <= LARGEST:  # not so if it is NaN
    raise ContractError(f"'{name}' is {result}; it has to be finite.")
  return result


def flag(name: str, value: Any) -> bool:
  """As `number`, of 0 and 1 alone."""
  found = number(name, value)
  if found not in (0, 1):
    raise ContractError(f"'{name}' is {found}; it has to be True or False.")
  return bool(found)


def _long(shape: tuple[int, ...]) -> list[int]:
  return [x for x in shape if x != 1]
