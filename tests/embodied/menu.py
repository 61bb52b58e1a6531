"""A Gymnasium environment with observations of all kinds: nested keys, small
pictures with four channels, classes, and a mask of the actions.

Importing this module registers it as `Menu-v0`.
"""

import gymnasium
import numpy as np
from gymnasium import spaces


class Menu(gymnasium.Env):
  """Three steps per episode with reward 0.5; masked actions raise."""

  observation_space = spaces.Dict(
    {
      'camera': spaces.Box(0, 255, (8, 6, 4), np.uint8),
      'body': spaces.Dict(
        {
          'pos': spaces.Box(-1, 1, (2,), np.float64),
          'mode': spaces.Discrete(3, start=-1),
        }
      ),
      'action_mask': spaces.MultiBinary(5),
    }
  )
  action_space = spaces.MultiDiscrete([2, 3])

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.count = 0
    return self._obs(), {}

  def step(self, action):
    allowed = np.split(self._mask(), [2])
    assert all(mask[x] for mask, x in zip(allowed, action, strict=True))
    self.count += 1
    return self._obs(), 0.5, self.count == 3, False, {}

  def _mask(self):
    even = self.count % 2
    return np.array([even, 1 - even, 1, even, 1], np.int8)

  def _obs(self):
    return {
      'camera': np.full((8, 6, 4), 60 * self.count, np.uint8),
      'body': {
        'pos': np.array([0.5, self.count / 4]),
        'mode': np.int64(self.count % 3 - 1),
      },
      'action_mask': self._mask(),
    }


gymnasium.register('Menu-v0', Menu)
