"""Rooms of the Crafter expert: when nothing can come in."""

import pytest

from embodied.experts.crafter import aims, shelter
from embodied.experts.crafter.body import Body, Habits
from embodied.experts.crafter.memory import ID, Memory, Thing, number

HERE = number(20, 20)


def player(*cells):
  """A player in rock, with free `cells` from its own to the east."""
  memory = Memory(False)
  memory.ground[:] = bytes([ID['stone']]) * len(memory.ground)
  for cell in cells:
    memory.ground[cell] = ID['path']
  memory.cell, memory.facing = HERE, 1
  return Body(memory, Habits(), 0)


def row(length):
  return [number(20 + i, 20) for i in range(length)]


@pytest.mark.parametrize('length, closed', [(1, True), (6, True), (7, False)])
def test_a_room_is_small(length, closed):
  assert shelter.is_closed(player(*row(length))) == closed


@pytest.mark.parametrize(
  'kind, closed',
  [('zombie', False), ('skeleton', False), ('cow', True), ('plant', True)],
)
def test_no_enemy_is_inside(kind, closed):
  me = player(*row(3))
  inside, outside = number(22, 20), number(22, 22)
  me.memory.things = {inside: Thing(kind, inside, '')}
  assert shelter.is_closed(me) == closed
  me.memory.things = {outside: Thing(kind, outside, '')}
  assert shelter.is_closed(me)


@pytest.mark.parametrize('food, found', [(1, ['wood_pickaxe']), (0, [])])
def test_who_starves_makes_nothing(food, found):
  me = player(*row(3))
  me.memory.ground[number(19, 20)] = ID['table']
  me.memory.time = 50
  me.memory.unlocked = {
    f'make_{x}_{y}'
    for x in ('wood', 'stone', 'iron')
    for y in ('sword', 'pickaxe')
  } - {'make_wood_pickaxe'} | {'place_stone', 'place_furnace'}
  me.memory.has = dict.fromkeys(('stone', 'coal', 'iron', 'wood_pickaxe'), 0)
  me.memory.has |= {'food': food, 'drink': 1, 'wood': 1}
  assert [name for name, _ in aims.crafts(me)] == found


@pytest.mark.parametrize('whole, cost', [(True, 2), (False, 1)])
def test_who_knows_the_map_goes_around_tunnels(whole, cost):
  memory = Memory(whole)
  memory.time, memory.unlocked = 50, {'defeat_skeleton'}
  tools = 'wood_pickaxe', 'stone_pickaxe', 'iron_pickaxe', 'stone'
  memory.has = dict.fromkeys((*tools, 'food', 'drink', 'health'), 1)
  assert Body(memory, Habits(), 0).costs()[ID['path']] == cost
