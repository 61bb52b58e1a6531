"""Skills that grow a sapling behind stones and eat the ripe plant."""

from crafter import constants

from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.gather import collect
from embodied.experts.crafter.memory import (
  ID,
  UNKNOWN,
  WALKABLE,
  around,
  block,
  distance,
)
from embodied.experts.crafter.moving import GREEN, explore, reach
from embodied.experts.plan import Goal

RIPE = 300  # steps that a sapling has to grow
GROWS = 2 * 9  # L1 distance from the player within which it does


def grow(me: Body) -> None:
  """Counts a step for the saplings near the player."""
  memory = me.memory
  for cell in list(me.garden):
    if cell not in memory.plants:
      del me.garden[cell]
    elif distance(cell, memory.cell) < GROWS:
      me.garden[cell] += 1


def sides(me: Body, cell: int) -> set[int]:
  """Neighbours from which a creature could trample a plant."""
  return {x for x in around(cell) if me.memory.ground[x] in WALKABLE}


def sites(me: Body) -> list[int]:
  """Cells of grass near that the stones can fence, the best first: those with
  few open sides, close by, and without cows around."""
  memory = me.memory
  found = []
  for cell in meadow(me):
    holes = len(sides(me, cell))
    cows = any(distance(x, cell) <= 3 for x in memory.cows)
    known = all(
      memory.ground[x] not in (UNKNOWN, ID['lava']) for x in around(cell)
    )
    if known and not cows and holes <= me.has('stone'):
      found.append((4 * holes + distance(cell, memory.cell), cell))
  return [cell for _, cell in sorted(found)]


def meadow(me: Body) -> list[int]:
  """The free cells of grass in sight."""
  memory = me.memory
  return [
    x
    for x in block(memory.cell, 4, 3)
    if memory.ground[x] == ID['grass']
    and x not in memory.things
    and x != memory.cell
  ]


def sow(me: Body, why: str) -> Skill:
  """Places a sapling without a fence."""
  goal = Goal('plant a sapling', 'place', 'plant', 1, why)
  return (yield from me.pursue(goal, _sow(me)))


def _sow(me: Body) -> Skill:
  why = 'without a sapling there is no plant'
  if not (yield from collect(me, 'sapling', 1, why)):
    return False
  if not (yield from me.face(set(meadow(me)))):
    return False
  yield 'place_plant'
  return not me.has('sapling')


def plant(me: Body, why: str) -> Skill:
  goal = Goal('plant a sapling', 'place', 'plant', 1, why)
  return (yield from me.pursue(goal, _plant(me)))


def _plant(me: Body) -> Skill:
  why = 'without a sapling there is no plant'
  if not (yield from collect(me, 'sapling', 1, why)):
    return False
  stones = constants.place['stone']['uses']['stone'] * 4
  if not sites(me):
    why = 'stones protect a plant'
    if not (yield from collect(me, 'stone', stones + 1, why)):
      return False
    skill = explore(me, GREEN, lambda: bool(sites(me)))
    goal = Goal('find a place for a plant', 'find', 'grass')
    if not (yield from me.pursue(goal, skill)):
      return False
  for cell in sites(me)[:3]:
    if (yield from me.face({cell})):
      yield 'place_plant'
      if cell in me.memory.plants:
        me.garden[cell] = 0
        return (yield from fence(me, cell))
  return False


def unfenced(me: Body) -> list[int]:
  """Own plants near that still have open sides."""
  near = [x for x in me.garden if distance(x, me.memory.cell) <= 8]
  return [x for x in near if sides(me, x)]


def fence(me: Body, cell: int) -> Skill:
  goal = Goal('fence the plant', 'fence', 'plant', 1, 'creatures trample it')
  return (yield from me.pursue(goal, _fence(me, cell)))


def _fence(me: Body, cell: int) -> Skill:
  memory = me.memory
  for _ in range(30):
    holes = sides(me, cell)
    if not holes:
      return True
    if cell not in memory.plants or not me.has('stone'):
      return False
    if not (yield from me.face(holes)):
      return False
    yield 'do' if memory.ahead in memory.things else 'place_stone'
  return False


def eat(me: Body, why: str) -> Skill:
  """Eats a plant that is or will soon be ripe."""
  goal = Goal('eat a plant', 'eat', 'plant', 1, why)
  return (yield from me.pursue(goal, _eat(me)))


def ready(me: Body) -> list[int]:
  """Plants that are ripe, as far as is known."""
  ripe = [x for x, look in me.memory.plants.items() if look]
  return ripe + [x for x, age in me.garden.items() if age > RIPE]


def _eat(me: Body) -> Skill:
  food = me.has('food')
  cells = lambda: me.memory.plants.keys()
  for _ in range(400):
    if not (yield from reach(me, 'plant', GREEN, cells=cells)):
      return False
    if me.memory.plants.get(me.memory.ahead):
      yield 'do'
      return True
    yield 'noop'
    if me.has('food') > food:
      return True
  return False
