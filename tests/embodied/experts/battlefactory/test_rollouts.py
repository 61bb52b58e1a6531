"""Battles in numbers: chances by hand, what an illness does, the search."""

import numpy as np
import pytest

from embodied.experts.battlefactory import rollouts
from embodied.experts.battlefactory import search as tree
from embodied.experts.battlefactory.rollouts import (
  CONFUSE,
  DRAIN,
  FLINCH,
  GAIN,
  HEAL,
  HP,
  ILL,
  IMMUNE,
  MOST,
  PACE,
  PHYSICAL,
  PRIORITY,
  REST,
  SPEED,
  STATUS,
)
from embodied.experts.battlefactory.search import ENTER


def side(*mons, others=1):
  """A side of Pokemon with a speed and moves: dicts of damage, odds, traits by
  their columns."""
  count = len(mons)
  body = np.zeros((count, rollouts.BODY))
  body[:, [HP, MOST]] = 100
  damage, odds = (np.zeros((count, others, 4)) for _ in range(2))
  traits = np.zeros((count, 4, rollouts.TRAITS))
  for i, (speed, *moves) in enumerate(mons):
    body[i, SPEED] = speed
    for m, move in enumerate(moves):
      damage[i, :, m] = move.pop('damage', 0)
      odds[i, :, m] = move.pop('odds', 1)
      traits[i, m, PACE] = 1
      for column, value in move.items():
        traits[i, m, column] = value
  return body, damage, odds, traits


def search(mine, theirs, battles=4000, first=(0,), team=(0, -1, -1)):
  """Shares of tries and of wins of the player's first actions."""
  allowed = np.zeros(tree.ACTIONS, bool)
  allowed[list(first)] = True
  slots = np.full((3, 2), -1)
  slots[0, 0] = 0
  tried, won = tree.search(
    mine, theirs, np.array(team), slots, 0, 0, allowed, battles, 3
  )
  assert tried.sum() == battles
  return tried / battles, won / np.maximum(tried, 1)


STRONG = 1000  # damage that fells whoever it hits


def test_a_duel_of_sure_and_of_uncertain_hits():
  hits = lambda speed, odds: side((speed, {'damage': STRONG, 'odds': odds}))
  share = lambda *x: search(*x)[1][0]
  assert share(hits(2, 1), hits(1, 1)) == 1
  assert share(hits(1, 1), hits(2, 1)) == 0
  # Who is first wins with p + (1 - p)(1 - q) p + ... = p / (p + q - p q).
  assert share(hits(2, 0.5), hits(1, 0.5)) == pytest.approx(2 / 3, abs=0.03)
  assert share(hits(1, 0.5), hits(2, 0.5)) == pytest.approx(1 / 3, abs=0.03)
  assert share(hits(1, 1), hits(1, 1)) == pytest.approx(1 / 2, abs=0.03)
  quick = side((1, {'damage': STRONG, PRIORITY: 1}))
  assert share(quick, hits(2, 1)) == 1


def test_damage_varies_as_the_rules_say():
  # 92.5 on average: 100 or more at the highest roll alone, or if critical.
  mine = side((2, {'damage': 92.5, 'odds': 1}))
  theirs = side((1, {'damage': STRONG}))
  assert search(mine, theirs)[1][0] == pytest.approx(1 / 16, abs=0.02)
  # At 100 on average, the rolls from .925 on.
  mine = side((2, {'damage': 100}))
  want = 0.5 + 0.5 / 16
  assert search(mine, theirs)[1][0] == pytest.approx(want, abs=0.03)


def used(move, theirs=(1,), seed=0, changes=()):
  """What a move does to its user and its target, and the fields around."""
  mine, other = side((2, move)), side(theirs)
  for body, column, value in changes:
    (mine, other)[body][0][0, column] = value
  form, guard = np.ones(5), np.ones(5)
  count, harm, seeded = np.ones(3), np.zeros(3), np.zeros(1)
  seed_numba(seed)
  flinches = rollouts.use(
    mine, other, 0, 0, 0, form, guard, count, harm, seeded
  )
  return mine[0][0], other[0][0], form, harm, seeded[0], flinches


def seed_numba(seed):
  """Seeds the numbers that compiled functions draw."""
  tree.search(
    side((1, {})), side((1, {})), np.array([0, -1, -1]),
    np.array([[0], [-1], [-1]]), 0, 0, np.eye(tree.ACTIONS, dtype=bool)[0],
    0, seed,
  )  # fmt: skip


def test_what_moves_do_beside_damage():
  _, target, *_ = used({ILL + rollouts.SLEEP: 1})
  assert target[STATUS] == 1 + rollouts.SLEEP
  well = {ILL + rollouts.SLEEP: 1}
  _, target, *_ = used(well, changes=[(1, IMMUNE + rollouts.SLEEP, 1)])
  assert target[STATUS] == rollouts.WELL
  # Who is ill does not become ill again.
  burnt = [(1, STATUS, 1 + rollouts.BURN)]
  assert used(dict(well), changes=burnt)[1][STATUS] == 1 + rollouts.BURN
  _, target, _, harm, *_ = used({ILL + rollouts.POISON: 2})
  assert target[STATUS] == rollouts.BAD and harm[rollouts.TOXIC] == 1
  assert used({ILL + rollouts.SEED: 1})[4] == 1
  assert 2 <= used({CONFUSE: 1})[3][rollouts.DAZED] <= 5
  assert used({FLINCH: 1})[5] and not used({})[5]
  assert used({GAIN: 2, GAIN + 4: -1})[2] == pytest.approx([2, 1, 1, 1, 2 / 3])
  hurt = [(0, HP, 20)]
  assert used({HEAL: 0.5}, changes=hurt)[0][HP] == 70
  slept = used({REST: 1}, changes=hurt)[0]
  assert slept[HP] == 100 and slept[STATUS] == 1 + rollouts.SLEEP
  drained = used({'damage': 40, DRAIN: 0.5}, changes=hurt)
  assert drained[0][HP] - 20 == pytest.approx((100 - drained[1][HP]) / 2)
  # Who has fallen does not become ill.
  fallen = used({'damage': STRONG, ILL + rollouts.BURN: 1})[1]
  assert fallen[HP] == 0 and fallen[STATUS] == rollouts.WELL


def test_any_move_is_one_that_is_there():
  traits = side((1, {}, {}))[3][0]
  drawn = [rollouts.any_move(traits) for _ in range(400)]
  assert {*drawn} == {0, 1} and 0.4 < np.mean(drawn) < 0.6
  assert rollouts.any_move(traits * 0) == -1
  # So a foe whose other move does nothing is weaker than its best one.
  mine, one = side((1, {'damage': 34})), side((2, {'damage': 34}))
  two = side((2, {'damage': 34}, {}))
  assert search(mine, one)[1][0] + 0.1 < search(mine, two)[1][0]


def test_raised_stages_meet_their_kind_of_move():
  form, guard = np.array([2.0, 1, 1, 1, 1]), np.array([1.0, 1, 1, 4, 1])
  moves = side((1, {PHYSICAL: 1}, {}))[3][0]
  assert rollouts.factor(moves[0], form, guard) == 2
  assert rollouts.factor(moves[1], form, guard) == 1 / 4


def test_what_illness_takes_each_turn():
  other, count = np.array([50.0, 100]), np.array([0.0, 3, 0])

  def left(status, seeded=0, heals=0):
    body = side((1,))[0][0]
    body[STATUS], body[rollouts.HEALS] = status, heals
    rollouts.residual(body, other, count, seeded)
    return body[HP]

  assert left(1 + rollouts.BURN) == left(1 + rollouts.POISON) == 87.5
  assert left(rollouts.BAD) == 100 - 100 * 3 / 16 and count[1] == 4
  assert left(rollouts.WELL, seeded=1) == 87.5 and other[HP] == 62.5
  assert left(1 + rollouts.BURN, heals=1) == 93.75


def test_who_is_ill_acts_as_often_as_the_rules_say():
  body = side((1,))[0][0]
  share = lambda: np.mean([rollouts.able(body, count) for _ in range(2000)])
  count = np.zeros(3)
  body[STATUS] = 1 + rollouts.PARALYSIS
  assert share() == pytest.approx(0.75, abs=0.04)
  body[STATUS], count[rollouts.NIGHTS] = 1 + rollouts.SLEEP, 2
  assert not rollouts.able(body, count) and rollouts.able(body, count)
  assert body[STATUS] == rollouts.WELL
  thawed = []
  for _ in range(2000):
    body[STATUS] = 1 + rollouts.FREEZE
    thawed.append(rollouts.able(body, count))
  assert np.mean(thawed) == pytest.approx(0.2, abs=0.04)


def test_the_search_finds_what_pays_later():
  # Weak hits lose; three stages first, and one hit is enough.
  setup, hit = {GAIN: 6}, {'damage': 30, PHYSICAL: 1}
  mine = side((2, hit, setup))
  theirs = side((1, {'damage': 45}))
  tried, won = search(mine, theirs, first=(0, 1), battles=1000)
  assert tried[1] > 0.7 and won[1] > 0.9 > 0.5 > won[0] / 2
  # Each of the team can fell one of the foes, and falls to the other one.
  mine = side((1, {}), (1, {}), others=2)
  theirs = side((2, {}), (2, {}), others=2)
  for i in range(2):
    mine[1][i, 1 - i, 0], theirs[1][i, 1 - i, 0] = 60, 5
    theirs[1][i, i, 0] = STRONG
  slots = np.array([[0], [1], [-1]])
  first = np.zeros(tree.ACTIONS, bool)
  first[[0, ENTER + 1]] = True
  team = np.array([0, 1, -1])
  tried, won = tree.search(mine, theirs, team, slots, 0, 0, first, 1000, 3)
  assert tried[ENTER + 1] > 900 and won[ENTER + 1] / tried[ENTER + 1] > 0.9
  # After a loss somebody comes in, and the foe does not strike meanwhile.
  mine = side((1, {}), (2, {'damage': STRONG}))
  theirs = side((1, {'damage': STRONG}), others=2)
  mine[0][0, HP] = 0
  tried, won = search(
    mine, theirs, first=(ENTER + 1,), team=(-1, 1, -1), battles=100
  )
  assert tried[ENTER + 1] == 1
  assert won[ENTER + 1] == pytest.approx(1 - tree.HASTE)


def test_of_two_ways_to_win_the_sooner_is_better():
  wait, hit = {GAIN + 4: 1}, {'damage': STRONG}
  mine = side((2, wait, hit))
  theirs = side((1, {'damage': 0.1}))
  tried, won = search(mine, theirs, first=(0, 1), battles=800)
  assert tried[1] > tried[0] + 0.05 and won[1] > won[0] + 0.9 * tree.HASTE
  assert won[1] == pytest.approx(1)


def test_unknown_pokemon_are_drawn():
  mine = side((2, {'damage': STRONG}), others=2)
  mine[1][0, 1] = 0  # nothing hurts the second one
  theirs = side((1, {'damage': 1}), (1, {'damage': STRONG}))
  slots = np.array([[0, 1], [-1, -1], [-1, -1]])
  first = np.eye(tree.ACTIONS, dtype=bool)[0]
  team = np.array([0, -1, -1])
  tried, won = tree.search(mine, theirs, team, slots, 0, 0, first, 4000, 1)
  assert won[0] / tried[0] == pytest.approx(0.5, abs=0.03)
