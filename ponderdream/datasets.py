"""The source of training batches, as the setting `data` says."""

import pathlib
from collections.abc import Collection, Mapping

from embodied import sources
from embodied.base import Spaces, mask_key
from embodied.config import Config
from embodied.envs import several
from embodied.errors import UsageError
from ponderdream import factories, objectives, settings, texts
from ponderdream.distributed import hosts
from ponderdream.dream import posterior
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.mixed import Mixed
from ponderdream.lrxc.windows import Windows
from ponderdream.world.spaces import visible


class OfWorld:
  """The windows of one world, which look like those of all worlds of a run.

  Args:
    source: of one world.
    shared: the spaces of all worlds, see `embodied.envs.several`.
    own: those of this one.
  """

  def __init__(
    self,
    source: Windows,
    shared: tuple[Spaces, Spaces],
    own: tuple[Spaces, Spaces],
  ) -> None:
    self._source, self._shared, self._own = source, shared, own
    self.update, self.seek = source.update, source.seek
    self.stats, self.close = source.stats, source.close

  def __len__(self) -> int:
    return len(self._source)

  def sample(self, amount: int, fresh: bool = True) -> sources.Batch:
    batch = self._source.sample(amount, fresh)
    blank = several.blank(self._shared, self._own, batch['is_first'].shape)
    mask = mask_key(self._own[0])
    own = {k: batch[k] for k in visible(self._own[0])}
    full = several.fill(own, blank, mask)
    kept = {k: v for k, v in batch.items() if k != mask}
    return kept | {k: full[k] for k in visible(self._shared[0])}


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
  worlds = {config.task: spaces}
  if plans and len(several.tasks(config.task)) > 1:
    worlds = factories.world_spaces(config)
  for name, share in shares.items():
    if name in own:
      found[name] = own[name], share
    else:
      number = len(found)
      data: sources.Source
      if name in plans:
        data = _plans(config, spaces, worlds, name, number, levels)
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
  worlds: Mapping[str, tuple[Spaces, Spaces]],
  name: str,
  number: int,
  levels: int,
) -> sources.Source:
  """The LRXC data set in the folder `name`: steps with plans in words.

  Args:
    worlds: spaces of each world of the run, by task.
    levels: of a batch, at least.
    spaces, name, number: as for `_replay`.

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
  task = config.task if len(worlds) == 1 else _world(name, data.task, worlds)
  for key, space in visible(worlds[task][0]).items():
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
  return data if len(worlds) == 1 else OfWorld(data, spaces, worlds[task])


def _world(name: str, task: str | None, worlds: Collection[str]) -> str:
  """The world of the data set `name`, which are of a task. Raises UsageError
  if it is none of the run."""
  if task is None or task not in worlds:
    raise UsageError(
      f"The data in {name} are of '{task}', and the worlds of the run are"
      f' {", ".join(worlds)}; give data of one of them.'
    )
  return task


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
