"""A player that is asked for one achievement after another, in any order.

What is asked for is the root of the plan: 'collect coal' from nothing has
pickaxe, table and wood below it. It still eats, drinks, sleeps and fights.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from embodied.experts.crafter import fight, needs, plants, shelter
from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.gather import an, beside, collect, make, place
from embodied.experts.crafter.memory import ID
from embodied.experts.crafter.moving import GREEN, ROCK, WET, explore, reach
from embodied.experts.plan import Goal

WHY = 'it was asked for'
# Steps after which something else is asked for.
PATIENCE = 600
ITEMS = ('coal', 'diamond', 'iron', 'sapling', 'stone', 'wood')
TOOLS = [f'{x}_{y}' for x in ('iron', 'stone', 'wood')
         for y in ('pickaxe', 'sword')]  # fmt: skip


class Wish(NamedTuple):
  """What can be asked for: the goal in words, as the environment names it, and
  what is done for it."""

  goal: Goal
  skill: Callable[[Body], Skill]


def more(me: Body, item: str) -> Skill:
  """Collects one more of an item."""
  return (yield from collect(me, item, me.has(item) + 1, WHY))


def sip(me: Body) -> Skill:
  """Drinks, thirsty or not."""
  found = yield from reach(me, 'water', WET, frozenset([ID['water']]))
  if found:
    yield 'do'
  return found


def hunt(me: Body, kind: str) -> Skill:
  """Defeats a creature, which has to be found first."""
  near = lambda: bool(fight.creatures(me, kind, 8))
  if kind == 'skeleton' and not (
    yield from make(me, 'wood_pickaxe', 'skeletons live in caves')
  ):
    return False
  where = GREEN if kind == 'zombie' else ROCK
  if not near():
    find = Goal(f'find {an(kind)}', 'find', kind)
    skill = explore(me, where, near, True)
    if not (yield from me.pursue(find, skill)):
      return False
  return (yield from fight.defeat(me, kind, 8, WHY))


def harvest(me: Body) -> Skill:
  """Eats a plant of its own, which it plants first."""
  if not me.garden and not (yield from plants.plant(me, 'it has to grow')):
    return False
  return (yield from plants.eat(me, WHY))


def furnace(me: Body) -> Skill:
  """Places a furnace beside a table."""
  if not (yield from collect(me, 'stone', 1, 'a furnace needs 1 stone')):
    return False
  if not (yield from beside(me, 'table', 0, 'a furnace stands at a table')):
    return False
  return (yield from place(me, 'furnace', WHY))


def _wishes() -> dict[str, Wish]:
  found = {
    'collect_drink': Wish(Goal('drink water', 'drink', 'water'), sip),
    'defeat_skeleton': Wish(
      Goal('defeat the skeleton', 'defeat', 'skeleton'),
      partial(hunt, kind='skeleton'),
    ),
    'defeat_zombie': Wish(
      Goal('defeat the zombie', 'defeat', 'zombie'),
      partial(hunt, kind='zombie'),
    ),
    'eat_cow': Wish(
      Goal('eat a cow', 'eat', 'cow'), partial(needs.eat, why=WHY)
    ),
    'eat_plant': Wish(Goal('eat a plant', 'eat', 'plant'), harvest),
    'place_furnace': Wish(
      Goal('place a furnace', 'place', 'furnace'), furnace
    ),
    'place_plant': Wish(
      Goal('plant a sapling', 'place', 'plant'),
      partial(plants.sow, why=WHY),
    ),
    'wake_up': Wish(Goal('sleep', 'sleep'), partial(shelter.sleep, why=WHY)),
  }
  for item in ITEMS:
    found[f'collect_{item}'] = Wish(
      Goal(f'collect {item}', 'collect', item),
      partial(more, item=item),
    )
  for tool in TOOLS:
    found[f'make_{tool}'] = Wish(
      Goal(f'make {an(tool)}', 'make', tool),
      partial(make, tool=tool, why=WHY),
    )
  for thing in ('stone', 'table'):
    found[f'place_{thing}'] = Wish(
      Goal(f'place {an(thing)}', 'place', thing),
      partial(place, thing=thing, why=WHY),
    )
  return found


# By the name of the achievement.
WISHES = _wishes()


class Asked:
  """What is asked for in one episode.

  Attributes:
    name: of the achievement in force; '' if all are unlocked.
  """

  def __init__(self, me: Body) -> None:
    self._me = me
    self._since = 0
    self.name = ''

  @property
  def root(self) -> Goal | None:
    """The goal in force."""
    return WISHES[self.name].goal if self.name else None

  def turn(self) -> str:
    """Asks for something else where the goal in force was reached or has taken
    too long; returns how it ended, '' if it goes on."""
    me, ending = self._me, ''
    if self.name and not me.locked(self.name):
      ending = 'achieved'
    elif self.name and me.memory.time - self._since >= PATIENCE:
      ending = 'abandoned'
    if self.name and not ending:
      return ''
    left = [x for x in sorted(WISHES) if me.locked(x) and x != self.name]
    self.name = left[int(me.random.integers(len(left)))] if left else ''
    self._since = me.memory.time
    return ending
