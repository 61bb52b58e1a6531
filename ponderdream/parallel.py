"""Devices and hosts. The only file that names them.

State is replicated over a mesh without a leading device axis; batches are
split `[B, ...] -> [D, B / D, ...]`; one `pmap` runs the step on all devices.
A host is a process with devices of its own, and D counts those; the step
averages over the devices of all hosts. What is not in the compiled step, the
hosts tell each other through `exchange`.
"""

import importlib.util
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.extend import random as prng
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from embodied import errors
from embodied.errors import UsageError

T = TypeVar('T')

AXIS = 'data'


def accelerated() -> bool:
  """Whether JAX found a GPU or a TPU."""
  return jax.default_backend() != 'cpu'


def connect(address: str, count: int, index: int) -> None:
  """Joins the hosts of a run; to be called before JAX is used.

  Args:
    address: `host:port` where host 0 listens; 'auto' to let JAX find it where
      `clustered` sees a reason to, and to be alone otherwise; 'off' to be
      alone in any case.
    count: hosts of the run, with an address; 0 if that was not said.
    index: this one, from 0, with an address; -1 if that was not said.

  Raises:
    UsageError: the numbers make no sense, or JAX finds no coordinator.
  """
  if address == 'off' or (address == 'auto' and not clustered()):
    return
  # A preempted run saves and leaves by itself; JAX would take the SIGTERM.
  jax.config.update('jax_enable_preemption_service', False)
  if address == 'auto':
    try:
      jax.distributed.initialize()
    except (RuntimeError, ValueError) as error:
      raise UsageError(
        f'JAX does not find the other hosts ({error}); give --jax.distributed'
        ' host:port with --jax.num_processes and --jax.process_id, or off.'
      ) from None
    return
  if not 0 <= index < count:
    raise UsageError(
      f'--jax.distributed {address} needs --jax.num_processes N and'
      f' --jax.process_id from 0 to N - 1, not {count} and {index}.'
    )
  if not address.rpartition(':')[2].isdigit():
    raise UsageError(
      f"--jax.distributed is auto, off or host:port, not '{address}'."
    )
  try:
    jax.distributed.initialize(
      address, count, index, cluster_detection_method='deactivate'
    )
  except RuntimeError as error:
    raise UsageError(
      f'Host {index} of {count} cannot join the others at {address}: {error}'
    ) from None


def clustered() -> bool:
  """Whether something here speaks of several hosts: a coordinator's address,
  several tasks of Slurm or Open MPI, or a TPU (which knows its own slice)."""
  several = lambda key: os.environ.get(key, '1') != '1'
  chips = any(
    any(pathlib.Path('/dev').glob(x)) for x in ('accel*', 'vfio/[0-9]*')
  )
  tpu = chips and importlib.util.find_spec('libtpu') is not None
  named = 'JAX_COORDINATOR_ADDRESS' in os.environ
  return (
    named or several('SLURM_NTASKS') or several('OMPI_COMM_WORLD_SIZE') or tpu
  )


def connected() -> bool:
  """Whether there is a coordinator, and with it hosts that would be waited for
  at the end."""
  return jax.distributed.is_initialized()


class Hosts:
  """Implements `embodied.hosts.Hosts`, once they are connected."""

  def __init__(self) -> None:
    self.count = jax.process_count()
    self.index = jax.process_index()

  def exchange(self, values: Sequence[float]) -> np.ndarray:
    return exchange(values)


def host() -> int:
  """Which host this is; host 0 logs and writes for all."""
  return jax.process_index()


def exchange(values: Sequence[float]) -> np.ndarray:
  """The numbers of all hosts `[hosts, n]`, float64, from each host's n.

  Every host has to call it, with as many numbers, in the same order among
  all that hosts do together. Waits for the devices.
  """
  own = np.asarray(values, np.float64)
  if jax.process_count() == 1:
    return own[None]
  # As bytes: JAX would make float32 of them, and steps are counted.
  rows = multihost_utils.process_allgather(own.view(np.uint8))
  return np.ascontiguousarray(rows).view(np.float64)


def together(make: Callable[[], T]) -> T:
  """What `make` returns on this host, if it went well on all hosts.

  Raises:
    UsageError: it failed on another one; its own error if on this one. All
      hosts raise, and know that of each other.
  """
  error: Exception | None = None
  try:
    result = make()
  except Exception as caught:
    error = caught
  failed = exchange([error is not None])[:, 0].nonzero()[0]
  if error is not None:
    raise errors.agree(error)
  if failed.size:
    raise errors.agree(
      UsageError(f'Host {failed[0]} cannot start; what it printed says why.')
    )
  return result


def shared(directory: Any) -> bool:
  """Whether all hosts see the same directory, an `epath.Path`: what host 0
  writes there has to be seen by the others."""
  if jax.process_count() == 1:
    return True
  # As a number that a double holds.
  token = int.from_bytes(os.urandom(6), 'big')
  token = int(exchange([token])[0, 0])
  mark = directory / f'.shared-{token}'
  together(lambda: host() or mark.write_text('Do all hosts see this?'))
  seen = exchange([mark.exists()]).all()
  if not host():
    mark.unlink()
  return bool(seen)


def share(size: int) -> int:
  """How many of a batch's `size` examples this host brings.

  Raises:
    UsageError: they do not divide over the devices of all hosts.
  """
  count, hosts = jax.device_count(), jax.process_count()
  if size % count:
    where = f' of {hosts} hosts' if hosts > 1 else ''
    raise UsageError(
      f'Batch size {size} does not divide over {count} devices{where}; set'
      f' batch.size to a multiple of {count}.'
    )
  return size // hosts


def everywhere() -> NamedSharding:
  """A copy on each device of each host, without a leading axis."""
  mesh = Mesh(np.array(jax.devices()), (AXIS,))
  return NamedSharding(mesh, PartitionSpec())


def create(make: Callable, key: jax.Array) -> Any:
  """`make(key)`, compiled, and made on all devices. The key is consumed."""
  data = np.asarray(jax.random.key_data(key))
  build = lambda data: make(jax.random.wrap_key_data(data))
  return jax.jit(build, out_shardings=everywhere())(data)


def replicate(tree: Any) -> Any:
  """Places a tree on all devices."""
  return jax.device_put(tree, everywhere())


def common(tree: Any) -> Any:
  """What `pmap` replicated over this host's devices, as a tree that is
  replicated over those of all hosts; no copy."""
  if jax.process_count() == 1:
    return tree
  return jax.tree.map(
    lambda x: jax.make_array_from_single_device_arrays(
      x.shape, everywhere(), [part.data for part in x.addressable_shards]
    ),
    tree,
  )


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


def most(tree: Any) -> Any:
  """Largest values of all devices, inside of `pmap`."""
  return jax.tree.map(lambda x: jax.lax.pmax(x, AXIS), tree)


def mean_flat(tree: Any) -> Any:
  """`mean` of a tree of floats of one dtype, as a single message."""
  flat, unravel = jax.flatten_util.ravel_pytree(tree)
  return unravel(mean(flat))


def gather(x: jax.Array) -> jax.Array:
  """All devices' values side by side, `[D, ...]`, inside of `pmap`."""
  return jax.lax.all_gather(x, AXIS)


def fold(key: jax.Array) -> jax.Array:
  """This device's slice of a key, inside of `pmap`. The key is consumed.

  What it draws with a shape `[B / D, ...]` is its slice of what a single
  device would draw for the whole batch `[B, ...]`: the numbers of an example
  do not depend on how many devices share the batch. Draws of other shapes
  differ from device to device, as they should.
  """
  index = jax.lax.axis_index(AXIS).astype(jnp.uint32)
  return jax.random.wrap_key_data(
    jnp.append(jax.random.key_data(key), index), impl=SLICED
  )


def _bits(key: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
  """Bits `[n, ...]` that are rows `index * n` and on of a larger array.

  Threefry (Salmon et al. 2011) is a hash of a key and a position, and JAX
  numbers the positions of an array in C order; so do we, from an offset on.
  """
  size = math.prod(shape)
  low = jnp.arange(size, dtype=jnp.uint32) + key[2] * jnp.uint32(size)
  counts = jnp.stack([jnp.zeros_like(low), low])
  high, low = prng.threefry_2x32((key[0], key[1]), counts)
  dtype = jnp.dtype(f'uint{width}')
  if width == 64:
    bits = (high.astype(dtype) << 32) | low.astype(dtype)
  else:
    bits = (high ^ low).astype(dtype)
  return bits.reshape(shape)


def _split(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  keys = prng.threefry_prng_impl.split(key[:2], shape)
  return jnp.concatenate([keys, jnp.broadcast_to(key[2:], (*shape, 1))], -1)


# Threefry keys with a third number, the index of the device.
SLICED = prng.define_prng_impl(
  key_shape=(3,),
  seed=lambda seed: jnp.append(
    prng.threefry_prng_impl.seed(seed), jnp.uint32(0)
  ),
  split=_split,
  random_bits=_bits,
  fold_in=lambda key, data: jnp.append(
    prng.threefry_prng_impl.fold_in(key[:2], data), key[2]
  ),
  name='sliced_threefry',
  tag='sfry',
)
