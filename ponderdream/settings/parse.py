"""From the command line to a configuration."""

import datetime
import importlib.util
import pathlib
from collections.abc import Mapping, Sequence

from embodied import errors
from embodied.config import Config, load_blocks, resolve
from embodied.config.flags import apply
from embodied.envs import several
from embodied.errors import UsageError
from ponderdream.settings import data, ranges

# Allowed values of settings that are text.
CHOICES = {
  'run.script': ('train', 'offline'),
  'jax.dtype': ('auto', 'float32', 'bfloat16'),
  'inputs': ('stoch', 'tokens'),
  'enc.kind': ('conv', 'patch', 'table'),
  'imgdec.kind': ('conv', 'patch'),
  'goalenc.kind': ('table', 'text'),
  'inner.cell': ('residual', 'gru', 'conv', 'attention'),
  'inner.feedback': ('none', 'goal'),
  'ponder.mode': ('none', 'pondernet', 'act', 'fixed', 'kl'),
  'env.sokoban.view': ('cells', 'picture'),
  'ponder.credit': ('levels', 'mixture', 'sampled'),
}

# What `logger.outputs` may name. The last ones are extras of setup.py.
SERVICES = ('wandb', 'mlflow')
OUTPUTS = ('jsonl', 'tensorboard', 'videos', 'terminal', *SERVICES)


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
  check_outputs(config.logger.outputs)
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
        f'{key} is {errors.quoted(config[key])}; choose one of'
        f' {", ".join(known)}.'
      )
  for key in ('task', 'jax.platform', 'jax.distributed'):
    if not config[key].strip():
      raise UsageError(f'{key} is empty; give a value, or leave it out.')
  ranges.check(config)
  data.shares(config)
  for key in ('rew.bins', 'val.bins'):
    if config[key] % 2 == 0:
      raise UsageError(
        f'{key} is {config[key]}; choose an odd number, so that one bin is 0.'
      )
  if config.imag.last == 1:
    raise UsageError(
      'imag.last is 1, but the value of replayed steps is learnt from pairs of'
      ' steps; choose 2 or more, or 0 for all.'
    )
  if config.dyn.deter % config.dyn.blocks:
    raise UsageError(
      f'dyn.deter is {config.dyn.deter}; choose a multiple of dyn.blocks,'
      f' {config.dyn.blocks}.'
    )
  if config.inner.cell in ('conv', 'attention') and config.inputs != 'tokens':
    raise UsageError(
      f'inner.cell {config.inner.cell} needs the tokens of the encoder; set'
      ' inputs to tokens.'
    )
  if config.inner.cell == 'attention' and config.inner.units % 4:
    raise UsageError(
      f'inner.units is {config.inner.units}; with inner.cell attention, choose'
      ' a multiple of 4.'
    )
  for key in ('goalenc', 'txtdec'):
    if config[key].units % config[key].heads:
      raise UsageError(
        f'{key}.units is {config[key].units}; choose a multiple of'
        f' {key}.heads, {config[key].heads}.'
      )
  for key in ('leash_halt', 'leash_act'):
    if config.loss_scales[key] and not config.loss_scales.ppo:
      raise UsageError(
        f'loss_scales.{key} is above 0, which needs loss_scales.ppo: the leash'
        ' is on what is learnt from the newest steps.'
      )
  check_imitation(config)
  check_asking(config)
  window = config.batch.length + 1
  least = 2 * window * (config.batch.size + config.run.envs)
  if config.replay.capacity < least:
    raise UsageError(
      f'replay.capacity is {config.replay.capacity}; batches of'
      f' {config.batch.size} x {config.batch.length} steps need {least} or'
      ' more.'
    )


def check_imitation(config: Config) -> None:
  """Raises UsageError if plans are to be imitated by an agent that cannot."""
  names = ('say', 'align', 'halt', 'bc', 'goalstate')
  used = [x for x in names if config.loss_scales[x]]
  needs = {
    'ponder.mode': ('pondernet', 'fixed'), 'goalenc.kind': ('text',),
    'inner.feedback': ('goal',),
  }  # fmt: skip
  for key, values in needs.items():
    if used and config[key] not in values:
      raise UsageError(
        f'loss_scales.{used[0]} is above 0, which needs {key}'
        f' {" or ".join(values)}; add the blocks pondernet and words.'
      )


def check_asking(config: Config) -> None:
  """Raises UsageError if an agent is to be asked for several goals, and does
  not learn from the steps in which it was."""
  speaks = config.ponder.mode != 'none' and config.goalenc.kind == 'text'
  if config.goal and not speaks:
    raise UsageError(
      f'goal is {errors.quoted(config.goal)}, which needs goals that are'
      ' texts; add the blocks pondernet and words.'
    )
  several_goals = speaks and len(several.tasks(config.task)) > 1
  if not (config.run.ask or several_goals):
    return
  what = 'run.ask is above 0' if config.run.ask else 'there are several worlds'
  if not speaks:
    raise UsageError(
      'run.ask is above 0, which needs goals that are texts; add the blocks'
      ' pondernet and words.'
    )
  if config.run.ask and not config.loss_scales.ppo:
    raise UsageError(
      'run.ask is above 0, which needs loss_scales.ppo: only real steps are'
      ' learnt from with the goal that was asked for.'
    )
  for key in ('policy', 'ponder', 'value', 'repval'):
    if config.loss_scales[key]:
      raise UsageError(
        f'{what}, with goals in words, and loss_scales.{key} is above 0, but'
        ' dreams know the first goal of the task alone; set it to 0.'
      )


def check_outputs(names: Sequence[str]) -> None:
  """Raises UsageError for an unknown output, or one whose package is not
  installed."""
  for name in names:
    if name not in OUTPUTS:
      raise UsageError(
        f'logger.outputs names {errors.quoted(name)}; choose from'
        f' {", ".join(OUTPUTS)}.'
      )
    if name in SERVICES and importlib.util.find_spec(name) is None:
      raise UsageError(
        f'logger.outputs names {name}, which is not installed:'
        f' {errors.install(f"[{name}]")}'
      )
