"""Options of the Gymnasium adapter: repeated actions, wrappers, arguments."""

import gymnasium
import numpy as np
import pytest

from embodied import envs
from embodied.errors import UsageError
from tests.embodied.envs.scripted import Menu, adapted, roll


def test_an_action_is_repeated_until_the_episode_ends(monkeypatch):
  env = adapted(monkeypatch, Menu(), repeat=2)
  obs = roll(env, [np.array([0, 1], np.int32)] * 2)
  # Three steps of 0.5 are an episode: two, and the one that is left.
  assert [float(x['reward']) for x in obs] == [0, 1.0, 0.5]
  assert [bool(x['is_last']) for x in obs] == [False, False, True]


def test_kwargs_wrappers_and_a_time_limit():
  env = envs.make_env(
    'gymnasium_FrozenLake-v1',
    0,
    seed=0,
    kwargs='{map_name: 8x8, is_slippery: false}',
    length=3,
  )
  assert env.obs_space['state'].classes == 64
  obs = roll(env, [np.int32(0)] * 3)
  assert obs[-1]['is_last'] and not obs[-1]['is_terminal']
  env = envs.make_env(
    'gymnasium_CartPole-v1',
    0,
    seed=0,
    wrappers=['tests.embodied.envs.test_gymnasium_options:Doubled'],
  )
  inner = envs.make_env('gymnasium_CartPole-v1', 0, seed=0)
  go = np.int32(1)
  for ours, theirs in zip(roll(env, [go]), roll(inner, [go]), strict=True):
    np.testing.assert_array_equal(ours['vector'], 2 * theirs['vector'])


class Doubled(gymnasium.ObservationWrapper):
  def __init__(self, env, by=2):
    super().__init__(env)
    self.by = by

  def observation(self, observation):
    return self.by * observation


def test_wrappers_take_arguments():
  path = 'tests.embodied.envs.test_gymnasium_options:Doubled'
  ours, theirs = (
    envs.make_env('gymnasium_CartPole-v1', 0, seed=0, wrappers=[*x])
    for x in ([f'{path} {{by: 3}}'], [])
  )
  go = np.int32(1)
  for a, b in zip(roll(ours, [go]), roll(theirs, [go]), strict=True):
    np.testing.assert_array_equal(a['vector'], 3 * b['vector'])


@pytest.mark.parametrize(
  'options, words',
  [
    ({'kwargs': '[1, 2]'}, ['kwargs', 'mapping']),
    ({'kwargs': '{a: ['}, ['kwargs', 'mapping']),
    ({'kwargs': '{no_such: 1}'}, ['CartPole-v1', 'no_such']),
    ({'wrappers': ['nowhere:X']}, ['nowhere:X', 'imported']),
    ({'wrappers': ['gymnasium.wrappers:Nothing']}, ['Nothing']),
    ({'wrappers': ['gymnasium']}, ['module:Class']),
    ({'wrappers': ['gymnasium.wrappers:FlattenObservation [']}, ['mapping']),
    ({'classes': ['vector']}, ['KEY=COUNT']),
    ({'classes': ['other=3']}, ['other', 'vector']),
    ({'classes': ['vector=3']}, ['vector', 'whole numbers']),
  ],
)
def test_options_that_do_not_fit(options, words):
  with pytest.raises(UsageError) as caught:
    envs.make_env('gymnasium_CartPole-v1', 0, seed=0, **options)
  for word in words:
    assert word in str(caught.value)
