"""Settings of a run: saved, compared with earlier ones and between hosts."""

import pathlib
import re
import shlex
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from embodied.config import Config, diff, resolve
from embodied.envs import several
from embodied.errors import UsageError, mark_shared
from ponderdream.settings.parse import blocks, check

# Settings that may change when a run is resumed.
FREE = (
  'logdir',
  'checkpoints',
  r'jax\..*',
  r'logger\..*',
  r'run\.(steps|log_every|report_every|save_every|keep|parallel|timeout|watch)',
  'replay.capacity',
)
# Settings that may differ between hosts.
OWN = (
  'logdir',
  'checkpoints',
  r'jax\.(platform|distributed|num_processes|process_id)',
  r'run\.(parallel|timeout)',
)

# Packages of environments that everybody has. What a run of somebody else
# imports from others is imported only if the user names it, too.
KNOWN = (
  'ale_py',
  'gymnasium',
  'gymnasium_robotics',
  'highway_env',
  'minigrid',
  'shimmy',
)

# Settings that had another name in an earlier version.
RENAMED = {'slowval.rate': 'slow.val'}
# Settings that are gone, with the value at which they did nothing.
REMOVED = {'replay.recency': 0.0}


def check_alone(hosts: int) -> None:
  """Raises UsageError if {timestamp} is used on several hosts."""
  if hosts > 1:
    raise UsageError(
      f'--logdir contains {{timestamp}}, which differs between the {hosts}'
      ' hosts; give all of them the same --logdir.'
    )


def check_alike(
  config: Config, exchange: Callable[[Sequence[float]], np.ndarray]
) -> None:
  """Raises UsageError on all hosts if their settings differ.

  Args:
    exchange: that of `embodied.hosts.Hosts`.
  """
  flat = {
    k: v
    for k, v in config.flat.items()
    if not any(re.fullmatch(x, k) for x in OWN)
  }

  def differ(values: Iterable[Any]) -> np.ndarray:
    rows = exchange([zlib.crc32(repr(x).encode()) for x in values])
    return (rows != rows[0]).any(0)

  # Names first, because all hosts must exchange the same number of values.
  if differ([list(flat)]).any():
    raise mark_shared(
      UsageError(
        'The hosts run different versions of PonderDream; install the same'
        ' one on all of them.'
      )
    )
  keys = [k for k, x in zip(flat, differ(flat.values()), strict=True) if x]
  if keys:
    raise mark_shared(
      UsageError(
        f'The hosts were given different settings ({", ".join(keys)}); give'
        ' all of them the same.'
      )
    )


def compare(config: Config) -> bool:
  """Whether the logdir holds an earlier part of this run.

  Raises:
    UsageError: it holds a run with other settings.
  """
  path = pathlib.Path(config.logdir) / 'config.yaml'
  if not path.exists():
    return False
  before = complete(Config.load(path), path, config)
  check_same(config, before, f'The logdir {config.logdir} holds')
  return True


def check_same(config: Config, before: Config, who: str) -> None:
  """Raises UsageError if a run with the settings `before` cannot be resumed
  with `config`; `who` is the beginning of the message."""
  differ = diff(before, config, FREE)
  if differ:
    changes = ', '.join(
      f'{k} ({before.flat.get(k)} there, {config.flat.get(k)} here)'
      for k in differ
    )
    raise UsageError(
      f'{who} a run with another configuration: {changes}. Give the same'
      ' settings, or another folder.'
    )


def make_logdir(config: Config) -> None:
  """Creates the folder; raises UsageError if this fails."""
  try:
    pathlib.Path(config.logdir).mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(
      f'Cannot make the logdir {config.logdir}: {error}.'
    ) from None


def remember(config: Config, host: int = 0) -> None:
  """Writes `config.yaml` to the logdir atomically, on host 0."""
  if host:
    return
  config.save(pathlib.Path(config.logdir) / 'config.yaml')


def recall(
  logdir: str, task: str = '', wrappers: Sequence[str] = ()
) -> Config:
  """The configuration of a run, for evaluation.

  Args:
    task: the task as given by the user. It is required if the task imports a
      Python module, because the logdir may come from somebody else.
    wrappers: `env.gymnasium.wrappers` as given by the user; required if the
      run has some, for the same reason.

  Raises:
    UsageError: there is no run in the folder, its settings are not valid, or
      the task or the wrappers are required.
  """
  path = pathlib.Path(logdir).expanduser() / 'config.yaml'
  if not path.exists():
    raise UsageError(
      f'There is no run in {logdir}, because it has no config.yaml; give the'
      ' --logdir of a run.'
    )
  # Evaluation may use another machine than training.
  here = {'jax.platform': 'auto', 'jax.distributed': 'off'}
  config = complete(Config.load(path), path)
  try:
    check(config)
  except UsageError as error:
    raise UsageError(f'{path} cannot be used: {error}') from None
  modules = [
    x.removeprefix('gymnasium_').rpartition(':')[0]
    for x in several.tasks(config.task)
  ]
  if any(map(foreign, modules)) and config.task != task:
    raise UsageError(
      f"The task of {logdir} is '{config.task}', which imports a module; if"
      f' you trust it, add --task {config.task}.'
    )
  imported = config.env.gymnasium.wrappers
  if any(map(foreign, imported)) and tuple(wrappers) != imported:
    raise UsageError(
      f'The environments of {logdir} import {", ".join(imported)}; if you'
      f' trust them, add --wrappers {shlex.join(imported)}.'
    )
  return config.update({'logdir': str(path.parent), **here})


def foreign(path: str) -> bool:
  """Whether the import path `package.module:Class` is not of a KNOWN package;
  an empty path is none."""
  package = path.partition(':')[0].partition('.')[0]
  return bool(path) and package not in KNOWN


def complete(
  values: Config, path: object, now: Config | None = None
) -> Config:
  """The settings `values` that an earlier version may have written to `path`.

  New settings get their defaults, and renamed ones keep their values.

  Args:
    now: the settings of the run that goes on. New sections are taken from it:
      what has a section of its own, such as a head, was not there before, so
      that only its scale in `loss_scales` can differ.

  Raises:
    UsageError: there are settings that this version does not know.
  """
  flat = {
    RENAMED.get(k, k): v for k, v in values.flat.items() if REMOVED.get(k) != v
  }
  known = {k.partition('.')[0] for k in flat}
  new = {
    k: v
    for k, v in (now.flat if now else {}).items()
    if '.' in k and k.partition('.')[0] not in known
  }
  try:
    return resolve(blocks(), []).update(new | flat)
  except UsageError as error:
    raise UsageError(
      f'{path} was written by another version: {error}'
    ) from None
