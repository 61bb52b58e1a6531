"""Crafter (Hafner 2021, arXiv 2109.06780), fast."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.envs.fast_crafter.game import (
  ACHIEVEMENTS,
  ACTIONS,
  BALANCE,
  Game,
)
from embodied.errors import UsageError
from embodied.space import Space

TASKS = {'reward': True, 'noreward': False}
NOTHING_YET = {f'log/achievement_{x}': np.float32(0) for x in ACHIEVEMENTS}


class Crafter(Env):
  """The game: 17 actions, a picture, 22 achievements, at most 10000 steps.

  Observations: `image` uint8 `[64, 64, 3]`, and `log/achievement_<name>`
  float32 for the 22 names, 1 from the step on in which the episode unlocked
  it. `is_terminal` is death, not the time limit.

  The seed and the actions fix every frame, in a copy or an unpickled pickle of
  the environment too. The package alone does not do that: see
  `fast_crafter.world.World`.

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
    self._env = Game(TASKS[task], length, seed)
    self._done = True
    self._log = dict(NOTHING_YET)

  @property
  def obs_space(self) -> Spaces:
    return {
      'image': Space(np.uint8, (64, 64, 3)),
      **SIGNALS,
      **{key: Space(np.float32) for key in NOTHING_YET},
    }

  @property
  def act_space(self) -> Spaces:
    return {
      'action': Space(np.int32, (), 0, len(ACTIONS)),
      'reset': Space(bool),
    }

  def prepare(self) -> None:
    self._env.prepare()

  def reseed(self, seed: int | Sequence[int]) -> None:
    self._env.reseed(seed)

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      self._done = False
      self._log = dict(NOTHING_YET)
      return self._obs(self._env.reset(), 0.0, is_first=True)
    choice = int(action['action'])
    image, reward, self._done, info = self._env.step(choice)
    for name in self._env.unlocked:
      self._log[f'log/achievement_{name}'] = np.float32(1)
    dead = info['discount'] == 0
    return self._obs(image, reward, is_terminal=dead)

  def _obs(
    self,
    image: np.ndarray,
    reward: float,
    is_first: bool = False,
    is_terminal: bool = False,
  ) -> Obs:
    return {
      'image': image,
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self._done),
      'is_terminal': np.bool_(is_terminal),
      **self._log,
    }


def warm_up() -> None:
  """Compiles everything once; later processes load it from the disk."""
  game = Game(True, 2 * BALANCE, 0)
  game.reset()
  for _ in range(BALANCE):
    game.step(ACTIONS.index('sleep'))
  game._world.daylight = 0.0
  game._player.sleeping = True
  game.render()
