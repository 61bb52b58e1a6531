"""Episodes, nodes and steps as Arrow tables, and back.

What an environment shows at a step is stored as raw bytes, one column per
observation key; the metadata of the column hold dtype and shape. zstd finds
what successive pictures have in common, and a picture is read without being
decoded.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embodied.errors import UsageError
from ponderdream.lrxc.schema import Episode, Node

Array = NDArray[Any]
Steps = Mapping[str, Any]

# As in `schema`; `levels` is the number of levels of the nodes, so that the
# depth of a data set is known without reading them.
EPISODES = pa.schema(
  {
    'episode_id': pa.string(),
    'schema_version': pa.int32(),
    'env_id': pa.string(),
    'goal': pa.string(),
    'source': pa.struct(
      {
        'kind': pa.string(),
        'video_id': pa.string(),
        'url': pa.string(),
        'channel': pa.string(),
        'licence': pa.string(),
        't_start_s': pa.float64(),
        't_end_s': pa.float64(),
        'fps': pa.float64(),
        'retrieved_at': pa.string(),
        'caption_kind': pa.string(),
        'extractor': pa.string(),
        'extractor_version': pa.string(),
        'prompt_sha256': pa.string(),
      }
    ),
    'n_steps': pa.int32(),
    'clock': pa.string(),
    'has_actions': pa.bool_(),
    'has_rewards': pa.bool_(),
    'has_images': pa.bool_(),
    'outcome': pa.string(),
    'return': pa.float64(),
    'seed': pa.int64(),
    'privileged': pa.bool_(),
    'quality': pa.struct({'p_good': pa.float64(), 'method': pa.string()}),
    'split': pa.string(),
    'levels': pa.int32(),
  }
)
NODES = pa.schema(
  {
    'episode_id': pa.string(),
    'node_id': pa.int32(),
    'parent_id': pa.int32(),
    'level': pa.int32(),
    'text': pa.string(),
    'canonical': pa.struct(
      {'verb': pa.string(), 'object': pa.string(), 'count': pa.int32()}
    ),
    't0': pa.float64(),
    't1': pa.float64(),
    'status': pa.string(),
    'why': pa.string(),
    'evidence': pa.list_(
      pa.struct({'t0': pa.float64(), 't1': pa.float64(), 'quote': pa.string()})
    ),
    'p_good': pa.float64(),
    'goal_image_t': pa.float64(),
    'source': pa.string(),
  }
)
# Columns that all data sets have; observations follow.
STEPS = pa.schema(
  {
    'episode_id': pa.string(),
    't': pa.int32(),
    'action': pa.int32(),
    'action_text': pa.string(),
    'reward': pa.float32(),
    'terminated': pa.bool_(),
    'truncated': pa.bool_(),
  }
)
# What `Steps` hold beside observations, without an episode_id and a t.
KNOWN = tuple(STEPS.names[2:])
# The action that was meant where another one was taken, as by an expert with
# noise: what is to be imitated. Data sets may lack it; then it is `action`.
INTENDED = 'intended'


class Field(NamedTuple):
  """The `dtype` and `shape` of one step of an observation."""

  dtype: np.dtype[Any]
  shape: tuple[int, ...]

  @property
  def size(self) -> int:
    """Bytes of one step."""
    return self.dtype.itemsize * math.prod(self.shape)


Fields = dict[str, Field]


def of_episodes(pairs: Iterable[tuple[Episode, Sequence[Node]]]) -> pa.Table:
  rows = [
    x.model_dump() | {'levels': 1 + max((y.level for y in nodes), default=-1)}
    for x, nodes in pairs
  ]
  return pa.Table.from_pylist(rows, EPISODES)


def of_nodes(nodes: Sequence[Node]) -> pa.Table:
  return pa.Table.from_pylist([x.model_dump() for x in nodes], NODES)


def of_steps(episode_id: str, steps: Steps, fields: Fields) -> pa.Table:
  """The table of one episode's steps, which fit `fields`."""
  count = len(steps['action'])
  known = {
    'episode_id': [episode_id] * count,
    't': np.arange(count, dtype=np.int32),
    **{k: steps[k] for k in KNOWN},
  }
  arrays = [
    # An unknown reward is null in files and NaN in memory.
    pa.array(known[x.name], x.type, from_pandas=True)
    for x in STEPS
  ]
  intended = INTENDED in steps
  if intended:
    arrays.append(pa.array(steps[INTENDED], pa.int32()))
  arrays += [_bytes(steps[k], field) for k, field in fields.items()]
  return pa.table(arrays, schema=schema_of(fields, intended))


def schema_of(fields: Fields, intended: bool) -> pa.Schema:
  """The columns of steps with these observations."""
  schema = STEPS
  if intended:
    schema = schema.append(pa.field(INTENDED, pa.int32()))
  for key, field in fields.items():
    about = {'dtype': field.dtype.str, 'shape': json.dumps(field.shape)}
    schema = schema.append(
      pa.field(key, pa.binary(field.size), metadata=about)
    )
  return schema


def fields_of(schema: pa.Schema) -> Fields:
  """The observations among the columns.

  Raises:
    UsageError: columns that are not those of steps.
  """
  found = {}
  try:
    if any(schema.field(x.name).type != x.type for x in STEPS):
      raise ValueError
    for name in [x for x in schema.names if x not in {*STEPS.names, INTENDED}]:
      about = schema.field(name).metadata
      shape = tuple(json.loads(about[b'shape']))
      found[name] = Field(np.dtype(about[b'dtype'].decode()), shape)
      if schema.field(name).type != pa.binary(found[name].size):
        raise ValueError
  except (KeyError, TypeError, ValueError):
    raise UsageError('The columns are not those of LRXC steps.') from None
  return found


def fields_in(steps: Steps) -> Fields:
  """The observations among steps, in order of their names.

  Raises:
    UsageError: an observation that cannot be stored.
  """
  found = {}
  for key in sorted(steps.keys() - {*KNOWN, INTENDED}):
    value = steps[key]
    if key in STEPS.names or value.dtype.kind not in 'biuf':
      raise UsageError(
        f"The observation '{key}' of dtype {value.dtype} cannot be stored;"
        f' give it a dtype of numbers, and no name of {STEPS.names}.'
      )
    found[key] = Field(value.dtype.newbyteorder('<'), value.shape[1:])
  return found


def copy_into(out: Array, column: pa.ChunkedArray, field: Field) -> None:
  """Writes the raw bytes of an observation's column into `out` [T, ...]."""
  start = 0
  for chunk in column.chunks:
    flat = np.frombuffer(chunk.buffers()[1], np.uint8)
    rows = flat[chunk.offset * field.size :][: len(chunk) * field.size]
    end = start + len(chunk)
    out[start:end] = rows.view(field.dtype).reshape(-1, *field.shape)
    start = end


def _bytes(values: Array, field: Field) -> pa.Array:
  raw = np.ascontiguousarray(values, field.dtype)
  kind = pa.binary(field.size)
  return pa.FixedSizeBinaryArray.from_buffers(
    kind, len(raw), [None, pa.py_buffer(raw)]
  )
