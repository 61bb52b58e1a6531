"""The expert that is asked for one achievement after another."""

import numpy as np
import pytest

from embodied import envs
from embodied.envs.crafter import ALL_LOCKED, Crafter
from embodied.experts import make_expert
from embodied.experts.crafter import asked


def test_what_can_be_asked_for_is_what_the_game_names():
  names = sorted(x.removeprefix('log/achievement_') for x in ALL_LOCKED)
  assert sorted(asked.WISHES) == names
  said = [asked.WISHES[x].goal.text for x in names]
  assert tuple(said) == Crafter.goals[1:]


def play(seed, steps):
  """The stacks, what was unlocked before each step, and the nodes."""
  env = envs.make_env('crafter_reward', 0, seed=seed)
  expert = make_expert('crafter', asked=True)
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  stacks, unlocked = [], []
  while not obs['is_last'] and len(stacks) < steps:
    unlocked.append({k for k in ALL_LOCKED if obs[k]})
    action = expert.act(env)
    stacks.append([x.text for x in expert.stack])
    obs = env.step({'action': np.int32(action), 'reset': np.False_})
  return stacks, unlocked, expert.nodes(len(stacks))


@pytest.fixture(scope='module')
def episodes():
  return [play(seed, 400) for seed in range(4)]


def test_roots_are_what_is_asked_for_until_it_is_reached(episodes):
  names = dict(zip(Crafter.goals[1:], ALL_LOCKED, strict=True))
  asked_for, achieved = set(), 0
  for stacks, unlocked, nodes in episodes:
    roots = [x for x in nodes if x['level'] == 0]
    assert [x['t0'] for x in roots] == [0, *(x['t1'] for x in roots[:-1])]
    assert roots[-1]['t1'] == len(stacks)
    for root in roots:
      name, end = names[root['text']], root['t1']
      asked_for.add(name)
      assert name not in unlocked[root['t0']]
      for t in range(root['t0'], end):
        assert stacks[t][0] == root['text'] and name not in unlocked[t]
      if end < len(stacks):
        assert (name in unlocked[end]) == (root['status'] == 'achieved')
        achieved += root['status'] == 'achieved'
  assert achieved >= 6 and len(asked_for) >= 8


def test_a_goal_is_not_its_own_subgoal(episodes):
  deepest = 0
  for stacks, _, _ in episodes:
    for stack in stacks:
      assert len(stack) >= 2 and stack[0] != stack[1]
      deepest = max(deepest, len(stack))
  assert deepest >= 5


def test_who_is_asked_still_lives():
  stacks, _, _ = play(0, 400)
  said = {x for stack in stacks for x in stack[1:]}
  assert {'drink water', 'sleep', 'build a shelter'} & said
