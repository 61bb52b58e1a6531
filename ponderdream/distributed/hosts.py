"""Hosts: processes with devices of their own that train together.

What is not in the compiled step, the hosts tell each other by `exchange`.
"""

import importlib.util
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from embodied import errors
from embodied.errors import UsageError

T = TypeVar('T')


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
    raise errors.mark_shared(error)
  if failed.size:
    raise errors.mark_shared(
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
