"""What to do next: needs, dangers, opportunities, and progress."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from embodied.experts.crafter import fight, shelter
from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.gather import collect, make, place
from embodied.experts.crafter.memory import ID, distance
from embodied.experts.crafter.moving import GREEN, WET, explore, reach
from embodied.experts.plan import Goal

IDLE, PROGRESS, CHANCE, NEED, REST, DANGER = range(6)


class Aim(NamedTuple):
  """Something to do now; the higher `rank` wins."""

  rank: int
  skill: Callable[[Body], Skill]


def choose(me: Body) -> Aim:
  """The most urgent aim."""
  return next(candidates(me))


def candidates(me: Body) -> Iterator[Aim]:
  """Aims in falling order of rank."""
  if fight.creatures(me, 'zombie', 1):
    yield Aim(DANGER, lambda me: fight.defeat(me, 'zombie', 2, 'it attacks'))
  energy = me.has('energy')
  if energy <= 2 or (me.memory.dark and energy <= 5):
    yield Aim(REST, lambda me: shelter.sleep(me, 'tired'))
  if me.has('drink') <= 3:
    yield Aim(NEED, lambda me: drink(me, 'thirsty'))
  if me.has('food') <= 3:
    yield Aim(NEED, lambda me: eat(me, 'hungry'))
  yield from chances(me)
  yield from progress(me)
  yield Aim(IDLE, lambda me: wander(me))


def locked(me: Body, name: str) -> bool:
  return name not in me.memory.unlocked


def chances(me: Body) -> Iterator[Aim]:
  """What is near and does good."""
  memory = me.memory
  cows = [x for x in memory.cows if distance(x, memory.cell) <= 5]
  if cows and (locked(me, 'eat_cow') or me.has('food') <= 6):
    yield Aim(CHANCE, lambda me: eat(me, 'a cow is near'))
  thirst = 9 - me.has('drink')
  if thirst and (locked(me, 'collect_drink') or thirst >= 3):
    if me.search(frozenset([ID['water']]), limit=5).goal is not None:
      yield Aim(CHANCE, lambda me: drink(me, 'water is near'))
  strong = me.has('health') >= 5
  for kind in ('zombie', 'skeleton'):
    if strong and locked(me, f'defeat_{kind}'):
      if fight.creatures(me, kind, 6):
        yield Aim(CHANCE, functools.partial(_first_fight, kind=kind))


def _first_fight(me: Body, kind: str) -> Skill:
  return fight.defeat(me, kind, 8, f'a {kind} was never defeated')


def progress(me: Body) -> Iterator[Aim]:
  """The next achievements, in order."""
  todo = lambda skill: Aim(PROGRESS, skill)
  if locked(me, 'collect_sapling'):
    yield todo(lambda me: collect(me, 'sapling', 1, 'plants give food'))
  for tool in ('wood_pickaxe', 'wood_sword'):
    if locked(me, f'make_{tool}'):
      yield todo(lambda me, t=tool: make(me, t, 'tools come first'))
  if not me.has('stone_pickaxe') and me.has('wood') < 7:
    yield todo(lambda me: collect(me, 'wood', 9, 'tools need wood'))
  for tool in ('stone_pickaxe', 'stone_sword'):
    if locked(me, f'make_{tool}'):
      yield todo(lambda me, t=tool: make(me, t, 'stone tools are better'))
  if me.has('stone') < 6 and locked(me, 'place_furnace'):
    yield todo(lambda me: collect(me, 'stone', 9, 'a stock of stone'))
  if locked(me, 'place_stone'):
    yield todo(lambda me: place(me, 'stone', 'never done'))
  if locked(me, 'place_furnace'):
    yield todo(lambda me: place(me, 'furnace', 'iron needs a furnace'))
  if locked(me, 'wake_up') and me.has('energy') < 8:
    yield todo(lambda me: shelter.sleep(me, 'never done'))
  for item in ('coal', 'iron'):
    if locked(me, 'make_iron_pickaxe') and not me.has(item):
      yield todo(lambda me, i=item: collect(me, i, 1, 'iron tools'))
  for tool in ('iron_pickaxe', 'iron_sword'):
    if locked(me, f'make_{tool}'):
      yield todo(lambda me, t=tool: make(me, t, 'iron tools are best'))
  if locked(me, 'collect_diamond'):
    yield todo(lambda me: collect(me, 'diamond', 1, 'the last treasure'))


def drink(me: Body, why: str) -> Skill:
  goal = Goal('drink water', 'drink', 'water', 1, why)
  return (yield from me.pursue(goal, _drink(me)))


def _drink(me: Body) -> Skill:
  while me.has('drink') < 9:
    if not (yield from reach(me, 'water', WET, frozenset([ID['water']]))):
      return False
    yield 'do'
  return True


def eat(me: Body, why: str) -> Skill:
  goal = Goal('eat a cow', 'eat', 'cow', 1, why)
  return (yield from me.pursue(goal, _eat(me)))


def _eat(me: Body) -> Skill:
  food = me.has('food')
  while me.has('food') <= food:
    cows = lambda: me.memory.cows.keys()
    if not (yield from reach(me, 'cow', GREEN, cells=cows)):
      return False
    food = min(food, me.has('food'))
    yield 'do'
  return True


def wander(me: Body) -> Skill:
  goal = Goal('look around', 'explore', '', 1, 'nothing else to do')
  skill = explore(me, GREEN, lambda: False)
  return (yield from me.pursue(goal, skill))
