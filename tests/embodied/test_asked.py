"""Environments that ask for one of several goals."""

import collections

import numpy as np
import pytest

from embodied import wrappers
from embodied.base import ASKED, SIGNALS, Env
from embodied.envs import make_env
from embodied.envs.fast_crafter.game import ACHIEVEMENTS
from embodied.errors import UsageError
from embodied.space import Space
from tests.naming import naming

LENGTH = 9


class Steps(Env):
  """Pays 10 a step; goal i is reached after 2 i steps."""

  goals = ('walk', 'two', 'four', 'six')

  def __init__(self, goals=goals):
    self.goals = goals
    self.steps = LENGTH

  obs_space = dict(SIGNALS)
  act_space = {'action': Space(np.int32, (), 0, 2), 'reset': Space(bool)}

  def step(self, action):
    first = action['reset'] or self.steps == LENGTH
    self.steps = 0 if first else self.steps + 1
    last = np.bool_(self.steps == LENGTH)
    return {
      'reward': np.float32(0 if first else 10), 'is_first': np.bool_(first),
      'is_last': last, 'is_terminal': np.False_,
    }  # fmt: skip

  def reached(self, goal):
    return self.steps >= 2 * goal


def episodes(share, count, seed=0):
  """`(goal, rewards, last observation)` of several episodes."""
  env, found = wrappers.Asked(Steps(), share, seed), []
  for _ in range(count):
    obs, rewards = env.step({'action': 0, 'reset': True}), []
    goal = int(obs[ASKED])
    while not obs['is_last']:
      obs = env.step({'action': 0, 'reset': False})
      assert obs[ASKED] == goal and obs[ASKED].dtype == np.int32
      assert obs['log/asked'] == (goal > 0)
      rewards.append(float(obs['reward']))
    found.append((goal, rewards, obs))
  return found


def test_one_goal_pays_and_ends_the_episode():
  seen = {goal: rest for goal, *rest in episodes(1.0, 40)}
  assert sorted(seen) == [1, 2, 3]
  for goal, (rewards, obs) in seen.items():
    assert rewards == [0.0] * (2 * goal - 1) + [1.0]
    assert obs['is_terminal'] and obs['is_last']


def test_the_task_stays_as_it_is():
  for goal, rewards, obs in episodes(0.0, 3):
    assert (goal, rewards) == (0, [10.0] * LENGTH)
    assert obs['is_last'] and not obs['is_terminal']


def test_an_episode_may_end_before_its_goal():
  env = wrappers.Asked(Steps(('walk', 'fly')), 1.0, 0)
  env.reached = lambda goal: False
  obs, paid = env.step({'action': 0, 'reset': True}), []
  while not obs['is_last']:
    obs = env.step({'action': 0, 'reset': False})
    paid.append(obs['reward'])
  assert paid == [0.0] * LENGTH and not obs['is_terminal']


def test_shares():
  counts = collections.Counter(goal for goal, *_ in episodes(0.3, 2000))
  assert counts[0] / 2000 == pytest.approx(0.7, abs=0.04)
  for goal in (1, 2, 3):
    assert counts[goal] / 2000 == pytest.approx(0.1, abs=0.03)
  assert [x[0] for x in episodes(0.5, 30)] == [x[0] for x in episodes(0.5, 30)]
  assert [x[0] for x in episodes(0.5, 30)] != [
    x[0] for x in episodes(0.5, 30, seed=1)
  ]


def test_an_environment_without_goals():
  with pytest.raises(UsageError, match=naming('run.ask')):
    wrappers.Asked(make_env('dummy_disc', 0, seed=0), 0.5, 0)
  blind = make_env('dummy_disc', 0, seed=0)
  with pytest.raises(NotImplementedError, match=naming('Dummy', 'reached')):
    blind.reached(0)
  blind.goals = Steps.goals
  with pytest.raises(UsageError, match=naming('run.ask', 'Dummy', 'reached')):
    wrappers.Asked(blind, 0.5, 0)


def test_crafter_knows_what_was_reached():
  env = make_env('crafter_reward', 0, seed=3)
  assert not any(env.reached(x) for x in range(len(env.goals)))
  wrappers.Asked(env, 0.5, 0)  # which asks it before the first step
  rng, seen = np.random.default_rng(0), set()
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  while not obs['is_last']:
    for i, name in enumerate(ACHIEVEMENTS, 1):
      assert env.reached(i) == bool(obs[f'log/achievement_{name}'])
      seen |= {name} if env.reached(i) else set()
    act = {'action': np.int32(rng.integers(17)), 'reset': np.False_}
    obs = env.step(act)
  assert seen and not env.reached(0)
