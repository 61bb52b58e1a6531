"""Checkpoints in Orbax's format: `checkpoints/<step>/`, atomic and async."""

import contextlib
import logging
import math
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint import checkpoint_managers as policies

import embodied
from embodied import errors
from embodied.errors import UsageError
from embodied.files import Folder
from ponderdream import meta as metas
from ponderdream.meta import CONFIG, RETURN

log = logging.getLogger('ponderdream')

# Parts of the system's messages about a full disk.
FULL = 'No space left', 'quota exceeded', 'File too large'
# Kinds of buckets.
SCHEMES = 'gs', 's3'
# Seconds that a host waits for the files of another one.
PATIENCE = 300


class NotWritten(OSError):
  """A checkpoint could not be written; earlier ones are unchanged."""


class Checkpoint:
  """Keeps the newest checkpoints of a run, and the one of the best return.

  A checkpoint holds a tree of arrays, `state`, and a dict for JSON, `meta`.
  All hosts of a run call the same methods with the same steps, and share the
  directory. The number of devices and hosts may change between writing and
  reading.

  Orbax opens files by their paths. So what somebody else exchanges in the
  directory while a checkpoint is written may lead it elsewhere. Before and
  after each write, the directory has to be the one that was opened, without
  links; else the run ends and says so.

  Args:
    directory: a folder or a URL such as `gs://bucket/run`. It is created,
      unless `keep` is None.
    keep: number of newest checkpoints to keep. None opens the directory for
      reading only.
    config: flat settings of the run, saved with each checkpoint.

  Raises:
    UsageError: the directory does not exist and `keep` is None, it has links,
      or a package for its URL is missing.
  """

  def __init__(
    self,
    directory: str | pathlib.Path,
    keep: int | None = None,
    config: Mapping[str, Any] | None = None,
  ):
    self.own = {CONFIG: dict(config)} if config else {}
    try:
      self.directory = place(directory)
      self.directory.exists()  # imports the package for a bucket
    except ImportError as error:
      raise UsageError(
        f'{directory} needs a package that is not installed ({error}); for'
        f' gs://, {errors.install("etils[epath-gcs]")}'
      ) from None
    self.damaged: set[int] = set()
    self.scores: dict[int, float] = {}
    if keep is None and not self.directory.is_dir():
      raise self._missing()
    self._folder: Folder | None = None
    if '://' not in str(self.directory):
      self._folder = Folder(self.directory, make=keep is not None)
    self._look()
    options = ocp.CheckpointManagerOptions(
      preservation_policy=Keep(keep, self.score),
      create=keep is not None,
      # Incomplete checkpoints of a killed process.
      cleanup_tmp_directories=keep is not None,
      read_only=keep is None,
      enable_async_checkpointing=keep is not None,
      async_options=ocp.AsyncOptions(timeout_secs=PATIENCE),
    )
    self.manager = ocp.CheckpointManager(self.directory, options=options)

  def _look(self) -> None:
    """Raises UsageError if a link, a pipe or a device is in the directory,
    which Orbax would follow or wait for, or if another one is in its place."""
    if self._folder is None:
      return
    if not self._folder.at(self.directory):
      raise UsageError(
        f'{self.directory} was exchanged for another folder while it was in'
        ' use; see what changes it, and put it back.'
      )
    self._folder.check_all()

  def steps(self) -> list[int]:
    """Steps of the finished checkpoints, oldest first."""
    return sorted(self.manager.all_steps())

  def best(self) -> int | None:
    """The step of the best return, None if none was saved with one."""
    return best(self.steps(), self.score)

  def score(self, step: int) -> float:
    """The return that a checkpoint was saved with; -inf if there is none, or
    if it cannot be read."""
    if step not in self.scores:
      self.scores[step] = self.meta(step).get(RETURN, -math.inf)
    return self.scores[step]

  def config(self) -> dict[str, Any]:
    """The settings in the newest checkpoint that has readable ones; empty if
    none has."""
    found = (self.meta(x).get(CONFIG) for x in reversed(self.steps()))
    return next(filter(None, found), {})

  def meta(self, step: int) -> dict[str, Any]:
    """The meta of a checkpoint; empty if it cannot be read."""
    try:
      return self._meta(step)[0]
    except (OSError, ValueError):
      return {}

  def _meta(self, step: int) -> tuple[dict[str, Any], int | None]:
    """The meta, and the checksum of the arrays if there is one. Raises
    OSError or ValueError."""
    path = self.directory / str(step) / 'meta' / 'metadata'
    return metas.unseal(path.read_bytes(), step)

  def save(
    self,
    step: int,
    state: Any,
    meta: dict[str, Any],
    score: float | None = None,
  ) -> None:
    """Writes a checkpoint in the background. An existing checkpoint of this
    step is replaced only if it could not be read.

    Args:
      step: of the run's clock.
      state: arrays, replicated over the devices.
      meta: further data for JSON.
      score: mean return of recent episodes, if known.

    Raises:
      NotWritten: this checkpoint or the previous one cannot be written.
      UsageError: the directory has links, or is another one.
    """
    self.wait()
    if step in self.manager.all_steps():
      if step not in self.damaged:
        return
      self.manager.delete(step)
      self.damaged.remove(step)
    self.scores[step] = -math.inf if score is None else score
    meta = meta | self.own
    if score is not None and math.isfinite(score):
      meta |= {RETURN: score}
    args = ocp.args.Composite(
      state=ocp.args.StandardSave(state),
      meta=ocp.args.JsonSave(metas.seal(meta, step, state)),
    )
    with self.named():
      self.manager.save(step, args=args, force=True)

  def wait(self) -> None:
    """Waits for the last write; raises NotWritten if it failed, and UsageError
    if it may have gone elsewhere."""
    try:
      with self.named():
        self.manager.wait_until_finished()
    finally:
      self._look()

  @contextlib.contextmanager
  def named(self) -> Iterator[None]:
    """Turns errors of the disk within Orbax into `NotWritten`."""
    try:
      yield
    except Exception as error:
      full = any(x in str(error) for x in FULL)
      if not (full or isinstance(error, OSError)):
        raise
      remedy = 'free disk space' if full else 'remove the cause'
      raise NotWritten(
        f'A checkpoint cannot be written to {self.directory}'
        f' ({brief(error)}); {remedy} and run the command again, which resumes'
        ' from the previous checkpoint.'
      ) from error

  def load(
    self, like: Any, step: int | None = None
  ) -> tuple[int, Any, dict[str, Any]]:
    """Reads a checkpoint onto the devices of `like`.

    Args:
      like: a tree of the same structure. If it has the methods
        `earlier_forms` and `from_earlier_form`, checkpoints with the keys of
        one of these forms are read too.
      step: of the checkpoint; by default the newest that can be read. A
        warning names each damaged one.

    Returns:
      Its step, state and meta.

    Raises:
      UsageError: there is no such checkpoint, or none that can be read.
    """
    self._look()
    steps = self.steps()
    if not steps:
      raise self._missing()
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
        log.warning('Checkpoint %d cannot be read (%s).', number, brief(error))
        self.damaged.add(number)
    raise UsageError(
      f'No checkpoint in {self.directory} can be read (tried'
      f' {", ".join(map(str, tried))}); restore a copy or delete the folder.'
    )

  def load_params(self) -> dict[str, Any]:
    """The parameters of the newest checkpoint, as nested dicts of NumPy
    arrays of any shape.

    Raises:
      UsageError: there is no checkpoint, or it cannot be read.
    """
    if not self.steps():
      raise self._missing()
    path = self._state_path(self.steps()[-1])
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
      try:
        tree = {'params': reader.metadata(path).item_metadata.tree['params']}
        numpy = ocp.RestoreArgs(restore_type=np.ndarray)
        args = ocp.args.PyTreeRestore(
          item=tree,
          restore_args=jax.tree.map(lambda _: numpy, tree),
          partial_restore=True,
        )
        params = dict(reader.restore(path, args=args)['params'])
        metas.check_finite(params)
        return params
      except Exception as error:  # whatever a damaged file causes in Orbax
        raise UsageError(
          f'The parameters in {path} cannot be read ({brief(error)}); name'
          ' another run.'
        ) from error

  def _missing(self) -> UsageError:
    return UsageError(
      f'There is no checkpoint in {self.directory}; train first.'
    )

  def _state_path(self, step: int) -> epath.Path:
    return self.directory / str(step) / 'state'

  def _form(self, like: Any, step: int) -> Any:
    """`like`, or the one of its earlier forms that has the stored keys."""
    with ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
      tree = reader.metadata(self._state_path(step)).item_metadata.tree
    forms: list[Any] = [like]
    if hasattr(like, 'earlier_forms'):
      forms += like.earlier_forms()
    return next((x for x in forms if same_keys(x, tree)), like)

  def _read(self, like: Any, step: int) -> tuple[Any, dict[str, Any]]:
    meta, arrays = self._meta(step)
    form = self._form(like, step)
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, form)
    args = ocp.args.Composite(state=ocp.args.StandardRestore(shapes))
    state = self.manager.restore(step, args=args).state
    if arrays is not None and metas.checksum(state) != arrays:
      raise ValueError('its arrays differ from their checksum')
    state = state if form is like else like.from_earlier_form(state)
    metas.check_finite(getattr(state, 'params', state))
    return state, meta

  def close(self) -> None:
    """Waits for the last write; raises as `wait`."""
    try:
      self.wait()
    finally:
      self.manager.close()


def restore(
  agent: embodied.Agent,
  directory: str | pathlib.Path,
  step: int | None = None,
  best: bool = False,
) -> int:
  """Loads a checkpoint into an agent, and returns its step.

  Args:
    directory: that of the checkpoints.
    step: of the checkpoint; by default the newest that can be read.
    best: use the checkpoint of the best return instead.

  Raises:
    UsageError: there is no such checkpoint, or it cannot be read.
  """
  with contextlib.closing(Checkpoint(directory)) as saved:
    if best:
      step = saved.best()
      if step is None:
        raise UsageError(
          f'No checkpoint in {saved.directory} was saved with a return; leave'
          ' out --best.'
        )
    step, state, _ = saved.load(agent.save(), step)
  agent.load(state)
  return step


class Keep(policies.PreservationPolicy):
  """Keeps the newest `count` checkpoints and the one of the best score.

  Orbax has such a policy too. But it stores metrics in separate files, and
  cannot open a directory if one of them is damaged.
  """

  def __init__(self, count: int | None, score: Callable[[int], float]):
    self.count = count
    self.score = score

  def should_preserve(
    self, checkpoints: Sequence[Any], *, context: Any
  ) -> list[bool]:
    steps = sorted(x.step for x in checkpoints)
    keep = {best(steps, self.score), *steps[-(self.count or len(steps)) :]}
    return [x.step in keep for x in checkpoints]


def best(steps: Sequence[int], score: Callable[[int], float]) -> int | None:
  """The step of the best score, the newest of equal ones; None if no step has
  a score."""
  known = [x for x in steps if score(x) > -math.inf]
  return max(known, key=lambda x: (score(x), x), default=None)


def same_keys(form: Any, tree: Any) -> bool:
  """Whether a stored tree has the keys of `form` and of all its dicts."""
  form = form._asdict() if hasattr(form, '_asdict') else form
  if not isinstance(form, dict):
    return True
  return (
    isinstance(tree, Mapping)
    and form.keys() == tree.keys()
    and all(same_keys(v, tree[k]) for k, v in form.items())
  )


def place(directory: str | pathlib.Path) -> epath.Path:
  """The directory as an absolute path, or the URL unchanged. Raises
  UsageError for a URL of another kind than those of SCHEMES."""
  scheme, url, rest = str(directory).partition('://')
  if not url:
    return epath.Path(directory).expanduser().absolute()
  if scheme not in SCHEMES or not rest.strip('/'):
    raise UsageError(
      f'The checkpoints cannot be in {errors.quoted(str(directory))}; give a'
      f' folder, or a bucket as {SCHEMES[0]}://BUCKET/FOLDER.'
    )
  return epath.Path(directory)


def brief(error: Exception) -> str:
  """The first sentence of the message."""
  line = str(error).strip().split('\n')[0]
  return line.split('. ')[0].rstrip('.')[:200]
