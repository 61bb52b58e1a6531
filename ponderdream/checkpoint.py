"""Checkpoints in Orbax's format: `checkpoints/<step>/`, atomic and async."""

import logging
import pathlib
from typing import Any

import jax
import orbax.checkpoint as ocp

from embodied.errors import UsageError

log = logging.getLogger('ponderdream')


class Checkpoint:
  """Keeps the newest checkpoints of a run.

  A checkpoint holds a tree of arrays, `state`, and a dict for JSON, `meta`.

  Args:
    directory: made if need be, unless nothing is kept.
    keep: how many checkpoints stay; older ones are deleted. None is for
      reading only.

  Raises:
    UsageError: for reading only, and there is no such directory.
  """

  def __init__(self, directory: str | pathlib.Path, keep: int | None = None):
    self.directory = pathlib.Path(directory).absolute()
    self.damaged: set[int] = set()
    if keep is None and not self.directory.is_dir():
      raise UsageError(
        f'There is no checkpoint in {self.directory}; train first.'
      )
    options = ocp.CheckpointManagerOptions(
      max_to_keep=keep,
      create=keep is not None,
      read_only=keep is None,
      enable_async_checkpointing=keep is not None,
    )
    self.manager = ocp.CheckpointManager(self.directory, options=options)

  def steps(self) -> list[int]:
    """Steps of the finished checkpoints, oldest first."""
    return sorted(self.manager.all_steps())

  def save(self, step: int, state: Any, meta: dict[str, Any]) -> None:
    """Writes in the background; a step that is there already stays, unless
    it could not be read."""
    self.manager.wait_until_finished()
    if step in self.manager.all_steps():
      if step not in self.damaged:
        return
      self.manager.delete(step)
      self.damaged.remove(step)
    args = ocp.args.Composite(
      state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta)
    )
    self.manager.save(step, args=args, force=True)

  def load(
    self, like: Any, step: int | None = None
  ) -> tuple[int, Any, dict[str, Any]]:
    """Reads one checkpoint, onto the devices of `like`.

    Args:
      like: a tree of the same structure.
      step: which one; by default the newest that can be read. Each damaged
        one on the way is named in a warning.

    Returns:
      Its step, state and meta.

    Raises:
      UsageError: there is none, not this one, or none that can be read.
    """
    steps = self.steps()
    if not steps:
      raise UsageError(
        f'There is no checkpoint in {self.directory}; train first.'
      )
    if step is not None and step not in steps:
      raise UsageError(
        f'There is no checkpoint of step {step} in {self.directory}; there'
        f' are {", ".join(map(str, steps))}.'
      )
    tried = steps[::-1] if step is None else [step]
    for number in tried:
      try:
        return number, *self._read(like, number)
      except Exception as error:  # whatever a damaged file causes in Orbax
        reason = str(error).strip().split('\n')[0][:200]
        log.warning('Checkpoint %d cannot be read (%s).', number, reason)
        self.damaged.add(number)
    raise UsageError(
      f'No checkpoint in {self.directory} can be read (tried'
      f' {", ".join(map(str, tried))}); restore a copy or delete the folder.'
    )

  def _read(self, like: Any, step: int) -> tuple[Any, dict[str, Any]]:
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    args = ocp.args.Composite(
      state=ocp.args.StandardRestore(shapes), meta=ocp.args.JsonRestore()
    )
    found = self.manager.restore(step, args=args)
    return found.state, found.meta

  def close(self) -> None:
    """Waits for the last write."""
    self.manager.wait_until_finished()
    self.manager.close()
