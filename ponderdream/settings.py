"""From the command line to a configuration, and from a logdir back to it."""

import datetime
import pathlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from embodied import config as config_
from embodied import flags as flags_
from embodied.config import Config
from embodied.errors import UsageError, agree

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

# What the texts among the settings may say.
CHOICES = {
  'jax.dtype': ('auto', 'float32', 'bfloat16'),
  'enc.kind': ('conv', 'patch'),
  'imgdec.kind': ('conv', 'patch'),
  'inner.cell': ('residual', 'gru'),
  'inner.feedback': ('none', 'goal'),
  'ponder.mode': ('none', 'pondernet', 'act', 'fixed'),
  'ponder.credit': ('levels', 'mixture', 'sampled'),
}
# Lowest and highest value of the numbers that could do silent harm.
RANGES = {
  'seed': (0, 2**31 - 1),
  'run.envs': (1, 10**4),
  'run.timeout': (0.001, 1e9),
  'run.train_ratio': (0.0, 1e6),
  'run.log_every': (0.0, 1e9),
  'run.report_every': (0.0, 1e9),
  'run.save_every': (0.0, 1e9),
  'run.keep': (1, 10**4),
  'replay.chunk': (1, 10**7),
  'replay.recency': (0.0, 1.0),
  'replay.priority': (0.0, 1.0),
  'batch.size': (1, 10**6),
  'batch.length': (2, 10**6),
  'dyn.classes': (2, 256),
  'enc.patch': (1, 10**4),
  'imgdec.patch': (1, 10**4),
  'rew.bins': (3, 10**4),
  'val.bins': (3, 10**4),
  'loss.horizon': (1, 10**9),
  'imag.length': (1, 10**4),
  'imag.last': (0, 10**6),
  'ponder.max_steps': (1, 10**4),
  'ponder.eps': (1e-6, 0.999),
  'ponder.prior': (0.001, 0.999),
  'ponder.beta': (0.0, 1e38),
  'ponder.cost': (0.0, 1e38),
  'ponder.branch_length': (1, 10**4),
  'opt.lr': (0.0, 1e38),
  'opt.agc': (1e-6, 1e6),
}


def blocks() -> dict[str, Mapping]:
  """The blocks of `configs.yaml`, in the wheel or beside the package."""
  here = pathlib.Path(__file__).parent
  inside = here / 'configs.yaml'
  path = inside if inside.exists() else here.parent / 'configs.yaml'
  return config_.load_blocks(path)


def sized(names: Sequence[str]) -> bool:
  """Whether one of the blocks says how large the networks are: the model at
  the least."""
  known = blocks()
  keys = [k for name in names for k in known[name]]
  return any(k.partition('.')[0] == 'dyn' for k in keys)


def parse(
  names: Sequence[str],
  flags: Mapping[str, Sequence[str]],
  known: Sequence[str],
) -> Config:
  """Merges blocks over the defaults, then flags.

  Args:
    names: of the blocks, left to right.
    flags: texts by flag, for the keys of the configuration.
    known: further flags of the program, for the hints of errors.

  Raises:
    UsageError: an unknown block or flag, a value of the wrong type or out of
      its range, no logdir.
  """
  config = flags_.apply(config_.resolve(blocks(), names), flags, known)
  check(config)
  if not config.logdir:
    raise UsageError(
      'No folder for the results is named; add --logdir DIR, for example'
      ' --logdir logdir/{timestamp}.'
    )
  if '://' in config.logdir:
    raise UsageError(
      f'The logdir {config.logdir} is no folder: the replay is mapped into'
      ' memory from there. Name one, and put the checkpoints elsewhere by'
      ' --checkpoints.'
    )
  stamp = datetime.datetime.now().strftime('%Y%m%dT%H%M%S')
  logdir = config.logdir.replace('{timestamp}', stamp)
  return config.update({'logdir': str(pathlib.Path(logdir).expanduser())})


def check(config: Config) -> None:
  """Raises UsageError for a value that no part of the program knows."""
  for key, known in CHOICES.items():
    if config[key] not in known:
      raise UsageError(
        f"{key} is '{config[key]}'; choose one of {', '.join(known)}."
      )
  for key, (low, high) in RANGES.items():
    if not low <= config[key] <= high:
      raise UsageError(
        f'{key} is {config[key]}; choose a number from {low} to {high}.'
      )
  for key in ('rew.bins', 'val.bins'):
    if config[key] % 2 == 0:
      raise UsageError(
        f'{key} is {config[key]}; choose an odd number, so that one bin is 0.'
      )
  if config.dyn.deter % config.dyn.blocks:
    raise UsageError(
      f'dyn.deter is {config.dyn.deter}, which does not divide by dyn.blocks,'
      f' {config.dyn.blocks}.'
    )
  window = config.batch.length + 1
  least = 2 * window * (config.batch.size + config.run.envs)
  if config.replay.capacity < least:
    raise UsageError(
      f'replay.capacity is {config.replay.capacity}; batches of'
      f' {config.batch.size} x {config.batch.length} steps need {least} or'
      ' more.'
    )


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
    raise agree(
      UsageError(
        'The hosts run different versions of PonderDream; install the same'
        ' one on all of them.'
      )
    )
  keys = [k for k, x in zip(flat, differ(flat.values()), strict=True) if x]
  if keys:
    raise agree(
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


def remember(config: Config) -> None:
  """Writes `config.yaml` into the logdir, in whole or not at all."""
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
  version wrote them to `path`, have their defaults.

  Raises:
    UsageError: it has settings that this version does not know.
  """
  try:
    return config_.resolve(blocks(), []).update(values.flat)
  except UsageError as error:
    raise UsageError(
      f'{path} was written by another version: {error}'
    ) from None
