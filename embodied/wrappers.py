"""Environments around environments, applied by `embodied.envs.make_env`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from embodied.base import (
  ASKED,
  SIGNALS,
  Env,
  Obs,
  Spaces,
  action_classes,
  mask_key,
)
from embodied.errors import ContractError, UsageError
from embodied.space import Space


class Wrapper(Env):
  """Forwards everything to `env`."""

  def __init__(self, env: Env) -> None:
    self.env = env
    self.goals = env.goals

  @property
  def obs_space(self) -> Spaces:
    return self.env.obs_space

  @property
  def act_space(self) -> Spaces:
    return self.env.act_space

  def step(self, action: dict[str, Any]) -> Obs:
    return self.env.step(action)

  def reached(self, goal: int) -> bool:
    return self.env.reached(goal)

  def prepare(self) -> None:
    self.env.prepare()

  def reseed(self, seed: int | Sequence[int]) -> None:
    self.env.reseed(seed)

  def close(self) -> None:
    self.env.close()


class StepLimit(Wrapper):
  """Cuts an episode off after `limit` steps; `log/cut` is 1 then."""

  def __init__(self, env: Env, limit: int) -> None:
    super().__init__(env)
    self.limit = limit
    self.steps = 0

  @property
  def obs_space(self) -> Spaces:
    return {**self.env.obs_space, 'log/cut': Space(np.float32)}

  def step(self, action: dict[str, Any]) -> Obs:
    obs = self.env.step(action)
    self.steps = 0 if obs['is_first'] else self.steps + 1
    cut = self.steps >= self.limit and not obs['is_last']
    last = np.bool_(obs['is_last'] or cut)
    return {**obs, 'is_last': last, 'log/cut': np.float32(cut)}


class Asked(Wrapper):
  """Asks for one of the environment's further goals in a share of episodes.

  `asked` is the index of the goal in `goals`; 0 asks for the task as it is. In
  an episode that asks for something else the only reward is 1 on reaching it,
  which ends the episode, and `log/asked` is 1.

  Args:
    env: names two goals or more.
    share: of the episodes, from 0 to 1; each further goal is as likely.
    seed: as `np.random.default_rng` takes it.

  Raises:
    UsageError: the environment names no goal beside its task, or cannot tell
      what was reached.
  """

  def __init__(
    self, env: Env, share: float, seed: int | Sequence[int]
  ) -> None:
    super().__init__(env)
    if len(env.goals) < 2:
      raise UsageError(
        'run.ask is above 0, and the environment names no goal beside its'
        ' task; leave run.ask out.'
      )
    try:
      env.reached(0)
    except NotImplementedError as error:
      raise UsageError(f'run.ask is above 0: {error}') from None
    self.share = share
    self.goal = 0
    self._rng = np.random.default_rng(seed)

  @property
  def obs_space(self) -> Spaces:
    return {
      **self.env.obs_space,
      ASKED: Space(np.int32, (), 0, len(self.goals), 'hidden'),
      'log/asked': Space(np.float32),
    }

  def step(self, action: dict[str, Any]) -> Obs:
    obs = self.env.step(action)
    if obs['is_first']:
      ask = self._rng.random() < self.share
      self.goal = int(self._rng.integers(1, len(self.goals))) if ask else 0
    elif self.goal:
      reached = np.bool_(self.reached(self.goal))
      over = {k: obs[k] | reached for k in ('is_last', 'is_terminal')}
      obs = {**obs, **over, 'reward': np.float32(reached)}
    return {
      **obs,
      ASKED: np.int32(self.goal),
      'log/asked': np.float32(self.goal > 0),
    }


class NormalizeAction(Wrapper):
  """Maps one float action key from [-1, 1] to its bounds.

  Elements without two finite bounds stay as they are.
  """

  def __init__(self, env: Env, key: str = 'action') -> None:
    super().__init__(env)
    self.key = key
    space = env.act_space[key]
    self.inner = space
    self.finite = np.isfinite(space.low) & np.isfinite(space.high)
    self.outer = Space(
      space.dtype,
      space.shape,
      np.where(self.finite, -1, space.low),
      np.where(self.finite, 1, space.high),
      space.role,
    )

  @property
  def act_space(self) -> Spaces:
    return {**self.env.act_space, self.key: self.outer}

  def step(self, action: dict[str, Any]) -> Obs:
    value = np.asarray(action[self.key])
    low = np.where(self.finite, self.inner.low, 0)
    high = np.where(self.finite, self.inner.high, 0)
    scaled = (1 - value) / 2 * low + (1 + value) / 2 * high
    # The rounded sum may lie slightly out of bounds.
    scaled = np.where(self.finite, np.clip(scaled, low, high), value)
    return self.env.step(
      {
        **action,
        self.key: scaled.astype(self.inner.dtype),
      }
    )


class ClipAction(Wrapper):
  """Clips one float action key to its bounds."""

  def __init__(self, env: Env, key: str = 'action') -> None:
    super().__init__(env)
    self.key = key
    self.space = env.act_space[key]

  def step(self, action: dict[str, Any]) -> Obs:
    value = np.clip(action[self.key], self.space.low, self.space.high)
    return self.env.step({**action, self.key: value})


class UnifyDtypes(Wrapper):
  """Converts observations: floats to float32, integers to int32.

  uint8 and bool stay as they are. Actions are converted to the dtypes that the
  environment declares.
  """

  def __init__(self, env: Env) -> None:
    super().__init__(env)
    self._obs = {k: _unified(v) for k, v in env.obs_space.items()}
    self._act = {k: _unified(v) for k, v in env.act_space.items()}
    self._inner = {k: v.dtype for k, v in env.act_space.items()}
    self._dtypes = {k: v.dtype for k, v in self._obs.items()}

  @property
  def obs_space(self) -> Spaces:
    return self._obs

  @property
  def act_space(self) -> Spaces:
    return self._act

  def step(self, action: dict[str, Any]) -> Obs:
    action = {
      k: np.asarray(v).astype(self._inner[k]) if k in self._inner else v
      for k, v in action.items()
    }
    return {k: self._unify(k, v) for k, v in self.env.step(action).items()}

  def _unify(self, key: str, value: Any) -> Any:
    dtype = self._dtypes.get(key)
    if dtype is None or getattr(value, 'dtype', None) is dtype:
      return value
    return np.asarray(value).astype(dtype)


class CheckSpaces(Wrapper):
  """Raises ContractError if an action or observation breaks the contract.

  Compares keys, dtypes, shapes and bounds with the spaces, and checks what
  `embodied.base.Env` says about flags, reward and mask. To every ValueError it
  adds the number of the step.

  Args:
    env: The environment.
    name: Of the environment, for errors.

  Raises:
    ValueError: Spaces without the `SIGNALS`, or a mask that does not fit the
      action.
  """

  def __init__(self, env: Env, name: str = '') -> None:
    super().__init__(env)
    self._name = name and f" '{name}'"
    self._obs = env.obs_space
    self._act = env.act_space
    self._steps = -1
    for key, space in SIGNALS.items():
      if self._obs.get(key) != space:
        raise ValueError(
          f"The observation space has {self._obs.get(key)} for '{key}'; it"
          f' has to be {space}. Put **embodied.SIGNALS into obs_space.'
        )
    self._mask_key = mask_key(self._obs)
    self._mask_starts = self._mask_elements()
    self._floats = [
      k
      for k, v in env.obs_space.items()
      if v.dtype.kind == 'f' and not k.startswith('log/')
    ]

  def step(self, action: dict[str, Any]) -> Obs:
    self._steps += 1
    try:
      return self._checked(action)
    except ValueError as error:
      kind = ContractError if isinstance(error, ContractError) else ValueError
      raise kind(
        f'The environment{self._name} failed at step {self._steps}: {error}'
      ) from error

  def _checked(self, action: dict[str, Any]) -> Obs:
    # Of an action that resets, nothing else counts.
    resets = np.array_equal(action.get('reset', False), True)
    keys = ['reset'] if resets else [*self._act]
    _check('action', action, self._act, keys)
    obs = self.env.step(action)
    _check('observation', obs, self._obs, self._obs)
    for key in self._floats:
      # Infinite bounds allow infinity.
      if not np.isfinite(obs[key]).all():
        raise ContractError(
          f"The observation '{key}' is {obs[key]}; it has to be finite."
        )
    if obs['is_first'] and obs['reward'] != 0:
      raise ContractError(
        f'The first observation of an episode has the reward {obs["reward"]};'
        ' it has to be 0.'
      )
    if obs['is_terminal'] and not obs['is_last']:
      raise ContractError(
        'An observation has is_terminal but not is_last; set both where the'
        ' task ends an episode.'
      )
    if self._mask_key is not None:
      self._check_mask(obs[self._mask_key])
    return obs

  def _mask_elements(self) -> np.ndarray:
    """Where the classes of each action variable begin in the mask."""
    if self._mask_key is None:
      return np.zeros(0, np.int64)
    classes = action_classes(self._act)
    shape = self._obs[self._mask_key].shape
    if shape != (classes.sum(),):
      raise ValueError(
        f"The mask '{self._mask_key}' has shape {shape}; the actions have"
        f' {classes.sum()} classes.'
      )
    return np.cumsum(classes) - classes

  def _check_mask(self, mask: np.ndarray) -> None:
    if not np.logical_or.reduceat(mask, self._mask_starts).all():
      raise ContractError(
        f"The mask '{self._mask_key}' allows no class of some action variable;"
        ' allow at least one.'
      )


def asked(
  make: Callable[..., Env],
  share: float,
  seed: int,
  must: bool,
  index: int,
  **kwargs: Any,
) -> Env:
  """`make(index, **kwargs)`, asked for other goals in a share of episodes; as
  it is if that is not possible and no `must`."""
  env = make(index, **kwargs)
  try:
    return Asked(env, share, (seed, index))
  except UsageError:
    if must:
      raise
    return env


def limited(
  make: Callable[..., Env], limit: int, *args: Any, **kwargs: Any
) -> Env:
  """`make(*args, **kwargs)`, with episodes of at most `limit` steps."""
  return StepLimit(make(*args, **kwargs), limit)


def _unified(space: Space) -> Space:
  kind = space.dtype.kind
  if kind == 'f':
    return Space(np.float32, space.shape, space.low, space.high, space.role)
  if kind == 'b' or space.dtype == np.uint8:
    return space
  info = np.iinfo(np.int32)
  low = np.maximum(space.low, info.min)
  high = np.minimum(space.high, int(info.max) + 1)
  return Space(np.int32, space.shape, low, high, space.role)


def _check(
  what: str, values: dict[str, Any], spaces: Spaces, keys: Iterable[str]
) -> None:
  """Raises ContractError unless there are values for all spaces, and those of
  `keys` are in them."""
  if values.keys() != spaces.keys():
    raise ContractError(
      f'The {what} has the keys {sorted(values)}; the space has'
      f' {sorted(spaces)}.'
    )
  for key in keys:
    space = spaces[key]
    if space.contains(values[key]):
      continue
    value = np.asarray(values[key])
    brief = f'{value.dtype} of shape {value.shape}'
    if value.size:
      brief += f' between {value.min()} and {value.max()}'
    other = value.dtype != space.dtype
    advice = f' Give it as {space.dtype}.' if other else ''
    raise ContractError(
      f"The {what} '{key}' is {brief}, which is not in {space}.{advice}"
    )
