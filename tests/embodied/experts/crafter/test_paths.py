"""Ways, aiming and shelters on small maps drawn by hand."""

import pytest

from embodied.experts.crafter import body, memory, paths, shelter
from embodied.experts.crafter.memory import ID, TURNS, WIDE, number

MARKS = {
  '.': 'grass',
  '#': 'stone',
  '~': 'water',
  'L': 'lava',
  'T': 'tree',
  ' ': 'path',
}
RIGHT, DOWN = WIDE, 1


def draw(*rows, at=(1, 1), **has):
  """A player at a cell of a map in the corner of a world of lava."""
  mind = memory.Memory(False)
  for x in range(64):
    for y in range(64):
      mind.ground[number(x, y)] = ID['lava']
  for y, row in enumerate(rows):
    for x, mark in enumerate(row):
      mind.ground[number(x, y)] = ID[MARKS[mark]]
  mind.cell, mind.facing, mind.time = number(*at), DOWN, 60
  mind.has = dict.fromkeys(('wood_pickaxe', 'stone_pickaxe', 'stone'), 0)
  mind.has |= {'iron_pickaxe': 0, 'food': 9, 'drink': 9, 'health': 9}
  mind.has |= {'energy': 9} | has
  return body.Body(mind, body.Habits(), 0)


def test_the_way_around_costs_less_than_digging():
  me = draw('.....', '..#.T', '.....', wood_pickaxe=1)
  found = me.search(frozenset([ID['tree']]))
  assert found.goal == number(4, 1)
  # Around: up, right, right, down or the same below, then the tree: 5 steps.
  # Through: 3 for the stone, 1, and the tree: 5 as well, and found first.
  assert found.away[found.goal] in (5, 6)
  me = draw('#####', '..#.T', '#####')
  assert me.search(frozenset([ID['tree']])).goal is None


def test_water_is_bridged_with_a_stone_only():
  me = draw('LLLLL', '..~.T', 'LLLLL', stone=1, wood_pickaxe=1)
  assert me.search(frozenset([ID['tree']])).goal == number(4, 1)
  me = draw('LLLLL', '..~.T', 'LLLLL', stone=0, wood_pickaxe=1)
  assert me.search(frozenset([ID['tree']])).goal is None


@pytest.mark.parametrize(
  'cell, moves',
  [
    # The cell below is ahead.
    ((1, 2), []),
    # A step to the right leaves (3, 1) ahead.
    ((3, 1), [RIGHT]),
    # A blocked neighbour is faced without a step.
    ((1, 0), [-DOWN]),
  ],
)
def test_aiming_by_hand(cell, moves):
  me = draw('.#...', '.....', '.....')
  got = paths.aim(me.memory.ground, me.memory.cell, DOWN, {number(*cell)}, {})
  assert got == moves


def test_facing_a_free_neighbour_takes_a_detour():
  me = draw('.....', '.....', '.....')
  moves = paths.aim(me.memory.ground, me.memory.cell, DOWN, {number(2, 1)}, {})
  # Left, and back to the right: (2, 1) is ahead.
  assert moves == [-RIGHT, RIGHT]


def test_aiming_never_turns_to_lava():
  me = draw('LLL', 'L.L', 'LLL')
  target = {number(0, 1)}
  assert paths.aim(me.memory.ground, me.memory.cell, 1, target, {}) is None


def act(me, action):
  """The rules for moves and stones."""
  mind = me.memory
  step = {v: k for k, v in TURNS.items()}.get(action)
  if step is not None:
    mind.facing = step
    if mind.free(mind.ahead):
      mind.cell = mind.ahead
  elif action == 'place_stone':
    assert me.has('stone') and mind.free(mind.ahead)
    mind.ground[mind.ahead] = ID['stone']
    mind.has['stone'] -= 1
  elif action == 'do':
    assert mind.ground[mind.ahead] == ID['stone']
    mind.ground[mind.ahead] = ID['path']
    mind.has['stone'] += 1
  assert mind.ground[mind.cell] != ID['lava']


FIELD = ['.' * 13] * 13
CLIFF = ['...####', '...####', '...####', '#######', '#######']


@pytest.mark.parametrize('rows, at, stones, used', [
  # In the open a square of four cells has eight sides.
  (FIELD, (6, 6), 9, 8),
  # In the corner of the world four of them are closed.
  (FIELD, (1, 1), 9, 4),
  # Two cells of rock give two stones, and one closes the door.
  (CLIFF, (1, 1), 1, -1),
])  # fmt: skip
def test_shelters_are_closed(rows, at, stones, used):
  me = draw(*rows, at=at, stone=stones, wood_pickaxe=1)
  for action in shelter.hide(me, ''):
    act(me, action)
  assert shelter.is_closed(me)
  assert stones - me.has('stone') == used


def test_without_stones_there_is_no_shelter_in_the_open():
  me = draw(*['.......'] * 7, stone=3)
  assert shelter.rooms(me) == []
