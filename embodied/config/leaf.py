"""The values at the leaves of a config: their types, and reading texts."""

import math
from typing import Any

from embodied.errors import UsageError

Leaf = bool | int | float | str | tuple[Any, ...]

NAMES = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a text',
}


def check(name: str, value: Any) -> Leaf:
  """The value of a default, lists made tuples.

  Raises UsageError for null and other types, nested lists, and lists of mixed
  types; whole and broken numbers in one list are all taken as floats.
  """
  if not isinstance(value, list | tuple):
    return _check_one(name, value)
  items = tuple(_check_one(name, x) for x in value)
  kinds = {type(x) for x in items}
  if kinds == {int, float}:
    return tuple(float(x) for x in items)
  if len(kinds) > 1:
    raise UsageError(f"The list '{name}' mixes types: {list(items)}.")
  return items


def convert(key: str, default: Leaf, value: Any) -> Leaf:
  """Read a value or its text as the type of `default`.

  A bool takes True and False alone, an int takes 1e6 but not 1.5, a float
  takes both, a list takes a list or the text 'a,b'. Raises UsageError
  for all else.
  """
  if not isinstance(default, tuple):
    return _scalar(key, type(default), value)
  kind = type(default[0]) if default else str
  if isinstance(value, str):
    value = [x.strip() for x in value.split(',')] if value.strip() else []
  if not isinstance(value, list | tuple):
    raise UsageError(
      f"'{key}' takes a list, as 'a,b', of which each is {NAMES[kind]};"
      f' got {value!r}.'
    )
  if not value and kind is not str:
    # An empty list would forget that it holds numbers.
    raise UsageError(f"The list '{key}' needs at least one number.")
  return tuple(_scalar(key, kind, x) for x in value)


def _scalar(key: str, kind: type, value: Any) -> bool | int | float | str:
  number: Any = value
  if isinstance(value, str) and kind in (int, float):
    try:
      number = int(value)
    except ValueError:
      try:
        number = float(value)
      except ValueError:
        number = None
  plain = isinstance(number, int | float) and not isinstance(number, bool)
  plain = plain and math.isfinite(number)
  if kind is bool and str(value) in ('True', 'False'):
    return str(value) == 'True'
  if kind is int and plain and number % 1 == 0:
    return int(number)
  if kind is float and plain:
    return float(number)
  if kind is str and isinstance(value, str):
    return value
  raise UsageError(f"'{key}' takes {NAMES[kind]}; got {value!r}.")


def _check_one(name: str, value: Any) -> Any:
  if type(value) not in NAMES:
    raise UsageError(
      f"'{name}' is {value!r}; a config value is a bool, a number, a text or"
      ' a flat list of them.'
    )
  return value
