"""Skills against creatures."""

from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.memory import TURNS, distance
from embodied.experts.crafter.moving import approach
from embodied.experts.plan import Goal


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
