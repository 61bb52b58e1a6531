"""From the command line to a configuration."""

import datetime
import pathlib
from collections.abc import Mapping, Sequence

from embodied.config import Config, load_blocks, resolve
from embodied.config.flags import apply
from embodied.errors import UsageError
from ponderdream.settings import data

# Allowed values of settings that are text.
CHOICES = {
  'run.script': ('train', 'offline'),
  'jax.dtype': ('auto', 'float32', 'bfloat16'),
  'inputs': ('stoch', 'tokens'),
  'enc.kind': ('conv', 'patch', 'table'),
  'imgdec.kind': ('conv', 'patch'),
  'inner.cell': ('residual', 'gru'),
  'inner.feedback': ('none', 'goal'),
  'ponder.mode': ('none', 'pondernet', 'act', 'fixed'),
  'ponder.credit': ('levels', 'mixture', 'sampled'),
}
# Lowest and highest value of numbers that would otherwise cause late or silent
# errors.
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
  'enc.codes': (2, 2**16),
  'imgdec.patch': (1, 10**4),
  'rew.bins': (1, 10**4),
  'val.bins': (1, 10**4),
  'loss.horizon': (1, 10**9),
  'slow.val': (1e-9, 1.0),
  'imag.length': (1, 10**4),
  'imag.last': (0, 10**6),
  'ponder.max_steps': (1, 10**4),
  'ponder.eps': (1e-6, 0.999),
  'ponder.prior': (0.001, 0.999),
  'ponder.beta': (0.0, 1e38),
  'ponder.cost': (0.0, 1e38),
  'ponder.branch_length': (1, 10**4),
  'ppo.length': (1, 10**5),
  'ppo.batch': (1, 10**5),
  'ppo.epochs': (1, 10**4),
  'ppo.clip': (1e-6, 1e6),
  'ppo.kl': (1e-6, 1e6),
  'opt.lr': (0.0, 1e38),
  'opt.agc': (1e-6, 1e6),
}


def blocks() -> dict[str, Mapping]:
  """The blocks of `configs.yaml`, in the wheel or beside the package."""
  here = pathlib.Path(__file__).parent.parent
  inside = here / 'configs.yaml'
  path = inside if inside.exists() else here.parent / 'configs.yaml'
  return load_blocks(path)


def sized(names: Sequence[str]) -> bool:
  """Whether one of the blocks sets the size of the world model."""
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
  config = apply(resolve(blocks(), names), flags, known)
  check(config)
  if not config.logdir:
    raise UsageError(
      'No folder for the results is named; add --logdir DIR, for example'
      ' --logdir logdir/{timestamp}.'
    )
  if '://' in config.logdir:
    raise UsageError(
      f'The logdir {config.logdir} is a URL, but the replay needs a folder;'
      ' give a folder, and the URL by --checkpoints.'
    )
  stamp = datetime.datetime.now().strftime('%Y%m%dT%H%M%S')
  logdir = config.logdir.replace('{timestamp}', stamp)
  return config.update({'logdir': str(pathlib.Path(logdir).expanduser())})


def check(config: Config) -> None:
  """Raises UsageError for values that are not valid."""
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
  data.shares(config)
  for key in ('rew.bins', 'val.bins'):
    if config[key] % 2 == 0:
      raise UsageError(
        f'{key} is {config[key]}; choose an odd number, so that one bin is 0.'
      )
  if config.dyn.deter % config.dyn.blocks:
    raise UsageError(
      f'dyn.deter is {config.dyn.deter}; choose a multiple of dyn.blocks,'
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
