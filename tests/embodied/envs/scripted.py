"""Small Gymnasium environments for tests of the adapter."""

import gymnasium
import numpy as np
from gymnasium import spaces

from embodied import envs


class Menu(gymnasium.Env):
  """Nested Dict observations and an action mask; three steps per episode."""

  observation_space = spaces.Dict(
    {
      'camera': spaces.Box(0, 255, (8, 6, 3), np.uint8),
      'ram': spaces.Box(0, 255, (4,), np.uint8),
      'body': spaces.Dict(
        {
          'pos': spaces.Box(-1, 1, (2,), np.float64),
          'mode': spaces.Discrete(3, start=-1),
        }
      ),
      'slots': spaces.MultiDiscrete([2, 3], start=[1, 0]),
      'action_mask': spaces.MultiBinary(5),
    }
  )
  action_space = spaces.MultiDiscrete([2, 3], start=[5, 0])

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.count = 0
    self.received = []
    return self._obs(), {}

  def step(self, action):
    self.count += 1
    self.received.append(action)
    return self._obs(), 0.5, self.count == 3, False, {}

  def _obs(self):
    mask = np.array([1, 0, 0, 1, 1], np.int8) * (self.count < 3)
    return {
      'camera': np.full((8, 6, 3), self.count, np.uint8),
      'ram': np.arange(4, dtype=np.uint8),
      'body': {
        # Out of the declared bounds, as in many real environments.
        'pos': np.array([0.5, 1.25]),
        'mode': np.int64(self.count % 3 - 1),
      },
      'slots': np.array([2, 0]),
      'action_mask': mask,
    }


def roll(env, actions):
  zero = np.zeros_like(actions[0])
  obs = [env.step({'action': zero, 'reset': np.True_})]
  for action in actions:
    obs.append(env.step({'action': action, 'reset': np.False_}))
  return obs


class Script(gymnasium.Env):
  """Shows one observation after the other; remembers what it was told."""

  def __init__(self, observation, action, shown=None, reward=0.0):
    self.observation_space, self.action_space = observation, action
    self.shown, self.reward, self.received = shown, reward, []

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    return self._next(), {}

  def step(self, action):
    self.received.append(action)
    return self._next(), self.reward, False, False, {}

  def _next(self):
    if self.shown is None:
      return self.observation_space.sample()
    return self.shown


def adapted(monkeypatch, inner, **options):
  monkeypatch.setattr(gymnasium, 'make', lambda *args, **kwargs: inner)
  return envs.make_env('gymnasium_Script-v0', 0, seed=0, **options)


def box(shape, dtype=np.uint8, low=0, high=255):
  return spaces.Box(low, high, shape, dtype)


ONE = spaces.Discrete(2)
