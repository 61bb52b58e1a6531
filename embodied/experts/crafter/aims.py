"""What to do next: dangers, needs, opportunities, and progress."""

import collections
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from crafter import constants

from embodied.experts.crafter import fight, needs, plants, shelter
from embodied.experts.crafter.asked import WISHES
from embodied.experts.crafter.body import TOOLS, Body, Skill
from embodied.experts.crafter.gather import collect, is_near, make, place
from embodied.experts.crafter.memory import DAY, ID, distance
from embodied.experts.crafter.moving import GREEN, explore
from embodied.experts.plan import Goal

IDLE, PROGRESS, CHANCE, NEED, REST, CRAFT, DANGER = range(7)
Named = Iterator[tuple[str, Skill]]
# Levels of food, drink and health at which something is done.
HUNGRY, THIRSTY, WOUNDED = 5, 4, 3
PAUSE = 15  # steps after which a skill that failed is tried again


class Aim(NamedTuple):
  """Something to do now; the higher `rank` wins."""

  rank: int
  name: str
  skill: Skill


def choose(me: Body, above: int) -> Aim | None:
  """The most urgent aim of a rank above this one; None without any."""
  for rank, aims in SECTIONS:
    if rank <= above:
      return None
    if me.asked and rank in (CRAFT, CHANCE):
      continue
    found = requested(me) if me.asked and rank == PROGRESS else aims(me)
    if rank == PROGRESS and me.habits.disorder:
      found = disordered(me, found)
    for name, skill in found:
      if me.refused.get(name, -1) < me.memory.time:
        return Aim(rank, name, skill)
  return None


def requested(me: Body) -> Named:
  """What is asked for."""
  yield me.asked, WISHES[me.asked].skill(me)


def disordered(me: Body, aims: Named) -> Named:
  """The aims in an order that was drawn once for the episode."""
  whim = lambda name: me.whims.setdefault(name, me.random.random())
  yield from sorted(aims, key=lambda aim: whim(aim[0]))


def refuse(me: Body, aim: Aim) -> None:
  """Does not choose this aim for a while."""
  me.refused[aim.name] = me.memory.time + PAUSE


def dangers(me: Body) -> Named:
  if fight.creatures(me, 'zombie', 1):
    yield 'zombie', fight.defeat(me, 'zombie', 2, 'it attacks')
  if fight.creatures(me, 'skeleton', 1):
    yield 'skeleton', fight.defeat(me, 'skeleton', 1, 'it is in reach')
  if fight.stoppable(me):
    yield 'block', fight.block(me, 'arrows hurt')


def crafts(me: Body) -> Named:
  """What the inventory is enough for, as it takes a few steps only; but
  the station may be far, so not for one who starves."""
  if not me.provided():
    return
  why = 'everything for it is there'
  for tool, recipe in constants.make.items():
    if me.locked(f'make_{tool}') and can_make(me, recipe):
      yield tool, make(me, tool, why)
  for thing in ('stone', 'furnace'):
    uses = constants.place[thing]['uses'].items()
    if me.locked(f'place_{thing}') and not me.night():
      if all(me.has(k) >= n for k, n in uses):
        yield thing, place(me, thing, why)


def can_make(me: Body, recipe: Mapping[str, Any]) -> bool:
  """Whether the inventory is enough for the tool, and for a table and a
  furnace if there are none; these are placed by day only."""
  needs = collections.Counter(recipe['uses'])
  absent = [x for x in recipe['nearby'] if not is_near(me, x)]
  for station in absent:
    needs.update(constants.place[station]['uses'])
  ready = all(me.has(k) >= n for k, n in needs.items())
  return ready and not (absent and me.night())


def tired(me: Body) -> Named:
  """Sleep, and shelter from the zombies of the night."""
  energy, night = me.has('energy'), me.night()
  if energy <= 1 or (energy <= 4 and night and not me.desperate()):
    yield 'sleep', shelter.sleep(me, 'tired')
  if me.exposed() and not me.desperate():
    yield 'night', shelter.spend_night(me, 'zombies come at night')
  if me.has('health') <= WOUNDED and me.provided():
    yield 'rest', shelter.rest(me, 'wounded')


def needy(me: Body) -> Named:
  """Food and water; more of both before a night."""
  low = 0 if me.night() else THIRSTY
  if me.has('drink') <= low:
    yield 'drink', needs.drink(me, 'thirsty')
  hungry = me.has('food') <= (0 if me.night() else HUNGRY)
  if hungry and not me.habits.forgetful:
    yield 'eat', needs.eat(me, 'hungry')
  if not me.evening():
    return
  if me.memory.time % DAY > 110 and me.has('wood_pickaxe'):
    if me.has('stone') < 6 and near(me, 'stone', 60):
      yield 'stone', collect(me, 'stone', 8, 'stones make a shelter')
  if me.has('drink') <= 7 and near(me, 'water', 40):
    yield 'drink', needs.drink(me, 'the night is long')
  full = me.has('food') > 6 or me.habits.forgetful
  if not full and me.memory.time % DAY < 120:
    yield 'eat', needs.eat(me, 'the night is long')
  # Who knows the map ends the day at water, to build a shelter beside it.
  late = me.memory.whole and me.memory.time % DAY > 125
  if late and me.has('drink') <= 8 and near(me, 'water', 40):
    yield 'drink', needs.drink(me, 'the night is long')


def near(me: Body, material: str, limit: int) -> bool:
  """Whether there is a way of at most `limit` steps to the material."""
  return me.search(frozenset([ID[material]]), limit=limit).goal is not None


def chances(me: Body) -> Named:
  """What is near and does good."""
  memory = me.memory
  cows = [x for x in memory.cows if distance(x, memory.cell) <= 6]
  hungry = me.has('food') <= 6 and not me.habits.forgetful
  if cows and not me.night() and (me.locked('eat_cow') or hungry):
    yield 'cow', needs.eat(me, 'a cow is near', False)
  thirst = 9 - me.has('drink')
  if thirst and (me.locked('collect_drink') or thirst >= 4):
    if near(me, 'water', 6):
      yield 'drink', needs.drink(me, 'water is near')
  for item in ('diamond', 'iron', 'coal'):
    if me.has(item) < wanted(me, item) and near(me, item, 8):
      yield item, collect(me, item, me.has(item) + 1, 'it is near')
  if lacks_timber(me) and near(me, 'tree', 5):
    yield 'wood', collect(me, 'wood', 6, 'iron tools need wood')
  for kind in ('zombie', 'skeleton'):
    if me.has('health') >= 5 and me.locked(f'defeat_{kind}'):
      if fight.creatures(me, kind, 6):
        why = f'a {kind} was never defeated'
        yield kind, fight.defeat(me, kind, 8, why)
  holes = plants.unfenced(me)
  if holes and me.has('stone'):
    yield 'fence', plants.fence(me, holes[0])
  if plants.ready(me) and (me.locked('eat_plant') or me.has('food') <= 5):
    yield 'plant', plants.eat(me, 'the plant is ripe')


def wanted(me: Body, item: str) -> int:
  """How many the tools that are to be made need, and can be mined."""
  if not me.has(TOOLS[item]):
    return 0
  if item == 'diamond':
    return int(me.locked('collect_diamond'))
  return sum(me.locked(f'make_iron_{x}') for x in ('pickaxe', 'sword'))


def progress(me: Body) -> Named:
  """The next achievements, in order."""
  if me.night():
    yield from treasures(me)
    return
  if me.locked('collect_sapling'):
    yield 'sapling', collect(me, 'sapling', 1, 'plants give food')
  if me.locked('place_plant'):
    yield 'sow', plants.sow(me, 'it was never done')
  for tool in ('wood_pickaxe', 'wood_sword'):
    if me.locked(f'make_{tool}'):
      yield tool, make(me, tool, 'tools come first')
  if not me.has('stone_pickaxe') and lacks_wood(me):
    yield 'wood', collect(me, 'wood', 7, 'tools need wood')
  for tool in ('stone_pickaxe', 'stone_sword'):
    if me.locked(f'make_{tool}'):
      yield tool, make(me, tool, 'stone tools are better')
  if me.locked('place_stone'):
    yield 'place', place(me, 'stone', 'it was never done')
  if me.locked('place_furnace'):
    yield 'furnace', place(me, 'furnace', 'iron needs a furnace')
  if me.has('stone') < 5 and near(me, 'stone', 15):
    yield 'stone', collect(me, 'stone', 9, 'stones make shelters')
  if me.locked('wake_up') and me.has('energy') < 8:
    yield 'sleep', shelter.sleep(me, 'it was never done')
  if me.locked('eat_plant') and not me.garden and not me.memory.dark:
    yield 'plant', plants.plant(me, 'plants give food')
  yield from treasures(me)


def treasures(me: Body) -> Named:
  for item in ('coal', 'iron'):
    if me.locked('make_iron_pickaxe') and not me.has(item):
      yield item, collect(me, item, 1, 'iron tools are best')
  for tool in ('iron_pickaxe', 'iron_sword'):
    if me.locked(f'make_{tool}'):
      yield tool, make(me, tool, 'iron tools are best')
  if me.locked('collect_diamond'):
    yield 'diamond', collect(me, 'diamond', 1, 'nothing is rarer')
  if me.locked('eat_plant') and me.garden:
    yield 'plant', plants.eat(me, 'the plant will be ripe')


def lacks_timber(me: Body) -> bool:
  """Whether the iron tools would need a way back to the trees."""
  tools = me.locked('make_iron_pickaxe') or me.locked('make_iron_sword')
  return tools and me.has('wood') < 4 and not me.locked('make_wood_pickaxe')


def lacks_wood(me: Body) -> bool:
  wood = me.has('wood')
  return wood < 4 or (wood < 7 and near(me, 'tree', 4))


def idle(me: Body) -> Named:
  if me.memory.dark:
    yield 'night', shelter.spend_night(me, 'zombies come at night')
  goal = Goal('look around', 'explore', '', 1, 'nothing else to do')
  yield 'idle', me.pursue(goal, explore(me, GREEN, lambda: False, True))


# Highest rank first.
SECTIONS = (
  (DANGER, dangers),
  (CRAFT, crafts),
  (REST, tired),
  (NEED, needy),
  (CHANCE, chances),
  (PROGRESS, progress),
  (IDLE, idle),
)
