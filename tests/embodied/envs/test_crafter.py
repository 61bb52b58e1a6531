"""Crafter equals the package, and is reproducible."""

import copy
import pickle

import crafter as package
import numpy as np
import pytest

from embodied import envs
from embodied.envs import crafter
from embodied.envs.fast_crafter import world
from embodied.errors import UsageError
from tests.naming import naming

GO = np.False_
RESET = np.True_
# Moves and hits for long enough to have a night and to meet many creatures.
ACTIONS = np.random.RandomState(0).randint(0, 6, 320).astype(np.int32)


@pytest.fixture(scope='module')
def env():
  """One environment after some steps; tests work on copies of it."""
  env = envs.make_env('crafter_reward', 0, seed=3)
  roll(env, ACTIONS[:20], start=True)
  return env


def roll(env, actions, start=False):
  obs = []
  if start:
    obs.append(env.step({'action': np.int32(0), 'reset': RESET}))
  for action in actions:
    obs.append(env.step({'action': action, 'reset': GO}))
  return obs


def assert_same(left, right):
  assert len(left) == len(right)
  for i, (a, b) in enumerate(zip(left, right, strict=True)):
    for key in a:
      np.testing.assert_array_equal(a[key], b[key], f'{key} at step {i}')


def test_spaces_are_those_of_the_game(env):
  assert env.obs_space['image'].role == 'image'
  assert env.obs_space['image'].shape == (64, 64, 3)
  assert env.act_space['action'].classes == 17
  assert len(crafter.ALL_LOCKED) == 22
  keys = [k for k in env.obs_space if k.startswith('log/achievement_')]
  assert len(keys) == 22


def test_frames_and_rewards_are_those_of_the_package():
  # The order of the sets has no effect until a creature is removed.
  ours = crafter.Crafter('reward', seed=5)
  theirs = package.Env(seed=5)
  first = ours.step({'action': 0, 'reset': True})
  np.testing.assert_array_equal(first['image'], theirs.reset())
  assert first['is_first'] and first['reward'] == 0
  for action in ACTIONS[:8]:
    obs = ours.step({'action': action, 'reset': False})
    image, reward, done, _ = theirs.step(action)
    np.testing.assert_array_equal(obs['image'], image)
    assert obs['reward'] == np.float32(reward)
    assert obs['is_last'] == done and not obs['is_first']


def test_seed_index_and_actions_fix_every_frame(env):
  twin = envs.make_env('crafter_reward', 0, seed=3)
  roll(twin, ACTIONS[:20], start=True)
  here = copy.deepcopy(env)
  assert_same(roll(here, ACTIONS[20:]), roll(twin, ACTIONS[20:]))
  other = envs.make_env('crafter_reward', 1, seed=3)
  first = roll(other, [], start=True)[0]['image']
  again = roll(twin, [], start=True)[0]['image']
  assert (first != again).any()


@pytest.mark.parametrize(
  'clone', [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))]
)
def test_copies_replay_exactly(env, clone):
  here = copy.deepcopy(env)
  there = clone(here)
  assert_same(roll(here, ACTIONS[20:]), roll(there, ACTIONS[20:]))
  # Also after the next reset.
  assert_same(
    roll(here, ACTIONS[:15], start=True), roll(there, ACTIONS[:15], start=True)
  )


def test_creatures_of_a_region_come_in_order(env):
  chunks = copy.deepcopy(env.env.env._env._world).chunks
  assert sum(len(x) for x in chunks.values()) > 5
  assert all(isinstance(x, world.Ordered) for x in chunks.values())


def test_the_time_limit_is_no_death():
  env = envs.make_env('crafter_noreward', 0, seed=0, length=4)
  obs = roll(env, [np.int32(0)] * 6, start=True)
  assert [bool(x['is_last']) for x in obs] == [0, 0, 0, 0, 1, 0, 0]
  assert [bool(x['is_first']) for x in obs] == [1, 0, 0, 0, 0, 1, 0]
  assert not any(x['is_terminal'] for x in obs)


def test_death_is_terminal_and_costs_health(env):
  env = copy.deepcopy(env)
  player = env.env.env._env._player
  player.health = 2
  obs = roll(env, ACTIONS[:1])[0]
  player.health = 0
  last = roll(env, ACTIONS[1:2])[0]
  assert last['is_last'] and last['is_terminal']
  # From 2 (or 3 or 1, after a change by the rules in between) down to 0.
  assert last['reward'] <= -0.1 + 1e-6 and obs['is_last'] == 0
  assert roll(env, ACTIONS[:1])[0]['is_first']


def test_achievements_are_logged_from_the_step_that_unlocks_them(env):
  env = copy.deepcopy(env)
  inner = env.env.env._env
  assert inner._player.achievements['collect_wood'] == 0
  x, y = inner._player.pos + np.array(inner._player.facing)
  # Put a tree in front of the player, and remove what was there.
  creature = inner._world[x, y][1]
  if creature:
    inner._world.remove(creature)
  inner._world[x, y] = 'tree'
  before = roll(env, [np.int32(0)])[0]
  after = roll(env, [np.int32(5)] * 1 + [np.int32(0)])
  key = 'log/achievement_collect_wood'
  assert before[key] == 0
  assert [float(x[key]) for x in after] == [1, 1]
  assert after[0]['reward'] >= 1 - 0.2
  assert after[1]['reward'] < 0.5
  assert roll(env, [], start=True)[0][key] == 0


@pytest.mark.parametrize(
  ('task', 'settings', 'words'),
  [
    ('crafter_rewards', {}, ['crafter_rewards', 'crafter_noreward']),
    ('crafter_reward', {'length': 0}, ['length', 1, 0]),
  ],
)
def test_what_cannot_be_made_is_a_usage_error(task, settings, words):
  with pytest.raises(UsageError, match=naming(*words)):
    envs.make_env(task, 0, seed=0, **settings)
