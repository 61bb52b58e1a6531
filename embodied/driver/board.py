"""Memory that the driver shares with the processes of its environments."""

import mmap
import os
import tempfile
import weakref
from typing import Any

import numpy as np

from embodied.base import Spaces

ALIGN = 64

Array = np.ndarray


class Board:
  """Observations and actions, with one row per environment.

  The memory has no name in the file system. It is passed on as the open file
  `fd`, and the system frees it when the last process with this file ends.

  Args:
    spaces: `(obs_space, act_space)`, the same for all rows.
    rows: number of environments.
    fd: an existing board with the same spaces and rows; None makes a new one.

  Attributes:
    obs: observations, arrays `[rows, ...]` by key.
    acts: actions, likewise.
  """

  def __init__(
    self, spaces: tuple[Spaces, Spaces], rows: int, fd: int | None = None
  ) -> None:
    self.rows = rows
    size = sum(_bytes(x, rows) for part in spaces for x in part.values())
    self.fd = _reserve(size) if fd is None else fd
    weakref.finalize(self, os.close, self.fd)
    memory = mmap.mmap(self.fd, size)
    start = 0
    self.obs: dict[str, Array] = {}
    self.acts: dict[str, Array] = {}
    for part, arrays in zip(spaces, (self.obs, self.acts), strict=True):
      for key, space in part.items():
        shape = (rows, *space.shape)
        arrays[key] = np.ndarray(shape, space.dtype, memory, start)
        start += _bytes(space, rows)

  def action(self, row: int) -> dict[str, Any]:
    """A copy of the action in a row."""
    return {k: v[row].copy() for k, v in self.acts.items()}

  def show(self, row: int, obs: dict[str, Any]) -> None:
    """Writes the observation of a row; KeyError if a key is missing."""
    for key, value in self.obs.items():
      value[row] = obs[key]


def _bytes(space: Any, rows: int) -> int:
  size = rows * space.dtype.itemsize * int(np.prod(space.shape))
  return -(-size // ALIGN) * ALIGN


def _reserve(size: int) -> int:
  """An open file in memory, or on disk if the system has no memfd."""
  if hasattr(os, 'memfd_create'):
    fd = os.memfd_create('board')
  else:
    with tempfile.TemporaryFile() as file:
      fd = os.dup(file.fileno())
  os.ftruncate(fd, size)
  return fd
