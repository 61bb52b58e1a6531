"""Skills that collect, make and place things, by the recipes of the game."""

from crafter import constants

from embodied.experts.crafter.body import TOOLS, Body, Skill
from embodied.experts.crafter.memory import ID, WIDE, block
from embodied.experts.crafter.moving import (
  GREEN,
  ROCK,
  WET,
  approach,
  reach,
)
from embodied.experts.plan import Goal

# Item -> the material it comes from.
SOURCES = {
  item: material
  for material, info in constants.collect.items()
  for item in info['receive']
}
LIKE = {'tree': GREEN, 'grass': GREEN, 'water': WET}
NEAR = 10  # cost of a way below which an old table is better than a new one


def words(item: str) -> str:
  return item.replace('_', ' ')


def an(item: str) -> str:
  """The item with its article."""
  return f'{"an" if item[0] in "aeiou" else "a"} {words(item)}'


def collect(me: Body, item: str, amount: int, why: str) -> Skill:
  """Has `amount` of the item at the end, its tool made on the way."""
  missing = amount - me.has(item)
  if missing <= 0:
    return True
  text = f'collect {missing} {item}' if missing > 1 else f'collect {item}'
  goal = Goal(text, 'collect', item, missing, why)
  return (yield from me.pursue(goal, _collect(me, item, amount)))


def _collect(me: Body, item: str, amount: int) -> Skill:
  source = SOURCES[item]
  tool = TOOLS.get(source)
  if tool and not (yield from make(me, tool, f'{item} needs {an(tool)}')):
    return False
  kinds = frozenset([ID[source]])
  while me.has(item) < amount:
    if not (yield from reach(me, source, LIKE.get(source, ROCK), kinds)):
      return False
    yield 'do'
  return True


def make(me: Body, tool: str, why: str) -> Skill:
  """Has the tool at the end."""
  if me.has(tool):
    return True
  goal = Goal(f'make {an(tool)}', 'make', tool, 1, why)
  return (yield from me.pursue(goal, _make(me, tool)))


def _make(me: Body, tool: str) -> Skill:
  recipe = constants.make[tool]
  needs = dict(recipe['uses'])
  if 'furnace' in recipe['nearby'] and not is_near(me, 'furnace'):
    needs['stone'] = constants.place['furnace']['uses']['stone']
  for _ in range(8):
    for item, amount in needs.items():
      why = f'{an(tool)} needs {amount} {item}'
      if not (yield from collect(me, item, amount, why)):
        return False
    for station in recipe['nearby']:
      why = f'{an(tool)} is made at {an(station)}'
      if not (yield from beside(me, station, needs.get('wood', 0), why)):
        return False
    yield f'make_{tool}'
    if me.has(tool):
      return True
  return False


def beside(me: Body, station: str, keep: int, why: str) -> Skill:
  """Stands near a table or a furnace, an old or a new one.

  Args:
    keep: wood that a new one may not use.
  """
  if is_near(me, station):
    return True
  kinds = frozenset([ID[station]])
  limit = 200
  if station == 'furnace':
    limit = 2
  elif me.has('wood') - keep >= constants.place['table']['uses']['wood']:
    limit = NEAR
  if me.search(kinds, limit=limit).goal is not None:
    goal = Goal(f'go to the {station}', 'go', station, 1, why)
    if (yield from me.pursue(goal, approach(me, kinds))):
      return True
  return (yield from place(me, station, why))


def is_near(me: Body, station: str) -> bool:
  """Whether the player stands close enough to use it."""
  cell, ground = me.memory.cell, me.memory.ground
  return any(
    ID[station] in ground[cell + x - 1 : cell + x + 2]
    for x in (-WIDE, 0, WIDE)
  )


def place(me: Body, thing: str, why: str) -> Skill:
  """Puts a table, a furnace or a stone somewhere near."""
  goal = Goal(f'place {an(thing)}', 'place', thing, 1, why)
  return (yield from me.pursue(goal, _place(me, thing)))


def _place(me: Body, thing: str) -> Skill:
  info = constants.place[thing]
  for item, amount in info['uses'].items():
    why = f'{an(thing)} needs {amount} {item}'
    if not (yield from collect(me, item, amount, why)):
      return False
  memory = me.memory
  where = frozenset(ID[x] for x in info['where'])
  for _ in range(8):
    before = me.has(item)
    if memory.ground[memory.ahead] not in where or (
      memory.ahead in memory.things
    ):
      near = {
        x
        for x in block(memory.cell, 3, 3)
        if memory.ground[x] in where and x not in memory.things
      } - {memory.cell}
      if not (yield from me.face(near)):
        yield 'do'
        continue
    yield f'place_{thing}'
    if me.has(item) < before:
      return True
  return False
