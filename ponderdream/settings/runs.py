"""A run's settings: in its folders, and the same on all of its hosts."""

import pathlib
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from embodied import config as config_
from embodied.config import Config
from embodied.errors import UsageError, mark_shared
from ponderdream.settings.parse import blocks

# What may change from one process of a run to the next.
FREE = (
  'logdir',
  'checkpoints',
  r'jax\..*',
  r'run\.(steps|log_every|report_every|save_every|keep|parallel|timeout)',
  'replay.capacity',
)
# What may differ from one host of a run to the next.
OWN = (
  'logdir',
  'checkpoints',
  r'jax\.(platform|distributed|num_processes|process_id)',
  r'run\.(parallel|timeout)',
)

# Settings that had another name in an earlier version.
RENAMED = {'slowval.rate': 'slow.val'}


def check_alone(hosts: int) -> None:
  """Raises UsageError where several hosts would each read their own clock."""
  if hosts > 1:
    raise UsageError(
      f'{hosts} hosts train together, and {{timestamp}} is the clock of each;'
      ' give all of them the same --logdir.'
    )


def check_alike(
  config: Config, exchange: Callable[[Sequence[float]], np.ndarray]
) -> None:
  """Raises UsageError, on all hosts, unless all were given the same settings.

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

  # The names first: each host has to tell as many values.
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
  """Whether the logdir holds a run that `config` goes on with.

  Raises:
    UsageError: it holds a run with other settings.
  """
  path = pathlib.Path(config.logdir) / 'config.yaml'
  if not path.exists():
    return False
  check_same(config, saved(path), f'The logdir {config.logdir} holds')
  return True


def check_same(config: Config, before: Config, who: str) -> None:
  """Raises UsageError if a run that began with the settings `before` cannot
  go on with `config`; `who` begins the sentence."""
  differ = config_.diff(before, config, FREE)
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
  """Makes the folder; raises UsageError if that cannot be."""
  try:
    pathlib.Path(config.logdir).mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(
      f'Cannot make the logdir {config.logdir}: {error}.'
    ) from None


def remember(config: Config, host: int = 0) -> None:
  """Writes `config.yaml` into the logdir, in whole or not at all; host 0 does
  it for all hosts."""
  if host:
    return
  path = pathlib.Path(config.logdir) / 'config.yaml'
  part = path.with_name('.config.yaml')
  config.save(part)
  part.replace(path)


def recall(logdir: str, task: str = '') -> Config:
  """The configuration of a run, for evaluation.

  Args:
    task: what the user says that the run was trained on, if anything. It is
      asked for where the name of the task has Gymnasium import a module, as
      the run may be somebody else's.

  Raises:
    UsageError: there is no run in the folder, or the task is to be named.
  """
  path = pathlib.Path(logdir).expanduser() / 'config.yaml'
  if not path.exists():
    raise UsageError(
      f'There is no run in {logdir}: it has no config.yaml; give the --logdir'
      ' of a training.'
    )
  # Where it was trained does not matter.
  here = {'jax.platform': 'auto', 'jax.distributed': 'off'}
  config = saved(path)
  if ':' in config.task and config.task != task:
    raise UsageError(
      f"The task of {logdir} is '{config.task}', which imports a module of"
      f' that name; if you know it, add --task {config.task}.'
    )
  return config.update({'logdir': str(path.parent), **here})


def saved(path: pathlib.Path) -> Config:
  """A run's `config.yaml`, as `complete` has it."""
  return complete(Config.load(path), path)


def complete(values: Config, path: object) -> Config:
  """The settings of a run; those that it does not know, because an earlier
  version wrote them to `path`, have their defaults, and those of another
  name then have their value of then.

  Raises:
    UsageError: it has settings that this version does not know.
  """
  try:
    flat = {RENAMED.get(k, k): v for k, v in values.flat.items()}
    return config_.resolve(blocks(), []).update(flat)
  except UsageError as error:
    raise UsageError(
      f'{path} was written by another version: {error}'
    ) from None
