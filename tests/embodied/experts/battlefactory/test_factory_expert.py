"""The expert for the Battle Factory: its sums by hand, and what it says."""

import numpy as np
import pytest

from embodied import envs
from embodied.envs.battlefactory import rules, sets
from embodied.envs.battlefactory.challenge import Mon
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.errors import UsageError
from embodied.experts import make_expert, narration
from embodied.experts.battlefactory import (
  drafting,
  guesses,
  plans,
  races,
  rollouts,
  sheets,
)
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
    # Who is stronger may take its time.
    mon('gloom', ['bodyslam', 'gigadrain']),
    mon('swampert', ['surf']),
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
def test_it_knows_the_sets_of_the_round_and_no_more():
  env = BattleFactory('battle', seed=0, foe='random', round=5)
  env.step({'action': 0, 'reset': True})
  scene, random = env.scene(), np.random.default_rng(0)
  found = guesses.guesses(scene, random, 4)
  place = env.view['active'][1]
  first, last = rules.sets_of('level50', 4)
  for slot, (mon, guessed) in enumerate(
    zip(env.challenge.foe, found, strict=True)
  ):
    assert all(first <= x.number <= last for x in guessed)
    names = {x.species for x in guessed}
    if slot == place:
      # One set of a species in a round: it is that one.
      assert [x.row for x in guessed] == [mon.row] and names == {mon.species}
      assert guessed[0].stats == mon.stats
    else:
      assert len(names) == 4
      assert not names & {x.species for x in env.challenge.team}
  # Others are drawn the next time.
  again = guesses.guesses(scene, random, 4)
  assert again[place] == found[place] and again != found
  sheet = sheets.foe(scene, place, found[place][0])
  assert sheet['hp'] == sheet['most'] == env.challenge.foe[place].stats[0]
  own = sheets.own(scene)[0]
  assert tuple(own['stats']) == env.challenge.team[0].stats[1:]


@needs.ENGINE
def test_what_was_seen_tells_two_sets_of_a_species_apart():
  env = BattleFactory('battle', seed=0, foe='random', round=8)
  env.step({'action': 0, 'reset': True})
  place = env.view['active'][1]
  count = lambda: len(guesses.guesses(env.scene(), random, 9)[place])
  random = np.random.default_rng(0)
  before = count()
  moves = env.challenge.foe[place].moves
  env.memory.seen[place].moves = [*moves]
  assert 1 <= count() <= before and before > 1
  # What no set has was called by another move.
  env.memory.seen[place].moves = ['splash']
  assert count() == before


@needs.ENGINE
def test_what_a_move_is_for():
  aim = lambda x: plans.aim(x).text
  assert aim('spore') == 'put it to sleep' and aim('toxic') == 'poison it'
  assert aim('thunderwave') == 'slow it down'
  assert aim('willowisp') == 'burn it'
  assert aim('leechseed') == 'drain it'
  assert aim('swordsdance') == aim('agility') == 'get stronger'
  assert aim('rest') == aim('recover') == 'recover'
  assert aim('protect') == 'gain time'
  quick, bomb = plans.trait('quickattack'), plans.trait('explosion')
  assert quick[rollouts.PRIORITY] == 1 and quick[rollouts.PHYSICAL] == 1
  assert bomb[rollouts.DEADLY] == 1
  assert plans.trait('surf')[rollouts.PHYSICAL] == 0
  assert plans.trait('swordsdance')[rollouts.GAIN] == 2
  assert plans.trait('bodyslam')[rollouts.ILL + rollouts.PARALYSIS] == 0.3
  assert plans.trait('gigadrain')[rollouts.DRAIN] == 0.5
  assert plans.trait('toxic')[rollouts.ILL + rollouts.POISON] == 2
  assert plans.trait('fly')[rollouts.PACE] == 0.5


@needs.ENGINE
def test_the_arrays_of_a_side():
  env = battle(
    mon('raichu', ['thunderwave', 'rest']), mon('marowak', ['earthquake'])
  )
  env.challenge.team = (
    env.challenge.team[0]._replace(
      row=env.challenge.team[0].row._replace(item='chestoberry')
    ),
    *env.challenge.team[1:],
  )
  turn = plans.Turn(env.scene(), np.random.default_rng(0), privileged=True)
  own = turn.mine[0] | {'item': 'chestoberry'}
  body, damage, odds, traits = plans.arrays(
    [own, *turn.mine[1:]], turn.foes, turn.there
  )
  assert body[0, rollouts.HP] == body[0, rollouts.MOST] == own['hp']
  assert body[0, rollouts.SPEED] == own['stats'][4]
  # Electricity does nothing to the ground; a berry wakes up.
  assert odds[0, 0, 0] == 0 and odds[0, 0, 1] == 1
  assert traits[0, 1, rollouts.REST] == 2 and not damage[0].any()
  body, damage, *_ = plans.arrays(turn.foes, turn.mine, turn.back)
  assert damage[0, 0, 0] > own['hp'] / 2


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
  env = battle(mon('starmie', ['surf']), mon('golem', ['splash']))
  expert = make_expert('battlefactory')
  expert.reset(0)
  obs, steps = {'is_last': False}, 0
  while not obs['is_last']:
    obs = env.step({'action': expert.act(env), 'reset': False})
    steps += 1
  nodes = expert.nodes(steps)
  knocked = [x for x in nodes if x['text'] == 'knock out Golem']
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
  # Sixty of a hundred at equal sets; 800 battles deviate by 1.7%.
  wins = 0
  for first in range(1, 9):
    env = BattleFactory('battle', seed=first, round=first, foe='switching')
    for seed in range(100):
      expert = make_expert('battlefactory')
      expert.reset(seed)
      obs = env.step({'action': 0, 'reset': True})
      while not obs['is_last']:
        obs = env.step({'action': expert.act(env), 'reset': False})
      wins += obs['reward'] > 0
  assert wins / 800 > 0.57
