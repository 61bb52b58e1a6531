"""Crafter (Hafner 2021, arXiv 2109.06780), in a faster implementation."""

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
ALL_LOCKED = {f'log/achievement_{x}': np.float32(0) for x in ACHIEVEMENTS}


class Crafter(Env):
  """A game with 17 actions, pictures and 22 achievements.

  Observations: `image` uint8 `[64, 64, 3]`, and for each achievement
  `log/achievement_<name>` float32, which is 1 from the step on that unlocked
  it in this episode. `is_terminal` is death, not the time limit.

  The seed and the actions determine every frame, also after a copy or a
  pickle. The `crafter` package does not guarantee that; see
  `fast_crafter.world.World`.

  Args:
    task: 'reward' (1 per unlocked achievement, 0.1 per health point) or
      'noreward' (always 0).
    seed: Of the worlds and of all random events in them.
    length: Time limit of an episode in steps.
  """

  goals = (
    'survive and unlock everything',
    # One for each achievement, in the order of their names.
    'collect coal', 'collect diamond', 'drink water', 'collect iron',
    'collect sapling', 'collect stone', 'collect wood',
    'defeat the skeleton', 'defeat the zombie', 'eat a cow', 'eat a plant',
    'make an iron pickaxe', 'make an iron sword', 'make a stone pickaxe',
    'make a stone sword', 'make a wood pickaxe', 'make a wood sword',
    'place a furnace', 'plant a sapling', 'place a stone', 'place a table',
    'sleep',
  )  # fmt: skip

  def __init__(self, task: str, *, seed: int, length: int = 10000) -> None:
    if task not in TASKS:
      raise UsageError(
        f"There is no task 'crafter_{task}'; choose"
        f' {" or ".join(f"crafter_{x}" for x in TASKS)}.'
      )
    if length < 1:
      raise UsageError(
        f'An episode cannot have {length} steps; set length to 1 or more.'
      )
    self._env = Game(TASKS[task], length, seed)
    self._done = True
    self._log = dict(ALL_LOCKED)

  @property
  def obs_space(self) -> Spaces:
    return {
      'image': Space(np.uint8, (64, 64, 3)),
      **SIGNALS,
      **{key: Space(np.float32) for key in ALL_LOCKED},
    }

  @property
  def act_space(self) -> Spaces:
    return {
      'action': Space(np.int32, (), 0, len(ACTIONS)),
      'reset': Space(bool),
    }

  def reached(self, goal: int) -> bool:
    """Whether an achievement was unlocked, or, for goal 0, all of them."""
    wanted = ACHIEVEMENTS[goal - 1 : goal] if goal else ACHIEVEMENTS
    return all(self._log[f'log/achievement_{x}'] for x in wanted)

  def prepare(self) -> None:
    self._env.prepare()

  def reseed(self, seed: int | Sequence[int]) -> None:
    self._env.reseed(seed)

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      self._done = False
      self._log = dict(ALL_LOCKED)
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
  """Compiles everything; other processes load the result from disk."""
  game = Game(True, 2 * BALANCE, 0)
  game.reset()
  for _ in range(BALANCE):
    game.step(ACTIONS.index('sleep'))
  game._world.daylight = 0.0
  game._player.sleeping = True
  game.render()
