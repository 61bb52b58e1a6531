"""The header of a chunk: what the JSON of a file may say.

A file may come from anywhere, so every value is checked before it is used.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Largest number of a step, and of bytes of a column and of the JSON.
LARGEST, LONGEST = 2**60, 2**24
DTYPES = re.compile(r'[<>|][biuf]\d{1,2}')
RUN = re.compile('([0-9a-f]{16})?')


class Field(NamedTuple):
  """The `dtype` and `shape` of one step in a column."""

  dtype: np.dtype[Any]
  shape: tuple[int, ...]

  @property
  def bytes(self) -> int:
    """Of one step."""
    return self.dtype.itemsize * math.prod(self.shape)


Schema = dict[str, Field]


def schema_of(step: Mapping[str, Array]) -> Schema:
  """The schema of one step, a dict of arrays without leading axes.

  Raises ValueError for a dtype that is not a bool, integer or float of NumPy.
  """
  for key, value in step.items():
    if value.dtype.kind not in 'biuf':
      raise ValueError(
        f"Key '{key}' has dtype {value.dtype}, which replay cannot store; "
        'convert it to a bool, integer or float dtype of NumPy.'
      )
  return {k: Field(v.dtype, v.shape) for k, v in step.items()}


class Header(NamedTuple):
  """What never changes in a chunk.

  Attributes:
    size: steps that there is space for.
    first: stepid of the first step.
    stream, offset: the stream, and the number of the first step in it.
    schema: of a step.
    mutable: names of columns without a checksum, of which some may be there.
    run: 16 digits that tell the chunks of one replay from those of others;
      empty in files of earlier versions.
  """

  size: int
  first: int
  stream: int
  offset: int
  schema: Schema
  mutable: frozenset[str] = frozenset()
  run: str = ''

  @property
  def name(self) -> str:
    """Of the file."""
    return f'{self.first:015d}.chunk'

  def encode(self) -> bytes:
    """The header as JSON."""
    values = {
      'size': self.size,
      'first': self.first,
      'stream': self.stream,
      'offset': self.offset,
      'loose': sorted(self.mutable),
      'columns': {k: [f.dtype.str, f.shape] for k, f in self.schema.items()},
    }
    if self.run:
      values['run'] = self.run
    return json.dumps(values, separators=(',', ':')).encode()


def decode(text: bytes) -> Header:
  """The header in a JSON text. Raises ValueError if it is none."""
  try:
    given = json.loads(text)
  except RecursionError:
    raise ValueError('it is nested too deeply') from None
  _need(isinstance(given, dict), 'it is not a mapping')
  run = given.pop('run', '')
  known = {'size', 'first', 'stream', 'offset', 'loose', 'columns'}
  _need(given.keys() == known, f'its keys are not {", ".join(sorted(known))}')
  size, mutable = _whole(given, 'size', 1), given['loose']
  _need(isinstance(given['columns'], dict), 'columns is not a mapping')
  schema = {k: _field(k, v, size) for k, v in given['columns'].items()}
  _need(
    isinstance(mutable, list) and all(isinstance(x, str) for x in mutable),
    'loose is not a list of names',
  )
  _need(isinstance(run, str) and RUN.fullmatch(run), 'run is not 16 digits')
  first, stream, offset = (
    _whole(given, x) for x in ('first', 'stream', 'offset')
  )
  return Header(size, first, stream, offset, schema, frozenset(mutable), run)


def _field(key: str, value: Any, size: int) -> Field:
  """The column `key` of a chunk with space for `size` steps."""
  _need(isinstance(value, list) and len(value) == 2, f"'{key}' is no column")
  text, shape = value
  _need(
    isinstance(shape, list)
    and len(shape) <= 32
    and all(type(x) is int and x >= 0 for x in shape),
    f"the shape of '{key}' is none",
  )
  _need(
    isinstance(text, str) and DTYPES.fullmatch(text),
    f"the dtype of '{key}' is none",
  )
  try:
    field = Field(np.dtype(text), tuple(shape))
  except TypeError:
    raise ValueError(f"the dtype of '{key}' is none") from None
  room = size * field.dtype.itemsize * math.prod(max(1, x) for x in shape)
  _need(room <= LARGEST, f"'{key}' is too large")
  return field


def _whole(given: Mapping[str, Any], key: str, least: int = 0) -> int:
  value = given[key]
  _need(
    type(value) is int and least <= value <= LARGEST,
    f'{key} is not a whole number from {least} on',
  )
  return int(value)


def _need(right: Any, otherwise: str) -> None:
  if not right:
    raise ValueError(otherwise)
