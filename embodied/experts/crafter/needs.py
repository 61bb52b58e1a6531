"""Skills that still hunger and thirst."""

from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.memory import ID
from embodied.experts.crafter.moving import GREEN, WET, approach, reach
from embodied.experts.plan import Goal


def drink(me: Body, why: str) -> Skill:
  goal = Goal('drink water', 'drink', 'water', 1, why)
  return (yield from me.pursue(goal, _drink(me)))


def _drink(me: Body) -> Skill:
  while me.has('drink') < 9:
    if not (yield from reach(me, 'water', WET, frozenset([ID['water']]))):
      return False
    yield 'do'
  return True


def eat(me: Body, why: str, far: bool = True) -> Skill:
  """Eats a cow; looks for one only if `far`."""
  goal = Goal('eat a cow', 'eat', 'cow', 1, why)
  return (yield from me.pursue(goal, _eat(me, far)))


def _eat(me: Body, far: bool) -> Skill:
  cows = lambda: me.memory.cows.keys()
  first = me.locked('eat_cow')
  food = me.has('food')
  while me.has('food') <= food and first == me.locked('eat_cow'):
    food = me.has('food')
    if far:
      found = yield from reach(me, 'cow', GREEN, cells=cows)
    else:
      go = Goal('go to a cow', 'go', 'cow')
      found = yield from me.pursue(go, approach(me, cells=cows))
    if not found:
      return False
    yield 'do'
  return True
