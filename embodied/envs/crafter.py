"""Crafter (Hafner 2021, arXiv 2109.06780) through its own package."""

import collections
from collections.abc import Mapping
from typing import Any

import crafter
import numpy as np

from embodied.base import Env, Obs, Spaces
from embodied.errors import UsageError
from embodied.space import Space

ACHIEVEMENTS = tuple(crafter.constants.achievements)
TASKS = {'reward': True, 'noreward': False}


class Crafter(Env):
  """The game: 17 actions, a picture, 22 achievements, at most 10000 steps.

  Observations: `image` uint8 `[64, 64, 3]`, and `log/achievement_<name>`
  float32 for the 22 names, 1 from the step on in which the episode unlocked
  it. `is_terminal` is death, not the time limit.

  The seed and the actions fix every frame, in a copy or an unpickled pickle of
  the environment too. The package alone does not do that: it keeps the
  creatures of a region in a set, in the order of their memory addresses, and
  draws the one to remove by its position.

  Args:
    task: 'reward' (1 per unlocked achievement, 0.1 per health point) or
      'noreward' (always 0).
    seed: Of the worlds and all that happens in them.
    length: Time limit of an episode in steps.
  """

  def __init__(self, task: str, *, seed: int, length: int = 10000) -> None:
    if task not in TASKS:
      raise UsageError(
        f"No task 'crafter_{task}'; there are"
        f' {" and ".join(f"crafter_{x}" for x in TASKS)}.'
      )
    if length < 1:
      raise UsageError(f'An episode has 1 step at least, not {length}.')
    self._env = crafter.Env(reward=TASKS[task], length=length, seed=seed)
    # The views hold on to this very object, so it changes its class.
    self._env._world.__class__ = _World
    self._done = True

  @property
  def obs_space(self) -> Spaces:
    return {
      'image': Space(np.uint8, (64, 64, 3)),
      'reward': Space(np.float32),
      'is_first': Space(bool),
      'is_last': Space(bool),
      'is_terminal': Space(bool),
      **{f'log/achievement_{x}': Space(np.float32) for x in ACHIEVEMENTS},
    }

  @property
  def act_space(self) -> Spaces:
    classes = len(crafter.constants.actions)
    return {
      'action': Space(np.int32, (), 0, classes),
      'reset': Space(bool),
    }

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      self._done = False
      image = self._env.reset()
      return self._obs(image, 0.0, {}, is_first=True)
    choice = int(action['action'])
    image, reward, self._done, info = self._env.step(choice)
    dead = info['discount'] == 0
    return self._obs(image, reward, info['achievements'], is_terminal=dead)

  def _obs(
    self,
    image: np.ndarray,
    reward: float,
    counts: Mapping[str, int],
    is_first: bool = False,
    is_terminal: bool = False,
  ) -> Obs:
    return {
      'image': image,
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self._done),
      'is_terminal': np.bool_(is_terminal),
      **{
        f'log/achievement_{x}': np.float32(counts.get(x, 0) > 0)
        for x in ACHIEVEMENTS
      },
    }


class _World(crafter.engine.World):
  """Crafter's map with the creatures of a region in the order they came."""

  def reset(self, seed: int | None = None) -> None:
    super().reset(seed)
    # The package's own `_chunks` is a defaultdict(set).
    self._chunks: Any = collections.defaultdict(_Ordered)


class _Ordered(dict[Any, None]):
  """The part of a set that the map uses, in order of insertion."""

  def add(self, item: Any) -> None:
    self[item] = None

  def remove(self, item: Any) -> None:
    del self[item]
