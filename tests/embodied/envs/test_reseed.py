"""Copies of an environment with other random numbers."""

import copy

import gymnasium
import numpy as np
import pytest

from embodied import envs
from embodied.base import Env
from embodied.envs import from_gymnasium
from tests.naming import naming

# Tasks, and in how many steps something random happens: in the first episode
# of Crafter, and in the next episode of a ladder or of Sokoban.
TASKS = {
  'crafter_reward': 50,
  'dummy_disc': 3,
  'ladder_mixed': 6,
  'sokoban_small': 122,
  'gymnasium_FrozenLake-v1': 30,
}


def future(env, steps):
  """Observations from here on, without those of logs."""
  rng, seen = np.random.default_rng(0), []
  for _ in range(steps):
    action = {'action': env.act_space['action'].sample(rng)}
    obs = env.step({**action, 'reset': np.False_})
    seen.append({k: v for k, v in obs.items() if not k.startswith('log/')})
  return seen


def same(left, right):
  pairs = zip(left, right, strict=True)
  return all(np.array_equal(a[k], b[k]) for a, b in pairs for k in a)


@pytest.mark.parametrize('task', TASKS)
def test_the_seed_fixes_the_future_of_a_copy(task):
  env = envs.make_env(task, 0, seed=0)
  future(env, 3)
  copies = [copy.deepcopy(env) for _ in range(4)]
  copies[1].reseed((5, 0))
  copies[2].reseed((5, 0))
  copies[3].reseed((5, 1))
  old, one, two, other = (future(x, TASKS[task]) for x in copies)
  assert task != 'crafter_reward' or not any(x['is_last'] for x in one)
  assert same(one, two)
  assert not same(one, old) and not same(one, other)


def test_only_what_is_random_changes():
  # Nothing in CartPole is random but where an episode starts.
  env = envs.make_env('gymnasium_CartPole-v1', 0, seed=0)
  env.step({'action': np.int32(0), 'reset': np.True_})
  twin = copy.deepcopy(env)
  twin.reseed(1)
  for reset in (False, False, True):
    action = {'action': np.int32(1), 'reset': np.bool_(reset)}
    left, right = env.step(action), twin.step(action)
    assert np.array_equal(left['vector'], right['vector']) != reset


def test_crafter_uses_other_worlds_from_the_next_episode_on():
  env = envs.make_env('crafter_reward', 0, seed=0)
  reset = {'action': np.int32(0), 'reset': np.True_}
  env.step(reset)
  twin = copy.deepcopy(env)
  twin.prepare()
  twin.reseed(1)
  assert not np.array_equal(
    env.step(reset)['image'], twin.step(reset)['image']
  )


def test_an_environment_without_the_method_says_so():
  class Silent(Env):
    pass

  with pytest.raises(NotImplementedError, match=naming('Silent', 'reseed')):
    Silent().reseed(0)


class Older(gymnasium.Env):
  """Draws from a RandomState, as environments of dm_control do."""

  observation_space = gymnasium.spaces.Box(-9, 9, (), np.float32)
  action_space = gymnasium.spaces.Discrete(2)
  np_random = np.random.RandomState(0)

  def reset(self, *, seed=None, options=None):
    return np.float32(self.np_random.randn()), {}


def test_random_numbers_of_an_older_kind_stay_of_it():
  seen = []
  for seed in ((5, 0), (5, 0), (5, 1)):
    env = from_gymnasium.Adapter(Older(), seed=0)
    env.reseed(seed)
    reset = {'action': np.int32(0), 'reset': np.True_}
    seen.append([float(env.step(reset)['vector']) for _ in range(3)])
  # The first one was drawn before.
  assert seen[0][1:] == seen[1][1:] != seen[2][1:]
