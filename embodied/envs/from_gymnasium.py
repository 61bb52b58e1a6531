"""Any Gymnasium environment: `gymnasium_CartPole-v1` and the like."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces, action_classes
from embodied.envs.gym import (
  actions,
  calls,
  film,
  making,
  observations,
  values,
)
from embodied.errors import ContractError, UsageError
from embodied.space import Space

# The key of masks, in observations or `info`.
MASK = 'action_mask'


class Adapter(Env):
  """A Gymnasium environment as an `Env`.

  A single observation gets the key `image` (see `gym.pictures`), `vector`
  (any other Box, as float32), `text` (UTF-8) or `state` (Discrete,
  MultiDiscrete and MultiBinary, from 0 on). A Dict or Tuple keeps its keys;
  nested keys are joined by dots: `{'a': {'b': ...}}` becomes `a.b`. An entry
  `action_mask` of the Dict or of `info` becomes a bool `[sum of classes]` with
  the role 'mask', see `actions.mask`.

  The key `action` is Discrete, MultiDiscrete or MultiBinary (int32 from 0
  on), or a float Box. The parts of a Dict or Tuple are `action.<key>`.
  `terminated` sets `is_terminal` and `is_last`, `truncated` sets `is_last`.

  Args:
    env: The environment.
    seed: Of the first reset. Later resets continue its random numbers.
    size: Side of the square that pictures are resized to; 0 leaves them.
    repeat: How often each action is taken; rewards are summed.
    classes: `KEY=COUNT` for observations of whole numbers that are classes,
      such as the symbols of MiniGrid.
    text: Bytes of a text that are kept; the rest is cut off.
    frames: Number of pictures to render for a video, see `gym.film`; None
      renders none. They have the key `film.KEY`. There are none either if the
      observations have a picture, or the environment cannot be rendered.

  Raises:
    UsageError: A space of another kind, a mask for float actions, classes
      that do not fit, or a `reset` as before Gymnasium 0.26.
  """

  def __init__(
    self,
    env: calls.Gym,
    *,
    seed: int,
    size: int = 0,
    repeat: int = 1,
    classes: Sequence[str] = (),
    text: int = 64,
    frames: int | None = None,
  ) -> None:
    calls.check_spaces(env)
    self.env = env
    self._repeat = repeat
    self._act = actions.leaves(env.action_space)
    # Only a reset shows whether `info` has a mask. Its observation is used
    # for the first episode.
    self._start: tuple[Any, calls.Info] | None = calls.reset(env, seed)
    options = observations.Options(size, _counts(classes), text)
    self._leaves = observations.leaves(env.observation_space, options)
    self._seen_mask = self._take_mask()
    self._classes = _classes(self._act, self._seen_mask)
    self._masked = self._classes is not None and (
      self._seen_mask or MASK in self._start[1]
    )
    self._spaces = {k: x.space for k, x in self._leaves.items()}
    self._spaces |= SIGNALS
    if self._classes is not None and self._masked:
      shape = (int(self._classes.sum()),)
      self._spaces[MASK] = Space(bool, shape, role='mask')
    self._film = None
    pictured = any(x.role == 'image' for x in self._spaces.values())
    if frames is not None and not pictured:
      self._film = film.begin(env, frames)
    if self._film:
      self._spaces[film.KEY] = self._film.space
    self._done = True

  @property
  def obs_space(self) -> Spaces:
    return self._spaces

  @property
  def act_space(self) -> Spaces:
    return {**self._act, 'reset': Space(bool)}

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      obs, info = self._start or calls.reset(self.env)
      self._start = None
      self._done = False
      return self._convert(obs, info, is_first=True)
    chosen = actions.assemble(self.env.action_space, action)
    total, terminal, truncated = 0.0, False, False
    for _ in range(self._repeat):
      obs, reward, *ends, info = calls.step(self.env, chosen)
      total += values.number('reward', reward)
      names = ('terminated', 'truncated')
      terminal, truncated = map(values.flag, names, ends)
      if terminal or truncated:
        break
    self._done = terminal or truncated
    return self._convert(obs, info, total, is_terminal=terminal)

  def reseed(self, seed: int | Sequence[int]) -> None:
    """As `Env.reseed`, for what the environment draws from `np_random`."""
    inner: Any = self.env.unwrapped
    if isinstance(inner.np_random, np.random.RandomState):  # dm_control
      words = np.random.SeedSequence(seed).generate_state(4)
      inner.np_random = np.random.RandomState(words)
    else:
      inner.np_random = np.random.default_rng(seed)

  def close(self) -> None:
    self.env.close()

  def _convert(
    self,
    obs: Any,
    info: calls.Info,
    reward: float = 0.0,
    is_first: bool = False,
    is_terminal: bool = False,
  ) -> Obs:
    seen: Obs = {k: _read(k, x, obs) for k, x in self._leaves.items()}
    if self._masked:
      found = obs if self._seen_mask else info
      mask = found.get(MASK) if isinstance(found, Mapping) else None
      seen[MASK] = self._allowed(mask)
    if self._film:
      seen[film.KEY] = self._film.next()
    return {
      **seen,
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self._done),
      'is_terminal': np.bool_(is_terminal),
    }

  def _take_mask(self) -> bool:
    """Takes the mask out of the observations; whether there was one."""
    found = [k for k, v in self._leaves.items() if v.path[:1] == (MASK,)]
    for key in found:
      del self._leaves[key]
    return bool(found)

  def _allowed(self, mask: Any) -> np.ndarray:
    """The mask of the next action, see `actions.mask`."""
    assert self._classes is not None
    if mask is None and not self._done:
      where = 'observation' if self._seen_mask else 'info'
      raise ContractError(
        f"A step has no {where}['{MASK}'], but the reset had one; return it"
        ' with every step.'
      )
    if mask is None:
      mask = np.zeros(self._classes.sum(), bool)
    try:
      mask = actions.mask(self.env.action_space, mask)
    except ValueError as error:
      raise ContractError(f"The mask '{MASK}' is not flat: {error}.") from None
    if len(mask) != self._classes.sum():
      raise ContractError(
        f"The mask '{MASK}' has {len(mask)} entries; the actions have"
        f' {self._classes.sum()} classes.'
      )
    if self._done:
      # No action follows. Where nothing is allowed, allow everything.
      starts = np.cumsum(self._classes) - self._classes
      none = ~np.logical_or.reduceat(mask, starts)
      mask |= np.repeat(none, self._classes)
    return mask


class FromGymnasium(Adapter):
  """An environment by its name in Gymnasium.

  Args:
    task: Gymnasium's id of the environment.
    kwargs: Arguments of `gymnasium.make` as YAML, such as
      `{map_name: 8x8, is_slippery: false}`.
    wrappers: Wrappers by import path, `module:Class`, the innermost first;
      their arguments may follow, as for `kwargs`.
    length: Steps of the environment until an episode is cut off; 0 leaves
      its own limit.
    seed, size, repeat, classes, text, frames: See `Adapter`.

  Raises:
    UsageError: As `Adapter`; an unknown id, a missing package, arguments or
      wrappers that do not fit.
  """

  def __init__(
    self,
    task: str,
    *,
    seed: int,
    kwargs: str = '',
    wrappers: Sequence[str] = (),
    size: int = 0,
    repeat: int = 1,
    length: int = 0,
    classes: Sequence[str] = (),
    text: int = 64,
    frames: int | None = None,
  ) -> None:
    super().__init__(
      making.make(task, kwargs, wrappers, length, frames is not None),
      seed=seed,
      size=size,
      repeat=repeat,
      classes=classes,
      text=text,
      frames=frames,
    )


def _classes(act: Spaces, masked: bool) -> np.ndarray | None:
  """Classes of each discrete variable of the actions, which a mask follows;
  None without one."""
  found = action_classes(act)
  if not len(found) and masked:
    raise UsageError(
      f"The observation '{MASK}' masks classes of actions, but the actions"
      ' are floats; rename the observation.'
    )
  return found if len(found) else None


def _read(key: str, leaf: observations.Leaf, obs: Any) -> np.ndarray:
  """The array of one key. Raises ContractError for what cannot become one."""
  try:
    return leaf.read(obs)
  except (TypeError, ValueError) as error:
    raise ContractError(
      f"The observation '{key}' cannot be made an array of {leaf.space}:"
      f' {error}.'
    ) from None


def _counts(classes: Sequence[str]) -> dict[str, int]:
  """Reads `KEY=COUNT`."""
  found = {}
  for text in classes:
    key, _, count = text.rpartition('=')
    if not key or not count.isdecimal() or not 2 <= int(count) <= 2**15:
      raise UsageError(
        f"env.gymnasium.classes holds '{text}'; write KEY=COUNT with a count"
        ' from 2 on, such as image=11.'
      )
    found[key] = int(count)
  return found
