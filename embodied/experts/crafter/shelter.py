"""Rooms that no creature can enter, and sleeping in them.

A room is closed when all neighbours of its cells are blocked. Corners need not
be, as nothing moves or hits across them. A stone can only be placed ahead, and
a player faces a free cell only after a step towards it. So the open neighbours
of a room are those that can be faced by walking inside it: the ends of two
cells in a row, and every side of a square of four.
"""

from embodied.experts.crafter import fight
from embodied.experts.crafter.body import OPEN, TOOLS, Body, Skill
from embodied.experts.crafter.gather import collect
from embodied.experts.crafter.memory import (
  DAY,
  ID,
  NAMES,
  TURNS,
  UNKNOWN,
  WALKABLE,
  WIDE,
  around,
  block,
  distance,
)
from embodied.experts.plan import Goal

LIFTED = 25  # step of the day when zombies are gone
SHAPES = ((0, WIDE), (0, 1), (0, 1, WIDE, WIDE + 1))
REACH = 5  # cells from the player in which rooms are looked for
ROCK = 8  # steps that a shelter is worth from which one can mine
POOL = 12  # steps that water beside a shelter is worth
STONES = 6  # to have before looking for a shelter again


def openings(me: Body, room: tuple[int, ...]) -> set[int]:
  """The cells through which creatures can come in."""
  ground = me.memory.ground
  sides = {x for cell in room for x in around(cell)} - set(room)
  plants = me.memory.plants
  return {x for x in sides if ground[x] in WALKABLE and x not in plants}


def rooms(me: Body) -> list[tuple[float, tuple[int, ...]]]:
  """Rooms near the player that its stones can close, with their costs."""
  out = []
  for corner in block(me.memory.cell, REACH, REACH):
    for shape in SHAPES:
      room = tuple(corner + x for x in shape)
      cost = _cost(me, room)
      if cost is not None:
        out.append((cost, room))
  return sorted(out)


def _cost(me: Body, room: tuple[int, ...]) -> float | None:
  """Steps until the room is closed, None if it cannot be."""
  memory = me.memory
  ground, digs = memory.ground, 0
  for cell in room:
    if cell in memory.things:
      return None
    if ground[cell] not in WALKABLE:
      tool = TOOLS.get(NAMES[ground[cell]] or '')
      if tool is None or not me.has(tool):
        return None
      digs += 1
  sides = {x for cell in room for x in around(cell)} - set(room)
  if any(ground[x] in (UNKNOWN, ID['lava']) for x in sides):
    return None
  holes = openings(me, room)
  if len(holes) > me.has('stone') + digs - (digs > 0):
    return None
  if not all(_can_face(room, x) for x in holes):
    return None
  if not holes and memory.cell not in room:
    return None  # a door would have to be broken somewhere
  far = min(distance(memory.cell, x) for x in room)
  wet = any(ground[x] == ID['water'] for x in sides)
  cost = far + 3 * len(holes) + 2 * digs + 0.1 * len(room)
  if digs == len(room) and not any(x in OPEN for x in sides):
    cost -= ROCK
  return cost - POOL * (wet and me.has('energy') > 2)


def _can_face(room: tuple[int, ...], hole: int) -> bool:
  inside = set(room)
  return any(
    hole - step in inside and hole - 2 * step in inside for step in TURNS
  )


def hide(me: Body, why: str) -> Skill:
  """Is in a closed room at the end."""
  goal = Goal('build a shelter', 'build', 'shelter', 1, why)
  return (yield from me.pursue(goal, _hide(me)))


def _hide(me: Body) -> Skill:
  for _ in range(6):
    found = rooms(me)
    for _, room in found[:3]:
      if (yield from settle(me, room)):
        return True
    if not found:
      more = min(9, max(STONES, me.has('stone') + 2))
      why = 'stones close a shelter'
      if me.has('stone') >= 9 or not (
        yield from collect(me, 'stone', more, why)
      ):
        return False
  return False


def settle(me: Body, room: tuple[int, ...]) -> Skill:
  """Goes into the room and closes it."""
  memory = me.memory
  for _ in range(60):
    if memory.cell not in room:
      found = me.search(cells=room)
      if found.goal is None:
        return False
      action = me.enter(found.path(found.goal)[0])
      yield action or 'noop'
      continue
    solid = [x for x in room if memory.ground[x] not in WALKABLE]
    near = [x for x in solid if x - memory.cell in TURNS]
    if near:
      yield me.enter(near[0]) or 'noop'
      continue
    holes = openings(me, room)
    if not holes:
      return True
    if not me.has('stone'):
      return False
    if not (yield from me.face(holes, set(room))):
      return False
    yield 'do' if memory.ahead in memory.things else 'place_stone'
  return False


def is_closed(me: Body) -> bool:
  """Whether nothing can come to the player: few cells can be walked to, and
  no enemy is in them."""
  seen, queue = {me.memory.cell}, [me.memory.cell]
  for cell in queue:
    thing = me.memory.things.get(cell)
    if thing and thing.kind in ('zombie', 'skeleton'):
      return False
    for x in around(cell):
      if me.memory.ground[x] in WALKABLE and x not in seen:
        seen.add(x)
        queue.append(x)
    if len(queue) > 6:
      return False
  return True


def sleep(me: Body, why: str) -> Skill:
  """Sleeps until it is awake again, in a shelter if there can be one."""
  goal = Goal('sleep', 'sleep', '', 1, why)
  return (yield from me.pursue(goal, _sleep(me)))


def _sleep(me: Body) -> Skill:
  if not is_closed(me):
    hidden = yield from hide(me, 'sleeping in the open is deadly')
    if not hidden and me.has('energy') and fight.creatures(me, 'zombie', 8):
      return False
  return (yield from nap(me))


def spend_night(me: Body, why: str) -> Skill:
  """Stays in a shelter until the morning."""
  goal = Goal('wait for the day', 'wait', 'day', 1, why)
  return (yield from me.pursue(goal, _spend_night(me)))


def _spend_night(me: Body) -> Skill:
  if not is_closed(me) and not (yield from hide(me, 'to be left alone')):
    return False
  while (me.memory.dark or _besieged(me)) and is_closed(me):
    if me.desperate():
      return False
    if me.has('energy') <= 6 and me.memory.dark:
      yield from sleep(me, 'tired')
    elif me.has('drink') <= 7 and _pools(me):
      yield from _sip(me)
    elif (
      me.night()
      and me.in_rock()
      and me.refused.get('mine', 0) < me.memory.time
    ):
      return True
    else:
      yield 'noop'
  return not me.memory.dark


def _besieged(me: Body) -> bool:
  """Whether zombies wait outside that the morning will remove."""
  morning = (me.memory.time - LIFTED) % DAY > 200
  return morning and bool(fight.creatures(me, 'zombie', 5))


def _pools(me: Body) -> set[int]:
  """Water that can be reached from inside."""
  return {
    x for x in around(me.memory.cell) if me.memory.ground[x] == ID['water']
  }


def _sip(me: Body) -> Skill:
  goal = Goal('drink water', 'drink', 'water', 1, 'it is beside the shelter')

  def skill() -> Skill:
    while me.has('drink') < 9:
      if not (yield from me.face(_pools(me), {me.memory.cell})):
        return False
      yield 'do'
    return True

  return (yield from me.pursue(goal, skill()))


def nap(me: Body) -> Skill:
  """Sleeps here. True if it woke up by itself."""
  health = me.has('health')
  yield 'sleep'
  while me.memory.sleeping:
    health = me.has('health')
    yield 'sleep'
  return me.has('health') >= health


def rest(me: Body, why: str) -> Skill:
  """Is healthy again, after a while in a shelter."""
  goal = Goal('rest', 'rest', '', 1, why)
  return (yield from me.pursue(goal, _rest(me)))


def _rest(me: Body) -> Skill:
  if not is_closed(me) and not (yield from hide(me, 'to be left alone')):
    return False
  while me.has('health') < 6 and min(me.has('food'), me.has('drink')) > 2:
    if not is_closed(me):
      return False
    yield 'sleep' if me.has('energy') < 7 else 'noop'
  return True
