"""The meta of a checkpoint: what is not arrays, as JSON.

It is sealed: it has the step of its checkpoint, a checksum of the arrays, and
a checksum of itself. Checkpoints of earlier versions have no seal.
"""

import json
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

LARGEST = 2**60
RETURN = 'return'
CONFIG = 'config'
SEAL = 'step', 'arrays', 'checksum'


def seal(meta: Mapping[str, Any], step: int, state: Any) -> dict[str, Any]:
  """The meta of the checkpoint of `step` with the arrays `state`, sealed."""
  sealed = {**meta, 'step': step, 'arrays': checksum(state)}
  return sealed | {'checksum': _sum(sealed)}


def unseal(text: bytes, step: int) -> tuple[dict[str, Any], int | None]:
  """The meta in a JSON text, and the checksum of the arrays if there is one.

  Raises:
    ValueError: it is not the meta of the checkpoint of `step`.
  """
  try:
    meta = json.loads(text)
  except (ValueError, RecursionError):
    raise ValueError('its meta is not JSON') from None
  _check(meta)
  if any(x in meta for x in SEAL):
    own = {k: v for k, v in meta.items() if k != 'checksum'}
    if meta.get('checksum') != _sum(own) or 'arrays' not in meta:
      raise ValueError('its meta differs from its checksum')
    if meta.get('step') != step:
      raise ValueError(f'it is a copy of that of step {meta.get("step")}')
  rest = {k: v for k, v in meta.items() if k not in SEAL}
  return rest, meta.get('arrays')


def checksum(state: Any) -> int:
  """CRC-32 of the arrays of a tree, one after another."""
  total = 0
  for leaf in jax.tree.leaves(state):
    part = leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf
    data = np.ascontiguousarray(part).reshape(-1)
    total = zlib.crc32(data.view(np.uint8).data, total)
  return total


def check_finite(params: Any) -> None:
  """Raises ValueError, naming one, if a parameter is not a finite number."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(params)
  for path, leaf in leaves:
    floats = jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating)
    if floats and not bool(jax.numpy.isfinite(leaf).all()):
      name = jax.tree_util.keystr(path, simple=True, separator='/')
      raise ValueError(f'the parameter {name} has numbers that are not finite')


def _sum(meta: Mapping[str, Any]) -> int:
  return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def _check(meta: Any) -> None:
  """Raises ValueError unless every value is of its kind."""
  if not isinstance(meta, dict) or 'updates' not in meta:
    raise ValueError('its meta has no number of updates')
  for key, value in meta.items():
    if key not in KINDS or not KINDS[key](value):
      raise ValueError(f'its meta has an odd {key[:40]!r}')


def _whole(low: int) -> Callable[[Any], bool]:
  return lambda x: type(x) is int and low <= x <= LARGEST


def _number(value: Any) -> bool:
  return type(value) in (int, float) and math.isfinite(value)


def _totals(value: Any) -> bool:
  """Steps by the number of a host."""
  return isinstance(value, dict) and all(
    k.isdecimal() and count(v) for k, v in value.items()
  )


def _ratio(value: Any) -> bool:
  """That of `embodied.when.Ratio`."""
  return (
    isinstance(value, dict)
    and value.keys() == {'start', 'done'}
    and _whole(-1)(value['start'])
    and count(value['done'])
  )


def _seconds(value: Any) -> bool:
  """Those of `embodied.log.timer.Clock`."""
  return (
    isinstance(value, dict)
    and value.keys() == {'wall', 'core'}
    and all(_number(x) and x >= 0 for x in value.values())
  )


def _settings(value: Any) -> bool:
  """Flat settings; what they mean is checked by `settings`."""
  plain = bool, int, float, str, list
  return isinstance(value, dict) and all(
    type(x) in plain for x in value.values()
  )


count = _whole(0)
KINDS: dict[str, Callable[[Any], bool]] = {
  'updates': count,
  'batches': count,
  'forgotten': count,
  'totals': _totals,
  'ratio': _ratio,
  'seconds': _seconds,
  CONFIG: _settings,
  RETURN: _number,
  'step': count,
  'arrays': count,
  'checksum': count,
}
