"""The rules of the Factory as tables and small functions.

They were compared with the game's code by its public decompilation. What is
often told otherwise: opponents come from the same range of sets as the
rentals, and the trainers' own lists are not used.
"""

import collections
from collections.abc import Iterable, Sequence

BATTLES = 7  # of a round
OFFERED = 6
TEAM = 3
LEVELS = {'level50': 50, 'open': 100}

# First and last number of the sets from which a round draws, by its index. The
# last entry is for all later rounds.
RANGES = {
  'level50': (
    (110, 199),
    (162, 266),
    (267, 371),
    (372, 467),
    (468, 563),
    (564, 659),
    (660, 755),
    (372, 849),
  ),
  'open': (
    (372, 467),
    (468, 563),
    (564, 659),
    (660, 755),
    (372, 881),
    (372, 881),
    (372, 881),
    (372, 881),
  ),
}
LAST = 7  # index of the last entry of RANGES and IVS
# Individual values of a round, and of the opponent of its last battle.
IVS = (
  (3, 6),
  (6, 9),
  (9, 12),
  (12, 15),
  (15, 18),
  (21, 31),
  (31, 31),
  (31, 31),
)
# From so many swaps on, so many of the rentals are better ones.
BETTER = ((43, 5), (36, 4), (29, 3), (22, 2), (15, 1))

STYLES = {
  'preparation': (
    3,
    'swordsdance growth meditate agility doubleteam harden minimize withdraw'
    ' defensecurl barrier focusenergy amnesia acidarmor sharpen conversion'
    ' conversion2 bellydrum psychup charge snatch tailglow cosmicpower'
    ' irondefense howl bulkup calmmind dragondance',
  ),
  'slow and steady': (
    3,
    'sing supersonic disable leechseed poisonpowder stunspore sleeppowder'
    ' thunderwave toxic hypnosis confuseray glare poisongas lovelykiss spore'
    ' spiderweb sweetkiss spikes swagger meanlook attract encore torment'
    ' flatter willowisp taunt yawn imprison snatch teeterdance grasswhistle'
    ' block',
  ),
  'endurance': (
    3,
    'mist recover lightscreen haze reflect softboiled rest protect detect'
    ' endure milkdrink healbell safeguard batonpass morningsun synthesis'
    ' moonlight swallow wish ingrain magiccoat recycle refresh mudsport'
    ' slackoff aromatherapy watersport',
  ),
  'high risk': (
    2,
    'guillotine horndrill doubleedge hyperbeam counter fissure bide'
    ' selfdestruct skyattack explosion flail reversal destinybond perishsong'
    ' painsplit mirrorcoat memento grudge facade focuspunch blastburn'
    ' hydrocannon overheat frenzyplant psychoboost volttackle',
  ),
  'weakening': (
    2,
    'sandattack tailwhip leer growl stringshot screech smokescreen kinesis'
    ' flash cottonspore spite scaryface charm knockoff sweetscent featherdance'
    ' faketears metalsound tickle',
  ),
  'unpredictable': (
    2,
    'mimic metronome mirrormove transform substitute sketch curse present'
    ' followme trick roleplay assist skillswap camouflage',
  ),
  'weather': (2, 'sandstorm raindance sunnyday hail weatherball'),
}
HINTS = (*STYLES, 'free-spirited', 'flexible')


def sets_of(mode: str, round_: int) -> tuple[int, int]:
  """First and last number of the sets of a round, counted from 0."""
  return RANGES[mode][min(round_, LAST)]


def better(swaps: int) -> int:
  """How many of the six rentals are better, after so many swaps."""
  return next((count for least, count in BETTER if swaps >= least), 0)


def rental_iv(round_: int) -> int:
  """Individual values of rentals."""
  return IVS[min(round_, LAST)][0]


def is_noland(streak: int) -> bool:
  """Whether the battle after so many wins is against the Factory Head."""
  return (streak + 1) % 21 == 0


def foe_iv(streak: int, bugs: bool = False) -> int:
  """Individual values of the opponent after so many wins.

  Args:
    streak: wins in a row before the battle.
    bugs: as on the cartridge, which looks up the round of another building;
      that of a player who was never there.
  """
  if is_noland(streak):
    return rental_iv(streak // BATTLES + 2)
  last = streak % BATTLES == BATTLES - 1
  return IVS[0 if bugs else min(streak // BATTLES, LAST)][last]


def trainer(streak: int) -> str:
  """The player of `players.js` that an opponent is, by its judgements."""
  round_ = streak // BATTLES
  if is_noland(streak) or round_ >= 4:
    return 'trainer3'
  return 'trainer1' if round_ >= 2 else 'trainer0'


def hinted_type(types: Iterable[Sequence[str]]) -> str:
  """The most common of the types of a party, '' if several are.

  Args:
    types: of each Pokemon, one or two.
  """
  counts = collections.Counter(t for pair in types for t in set(pair))
  first, second = [*counts.most_common(2), ('', 0)][:2]
  return '' if first[1] == second[1] else first[0]


def hinted_style(moves: Iterable[str]) -> str:
  """The style of a party with these moves, one of `HINTS`."""
  held = collections.Counter(moves)
  found = [
    style
    for style, (least, names) in STYLES.items()
    if sum(held[x] for x in names.split()) >= least
  ]
  if len(found) > 2:
    return 'flexible'
  return found[-1] if found else 'free-spirited'
