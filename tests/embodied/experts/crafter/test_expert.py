"""The Crafter expert: what it sees, what it says, and how it plays."""

import copy
import itertools

import numpy as np
import pytest

from embodied import envs
from embodied.errors import UsageError
from embodied.experts import make_expert
from embodied.experts.crafter import memory
from embodied.experts.crafter.expert import CrafterExpert

STEPS = 240


def play(seed, steps=STEPS, change=None, **variant):
  """Actions, stacks, and the expert after some steps. `change(game)` may
  change the copy of the game that the expert looks at."""
  env = envs.make_env('crafter_reward', 0, seed=seed)
  expert = make_expert('crafter', **variant)
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  actions, stacks = [], []
  while len(actions) < steps and not obs['is_last']:
    seen = env if change is None else copy.deepcopy(env)
    if change is not None:
      change(inner(seen))
    actions.append(expert.act(seen))
    stacks.append([x.text for x in expert.stack])
    obs = env.step({'action': np.int32(actions[-1]), 'reset': np.False_})
  return actions, stacks, expert, inner(env)


def inner(env):
  while hasattr(env, 'env'):
    env = env.env
  return env._env


@pytest.fixture(scope='module')
def episode():
  return play(5)


def test_it_plays_well_and_alike(episode):
  actions, stacks, _, game = episode
  again = play(5)
  assert actions == again[0] and stacks == again[1]
  assert len(game.unlocked) >= 10
  assert stacks[0][0] == 'survive and unlock everything'
  assert {'move left', 'interact'} <= {x[-1] for x in stacks}


def hide_all(game):
  """Diamonds wherever the player cannot see."""
  x, y = game._player.pos
  ground = game._world._mat_map
  hidden = np.ones(ground.shape, bool)
  hidden[max(0, x - 4) : x + 5, max(0, y - 3) : y + 4] = False
  ground[hidden] = memory.ID['diamond']


def test_it_acts_on_what_an_agent_sees(episode):
  assert play(5, 60, hide_all)[0] == episode[0][:60]


def test_a_privileged_one_does_not():
  plain = play(5, 60, privileged=True)
  assert plain[2].privileged
  assert play(5, 60, hide_all, privileged=True)[0] != plain[0]


def test_the_nodes_give_the_stacks_back(episode):
  actions, stacks, expert, _ = episode
  nodes = expert.nodes(len(actions))
  for t, stack in enumerate(stacks):
    covering = [x for x in nodes if x['t0'] <= t < x['t1']]
    covering.sort(key=lambda x: x['level'])
    assert [x['text'] for x in covering] == stack
  for node in nodes[1:]:
    parent = nodes[node['parent_id']]
    assert parent['t0'] <= node['t0'] < node['t1'] <= parent['t1']
    assert node['level'] == parent['level'] + 1
  assert {'achieved', 'ongoing'} <= {x['status'] for x in nodes}


def test_nodes_say_achieved_when_the_game_does(episode):
  actions, _, expert, game = episode
  made = {
    f'make_{x["canonical"]["object"]}'
    for x in expert.nodes(len(actions))
    if x['canonical']['verb'] == 'make' and x['status'] == 'achieved'
  }
  # Actions have the same verbs and end as achieved even if they did nothing.
  assert 'make_wood_pickaxe' in made & game.unlocked


def test_death_is_failure():
  def kill(game):
    game._player.health = 0

  actions, _, expert, _ = play(5, 5)
  kill(expert._game)
  nodes = expert.nodes(len(actions))
  assert nodes[0]['status'] == 'failed'


@pytest.mark.parametrize(
  'variant', [{'noise': 0.3}, {'disorder': True}, {'forgetful': True}]
)
def test_variants_are_worse(episode, variant):
  actions, stacks, expert, _ = play(5, 150, **variant)
  assert expert.p_good < 1
  assert len(stacks) == len(actions)
  if 'forgetful' not in variant:
    assert actions != episode[0][: len(actions)]


def test_noise_is_a_share():
  with pytest.raises(UsageError, match='noise of the expert is 2'):
    make_expert('crafter', noise=2)


def test_an_action_that_did_nothing_failed(monkeypatch):
  # It has no wood, so that nothing can be made.
  wanted = itertools.cycle(['make_iron_sword', 'noop'])
  monkeypatch.setattr(CrafterExpert, '_next', lambda self: next(wanted))
  actions, stacks, expert, game = play(5, 20)
  assert 'make_iron_sword' not in game.unlocked
  nodes = expert.nodes(len(actions))
  made = [x for x in nodes if x['text'] == 'make iron sword']
  assert {x['status'] for x in made} <= {'failed', 'ongoing'} and made
