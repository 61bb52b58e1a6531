"""From the command line to a configuration, and from a logdir back to it."""

import datetime
import pathlib
from collections.abc import Mapping, Sequence

from embodied import config as config_
from embodied import flags as flags_
from embodied.config import Config
from embodied.errors import UsageError

# What may change from one process of a run to the next.
FREE = (
  'logdir',
  r'jax\..*',
  r'run\.(steps|log_every|report_every|save_every|keep|parallel|timeout)',
)


def blocks() -> dict[str, Mapping]:
  """The blocks of `configs.yaml`, in the wheel or beside the package."""
  here = pathlib.Path(__file__).parent
  inside = here / 'configs.yaml'
  path = inside if inside.exists() else here.parent / 'configs.yaml'
  return config_.load_blocks(path)


def sized(names: Sequence[str]) -> bool:
  """Whether one of the blocks says how large the networks are."""
  return any(x.startswith('size') or x in ('cpu', 'debug') for x in names)


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
    UsageError: an unknown block or flag, a value of the wrong type, no
      logdir.
  """
  config = flags_.apply(config_.resolve(blocks(), names), flags, known)
  if not config.logdir:
    raise UsageError(
      'No folder for the results is named; add --logdir DIR, for example'
      ' --logdir logdir/{timestamp}.'
    )
  stamp = datetime.datetime.now().strftime('%Y%m%dT%H%M%S')
  logdir = config.logdir.replace('{timestamp}', stamp)
  return config.update({'logdir': str(pathlib.Path(logdir).expanduser())})


def remember(config: Config) -> bool:
  """Writes `config.yaml` into the logdir, or compares with the one there.

  Returns:
    Whether the run goes on from an earlier process.

  Raises:
    UsageError: the logdir holds a run with other settings, or is a file.
  """
  logdir = pathlib.Path(config.logdir)
  path = logdir / 'config.yaml'
  if path.exists():
    before = Config.load(path)
    differ = config_.diff(before, config, FREE)
    if differ:
      changes = ', '.join(
        f'{k} ({before.flat.get(k)} there, {config.flat.get(k)} here)'
        for k in differ
      )
      raise UsageError(
        f'The logdir {logdir} holds a run with another configuration:'
        f' {changes}. Give the same settings, or another --logdir.'
      )
    return True
  try:
    logdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(f'Cannot make the logdir {logdir}: {error}.') from None
  config.save(path)
  return False


def recall(logdir: str) -> Config:
  """The configuration of a run, for evaluation.

  Raises:
    UsageError: there is no run in the folder.
  """
  path = pathlib.Path(logdir).expanduser() / 'config.yaml'
  if not path.exists():
    raise UsageError(
      f'There is no run in {logdir}: it has no config.yaml; give the --logdir'
      ' of a training.'
    )
  return Config.load(path).update({'logdir': str(path.parent)})
