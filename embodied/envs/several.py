"""Several worlds in one run, each environment one of them.

The task `crafter_reward+sokoban_small` is of two worlds. All environments of
such a run have the same spaces, so that one agent can act in each of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from embodied.base import ASKED, Env, Obs, Spaces, mask_key
from embodied.errors import UsageError
from embodied.log.metrics import Metrics
from embodied.run.tracker import Tracker
from embodied.space import Space
from embodied.wrappers import Wrapper

BETWEEN = '+'
MASK, ACTION, LOG = 'mask', 'action', 'log/'
WORLD = 'log/world'


def tasks(task: str) -> list[str]:
  """The tasks of the worlds of a task; a single world is one of them. Raises
  UsageError if one is named twice."""
  found = [x.strip() for x in task.split(BETWEEN)]
  if len({*found}) < len(found):
    raise UsageError(f"The task '{task}' names a world twice; name it once.")
  return found


def union(
  worlds: Mapping[str, tuple[Spaces, Spaces]],
) -> tuple[Spaces, Spaces]:
  """The spaces in which all worlds fit.

  Observations are those of all worlds together. The action has as many classes
  as that of the world with the most, and `mask` says which ones a world has.
  `asked` is the index of the goal among those of all worlds, and `log/world`
  the number of the world.

  Args:
    worlds: observation and action spaces by task.

  Raises:
    UsageError: worlds whose actions are not one discrete variable, or that
      observe something different by the same key.
  """
  obs: Spaces = {}
  for task, (seen, acts) in worlds.items():
    if acts.keys() != {ACTION, 'reset'} or not _single(acts[ACTION]):
      raise UsageError(
        f"The actions of '{task}' are {_named(acts)}; the worlds of a run need"
        ' one discrete action each.'
      )
    hidden = {mask_key(seen), ASKED}
    for key, space in seen.items():
      if key in hidden:
        continue
      if key.startswith(LOG):
        space = Space(np.float32)
      if obs.setdefault(key, space) != space:
        raise UsageError(
          f"The worlds observe different things as '{key}', {obs[key]} and, in"
          f" '{task}', {space}; train them in runs of their own."
        )
  most = max(int(acts[ACTION].classes) for _, acts in worlds.values())
  more = {
    MASK: Space(bool, (most,), role='mask'),
    ASKED: Space(np.int32, role='hidden'),
    WORLD: Space(np.float32),
  }
  action = {ACTION: Space(np.int32, (), 0, most), 'reset': Space(bool)}
  return obs | more, action


def blank(
  shared: tuple[Spaces, Spaces],
  own: tuple[Spaces, Spaces],
  lead: tuple[int, ...] = (),
) -> dict[str, Any]:
  """Observations `[*lead, ...]` of a world that observes nothing: as close to
  zero as their bounds allow, what is logged not a number, and all of its
  actions allowed.

  Args:
    shared: the spaces of all worlds.
    own: those of this one.
  """
  found: dict[str, Any] = {}
  for key, space in shared[0].items():
    value: Any = np.nan
    if not key.startswith(LOG):
      value = np.clip(0, space.low, np.maximum(space.low, space.high - 1))
    full = np.broadcast_to(value, (*lead, *space.shape)).astype(space.dtype)
    found[key] = full if full.shape else full[()]
  found[MASK][..., : int(own[1][ACTION].classes)] = True
  return found


def fill(
  found: Mapping[str, Any], blank: Mapping[str, Any], mask: str | None
) -> dict[str, Any]:
  """Observations of a world as those of all worlds.

  Args:
    blank: see `blank`; is not changed, and shares no memory.
    mask: the key of the world's own mask.
  """
  full = {k: v.copy() for k, v in blank.items() if k not in found}
  for key, value in found.items():
    if key != mask:
      full[key] = np.float32(value) if key.startswith(LOG) else value
  if mask is not None:
    full[MASK] = np.zeros_like(blank[MASK])
    full[MASK][..., : found[mask].shape[-1]] = found[mask]
  return full


class World(Wrapper):
  """An environment as one of several worlds.

  Args:
    env: the environment.
    shared: the spaces of all worlds, as `union` gives them.
    number: of this world.
    first: the index of its first goal among those of all worlds.
  """

  def __init__(
    self, env: Env, shared: tuple[Spaces, Spaces], number: int, first: int
  ) -> None:
    super().__init__(env)
    self._shared = shared
    self._blank = blank(shared, (env.obs_space, env.act_space))
    self._blank[WORLD] = np.float32(number)
    self._mask, self._first = mask_key(env.obs_space), np.int32(first)

  @property
  def obs_space(self) -> Spaces:
    return self._shared[0]

  @property
  def act_space(self) -> Spaces:
    return self._shared[1]

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset']:  # of which it ignores the rest
      action = action | {ACTION: np.zeros_like(action[ACTION])}
    obs = fill(self.env.step(action), self._blank, self._mask)
    return obs | {ASKED: np.int32(self._first + obs[ASKED])}


def make(
  makers: Sequence[Callable[..., Env]],
  shared: tuple[Spaces, Spaces],
  firsts: Sequence[int],
  index: int,
) -> World:
  """Environment number `index`: of each world in turn.

  Args:
    makers: of the worlds' environments by their number.
    shared: the spaces of all worlds.
    firsts: the index of each world's first goal among those of all.
  """
  number = index % len(makers)
  return World(makers[number](index), shared, number, firsts[number])


class Returns(Tracker):
  """The returns of each world; nothing for a single one.

  Args:
    names: of the worlds.
  """

  def __init__(self, names: Sequence[str]) -> None:
    self._names = names
    self._means = Metrics()

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    """`score_<world>`, the return in its world."""
    if f'{WORLD}/last' not in episode:
      return {}
    name = self._names[int(episode[f'{WORLD}/last'])]
    self._means.add({name: episode['score']})
    return {f'score_{name}': episode['score']}

  def summary(self) -> dict[str, Any]:
    """`worlds`, the mean return of each, by name."""
    return {'worlds': dict(sorted(self._means.means().items()))}


def _single(space: Space) -> bool:
  """Whether an action is one discrete variable with classes from 0 on."""
  return space.discrete and not space.shape and not space.low


def _named(acts: Spaces) -> str:
  return ', '.join(f'{k} {v}' for k, v in acts.items() if k != 'reset')
