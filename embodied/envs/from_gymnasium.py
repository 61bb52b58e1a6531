"""Any Gymnasium environment: `gymnasium_CartPole-v1` and the like."""

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.errors import UsageError
from embodied.space import Space

# Keys that are stored beside the observations.
STORED = 'action', 'reset', 'stepid'


class FromGymnasium(Env):
  """Adapter for environments of Gymnasium.

  A single observation gets the key `image` (uint8 with 3 dimensions), `vector`
  (any other Box, as float32) or `state` (Discrete and MultiDiscrete, int32
  from 0 on). A Dict keeps its keys; nested keys are joined by dots:
  `{'a': {'b': ...}}` becomes `a.b`. An entry `action_mask` of the Dict or of
  `info` becomes a bool `[sum of classes]` with the role 'mask'.

  The key `action` is Discrete or MultiDiscrete (int32 from 0 on), or a float
  Box. `terminated` sets `is_terminal` and `is_last`, `truncated` sets
  `is_last`.

  Args:
    task: Gymnasium's id of the environment.
    seed: Of the first reset. Later resets continue its random numbers.

  Raises:
    UsageError: An unknown id, a missing package, a space of another kind, or
      a mask for float actions.
  """

  def __init__(self, task: str, *, seed: int) -> None:
    self._env = _make(task)
    self._actions = self._env.action_space
    action = _act_space(self._actions)
    self._act = {'action': action, 'reset': Space(bool)}
    # Only a reset shows whether `info` has a mask. Its observation is used
    # for the first episode.
    self._start: tuple[Any, dict[str, Any]] | None
    self._start = self._env.reset(seed=seed)
    parts = list(_flatten(self._env.observation_space))
    self._parts = dict(parts)
    if len(self._parts) < len(parts):
      raise UsageError(
        f"Two observation keys of '{task}' are equal after nested keys are"
        f' joined by dots: {sorted(key for key, _ in parts)}. Rename one.'
      )
    if 'action_mask' in self._parts and not action.discrete:
      raise UsageError(
        f"The observation 'action_mask' of '{task}' masks classes of actions,"
        ' but its actions are floats; rename the observation.'
      )
    self._masked = action.discrete and (
      'action_mask' in self._parts or 'action_mask' in self._start[1]
    )
    self._obs = {
      k: _obs_space(k, space)
      for k, (_, space) in self._parts.items()
      if k != 'action_mask'
    }
    self._spaces = {**self._obs, **SIGNALS}
    if self._masked:
      self._classes = action.classes.reshape(-1)
      size = int(self._classes.sum())
      self._spaces['action_mask'] = Space(bool, (size,), role='mask')
    self._done = True

  @property
  def obs_space(self) -> Spaces:
    return self._spaces

  @property
  def act_space(self) -> Spaces:
    return self._act

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      obs, info = self._start or self._env.reset()
      self._start = None
      self._done = False
      return self._convert(obs, info, is_first=True)
    obs, reward, terminated, truncated, info = self._env.step(
      self._choice(action['action'])
    )
    self._done = bool(terminated or truncated)
    return self._convert(obs, info, reward, is_terminal=bool(terminated))

  def reseed(self, seed: int | Sequence[int]) -> None:
    """As `Env.reseed`, for what the environment draws from `np_random`."""
    self._env.unwrapped.np_random = np.random.default_rng(seed)

  def close(self) -> None:
    self._env.close()

  def _choice(self, value: np.ndarray) -> Any:
    space = self._actions
    if isinstance(space, spaces.Discrete):
      return int(value) + int(space.start)
    if isinstance(space, spaces.MultiDiscrete):
      return (value + space.start).astype(space.dtype)
    assert isinstance(space, spaces.Box)
    if space.dtype.kind in 'iu':
      value = np.rint(value).clip(space.low, space.high)
    return np.asarray(value, space.dtype)

  def _convert(
    self,
    obs: Any,
    info: dict[str, Any],
    reward: Any = 0.0,
    is_first: bool = False,
    is_terminal: bool = False,
  ) -> Obs:
    values: Obs = {}
    for key, target in self._obs.items():
      space = self._parts[key][1]
      value = self._find(obs, key)
      if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
        value = value - space.start
      values[key] = np.asarray(value, target.dtype)
    if self._masked:
      inside = 'action_mask' in self._parts
      mask = self._find(obs, 'action_mask') if inside else None
      values['action_mask'] = self._mask(
        mask if inside else info.get('action_mask')
      )
    return {
      **values,
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self._done),
      'is_terminal': np.bool_(is_terminal),
    }

  def _find(self, obs: Any, key: str) -> Any:
    for part in self._parts[key][0]:
      obs = obs[part]
    return obs

  def _mask(self, mask: Any) -> np.ndarray:
    """A bool vector from a mask, or from a tuple of masks per element."""
    if mask is None and not self._done:
      raise ValueError(
        "A step has no info['action_mask'], but the reset had one; return it"
        ' with every step.'
      )
    if mask is None:
      mask = np.zeros(self._classes.sum(), bool)
    parts = mask if isinstance(mask, tuple | list) else [mask]
    mask = np.concatenate([np.ravel(x).astype(bool) for x in parts])
    if self._done:
      # No action follows. Where nothing is allowed, allow everything.
      starts = np.cumsum(self._classes) - self._classes
      none = ~np.logical_or.reduceat(mask, starts)
      mask |= np.repeat(none, self._classes)
    return mask


def _make(task: str) -> gymnasium.Env[Any, Any]:
  try:
    return gymnasium.make(task, disable_env_checker=True)
  except gymnasium.error.DependencyNotInstalled as e:
    # Gymnasium's message contains the pip command.
    raise UsageError(
      f"Gymnasium's '{task}' needs a package that is not installed: {e}"
    ) from None
  except (gymnasium.error.Error, ModuleNotFoundError) as e:
    reason = str(e)
    if isinstance(e, ModuleNotFoundError) and e.name:
      package = e.name.partition('.')[0]
      reason += (
        f'; run `pip install {package}`, or install the package that'
        ' contains it.'
      )
    raise UsageError(
      f"Gymnasium cannot make an environment '{task}': {reason}"
    ) from None


def _flatten(
  space: spaces.Space[Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[tuple[str, ...], spaces.Space[Any]]]]:
  """For each leaf its key, and its (path in the observation, space)."""
  if isinstance(space, spaces.Dict):
    for key, child in space.spaces.items():
      yield from _flatten(child, (*path, key))
  elif path:
    yield '.'.join(path), (path, space)
  elif not isinstance(space, spaces.Box):
    yield 'state', (path, space)
  else:
    yield ('image' if _is_image(space) else 'vector'), (path, space)


def _is_image(space: spaces.Space[Any]) -> bool:
  return space.dtype == np.uint8 and len(space.shape or ()) == 3


def _obs_space(key: str, space: spaces.Space[Any]) -> Space:
  if key in (*SIGNALS, *STORED) or key.startswith(('log/', 'dyn/')):
    raise UsageError(
      f"The observation key '{key}' is reserved; rename it in the environment."
    )
  if isinstance(space, spaces.Discrete):
    return Space(np.int32, (), 0, int(space.n))
  if isinstance(space, spaces.MultiDiscrete):
    return Space(np.int32, space.shape, 0, space.nvec)
  if _is_image(space):
    return Space(np.uint8, space.shape or ())
  if isinstance(space, spaces.Box):
    # Many environments violate the bounds that they declare.
    return Space(np.float32, space.shape)
  raise UsageError(
    f"The observation '{key}' is {space}; supported are Box, Discrete,"
    ' MultiDiscrete and Dict.'
  )


def _act_space(space: spaces.Space[Any]) -> Space:
  if isinstance(space, spaces.Discrete):
    return Space(np.int32, (), 0, int(space.n))
  if isinstance(space, spaces.MultiDiscrete):
    return Space(np.int32, space.shape, 0, space.nvec)
  if isinstance(space, spaces.Box):
    # Integers are rounded floats, see `_choice`.
    dtype = space.dtype if space.dtype.kind == 'f' else np.float32
    return Space(dtype, space.shape, space.low, space.high)
  raise UsageError(
    f'The action space is {space}; supported are Discrete, MultiDiscrete and'
    ' Box.'
  )
