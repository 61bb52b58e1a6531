"""The expert for the Battle Factory: its sums by hand, and what it says."""

import numpy as np
import pytest

from embodied import envs
from embodied.envs.battlefactory import sets
from embodied.envs.battlefactory.challenge import Mon
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.errors import UsageError
from embodied.experts import make_expert, narration
from embodied.experts.battlefactory import drafting, races, sheets
from embodied.experts.battlefactory.races import Attack
from ponderdream.lrxc import play
from ponderdream.lrxc.schema import Node
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming


def test_turns_and_exchanges_by_hand():
  half = Attack('surf', 45.0, 0.9, False)  # 50 if it hits
  # 100 points need two hits, each 1/0.9 turns.
  assert races.turns(100, half) == pytest.approx(2 / 0.9)
  assert races.turns(101, half) == pytest.approx(3 / 0.9)
  assert races.turns(100, races.NOTHING) == races.FAR
  # A sure win costs nothing: what falls at once is worth all of it.
  assert races.exchange(1, 9, True, 1, 1) == pytest.approx(1, abs=0.01)
  assert races.exchange(9, 1, False, 1, 1) == pytest.approx(-1, abs=0.01)
  # Alike, and nobody knows who is first: worth the same for both.
  ours = races.exchange(2, 2, True, 1, 1)
  theirs = races.exchange(2, 2, False, 1, 1)
  assert ours == pytest.approx(-theirs)
  # p = 1 / (1 + exp(-0.6)) = .6457. The winner takes one hit of two,
  # 1 - .6 * .5 = .7; the loser, who struck first, has struck twice,
  # .6 * 1 - 1 = -.4.
  assert ours == pytest.approx(0.6457 * 0.7 - 0.3543 * 0.4, abs=1e-3)
  assert races.worth(0) == 0 and races.worth(1) == 1
  assert races.worth(0.5) == pytest.approx(0.7)


def mon(species, moves):
  row = sets.Row(species, tuple(moves), '', 'serious', ('hp', 'spe'))
  facts = Mon(0, row, 31, '', 'M', 50).facts
  return Mon(0, row, 31, facts['abilities'][0], 'M', 50)


@needs.ENGINE
def test_the_draft_takes_who_beats_the_others():
  strong = [mon('swampert', ['surf', 'earthquake']),
            mon('starmie', ['surf', 'thunderbolt']),
            mon('metagross', ['meteormash', 'earthquake'])]  # fmt: skip
  weak = [mon('sunkern', ['tackle']), mon('magikarp', ['splash']),
          mon('wurmple', ['tackle'])]  # fmt: skip
  table = drafting.outcomes([*weak, *strong])
  assert (np.diag(table) == 0).all()
  assert (table[3:, :3] > 0.5).all() and (table[:3, 3:] < -0.5).all()
  assert {*drafting.draft([*weak, *strong])} == {3, 4, 5}
  # A weak one of the team is swapped for a strong one, and no other.
  assert drafting.swap(
    [weak[0], *strong[:2]], [weak[1], strong[2], weak[2]]
  ) == (
    0,
    1,
  )
  assert drafting.swap(strong, weak) is None


def battle(mine, theirs):
  """A battle between given teams of three alike, after the draft."""
  env = BattleFactory('battle', seed=0, foe='random')
  env.step({'action': 0, 'reset': True})
  env.challenge.team, env.challenge.foe = (mine,) * 3, (theirs,) * 3
  env._meet()
  return env


@needs.ENGINE
def test_it_hits_the_fourfold_weakness():
  env = battle(
    mon('venusaur', ['bodyslam', 'gigadrain']), mon('swampert', ['surf'])
  )
  expert = make_expert('battlefactory')
  expert.reset(0)
  assert expert.act(env) == 1
  assert [x.text for x in expert.stack] == [
    'win the round',
    'win battle 1',
    'knock out Swampert',
    'hit its fourfold weakness',
    'use Giga Drain',
  ]


@needs.ENGINE
def test_it_sees_what_a_player_sees():
  secret = mon('swampert', ['icebeam', 'return'])
  env = battle(mon('venusaur', ['gigadrain']), secret)
  seen = sheets.foe(env.scene())
  # A usual attack of each type instead of its moves, and average values.
  assert seen['moves'] == ['surf', 'earthquake'] and seen['item'] == ''
  assert seen['stats'] != list(secret.stats[1:])
  known = sheets.foe(env.scene(), privileged=True)
  assert known['moves'] == [*secret.moves]
  assert tuple(known['stats']) == secret.stats[1:]
  own = sheets.own(env.scene())[0]
  assert tuple(own['stats']) == env.challenge.team[0].stats[1:]


def episode(seed, expert):
  env = envs.make_env(expert.task, 0, seed=seed, **expert.settings)
  return play.play(expert, env, 'battlefactory', 0, seed, 60)


@needs.ENGINE
def test_its_plans_are_valid_and_spoken():
  expert = make_expert('battlefactory')
  data = episode(3, expert)
  texts = {x.text for x in data.nodes}
  assert data.episode.goal == 'win the round' and 'draft a team' in texts
  assert any(x.startswith('knock out ') for x in texts)
  assert any(x.startswith('use ') for x in texts)
  taken = [x for x in data.nodes if x.text.startswith('take ')]
  # Three in each draft.
  assert taken and len(taken) % 3 == 0
  assert all(isinstance(x, Node) for x in data.nodes)
  nodes = expert.nodes(len(data.steps['action']) - 1)
  # A turn takes some seconds on the screen.
  cues = narration.narrate(nodes, 5.0, 'low', 0)
  words = ' '.join(x.text for x in cues)
  assert 'knock out a ' in words and 'draft a team' in words
  assert all(narration.narrate(nodes, 5.0, x, 0) for x in narration.STYLES)


@needs.ENGINE
def test_it_fights_single_battles():
  data = episode(3, make_expert('battlefactory', single=True))
  assert data.episode.env_id == 'battlefactory_battle'
  # Moves and switches alone, until the battle is won or lost.
  assert (data.steps['action'][:-1] < 6).all()
  assert data.steps['terminated'][-1] and abs(data.steps['reward'][-1]) == 1
  assert (data.steps['reward'][:-1] == 0).all()


@needs.ENGINE
def test_the_same_seed_plays_alike_and_noise_does_not():
  runs = [episode(4, make_expert('battlefactory')) for _ in range(2)]
  left, right = (x.steps['action'] for x in runs)
  np.testing.assert_array_equal(left, right)
  noisy = episode(4, make_expert('battlefactory', noise=0.5))
  assert not np.array_equal(noisy.steps['action'], left)


@needs.ENGINE
def test_endings_follow_from_what_happened():
  # Against a foe that can do nothing, battles are won and its Pokemon fall.
  env = battle(mon('starmie', ['surf']), mon('geodude', ['splash']))
  expert = make_expert('battlefactory')
  expert.reset(0)
  obs, steps = {'is_last': False}, 0
  while not obs['is_last']:
    obs = env.step({'action': expert.act(env), 'reset': False})
    steps += 1
  nodes = expert.nodes(steps)
  knocked = [x for x in nodes if x['text'] == 'knock out Geodude']
  assert len(knocked) == 3
  assert {x['status'] for x in knocked} == {'achieved'}
  assert nodes[1]['text'] == 'win battle 1'
  assert nodes[1]['status'] == 'achieved'


def test_a_share_that_is_none():
  with pytest.raises(UsageError, match=naming('noise', 1.5)):
    make_expert('battlefactory', noise=1.5)


@needs.ENGINE
@pytest.mark.slow
def test_it_beats_most_damage_with_switching():
  # Sixty of a hundred after a draft; 400 battles deviate by 2.4%.
  wins = 0
  for first in range(1, 9):
    env = BattleFactory('level50', seed=first, round=first, foe='switching')
    for seed in range(50):
      expert = make_expert('battlefactory')
      expert.reset(seed)
      obs = env.step({'action': 0, 'reset': True})
      while not obs['log/battles']:
        obs = env.step({'action': expert.act(env), 'reset': False})
      wins += obs['reward'] > 0
  assert wins / 400 > 0.55
