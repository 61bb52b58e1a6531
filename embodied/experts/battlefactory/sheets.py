"""What is known of the Pokemon of a challenge, as sheets for the engine.

A sheet is what `damage.js` reads. Of the own team it is exact. For one of the
opponent's Pokemon it is that of a set which it may have, see `guesses`.
"""

from collections.abc import Sequence
from typing import Any

from embodied.envs.battlefactory import engine
from embodied.envs.battlefactory.challenge import Mon
from embodied.envs.battlefactory.observation import BAR, Scene

Sheet = dict[str, Any]


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


def foe(scene: Scene, place: int, mon: Mon) -> Sheet:
  """One of the opponent's Pokemon in battle, if its set is that of `mon`."""
  view = _view(scene)
  assert scene.memory is not None
  bar, status = view['foe'][place]
  sheet = fresh(mon) | {'status': status, **_around(view, 1)}
  sheet['hp'] = max(1, sheet['most'] * bar // BAR)
  if scene.memory.seen[place].used:
    sheet['item'] = ''
  if view['active'][1] == place:
    field = view['field'][1]
    sheet |= {'types': field['types'], 'boosts': field['boosts'][:5]}
  return sheet


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


def _around(view: dict[str, Any], side: int) -> dict[str, Any]:
  return {'weather': view['weather'], 'screens': view['sides'][side]}


def _view(scene: Scene) -> dict[str, Any]:
  assert scene.view is not None
  return scene.view
