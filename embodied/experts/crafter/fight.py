"""Skills against creatures."""

from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.memory import (
  ID,
  STEPS,
  TURNS,
  WALKABLE,
  distance,
)
from embodied.experts.crafter.moving import approach
from embodied.experts.plan import Goal

# The picture of an arrow by the direction in which it flies.
ARROWS = {
  step: f'arrow-{name.removeprefix("move_")}' for step, name in TURNS.items()
}


# What arrows fly over.
FLIGHT = WALKABLE | {ID['water'], ID['lava']}


def creatures(me: Body, kind: str, within: int) -> list[int]:
  """The cells of creatures in sight, the nearest first."""
  memory = me.memory
  out = [x.cell for x in memory.things.values() if x.kind == kind]
  out = [x for x in out if distance(x, memory.cell) <= within]
  return sorted(out, key=lambda x: distance(x, memory.cell))


def defeat(me: Body, kind: str, within: int, why: str) -> Skill:
  goal = Goal(f'defeat the {kind}', 'defeat', kind, 1, why)
  return (yield from me.pursue(goal, _defeat(me, kind, within)))


def _defeat(me: Body, kind: str, within: int) -> Skill:
  """Hits until no such creature is near."""
  for _ in range(60):
    near = creatures(me, kind, within)
    if not near:
      return True
    step = near[0] - me.memory.cell
    if step in TURNS:
      yield 'do' if me.memory.facing == step else TURNS[step]
      continue
    cells = lambda: creatures(me, kind, within)
    if not (yield from approach(me, cells=cells)):
      return not creatures(me, kind, within)
  return False


def archers(me: Body) -> list[int]:
  """Directions in which a skeleton can hit the player with arrows."""
  memory = me.memory
  out: list[int] = []
  if not me.has('stone') or (
    'defeat_skeleton' not in memory.unlocked and me.has('health') >= 5
  ):
    return out
  for step in STEPS:
    for far in range(1, 6):
      thing = memory.things.get(memory.cell + far * step)
      if thing:
        shot = thing.kind == 'arrow' and thing.look == ARROWS[-step]
        if far > 1 and (shot or thing.kind == 'skeleton'):
          out.append(step)
        break
      if memory.ground[memory.cell + far * step] not in FLIGHT:
        break
  return out


def stoppable(me: Body) -> list[int]:
  """Directions of `archers` in which a stone can be placed at once: the one
  ahead, and those to water, as turning there is no step."""
  memory = me.memory
  return [
    step
    for step in archers(me)
    if step == memory.facing
    or memory.ground[memory.cell + step] == ID['water']
  ]


def block(me: Body, why: str) -> Skill:
  """Puts a stone between the player and a skeleton."""
  goal = Goal('block the arrows', 'place', 'stone', 1, why)
  return (yield from me.pursue(goal, _block(me)))


def _block(me: Body) -> Skill:
  step = stoppable(me)[0]
  if me.memory.facing != step:
    yield TURNS[step]
  yield 'place_stone'
  return step not in archers(me)
