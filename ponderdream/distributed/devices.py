"""Data parallelism over devices. Only this file names devices.

The state is replicated over a mesh, without a leading device axis. Batches are
split `[B, ...] -> [D, B / D, ...]`, and one `pmap` runs the step on all
devices. D is the number of devices of this host. The step averages over the
devices of all hosts.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.flatten_util
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from embodied.errors import UsageError
from embodied.sources import SHARED

AXIS = 'data'


def accelerated() -> bool:
  """Whether JAX found a GPU or a TPU."""
  return jax.default_backend() != 'cpu'


def described() -> str:
  """The devices of all hosts, such as '8 x TPU v4'."""
  kinds = sorted({x.device_kind for x in jax.devices()})
  return f'{jax.device_count()} x {" and ".join(kinds)}'


def share(size: int, name: str = 'batch.size') -> int:
  """The number of examples that each host contributes to a batch of `size`.

  Args:
    name: of the setting, for the message.

  Raises:
    UsageError: the number of devices of all hosts does not divide `size`.
  """
  count, hosts = jax.device_count(), jax.process_count()
  if size % count:
    where = f' of {hosts} hosts' if hosts > 1 else ''
    raise UsageError(
      f'{name} is {size}, which does not divide over {count} devices{where};'
      f' set it to a multiple of {count}.'
    )
  return size // hosts


def everywhere() -> NamedSharding:
  """The sharding of arrays that are replicated over all devices of all
  hosts."""
  mesh = Mesh(np.array(jax.devices()), (AXIS,))
  return NamedSharding(mesh, PartitionSpec())


def create(make: Callable, key: jax.Array) -> Any:
  """`make(key)`, compiled, with results on all devices. The key is
  consumed."""
  data = np.asarray(jax.random.key_data(key))
  build = lambda data: make(jax.random.wrap_key_data(data))
  return jax.jit(build, out_shardings=everywhere())(data)


def replicate(tree: Any) -> Any:
  """Places a tree on all devices."""
  return jax.device_put(tree, everywhere())


def common(tree: Any) -> Any:
  """A tree that `pmap` replicated over this host's devices, as one that is
  replicated over the devices of all hosts; no copy."""
  if jax.process_count() == 1:
    return tree
  return jax.tree.map(
    lambda x: jax.make_array_from_single_device_arrays(
      x.shape, everywhere(), [part.data for part in x.addressable_shards]
    ),
    tree,
  )


def local(tree: Any) -> Any:
  """The copy of a replicated tree on this host's first device."""
  return jax.tree.map(lambda x: x.addressable_data(0), tree)


def split(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  """NumPy `[B, ...]` -> `[D, B / D, ...]`, without a copy. Arrays that all
  rows share, `[...]`, become `[D, ...]`, the same for each device."""
  count = jax.local_device_count()
  return {
    k: np.broadcast_to(v, (count, *v.shape))
    if k.startswith(SHARED)
    else v.reshape((count, -1, *v.shape[1:]))
    for k, v in batch.items()
  }


def place(batch: dict[str, np.ndarray]) -> dict[str, jax.Array]:
  """`split`, with each part on its device; does not wait for the transfer."""
  mesh = Mesh(np.array(jax.local_devices()), (AXIS,))
  return jax.device_put(split(batch), NamedSharding(mesh, PartitionSpec(AXIS)))


def merge(tree: Any) -> Any:
  """`[D, B / D, ...]` -> numpy `[B, ...]`; waits for the devices."""
  return jax.tree.map(
    lambda x: np.asarray(x).reshape((-1, *x.shape[2:])), tree
  )


def pmap(step: Callable) -> Callable:
  """`step(state, batch, key) -> (state, outs, metrics)` on all devices.

  The state is replicated and donated. Batch and outs are split over devices.
  The step must return metrics that are equal on all devices.
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


def most(tree: Any) -> Any:
  """Largest values of all devices, inside of `pmap`."""
  return jax.tree.map(lambda x: jax.lax.pmax(x, AXIS), tree)


def mean_flat(tree: Any) -> Any:
  """`mean` of a tree of floats of one dtype, in a single collective."""
  flat, unravel = jax.flatten_util.ravel_pytree(tree)
  return unravel(mean(flat))


def gather(x: jax.Array) -> jax.Array:
  """The values of all devices, `[D, ...]`, inside of `pmap`."""
  return jax.lax.all_gather(x, AXIS)
