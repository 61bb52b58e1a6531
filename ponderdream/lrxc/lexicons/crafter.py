"""The words of Crafter: its goals are the 22 achievements and the way there.

The recipes are those of the game (Hafner 2021, arXiv 2109.06780): what needs a
table, a furnace, or a tool.
"""

from ponderdream.lrxc.lexicons.crafter_words import NOUNS, PAST, SIGNS, VERBS
from ponderdream.lrxc.lexicons.lexicon import Goal, Lexicon, phrases

RESOURCES = ('wood', 'stone', 'coal', 'iron', 'diamond')
TOOLS = ('wood_pickaxe', 'stone_pickaxe', 'iron_pickaxe', 'wood_sword',
         'stone_sword', 'iron_sword')  # fmt: skip
ENEMIES = ('zombie', 'skeleton')
ROOT = Goal('survive', 'everything')
MATERIALS = {'wood': ('wood', 'wooden'), 'stone': ('stone',),
             'iron': ('iron',)}  # fmt: skip
SHAPES = {
  'pickaxe': ('pickaxe', 'pick axe', 'pick', 'pickax', 'pickaxes'),
  'sword': ('sword', 'swords', 'blade'),
}


def _nouns() -> dict[str, str]:
  tools = {
    f'{word} {name}': f'{material}_{shape}'
    for material, words in MATERIALS.items()
    for word in words
    for shape, names in SHAPES.items()
    for name in names
  }
  return phrases(NOUNS) | tools


def _goals() -> dict[tuple[str, str], Goal]:
  goals: dict[tuple[str, str], Goal] = {}
  for x in RESOURCES:
    ways = [('get', x), ('mine', x), ('kill', x), ('hit', x)]
    goals |= dict.fromkeys(ways, Goal('collect', x))
  for x in TOOLS:
    ways = [('make', x), ('get', x), ('unlock', x), ('place', x)]
    goals |= dict.fromkeys(ways, Goal('make', x))
  for x in ('table', 'furnace'):
    ways = [('place', x), ('make', x), ('get', x)]
    goals |= dict.fromkeys(ways, Goal('place', x))
  for x in ENEMIES:
    ways = [('kill', x), ('hit', x), ('mine', x), ('get', x)]
    goals |= dict.fromkeys(ways, Goal('defeat', x))
    goals[('flee', x)] = Goal('flee', x)
  for goal, ways in OTHERS.items():
    goals |= dict.fromkeys(ways, goal)
  return goals


OTHERS = {
  Goal('collect', 'sapling'): [
    ('get', 'sapling'), ('hit', 'grass'), ('mine', 'grass'), ('get', 'grass'),
  ],
  Goal('place', 'plant'): [
    ('place', 'sapling'), ('plant', 'sapling'), ('place', 'plant'),
    ('make', 'plant'), ('plant', ''), ('get', 'plant'), ('grow', 'sapling'),
    ('plant', 'plant'),
  ],
  Goal('eat', 'plant'): [
    ('eat', 'plant'), ('mine', 'plant'), ('grow', 'food'), ('grow', 'plant'),
    ('eat', 'sapling'),
  ],
  Goal('eat', 'cow'): [
    ('eat', 'cow'), ('kill', 'cow'), ('get', 'cow'), ('hit', 'cow'),
    ('mine', 'cow'),    ('eat', 'food'), ('get', 'food'), ('eat', ''),
  ],
  Goal('drink', 'water'): [
    ('drink', 'water'), ('get', 'water'), ('drink', ''), ('eat', 'water'),
  ],
  Goal('place', 'stone'): [
    ('place', 'stone'), ('make', 'bridge'), ('place', 'bridge'),
    ('wall', ''), ('wall', 'stone'), ('wall', 'skeleton'), ('wall', 'zombie'),
  ],
  Goal('build', 'shelter'): [
    ('make', 'shelter'), ('get', 'shelter'), ('place', 'shelter'),
    ('shelter', ''), ('shelter', 'stone'), ('unlock', 'shelter'),
  ],
  Goal('fence', 'plant'): [
    ('make', 'fence'), ('place', 'fence'), ('get', 'fence'), ('fence', ''),
    ('fence', 'plant'), ('fence', 'sapling'), ('fence', 'fence'),
  ],
  Goal('sleep'): [('sleep', ''), ('wait', 'night')],
  Goal('rest'): [('rest', '')],
  Goal('wait', 'day'): [('wait', 'day'), ('survive', 'day')],
  Goal('survive', 'night'): [('survive', 'night')],
  ROOT: [
    ('survive', 'everything'), ('unlock', 'everything'), ('get', 'everything'),
    ('make', 'everything'), ('survive', ''),
  ],
  Goal('explore'): [('explore', '')],
  Goal('go', '*'): [('go', '*')],
}  # fmt: skip

WOOD, TABLE = Goal('collect', 'wood'), Goal('place', 'table')
STONE, FURNACE = Goal('collect', 'stone'), Goal('place', 'furnace')
BLOCK, SHELTER = Goal('place', 'stone'), Goal('build', 'shelter')
COAL, IRON = Goal('collect', 'coal'), Goal('collect', 'iron')
PLANT = Goal('place', 'plant')
PICK = {x: Goal('make', f'{x}_pickaxe') for x in MATERIALS}
SWORD = {x: Goal('make', f'{x}_sword') for x in MATERIALS}

NEEDS = {
  TABLE: (WOOD,),
  PICK['wood']: (WOOD, TABLE),
  SWORD['wood']: (WOOD, TABLE),
  STONE: (PICK['wood'],),
  COAL: (PICK['wood'],),
  PICK['stone']: (WOOD, STONE, TABLE),
  SWORD['stone']: (WOOD, STONE, TABLE),
  IRON: (PICK['stone'],),
  FURNACE: (STONE, TABLE),
  PICK['iron']: (WOOD, COAL, IRON, TABLE, FURNACE),
  SWORD['iron']: (WOOD, COAL, IRON, TABLE, FURNACE),
  Goal('collect', 'diamond'): (PICK['iron'],),
  BLOCK: (STONE,),
  SHELTER: (STONE, BLOCK),
  Goal('sleep'): (SHELTER,),
  PLANT: (Goal('collect', 'sapling'),),
  Goal('eat', 'plant'): (PLANT, Goal('fence', 'plant')),
  Goal('fence', 'plant'): (STONE, BLOCK),
  Goal('rest'): (SHELTER, Goal('sleep')),
  Goal('wait', 'day'): (SHELTER, Goal('sleep')),
  Goal('survive', 'night'): (SHELTER, Goal('sleep')),
}

CRAFTER = Lexicon(
  'crafter',
  root=ROOT,
  nouns=_nouns(),
  verbs=phrases(VERBS),
  past=phrases(PAST),
  goals=_goals(),
  usual={
    **{x: Goal('collect', x) for x in (*RESOURCES, 'sapling')},
    **{x: Goal('make', x) for x in TOOLS},
    'table': TABLE,
    'furnace': FURNACE,
    'water': Goal('drink', 'water'),
    'food': Goal('eat', 'cow'),
    'cow': Goal('eat', 'cow'),
    'plant': Goal('eat', 'plant'),
    'shelter': SHELTER,
    'fence': Goal('fence', 'plant'),
    'bridge': BLOCK,
    'everything': ROOT,
  },
  needs=NEEDS,
  purposes={SHELTER: Goal('sleep')},
  amounts={
    TABLE: 2,
    FURNACE: 4,
    SHELTER: 9,
    Goal('fence', 'plant'): 4,
  },
  urgent=frozenset(
    {'drink', 'eat', 'sleep', 'defeat', 'flee', 'rest', 'wait'}
  ),
  dangers=frozenset({'defeat', 'flee'}),
  signs=phrases(SIGNS),
  kinds={
    'pickaxe': tuple(x.object for x in PICK.values()),
    'sword': tuple(x.object for x in SWORD.values()),
  },
)
