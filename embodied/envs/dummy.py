"""Small, fast environments for tests and debugging.

`dummy_disc` and `dummy_cont` show a picture, a vector and a class. An agent
can learn them: the reward is 1 if the action equals the class that was shown.
`dummy_count` counts its steps and shows the last action, so that a test can
see whether steps were lost, repeated or reordered.
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

  Observations: `step` and `episode` int32, counted from 0; `log/hits`, the sum
  of rewards in this episode; and by task

  * 'disc' and 'cont': `token` int32, the class that is rewarded next; `image`
    uint8 `[64, 64, 3]` with a bright column at this class; `vector` float32
    `[7]`, noise. The action is one of 5 classes ('disc'), or two floats in
    [0, 4], of which the first is rounded to a class ('cont').
  * 'count': `acted` int32, the last action, 0 at the first step. The action is
    that of 'disc', and class 0 is rewarded.

  Args:
    task: 'disc', 'cont' or 'count'.
    seed: Of the classes and the noise.
    length: Steps per episode, without the first observation. Every second
      episode ends with `is_terminal`.
  """

  def __init__(self, task: str, *, seed: int, length: int = 100) -> None:
    if task not in ('disc', 'cont', 'count'):
      raise UsageError(
        f"There is no task 'dummy_{task}'; choose dummy_disc, dummy_cont or"
        ' dummy_count.'
      )
    if length < 1:
      raise UsageError(
        f'An episode cannot have {length} steps; set length to 1 or more.'
      )
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
