"""The source of training batches, as the setting `data` says."""

import pathlib
from collections.abc import Collection, Mapping

from embodied import sources
from embodied.base import Spaces
from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import objectives, settings, texts
from ponderdream.distributed import hosts
from ponderdream.dream import posterior
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.mixed import Mixed
from ponderdream.lrxc.windows import Windows
from ponderdream.world.spaces import visible


def make(
  config: Config,
  spaces: tuple[Spaces, Spaces],
  own: Mapping[str, sources.Source],
) -> sources.Source:
  """The source of a run's batches.

  Args:
    own: sources of the run itself by name. Other names in `data` are folders.

  Raises:
    UsageError: a folder has no data, or data of another task; or the agent is
      to imitate plans, and there are none.
  """
  shares = settings.data.shares(config)
  plans = {x for x in shares if x not in own and settings.data.has_plans(x)}
  _check_plans(config, plans)
  folders = [pathlib.Path(x).expanduser() for x in plans]
  texts.prepare(config, folders)
  levels = max([Data(x).levels for x in folders], default=1)
  found: dict[str, tuple[sources.Source, float]] = {}
  for name, share in shares.items():
    if name in own:
      found[name] = own[name], share
    else:
      number = len(found)
      data: sources.Source
      if name in plans:
        data = _plans(config, spaces, name, number, levels)
      else:
        data = _replay(config, spaces, name, number)
      found[f'data{number}'] = data, share
  mixture = Mixed(found)
  if not plans or not texts.needed(config):
    return mixture
  words = texts.load(config, config.logdir)
  return texts.Tokenized(mixture, words, config.text.most)


def _replay(
  config: Config, spaces: tuple[Spaces, Spaces], name: str, number: int
) -> sources.Fixed:
  """The replay of an earlier run in the folder `name`.

  Args:
    spaces: of the task.
    number: of the data set among those of the run; part of its random seed.

  Raises:
    UsageError: there is no replay, or a replay of another task.
  """
  obs, act = spaces
  keys = {k: v for k, v in obs.items() if not k.startswith('log/')}
  keys |= {k: v for k, v in act.items() if k != 'reset'}
  data = sources.Fixed(
    settings.data.folder(name),
    config.batch.length + 1,
    keys,
    # Each host draws other windows.
    (config.seed, hosts.host(), number),
    posterior.LATENTS,
  )
  sources.check_spaces(name, data, keys)
  return data


def _plans(
  config: Config,
  spaces: tuple[Spaces, Spaces],
  name: str,
  number: int,
  levels: int,
) -> Windows:
  """The LRXC data set in the folder `name`: steps with plans in words.

  Args:
    levels: of a batch, at least.
    common: as for `_replay`.

  Raises:
    UsageError: it observes something else than the task, or its plans have
      more levels than the agent.
  """
  seed = config.seed, hosts.host(), number
  data = Windows(
    pathlib.Path(name).expanduser(),
    config.batch.length + 1,
    seed=seed,
    by_goal=config.imitation.by_goal,
    levels=levels,
  )
  for key, space in visible(spaces[0]).items():
    if data.fields.get(key) != (space.dtype, space.shape):
      raise UsageError(
        f"The data in {name} has no '{key}' of {space.dtype} {space.shape},"
        ' which the task observes; give data of the same task.'
      )
  if texts.needed(config) and data.levels > config.ponder.max_steps:
    raise UsageError(
      f'The plans in {name} have {data.levels} levels, and ponder.max_steps is'
      f' {config.ponder.max_steps}; raise it.'
    )
  return data


def _check_plans(config: Config, plans: Collection[str]) -> None:
  """Raises UsageError if a loss needs plans and there are none."""
  active = objectives.active(config.loss_scales).values()
  used = [k for x in active if 'stack' in x.keys for k in x.scales]
  used = [k for k in used if config.loss_scales[k]]
  if used and not plans:
    raise UsageError(
      f'loss_scales.{used[0]} is above 0, and --data names no plans in words;'
      ' give a folder that python -m ponderdream.lrxc made.'
    )
