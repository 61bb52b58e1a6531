"""What is known of the Pokemon of a challenge, as sheets for the engine.

A sheet is what `damage.js` reads. Of the own team it is exact. Of the
opponent's Pokemon it has what everybody knows of the species, what was seen in
battle, and guesses: average effort values, and a usual attack of each of its
types for moves that were not seen.
"""

from collections.abc import Sequence
from typing import Any

from embodied.envs.battlefactory import engine, install, rules
from embodied.envs.battlefactory.challenge import Mon
from embodied.envs.battlefactory.observation import BAR, Scene

Sheet = dict[str, Any]
TRAINED = 85  # effort values of each stat if 510 are spread evenly
TYPICAL = {
  'Normal': 'bodyslam', 'Fire': 'flamethrower', 'Water': 'surf',
  'Electric': 'thunderbolt', 'Grass': 'gigadrain', 'Ice': 'icebeam',
  'Fighting': 'brickbreak', 'Poison': 'sludgebomb', 'Ground': 'earthquake',
  'Flying': 'drillpeck', 'Psychic': 'psychic', 'Bug': 'signalbeam',
  'Rock': 'rockslide', 'Ghost': 'shadowball', 'Dragon': 'dragonclaw',
  'Dark': 'crunch', 'Steel': 'meteormash',
}  # fmt: skip


def fresh(mon: Mon) -> Sheet:
  """A Pokemon whose set is known, before a battle."""
  return {
    'species': mon.species,
    'level': mon.level,
    'types': mon.types,
    'stats': mon.stats[1:],
    'boosts': [0] * 5,
    'ability': mon.ability,
    'item': mon.row.item,
    'status': '',
    'hp': mon.stats[0],
    'most': mon.stats[0],
    'weight': mon.facts['weight'],
    'weather': '',
    'screens': {},
    'moves': list(mon.moves),
  }


def own(scene: Scene) -> list[Sheet]:
  """The player's team in battle."""
  view = _view(scene)
  found = []
  for i, mon in enumerate(scene.challenge.team):
    hp, most, status, item, ability, points = view['me'][i]
    sheet = fresh(mon) | {'hp': hp, 'most': most, 'status': status}
    sheet |= {'item': item, 'ability': ability, **_around(view, 0)}
    moves = zip(mon.moves, points, strict=False)
    sheet['moves'] = [x for x, left in moves if left]
    if view['active'][0] == i:
      field = view['field'][0]
      sheet |= {'stats': view['stats'], 'types': field['types']}
      sheet['boosts'] = field['boosts'][:5]
      sheet['moves'] = [x[0] for x in view['moves']]
    found.append(sheet)
  return found


def foe(scene: Scene, privileged: bool = False) -> Sheet:
  """The opponent's Pokemon in battle."""
  view = _view(scene)
  place = view['active'][1]
  mon, field = scene.challenge.foe[place], view['field'][1]
  assert scene.memory is not None
  seen = scene.memory.seen[place]
  sheet = fresh(mon)
  if not privileged:
    iv = rules.foe_iv(scene.challenge.streak)
    stats = _average(mon.facts['base'], iv, mon.level)
    known = list(scene.foes[place])
    if len(known) < 4:
      known += [TYPICAL[x] for x in mon.types if not _covered(x, known)]
    sheet |= {'stats': stats[1:], 'most': stats[0], 'moves': known}
    sheet['item'] = '' if seen.used else seen.item
    sheet['ability'] = seen.ability or mon.facts['abilities'][0]
  bar, status = view['foe'][place]
  sheet |= {'hp': max(1, sheet['most'] * bar // BAR), 'status': status}
  sheet |= {'types': field['types'], 'boosts': field['boosts'][:5]}
  return sheet | _around(view, 1)


def estimates(
  users: Sequence[Sheet], targets: Sequence[Sheet]
) -> list[list[list[tuple[float, float]]]]:
  """Expected damage and accuracy, `[user][target][move]`."""
  answer = engine.shared().ask(
    'estimate', users=list(users), targets=list(targets)
  )
  table: list[list[list[tuple[float, float]]]] = answer['table']
  return table


def speed(sheet: Sheet) -> float:
  """Speed with boosts and paralysis."""
  stage = sheet['boosts'][4]
  factor = (2 + stage) / 2 if stage >= 0 else 2 / (2 - stage)
  return (
    float(sheet['stats'][4])
    * factor
    * (0.25 if sheet['status'] == 'par' else 1)
  )


def _average(base: Sequence[int], iv: int, level: int) -> list[int]:
  points = [(2 * x + iv + TRAINED // 4) * level // 100 for x in base]
  hp = 1 if base[0] == 1 else points[0] + level + 10
  return [hp, *(x + 5 for x in points[1:])]


def _covered(kind: str, moves: Sequence[str]) -> bool:
  """Whether an attack of this type is among the moves."""
  facts = install.data()['moves']
  return any(
    facts[x]['type'] == kind and facts[x]['category'] != 'Status'
    for x in moves
  )


def _around(view: dict[str, Any], side: int) -> dict[str, Any]:
  return {'weather': view['weather'], 'screens': view['sides'][side]}


def _view(scene: Scene) -> dict[str, Any]:
  assert scene.view is not None
  return scene.view
