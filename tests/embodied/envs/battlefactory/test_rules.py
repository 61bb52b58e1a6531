"""The rules by hand, and thousands of draws that keep them."""

import collections
import itertools

import numpy as np
import pytest

from embodied.envs.battlefactory import rules, sets
from embodied.envs.battlefactory.challenge import Challenge, Mon, team
from tests.embodied.envs.battlefactory import needs

MODES = ('level50', 'open')
ROUNDS = range(0, 70, 7)


def test_numbers_of_the_game():
  # The first round of level 50 draws weak sets, the second overlaps with it;
  # the eighth draws from five ranges, as all later ones.
  assert rules.sets_of('level50', 0) == (110, 199)
  assert rules.sets_of('level50', 1) == (162, 266)
  assert (
    rules.sets_of('level50', 7)
    == rules.sets_of('level50', 30)
    == (
      372,
      849,
    )
  )
  assert rules.sets_of('open', 0) == (372, 467)
  assert rules.sets_of('open', 4) == (372, 881)
  assert [rules.rental_iv(x) for x in (0, 4, 5, 6, 9)] == [3, 15, 21, 31, 31]
  # The last of seven battles is harder; battle 21 is against Noland, whose
  # values are those of two rounds later.
  assert [rules.foe_iv(x) for x in (0, 5, 6, 7, 13)] == [3, 3, 6, 6, 9]
  assert rules.foe_iv(20) == 15 and rules.foe_iv(41) == 31
  assert rules.foe_iv(34) == 18 and rules.foe_iv(34, bugs=True) == 6
  assert rules.foe_iv(30, bugs=True) == 3 and rules.foe_iv(20, bugs=True) == 15
  swaps = (0, 14, 15, 21, 22, 28, 29, 35, 36, 42, 43, 200)
  assert [rules.better(x) for x in swaps] == [
    0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
  ]  # fmt: skip
  heads = [x + 1 for x in range(100) if rules.is_noland(x)]
  assert heads == [21, 42, 63, 84]


def test_trainers_judge_better_round_by_round():
  kinds = [rules.trainer(x) for x in range(42)]
  assert kinds[:14] == ['trainer0'] * 14
  assert kinds[14:20] == ['trainer1'] * 6 and kinds[20] == 'trainer3'
  assert kinds[21:28] == ['trainer1'] * 7 and kinds[28:] == ['trainer3'] * 14


def test_the_hint_of_a_type():
  assert rules.hinted_type([('Water',), ('Water', 'Ground'), ('Fire',)]) == (
    'Water'
  )
  # Two of each.
  pairs = [('Water', 'Ground'), ('Water',), ('Ground',)]
  assert rules.hinted_type(pairs) == ''
  # Twice the same type of one Pokemon counts once.
  assert rules.hinted_type([('Bug', 'Bug'), ('Fire',), ('Ice',)]) == ''


def test_the_hint_of_a_style():
  hint = rules.hinted_style
  assert hint(['tackle', 'surf']) == 'free-spirited'
  # Three of preparation are needed, and two of high risk.
  assert hint(['harden', 'howl']) == 'free-spirited'
  assert hint(['harden', 'howl', 'bulkup']) == 'preparation'
  assert hint(['explosion', 'counter']) == 'high risk'
  # The same move of two Pokemon counts twice; of two styles the later is told,
  # and three are too many.
  assert hint(['raindance', 'raindance']) == 'weather'
  both = ['harden', 'howl', 'bulkup', 'explosion', 'counter']
  assert hint(both) == 'high risk'
  assert hint([*both, 'hail', 'hail']) == 'flexible'


def drawn(mode, streak, seed, bugs=False):
  rng = np.random.default_rng((seed, streak))
  return Challenge(mode, 'random', rng, streak, bugs)


def species(mons):
  return [x.species for x in mons]


def unlike(mons):
  """Whether species and items differ."""
  items = [x.row.item for x in mons if x.row.item]
  return len({*species(mons)}) == len(mons) and len({*items}) == len(items)


@needs.ENGINE
@pytest.mark.parametrize('mode', MODES)
def test_drafts_keep_the_rules(mode):
  # A thousand drafts and opponents, a hundred of each round.
  for streak, seed in itertools.product(ROUNDS, range(50)):
    game = drawn(mode, streak, seed)
    low, high = rules.sets_of(mode, streak // 7)
    assert len(game.offer) == 6 and len(game.foe) == 3
    assert all(low <= x.number <= high for x in (*game.offer, *game.foe))
    assert {x.iv for x in game.offer} == {rules.rental_iv(streak // 7)}
    assert {x.iv for x in game.foe} == {rules.foe_iv(streak)}
    assert unlike(game.offer) and unlike(game.foe)
    assert not {*species(game.offer)} & {*species(game.foe)}
    level = {'level50': 50, 'open': 100}[mode]
    assert {x.level for x in (*game.offer, *game.foe)} == {level}


@needs.ENGINE
@pytest.mark.parametrize('mode', MODES)
def test_rounds_keep_the_rules(mode):
  rng = np.random.default_rng(0)
  for seed in range(25):
    game = drawn(mode, 0, seed)
    for battle in range(49):
      if not game.team:
        better = rules.better(game.swaps) if game.round < 7 else 0
        for i, mon in enumerate(game.offer):
          low, high = rules.sets_of(mode, game.round + (i < better))
          assert low <= mon.number <= high
          assert mon.iv == rules.rental_iv(game.round + (i < better))
        game.draft(rng.permutation(6)[:3])
      assert game.streak == battle and len(game.team) == 3
      foes, mates = game.foe, game.team
      if rules.is_noland(battle):
        assert game.hint() == ('', '')
      game.won()
      if game.team:
        assert game.beaten == foes and unlike(game.foe)
        if not rules.is_noland(game.streak):
          known = {*species(mates), *species(foes)}
          assert not {*species(game.foe)} & known
        if rng.random() < 0.5:
          own, theirs = rng.integers(3, size=2)
          taken = game.beaten[theirs]
          game.swap(own, theirs)
          # It stands where the other stood, as it was.
          assert game.team[own] is taken
          assert sum(x in mates for x in game.team) == 2


@needs.ENGINE
def test_swaps_are_counted_with_the_win_that_follows():
  game = drawn('level50', 0, 0)
  game.draft([0, 1, 2])
  assert game.swaps == 0
  game.won()
  assert game.swaps == 1  # the draft
  game.won()
  assert game.swaps == 1
  game.swap(0, 0)
  assert game.swaps == 1
  game.won()
  assert game.swaps == 2


@needs.ENGINE
def test_the_cartridge_offers_one_species_twice_at_most():
  repeats = collections.Counter()
  for seed in range(300):
    game = drawn('level50', 49, seed, bugs=True)
    names = species(game.offer)
    repeats[6 - len({*names})] += 1
    assert len({x.number for x in game.offer}) == 6
    assert len({x['name'] for x in team(game.offer)}) == 6
  assert set(repeats) == {0, 1} and repeats[1] > 5


@needs.ENGINE
def test_abilities_and_genders_are_drawn():
  mons = [x for s in range(400) for x in drawn('level50', 49, s).offer]
  two = [x for x in mons if len(x.facts['abilities']) == 2]
  second = np.mean([x.ability == x.facts['abilities'][1] for x in two])
  # About 1100 draws of probability 1/2 deviate by 0.015.
  assert len(two) > 600 and abs(second - 0.5) < 0.07
  for mon in mons:
    male = mon.facts['male']
    assert (mon.gender == 'N') == (male is None)
    assert not (mon.gender == 'M' and male == 0)
    assert not (mon.gender == 'F' and male == 1)
  rare = [x for x in mons if x.facts['male'] == 0.875]
  males = np.mean([x.gender == 'M' for x in rare])
  assert len(rare) > 100 and abs(males - 0.875) < 0.1


@needs.ENGINE
def test_stats_by_hand():
  # Swampert at level 50 with values of 31 and 255 in HP and attack:
  # HP  (2*100 + 31 + 63) * 50 // 100 + 60 = 147 + 60 = 207
  # Atk ((2*110 + 31 + 63) * 50 // 100 + 5) * 1.1 = 162 * 1.1 = 178
  # SpA ((2*85 + 31) * 50 // 100 + 5) * 0.9 = 105 * 0.9 = 94
  row = sets.Row(
    'swampert', ('return', 'surf'), '', 'adamant', ('hp', 'atk')
  )  # fmt: skip
  mon = Mon(0, row, 31, 'torrent', 'M', 50)
  assert mon.stats == (207, 178, 110, 94, 110, 80)
  assert mon.moves == ('frustration', 'surf')
  assert mon.set()['happiness'] == 0
  shedinja = Mon(
    0, row._replace(species='shedinja'), 31, 'wonderguard', 'N', 50
  )
  assert shedinja.stats[0] == 1
  fast = Mon(0, row._replace(species='deoxys'), 31, 'pressure', 'N', 50)
  assert fast.species == 'deoxysspeed' and fast.name == 'Deoxys'
