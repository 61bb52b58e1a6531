"""Hosts: processes that train together, each with its own devices.

Outside of the compiled step, hosts communicate by `exchange`.
"""

import importlib.util
import os
import pathlib
import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from embodied import errors
from embodied.errors import UsageError

T = TypeVar('T')

# Seconds that a host waits for the others to start.
PATIENCE = 300


def connect(address: str, count: int, index: int) -> None:
  """Joins the hosts of a run; to be called before JAX is used.

  Args:
    address: `host:port` of host 0; 'auto' to let JAX find it if `clustered`,
      and to use a single host otherwise; 'off' to use a single host.
    count: number of hosts, needed with `host:port`; 0 if not given.
    index: of this host from 0, needed with `host:port`; -1 if not given.

  Raises:
    UsageError: the numbers do not fit, or JAX finds no coordinator.
  """
  if address == 'off' or (address == 'auto' and not clustered()):
    return
  # A preempted run saves and exits by itself. This service of JAX would handle
  # SIGTERM instead.
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
  check_address(address)
  print(
    f'Host {index} of {count} waits for the others at {address}, for up to'
    f' {PATIENCE} s.',
    flush=True,
  )
  try:
    jax.distributed.initialize(
      address,
      count,
      index,
      initialization_timeout=PATIENCE,
      cluster_detection_method='deactivate',
    )
  except RuntimeError as error:
    raise UsageError(
      f'Host {index} of {count} cannot join the others at {address}: {error}'
    ) from None


def check_address(address: str) -> None:
  """Raises UsageError unless the text is `host:port` of a known host."""
  name, _, port = address.rpartition(':')
  if not name or not port.isdecimal() or not 0 < int(port) < 2**16:
    raise UsageError(
      '--jax.distributed is auto, off or host:port, not'
      f' {errors.quoted(address)}.'
    )
  try:
    socket.getaddrinfo(name.strip('[]'), int(port))
  except (OSError, UnicodeError) as error:
    raise UsageError(
      f'--jax.distributed names the host {errors.quoted(name)}, which is not'
      f' known ({error}); give the name or address of host 0.'
    ) from None


def clustered() -> bool:
  """Whether there may be several hosts: a coordinator's address is set, Slurm
  or Open MPI runs several tasks, or there is a TPU, which may be a slice."""
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
  """Whether `connect` joined other hosts, for which a normal exit waits."""
  return jax.distributed.is_initialized()


class Hosts:
  """Implements `embodied.hosts.Hosts`; to be made after `connect`."""

  def __init__(self) -> None:
    self.count = jax.process_count()
    self.index = jax.process_index()

  def exchange(self, values: Sequence[float]) -> np.ndarray:
    return exchange(values)


def host() -> int:
  """The index of this host. Host 0 logs and writes for all."""
  return jax.process_index()


def exchange(values: Sequence[float]) -> np.ndarray:
  """Gathers n numbers of each host: float64 `[hosts, n]`.

  A collective operation: all hosts must call it with the same n, in the same
  order relative to other collectives. Waits for the devices.
  """
  own = np.asarray(values, np.float64)
  if jax.process_count() == 1:
    return own[None]
  # As bytes, because JAX would convert float64 to float32, which cannot hold
  # large numbers of steps.
  rows = multihost_utils.process_allgather(own.view(np.uint8))
  return np.ascontiguousarray(rows).view(np.float64)


def together(make: Callable[[], T]) -> T:
  """Calls `make` on all hosts; returns the result of this host.

  Raises:
    UsageError: `make` failed on another host. If it failed on this host, its
      own error is raised. In both cases all hosts raise an error.
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
  """Whether all hosts share a directory, an `epath.Path`: whether they see a
  file that host 0 writes there."""
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
