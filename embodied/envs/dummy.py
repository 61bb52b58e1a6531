"""Fast environments without a package of their own, for tests and debugging.

`dummy_disc` and `dummy_cont` show a picture, a vector and a class; the reward
is 1 where the action agrees with the class just seen, so there is something to
learn. `dummy_count` counts its steps and echoes its actions, which shows
whether a data path drops, repeats or reorders anything.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.errors import UsageError
from embodied.space import Space

CLASSES = 5


class Dummy(Env):
  """Episodes of a fixed length.

  Observations: `step` and `episode` int32, counted from 0; `log/hits`, rewards
  in this episode so far; and by task

  * 'disc' and 'cont': `token` int32, the class that pays next; `image` uint8
    `[64, 64, 3]` with a bright column at the class; `vector` float32 `[7]`,
    noise. The action is one of 5 classes, or two floats in [0, 4] of which the
    first is rounded to a class.
  * 'count': `acted` int32, the action that led here (0 at the first step); the
    actions are those of 'disc' and class 0 pays.

  Args:
    task: 'disc', 'cont' or 'count'.
    seed: Of the classes and the noise.
    length: Steps per episode, the first observation not counted; every second
      episode ends with `is_terminal`.
  """

  def __init__(self, task: str, *, seed: int, length: int = 100) -> None:
    if task not in ('disc', 'cont', 'count'):
      raise UsageError(
        f"No task 'dummy_{task}'; there are dummy_disc, dummy_cont and"
        ' dummy_count.'
      )
    if length < 1:
      raise UsageError(f'An episode has 1 step at least, not {length}.')
    self.task = task
    self.length = length
    self.rng = np.random.default_rng(seed)
    self.episode = -1
    self.count = 0
    self.hits = 0
    self.token = 0
    self.done = True

  @property
  def obs_space(self) -> Spaces:
    spaces = {
      'step': Space(np.int32, (), 0),
      'episode': Space(np.int32, (), 0),
      **SIGNALS,
      'log/hits': Space(np.float32),
    }
    if self.task == 'count':
      return {**spaces, 'acted': Space(np.int32, (), 0, CLASSES)}
    return {
      **spaces,
      'token': Space(np.int32, (), 0, CLASSES),
      'image': Space(np.uint8, (64, 64, 3)),
      'vector': Space(np.float32, (7,)),
    }

  @property
  def act_space(self) -> Spaces:
    action = Space(np.int32, (), 0, CLASSES)
    if self.task == 'cont':
      action = Space(np.float32, (2,), 0, CLASSES - 1)
    return {'action': action, 'reset': Space(bool)}

  def reseed(self, seed: int | Sequence[int]) -> None:
    self.rng = np.random.default_rng(seed)

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self.done:
      self.episode += 1
      self.count = self.hits = 0
      self.done = False
      return self._obs(0, 0.0, is_first=True)
    self.count += 1
    choice = int(np.rint(np.ravel(action['action'])[0]))
    reward = float(choice == self.token)
    self.hits += int(reward)
    self.done = self.count >= self.length
    return self._obs(choice, reward)

  def _obs(self, acted: int, reward: float, is_first: bool = False) -> Obs:
    obs: Obs = {
      'step': np.int32(self.count),
      'episode': np.int32(self.episode),
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self.done),
      'is_terminal': np.bool_(self.done and self.episode % 2 == 0),
      'log/hits': np.float32(self.hits),
    }
    if self.task == 'count':
      return {**obs, 'acted': np.int32(acted)}
    self.token = int(self.rng.integers(CLASSES))
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, self.token * 12 : self.token * 12 + 12] = 255
    return {
      **obs,
      'token': np.int32(self.token),
      'image': image,
      'vector': self.rng.normal(size=7).astype(np.float32),
    }
