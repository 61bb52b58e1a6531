"""The dummy environments, and how environments are made by name."""

import importlib
import pathlib
import pickle

import numpy as np
import pytest

from embodied import envs
from embodied.errors import UsageError
from tests.naming import naming

RESET = np.True_
GO = np.False_


def roll(env, actions):
  zero = np.zeros_like(actions[0])
  obs = [env.step({'action': zero, 'reset': RESET})]
  for action in actions:
    obs.append(env.step({'action': action, 'reset': GO}))
  return obs


def test_episodes_have_their_length_and_every_second_one_terminates():
  env = envs.make_env('dummy_disc', 0, seed=0, length=3)
  obs = roll(env, [np.int32(0)] * 8)
  assert [int(x['step']) for x in obs] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
  assert [int(x['episode']) for x in obs] == [0] * 4 + [1] * 4 + [2]
  assert [i for i, x in enumerate(obs) if x['is_first']] == [0, 4, 8]
  assert [i for i, x in enumerate(obs) if x['is_last']] == [3, 7]
  assert [i for i, x in enumerate(obs) if x['is_terminal']] == [3]


def test_a_reset_ends_an_episode_early():
  env = envs.make_env('dummy_disc', 0, seed=0, length=9)
  roll(env, [np.int32(0)] * 2)
  obs = env.step({'action': np.int32(1), 'reset': RESET})
  assert obs['is_first'] and obs['step'] == 0 and obs['episode'] == 1


def test_the_class_just_seen_pays():
  env = envs.make_env('dummy_disc', 0, seed=0, length=20)
  obs = env.step({'action': np.int32(0), 'reset': RESET})
  for i in range(10):
    assert obs['image'][:, obs['token'] * 12].min() == 255
    assert obs['image'].sum() == 255 * 64 * 12 * 3
    right = i % 2 == 0
    action = np.int32((obs['token'] + (not right)) % 5)
    obs = env.step({'action': action, 'reset': GO})
    assert obs['reward'] == right
  assert obs['log/hits'] == 5


def test_continuous_actions_are_rounded_to_a_class():
  # [-1, 1] is scaled to [0, 4]: the action of class c is c / 2 - 1.
  env = envs.make_env('dummy_cont', 0, seed=0, length=50)
  obs = env.step({'action': np.zeros(2, np.float32), 'reset': RESET})
  for _ in range(10):
    action = np.array([obs['token'] / 2 - 1 + 0.2, 9], np.float32)
    obs = env.step({'action': action, 'reset': GO})
    assert obs['reward'] == 1


def test_the_counting_task_echoes_its_actions():
  env = envs.make_env('dummy_count', 0, seed=0, length=50)
  actions = np.arange(10, dtype=np.int32) % 5
  obs = roll(env, actions)
  assert [int(x['acted']) for x in obs] == [0, *actions]


def test_seed_and_index_fix_the_numbers():
  def vectors(index, seed):
    env = envs.make_env('dummy_disc', index, seed=seed)
    obs = roll(env, [np.int32(0)] * 3)
    return np.stack([x['vector'] for x in obs])

  np.testing.assert_array_equal(vectors(1, 2), vectors(1, 2))
  # Neighbouring runs share no environment: (1, 2) is not (2, 1).
  rest = [vectors(*x) for x in [(1, 2), (2, 1), (0, 3), (3, 0), (0, 2)]]
  for i, left in enumerate(rest):
    for right in rest[:i]:
      assert (left != right).all()


def test_every_name_in_the_registry_leads_to_a_class():
  for path in envs.REGISTRY.values():
    module, name = path.split(':')
    assert isinstance(getattr(importlib.import_module(module), name), type)


@pytest.mark.parametrize(
  ('task', 'settings', 'words'),
  [
    ('atari_pong', {}, ["'atari_pong'", 'crafter', 'gymnasium']),
    ('dummy', {}, ["'dummy'", 'suite']),
    ('dummy_', {}, ["'dummy_'", 'suite']),
    ('dummy_x', {}, ["'dummy_x'", 'dummy_count']),
    ('dummy_disc', {'lenght': 3}, ["'lenght'", "'length'", "'dummy'"]),
    ('dummy_disc', {'length': 0}, ['length', 1, 0]),
    ('dummy_disc', {'seed': -1}, ['seed', -1]),
  ],
)
def test_what_cannot_be_made_is_a_usage_error(task, settings, words):
  with pytest.raises(UsageError, match=naming(*words)):
    envs.make_env(task, 0, **{'seed': 0, **settings})


def test_the_suite_is_the_longest_name_that_fits(monkeypatch):
  monkeypatch.setitem(envs.REGISTRY, 'battle', 'one:Env')
  monkeypatch.setitem(envs.REGISTRY, 'battle_factory', 'two:Env')
  split = envs.split_task
  assert split('battle_factory_x_y') == ('battle_factory', 'x_y')
  assert split('battle_x_y') == ('battle', 'x_y')
  assert split('battle_factor') == ('battle', 'factor')
  assert split('battle_factoryx') == ('battle', 'factoryx')
  assert split('gymnasium_CartPole-v1') == ('gymnasium', 'CartPole-v1')
  monkeypatch.delitem(envs.REGISTRY, 'battle')
  with pytest.raises(UsageError, match=naming("'battle_x'", 'suite')):
    split('battle_x')


def test_a_suite_with_an_underscore_gets_its_settings(monkeypatch):
  dummy = envs.REGISTRY['dummy']
  monkeypatch.setitem(envs.REGISTRY, 'dummy_like', dummy)
  env = envs.make_env('dummy_like_count', 0, seed=0, length=2)
  obs = roll(env, [np.int32(0)] * 2)
  assert [bool(x['is_last']) for x in obs] == [False, False, True]


def test_a_missing_package_names_the_command(monkeypatch, tmp_path):
  (tmp_path / 'needs_more.py').write_text('import not_installed.part')
  monkeypatch.syspath_prepend(pathlib.Path(tmp_path))
  monkeypatch.setitem(envs.REGISTRY, 'more', 'needs_more:Env')
  with pytest.raises(
    UsageError, match=naming('more_x', 'pip install not_installed')
  ):
    envs.make_env('more_x', 0, seed=0)


def test_a_pickled_environment_goes_on_alike():
  env = envs.make_env('dummy_disc', 0, seed=0)
  roll(env, [np.int32(0)] * 5)
  copy = pickle.loads(pickle.dumps(env))
  for _ in range(5):
    action = {'action': np.int32(1), 'reset': GO}
    left, right = env.step(action), copy.step(action)
    for key in left:
      np.testing.assert_array_equal(left[key], right[key])
