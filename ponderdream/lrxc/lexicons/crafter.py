"""The words of Crafter: its goals are the 22 achievements and the way there.

The recipes are those of the game (Hafner 2021, arXiv 2109.06780): what needs a
table, a furnace, or a tool.
"""

from ponderdream.lrxc.lexicons.lexicon import Goal, Lexicon, phrases

RESOURCES = ('wood', 'stone', 'coal', 'iron', 'diamond')
TOOLS = ('wood_pickaxe', 'stone_pickaxe', 'iron_pickaxe', 'wood_sword',
         'stone_sword', 'iron_sword')  # fmt: skip
ENEMIES = ('zombie', 'skeleton')
ROOT = Goal('survive', 'everything')

NOUNS = {
  'wood': """
    wood | woods | log | logs | lumber | tree | trees
  """,
  'stone': """
    stone | stones | rock | rocks | cobble | cobblestone | grey stuff
  """,
  'coal': """
    coal | coals | coal ore | black dots
  """,
  'iron': """
    iron | irons | iron ore
  """,
  'diamond': """
    diamond | diamonds | gem | gems | white gem | white thing
  """,
  'sapling': """
    sapling | saplings | seed | seeds | seedling
  """,
  'grass': """
    grass
  """,
  'water': """
    water | lake | pond | lakes | something to drink
  """,
  'food': """
    food | meat | beef | something to eat
  """,
  'cow': """
    cow | cows
  """,
  'plant': """
    the plant | a plant | my plant | our plant | that plant | plants | crop |
    crops | the crop | farm | garden | something i planted | ripe plant
  """,
  'fence': """
    fence | fences | fencing
  """,
  'bridge': """
    bridge
  """,
  'table': """
    table | tables | crafting table | workbench | work bench | bench |
    crafting bench
  """,
  'furnace': """
    furnace | furnaces | oven | smelter
  """,
  'zombie': """
    zombie | zombies
  """,
  'skeleton': """
    skeleton | skeletons | archer | archers | skelly | skellies
  """,
  'shelter': """
    shelter | bunker | hideout | base | house | hut | little house |
    wall around me | walls around me | safe spot | little room
  """,
  'night': """
    night | first night | the night
  """,
  'tools': """
    tool | tools | stone tools | iron tools | wooden tools | wood tools
  """,
  'everything': """
    everything | all achievements | all the achievements | every achievement |
    all twenty two achievements | all 22 achievements
  """,
  'pickaxe': """
    pickaxe | pickaxes | pick | pick axe | pickax
  """,
  'sword': """
    sword | swords | blade
  """,
}
MATERIALS = {'wood': ('wood', 'wooden'), 'stone': ('stone',),
             'iron': ('iron',)}  # fmt: skip
SHAPES = {
  'pickaxe': ('pickaxe', 'pick axe', 'pick', 'pickax', 'pickaxes'),
  'sword': ('sword', 'swords', 'blade'),
}

VERBS = {
  'get': """
    get | getting | grab | grabbing | collect | collecting | gather |
    gathering | find | finding | found | fetch | fetching | pick up |
    picking up | take | look for | looking for | looking around for |
    search for | searching for | searching around for | hunt for |
    hunting for | go for | going for | going straight for | straight for |
    stock up on | stocking up on | fill up on | reach | see if there is |
    see if there's | where's the | where's a | where is the | where are the |
    where's | get our hands on | get my hands on | get hold of | scoop up |
    come by | obtain | acquire | bag | till i see | until i see |
    keep an eye out for | harvest | harvesting | find us some | snag
  """,
  'mine': """
    mine | mining | dig | digging | dig out | digging out | chop | chopping |
    chop down | cut | cutting | cut down | break | breaking | knock down |
    punch | punching | tap | smack | smacking | whack | whacking | dig up
  """,
  'hit': """
    hit | hitting
  """,
  'make': """
    make | making | craft | crafting | build | building | create | creating |
    forge | forging | upgrade to | do | assemble | put together | get myself
  """,
  'place': """
    place | placing | put | putting | put down | putting down | set down |
    set up | setting up | drop | dropping | plop | lay down | throw down |
    slap down | pop down | stick
  """,
  'plant': """
    plant | planting
  """,
  'grow': """
    grow | growing
  """,
  'eat': """
    eat | eating | munch | snack on | munching | kill and eat
  """,
  'drink': """
    drink | drinking | have a drink | get a drink | grab a drink |
    take a drink | get some drink | quench my thirst | sip | take a sip |
    hydrate
  """,
  'kill': """
    kill | killing | fight | fighting | defeat | defeating | beat | beating |
    slay | slaying | attack | attacking | take out | taking out |
    take care of | deal with | dealing with | hunt | hunting | get rid of |
    finish off | take down | fight off | hit back | smash | bash
  """,
  'sleep': """
    sleep | sleeping | go to sleep | go to bed | going to bed | take a nap |
    nap | get some sleep | get some rest | get some shuteye |
    catch some sleep | nighty | good night | rest up | lie down | fall asleep |
    head to bed | hit the hay | somewhere to sleep
  """,
  'flee': """
    run away | running away | get away from | flee | fleeing | escape |
    escaping | get out of here | out of here | back off | get back | run from |
    running from | get away
  """,
  'shelter': """
    box myself in | box me in | box in | wall myself in | wall me in |
    wall in | wall off | block myself in | dig in | dig into | dig myself in |
    close myself in | shut myself in | hide | close the hole | seal myself in |
    barricade
  """,
  'fence': """
    fence it in | fence off | fence
  """,
  'wall': """
    blocking the tunnel | block the tunnel | block it off
  """,
  'go': """
    go to | go back to | head to | head over to | head back to | walk to |
    walk over to | walk back to | walking to | walking over to |
    walking back to | return to | run back to | run to | heading to |
    heading over to | heading back to | back to the | back to my |
    back to our | go over to | way back to | run back | going to the |
    move to | move over to | moving to
  """,
  'survive': """
    survive | surviving | make it through | get through | stay alive
  """,
  'unlock': """
    unlock | unlocking
  """,
}
# What has happened when a verb of the past is said.
PAST = {
  'get': """
    collected | gathered | grabbed | picked up
  """,
  'mine': """
    mined | dug | chopped
  """,
  'make': """
    made | crafted | built
  """,
  'place': """
    placed
  """,
  'plant': """
    planted
  """,
  'eat': """
    ate | eaten
  """,
  'drink': """
    drank
  """,
  'kill': """
    killed | defeated | slain | beaten
  """,
  'sleep': """
    slept | woke up
  """,
  'survive': """
    survived
  """,
}

SIGNS = {
  'eat': """
    tasty | yum | yummy | mmm | nom | delicious | steak | that hits the spot
  """,
  'drink': """
    refreshing | refreshed | topped up | aah | ahh | full | gulp gulp |
    no longer thirsty | thirst quenched
  """,
  'sleep': """
    morning | good morning | awake | woke up | wakey wakey
  """,
  'defeat': """
    dead | he's down | he's dead | it's dead | got him | killed it |
    killed him | one down | got rid of him | take that
  """,
  'build': """
    walled in | boxed in | snug | sealed in | all closed up | safe and sound
  """,
  'flee': """
    lost him | lost them | got away | escaped
  """,
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
    goals |= dict.fromkeys([('get', x), ('mine', x)], Goal('collect', x))
  for x in TOOLS:
    ways = [('make', x), ('get', x), ('unlock', x), ('place', x)]
    goals |= dict.fromkeys(ways, Goal('make', x))
  for x in ('table', 'furnace'):
    ways = [('place', x), ('make', x), ('get', x)]
    goals |= dict.fromkeys(ways, Goal('place', x))
  for x in ENEMIES:
    goals[('kill', x)] = goals[('hit', x)] = Goal('defeat', x)
    goals[('flee', x)] = Goal('flee', x)
  for goal, ways in OTHERS.items():
    goals |= dict.fromkeys(ways, goal)
  return goals


OTHERS = {
  Goal('collect', 'wood'): [('hit', 'wood')],
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
    ('eat', 'food'), ('get', 'food'), ('eat', ''),
  ],
  Goal('drink', 'water'): [
    ('drink', 'water'), ('get', 'water'), ('drink', ''),
  ],
  Goal('place', 'stone'): [
    ('place', 'stone'), ('make', 'bridge'), ('place', 'bridge'),
    ('make', 'fence'), ('place', 'fence'), ('fence', ''), ('fence', 'plant'),
    ('wall', ''), ('wall', 'stone'),
  ],
  Goal('build', 'shelter'): [
    ('make', 'shelter'), ('get', 'shelter'), ('place', 'shelter'),
    ('shelter', ''), ('shelter', 'stone'), ('unlock', 'shelter'),
  ],
  Goal('sleep'): [('sleep', '')],
  Goal('survive', 'night'): [('survive', 'night')],
  ROOT: [
    ('survive', 'everything'), ('unlock', 'everything'), ('get', 'everything'),
    ('make', 'everything'), ('survive', ''),
  ],
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
  SHELTER: (BLOCK,),
  Goal('sleep'): (SHELTER,),
  PLANT: (Goal('collect', 'sapling'),),
  Goal('eat', 'plant'): (PLANT, BLOCK),
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
    'fence': BLOCK,
    'bridge': BLOCK,
    'everything': ROOT,
  },
  needs=NEEDS,
  urgent=frozenset({'drink', 'eat', 'sleep', 'defeat', 'flee'}),
  signs=phrases(SIGNS),
  kinds={
    'pickaxe': tuple(x.object for x in PICK.values()),
    'sword': tuple(x.object for x in SWORD.values()),
  },
)
