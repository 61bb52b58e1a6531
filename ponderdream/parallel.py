"""Devices. The only file that names them.

State is replicated over a mesh without a leading device axis; batches are
split `[B, ...] -> [D, B / D, ...]`; one `pmap` runs the step on all devices.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.flatten_util
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from embodied.errors import UsageError

AXIS = 'data'


def accelerated() -> bool:
  """Whether JAX found a GPU or a TPU."""
  return jax.default_backend() != 'cpu'


def check_batch(size: int) -> None:
  """Raises UsageError unless `size` examples divide over the devices."""
  count = jax.local_device_count()
  if size % count:
    raise UsageError(
      f'Batch size {size} does not divide over {count} devices; set'
      f' batch.size to a multiple of {count}.'
    )


def replicate(tree: Any) -> Any:
  """Places a tree on all devices, without a leading axis."""
  mesh = Mesh(np.array(jax.devices()), (AXIS,))
  return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def local(tree: Any) -> Any:
  """A replicated tree as this host's first device holds it; no copy."""
  return jax.tree.map(lambda x: x.addressable_data(0), tree)


def split(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """Numpy `[B, ...]` -> `[D, B / D, ...]`, without a copy."""
  count = jax.local_device_count()
  return {k: v.reshape((count, -1, *v.shape[1:])) for k, v in batch.items()}


def place(batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
  """`split`, and every part on its device; does not wait for the transfer."""
  mesh = Mesh(np.array(jax.local_devices()), (AXIS,))
  return jax.device_put(split(batch), NamedSharding(mesh, PartitionSpec(AXIS)))


def merge(tree: Any) -> Any:
  """`[D, B / D, ...]` -> numpy `[B, ...]`; waits for the devices."""
  return jax.tree.map(
    lambda x: np.asarray(x).reshape((-1, *x.shape[2:])), tree
  )


def pmap(step: Callable) -> Callable:
  """`step(state, batch, key) -> (state, outs, metrics)` on all devices.

  The state is replicated and donated, batch and outs are split over devices,
  the metrics must have been averaged.
  """
  return jax.pmap(
    step,
    axis_name=AXIS,
    in_axes=(None, 0, None),
    out_axes=(None, 0, None),
    donate_argnums=(0,),
  )


def mean(tree: Any) -> Any:
  """Average over devices, inside of `pmap`."""
  return jax.lax.pmean(tree, AXIS)


def mean_flat(tree: Any) -> Any:
  """`mean` of a tree of floats of one dtype, as a single message."""
  flat, unravel = jax.flatten_util.ravel_pytree(tree)
  return unravel(mean(flat))


def gather(x: jax.Array) -> jax.Array:
  """All devices' values side by side, `[D, ...]`, inside of `pmap`."""
  return jax.lax.all_gather(x, AXIS)


def fold(key: jax.Array) -> jax.Array:
  """A key of this device's own, inside of `pmap`. The key is consumed."""
  return jax.random.fold_in(key, jax.lax.axis_index(AXIS))
