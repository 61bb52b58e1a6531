"""The values of a config: their types, and how text is converted to them."""

import sys
from typing import Any

from embodied import errors
from embodied.errors import UsageError

Leaf = bool | int | float | str | tuple[Any, ...]

LARGEST = sys.float_info.max
NAMES = {
  bool: 'True or False',
  int: 'a whole number',
  float: 'a number',
  str: 'a text',
}


def check(name: str, value: Any) -> Leaf:
  """The value of a default; a list becomes a tuple.

  If a list has integers and floats, all become floats. Raises UsageError for
  null and other types, nested lists, and lists of mixed types.
  """
  if not isinstance(value, list | tuple):
    return _check_one(name, value)
  items = tuple(_check_one(name, x) for x in value)
  kinds = {type(x) for x in items}
  if kinds == {int, float}:
    return tuple(float(x) for x in items)
  if len(kinds) > 1:
    raise UsageError(
      f"The list '{name}' has values of several types, {list(items)}; use one"
      ' type.'
    )
  return items


def convert(key: str, default: Leaf, value: Any) -> Leaf:
  """Convert a value or its text to the type of `default`.

  A bool accepts only True and False. An int accepts 1e6 but not 1.5. A float
  accepts both. A list accepts a list or the text 'a,b', in which commas inside
  of brackets do not count. Raises UsageError for everything else.
  """
  if not isinstance(default, tuple):
    return _scalar(key, type(default), value)
  kind = type(default[0]) if default else str
  if isinstance(value, str):
    value = _items(value)
  if not isinstance(value, list | tuple):
    raise UsageError(
      f"'{key}' takes a list such as 'a,b', where each item is {NAMES[kind]};"
      f' got {errors.quoted(value)}.'
    )
  if not value and kind is not str:
    # An empty list has no type, so later updates could not be converted.
    raise UsageError(f"The list '{key}' needs at least one number.")
  return tuple(_scalar(key, kind, x) for x in value)


def _items(text: str) -> list[str]:
  """The items of 'a,b'; '{c: [d, e]}' is one."""
  items, depth = [''], 0
  for char in text:
    depth = max(0, depth + (char in '([{') - (char in ')]}'))
    if char == ',' and not depth:
      items.append('')
    else:
      items[-1] += char
  return [x.strip() for x in items] if text.strip() else []


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
  # An int may have more digits than a float can.
  plain = plain and -LARGEST <= number <= LARGEST
  if kind is bool and str(value) in ('True', 'False'):
    return str(value) == 'True'
  if kind is int and plain and number % 1 == 0:
    return int(number)
  if kind is float and plain:
    return float(number)
  if kind is str and isinstance(value, str):
    return value
  raise UsageError(f"'{key}' takes {NAMES[kind]}; got {errors.quoted(value)}.")


def _check_one(name: str, value: Any) -> Any:
  if type(value) not in NAMES:
    raise UsageError(
      f"'{name}' is {errors.quoted(value)}; a config value has to be a bool, a"
      ' number, a text or a flat list of them.'
    )
  return value
