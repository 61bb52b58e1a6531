"""The state of a challenge as numbers in named groups.

A group holds the same numbers for each Pokemon, move by move. `FIELDS` says
which. Everything is about from -1 to 1.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embodied.envs.battlefactory import engine, install, rules
from embodied.envs.battlefactory.challenge import Challenge, Mon
from embodied.envs.battlefactory.memory import Memory

Floats = NDArray[np.float32]
PHASES = ('draft', 'battle', 'swap')
STATUSES = ('brn', 'par', 'psn', 'tox', 'slp', 'frz')
STAGES = 7  # atk def spa spd spe accuracy evasion
WEATHERS = ('raindance', 'sunnyday', 'sandstorm', 'hail')
CONDITIONS = ('reflect', 'lightscreen', 'safeguard', 'mist', 'spikes')
VOLATILES = (
  'confusion substitute leechseed curse nightmare attract taunt encore disable'
  ' torment focusenergy ingrain charge mustrecharge lockedmove twoturnmove'
  ' partiallytrapped trapped perishsong yawn'
).split()
CATEGORIES = ('Physical', 'Special', 'Status')
KINDS = 17  # types
BAR = 48
# Of a Pokemon: whether it is there, whether it is in battle, its hit points,
# status, item and types, and how hard the other side's types hit it.
BODY = 3 + len(STATUSES) + 1 + KINDS + 1
OWN_MOVE = 10  # power accuracy category*3 priority own-type pp usable effect
FOE_MOVE = 6  # known power category*3 effect
OWN = BODY + 6 + 4 * OWN_MOVE
FOE = BODY + 6 + 4 * FOE_MOVE
ACTIVE = STAGES + len(VOLATILES)
# Of an action in battle: the share of the foe's hit points that a move, or the
# best one of who comes in, takes; the share that the foe's best one takes of
# who acts or comes in, whether it is faster, and its hit points; and what the
# move does beside damage, see `effects.js`.
EFFECTS = 23
CHOICE = 4 + EFFECTS
CHOICES = 4 + 2
OFFER = 1 + KINDS + KINDS + 6 + 3
SIDES = 2 * len(CONDITIONS)
FIELD = (
  len(PHASES) + rules.BATTLES + 6 + len(WEATHERS) + 1 + SIDES
  + KINDS + len(rules.HINTS)
)  # fmt: skip
SIZES = {
  'own': rules.TEAM * OWN,
  'foe': rules.TEAM * FOE,
  'own_active': ACTIVE,
  'foe_active': ACTIVE,
  'choices': CHOICES * CHOICE,
  'offer': rules.OFFERED * OFFER,
  'field': FIELD,
}
# A factor of the type chart as a number; 0 stands for no effect.
SCALE = {0.0: -1.5, 0.25: -1.0, 0.5: -0.5, 1.0: 0.0, 2.0: 0.5, 4.0: 1.0}


class Scene(NamedTuple):
  """All that an observation shows.

  Attributes:
    phase: one of `PHASES`.
    challenge: the draws.
    picks: places in the offer that were chosen in this draft.
    view: of the battle, None outside of one.
    memory: of the opponent, None outside of a battle.
    foes: moves known of each of the opponent's Pokemon.
  """

  phase: str
  challenge: Challenge
  picks: Sequence[int]
  view: dict[str, Any] | None
  memory: Memory | None
  foes: Sequence[Sequence[str]]


def factor(kind: str, types: Sequence[str]) -> float:
  """How effective a type is against one or two others: 0, 1/4 to 4."""
  facts = install.data()
  names, value = facts['types'], 1.0
  for other in types:
    if kind in names and other in names:
      value *= facts['chart'][names.index(kind)][names.index(other)]
  return value


@functools.cache
def effect(move: str, types: tuple[str, ...]) -> float:
  """The factor of a move as a number; 0 for moves without damage."""
  facts = install.data()['moves'][move]
  if facts['category'] == 'Status':
    return 0.0
  return SCALE[factor(facts['type'], types)]


@functools.cache
def danger(types: tuple[str, ...], attackers: tuple[str, ...]) -> float:
  """The strongest effect that one of the attacker's own types has."""
  return max(SCALE[factor(x, types)] for x in attackers)


def groups(scene: Scene) -> dict[str, Floats]:
  """The observation: float32 arrays of `SIZES`."""
  found = {k: np.zeros(n, np.float32) for k, n in SIZES.items()}
  if scene.view is not None and scene.memory is not None:
    found['own'][:] = _own(scene, scene.view)
    found['foe'][:] = _foe(scene, scene.view, scene.memory)
    found['choices'][:] = _choices(scene.view)
    for side, key in enumerate(('own_active', 'foe_active')):
      found[key][:] = _active(scene.view['field'][side])
  elif scene.challenge.team:
    rows = [_idle(mon) for mon in scene.challenge.team]
    found['own'][:] = [x for row in rows for x in row]
  if scene.phase != 'battle':
    offer = scene.challenge.offer
    if scene.phase == 'swap':
      offer = scene.challenge.beaten
    for i, mon in enumerate(offer):
      free = i not in scene.picks
      found['offer'][i * OFFER : (i + 1) * OFFER] = [free, *_offer(mon)]
  found['field'][:] = _field(scene)
  return found


def _own(scene: Scene, view: dict[str, Any]) -> list[float]:
  out: list[float] = []
  field, foe = (tuple(x['types']) for x in view['field'])
  for i, mon in enumerate(scene.challenge.team):
    hp, most, status, item, _, points = view['me'][i]
    here = view['active'][0] == i
    types = field if here else mon.types
    out += [1.0, here, hp / most, *_one(status, STATUSES), bool(item)]
    out += [*_types(types), danger(types, foe), *_stats(mon)]
    moves = mon.moves
    usable = [0.0] * 4
    if here:
      moves = tuple(x[0] for x in view['moves'])
      points = [x[1] for x in view['moves']]
      usable = view['mask'][:4]
    for j in range(4):
      if j >= len(moves):
        out += [0.0] * OWN_MOVE
        continue
      facts = install.data()['moves'][moves[j]]
      full = max(1, facts['pp'])
      out += [*_move(moves[j], types), points[j] / full, usable[j]]
      out.append(effect(moves[j], foe))
  return out


def _idle(mon: Mon) -> list[float]:
  """A Pokemon of the team between two battles."""
  types = mon.types
  out = [1.0, 0.0, 1.0, *_one('', STATUSES), bool(mon.row.item)]
  out += [*_types(types), 0.0, *_stats(mon)]
  for j in range(4):
    known = j < len(mon.moves)
    move = [*_move(mon.moves[j], types), 1.0, 0.0, 0.0] if known else None
    out += move or [0.0] * OWN_MOVE
  return out


def _foe(scene: Scene, view: dict[str, Any], memory: Memory) -> list[float]:
  out: list[float] = []
  me, field = (tuple(x['types']) for x in view['field'])
  for i, mon in enumerate(scene.challenge.foe):
    seen = memory.seen[i]
    if not seen.shown:
      # All that is known is that it is there.
      out += [0.0, 0.0, 1.0] + [0.0] * (FOE - 3)
      continue
    bar, status = view['foe'][i]
    here = view['active'][1] == i
    types = field if here else mon.types
    held = bool(seen.item) and not seen.used
    out += [1.0, here, bar / BAR, *_one(status, STATUSES), held]
    out += [*_types(types), danger(types, me)]
    out += [x / 150 for x in mon.facts['base']]
    known = scene.foes[i]
    for j in range(4):
      if j < len(known):
        facts = install.data()['moves'][known[j]]
        out += [1.0, facts['power'] / 150]
        out += [*_one(facts['category'], CATEGORIES), effect(known[j], me)]
      else:
        out += [0.0] * FOE_MOVE
  return out


@functools.cache
def effects() -> dict[str, list[float]]:
  """The numbers of each move from `effects.js`."""
  table: dict[str, list[float]] = engine.shared().ask('effects')['table']
  return table


def _choices(view: dict[str, Any]) -> list[float]:
  out: list[float] = []
  place = view['active'][0]
  nothing = [0.0] * EFFECTS
  damage, taken, faster = view['estimates'][place] or ([0.0] * 4, 0.0, 0.0)
  share = view['me'][place][0] / view['me'][place][1]
  moves = [x[0] for x in view['moves']]
  for i in range(4):
    if i < len(moves):
      does = effects().get(moves[i], nothing)
      out += [damage[i], taken, faster, share, *does]
    else:
      out += [0.0] * CHOICE
  for other in view['bench']:
    damage, taken, faster = view['estimates'][other] or ([0.0], 0.0, 0.0)
    share = view['me'][other][0] / view['me'][other][1]
    out += [max(damage), taken, faster, share, *nothing]
  return out


def _active(field: dict[str, Any]) -> list[float]:
  held = field['volatiles']
  return [x / 6 for x in field['boosts']] + [
    float(x in held) for x in VOLATILES
  ]


def _field(scene: Scene) -> list[float]:
  challenge, view = scene.challenge, scene.view
  out = [*_one(scene.phase, PHASES)]
  battle = challenge.streak % rules.BATTLES
  out += [float(i == battle) for i in range(rules.BATTLES)]
  alive = [0.0, 0.0]
  if view is not None:
    alive = [sum(x[0] > 0 for x in view[k]) / 3 for k in ('me', 'foe')]
  out += [challenge.round / 8, challenge.swaps / 43, challenge.streak / 42]
  out += [(view['turn'] if view else 0) / 100, *alive]
  out += [*_one(view['weather'] if view else '', WEATHERS)]
  out += [(view['weather_turns'] if view else 0) / 5]
  for side in view['sides'] if view else ({}, {}):
    out += [side.get(x, 0) / 5 for x in CONDITIONS]
  kind, style = challenge.hint()
  out += [*_types((kind,)), *_one(style, rules.HINTS)]
  return out


@functools.lru_cache(4096)
def _offer(mon: Mon) -> tuple[float, ...]:
  facts = [install.data()['moves'][x] for x in mon.moves]
  attacks = [x['type'] for x in facts if x['category'] != 'Status']
  shares = [sum(x['category'] == c for x in facts) / 4 for c in CATEGORIES]
  types = (*_types(mon.types), *_types(tuple(attacks)))
  return (*types, *_stats(mon), *shares)


@functools.cache
def _move(name: str, types: tuple[str, ...]) -> list[float]:
  """Power, accuracy, category, priority, and whether it is of a type of its
  user."""
  facts = install.data()['moves'][name]
  accuracy = (facts['accuracy'] or 100) / 100
  out = [facts['power'] / 150, accuracy]
  out += _one(facts['category'], CATEGORIES)
  return [*out, facts['priority'] / 5, float(facts['type'] in types)]


@functools.lru_cache(4096)
def _stats(mon: Mon) -> list[float]:
  return [x / (4 * mon.level) for x in mon.stats]


@functools.cache
def _types(types: tuple[str, ...]) -> list[float]:
  return [float(x in types) for x in install.data()['types']]


@functools.cache
def _one(value: str, among: tuple[str, ...]) -> list[float]:
  return [float(value == x) for x in among]
