"""What may be done in a turn: how often it wins, and its reasons."""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embodied.envs.battlefactory import install, observation
from embodied.experts.battlefactory import (
  guesses,
  races,
  rollouts,
  search,
  sheets,
)
from embodied.experts.battlefactory.sheets import Sheet
from embodied.experts.plan import Goal

Floats = NDArray[np.float64]
GUESSES = 4  # sets that one of the foe's Pokemon may have
BATTLES = 800  # that are played on
MOVES = 4
# Who has fallen is ill no more.
STATUSES = {
  '': rollouts.WELL, 'fnt': rollouts.WELL, 'tox': rollouts.BAD,
  'slp': 1 + rollouts.SLEEP, 'par': 1 + rollouts.PARALYSIS,
  'psn': 1 + rollouts.POISON, 'brn': 1 + rollouts.BURN,
  'frz': 1 + rollouts.FREEZE,
}  # fmt: skip
# Who never has an illness, by type and ability, in the order of `rollouts`.
IMMUNE = (
  {'insomnia', 'vitalspirit'}, {'limber'}, {'Poison', 'Steel', 'immunity'},
  {'Fire', 'waterveil'}, {'Ice', 'magmaarmor'}, {'Grass'},
)  # fmt: skip
# What a move without damage is for, by the first of these that it does.
AIMS = (
  (rollouts.ILL + rollouts.SLEEP, Goal('put it to sleep', 'lull')),
  (rollouts.ILL + rollouts.PARALYSIS, Goal('slow it down', 'paralyse')),
  (rollouts.ILL + rollouts.POISON, Goal('poison it', 'poison')),
  (rollouts.ILL + rollouts.BURN, Goal('burn it', 'burn')),
  (rollouts.ILL + rollouts.SEED, Goal('drain it', 'seed')),
  (rollouts.CONFUSE, Goal('confuse it', 'confuse')),
  (rollouts.REST, Goal('recover', 'recover')),
  (rollouts.HEAL, Goal('recover', 'recover')),
  *((rollouts.GAIN + x, Goal('get stronger', 'strengthen')) for x in range(5)),
)


class Option(NamedTuple):
  """Something to do.

  Attributes:
    action: of the environment.
    place: the same action of `search`.
    goals: below the goal to win the battle, the action in words last.
  """

  action: int
  place: int
  goals: tuple[Goal, ...]


class Turn:
  """All that a decision needs.

  Args:
    scene: what is seen, in battle.
    random: draws sets that the foe's Pokemon may have, and battles.
    privileged: whether all of the foe's sets are known.
  """

  def __init__(
    self,
    scene: observation.Scene,
    random: np.random.Generator,
    privileged: bool = False,
  ) -> None:
    assert scene.view is not None
    self.view: dict[str, Any] = scene.view
    self.team = scene.challenge.team
    self.mine = sheets.own(scene)
    self.place, self.slot = self.view['active']
    self.name = scene.challenge.foe[self.slot].name
    self.seed = int(random.integers(2**31))
    known = [[x] for x in scene.challenge.foe]
    if not privileged:
      known = guesses.guesses(scene, random, GUESSES)
    self.slots = np.full((len(known), GUESSES), -1)
    self.foes: list[Sheet] = []
    for slot, mons in enumerate(known):
      for k, mon in enumerate(mons if self.view['foe'][slot][0] else ()):
        self.slots[slot, k] = len(self.foes)
        self.foes.append(sheets.foe(scene, slot, mon))
    if self.slots[self.slot, 0] < 0:
      # Both fell at once, and the foe sends somebody else.
      self.slot = int(self.slots[:, 0].argmax())
    self.foe = self.foes[self.slots[self.slot, 0]]
    whole = lambda side: [x | {'hp': x['most']} for x in side]
    self.there = sheets.estimates(self.mine, whole(self.foes))
    self.back = sheets.estimates(self.foes, whole(self.mine))

  def choose(self) -> Option:
    """The option that wins most often."""
    options = [*self.options()]
    if len(options) == 1:
      return options[0]
    first = np.zeros(search.ACTIONS, bool)
    first[[x.place for x in options]] = True
    left = [i if x['hp'] > 0 else -1 for i, x in enumerate(self.mine)]
    tried, _ = search.search(
      arrays(self.mine, self.foes, self.there),
      arrays(self.foes, self.mine, self.back),
      np.array(left), self.slots, self.place, self.slot, first, BATTLES,
      self.seed,
    )  # fmt: skip
    return max(options, key=lambda x: tried[x.place])

  def options(self) -> Iterator[Option]:
    """Everything allowed."""
    mask = self.view['mask']
    for slot, (move, _, _) in enumerate(self.view['moves']):
      if mask[slot]:
        yield self._move(slot, move)
    for k, i in enumerate(self.view['bench']):
      if mask[4 + k]:
        yield self._entry(4 + k, i, forced=not any(mask[:4]))
    if mask[0] and not self.view['moves']:
      yield Option(0, 0, (self._fight(), act('struggle')))

  def _fight(self) -> Goal:
    return Goal(f'knock out {self.name}', 'knock_out', word(self.name))

  def _move(self, slot: int, move: str) -> Option:
    damage, _ = self.there[self.place][self.slots[self.slot, 0]][slot]
    goal = self._hit(move, damage) if damage > 0 else aim(move)
    goals = self._fight(), goal, act(move)
    return Option(slot, slot, goals)

  def _hit(self, move: str, damage: float) -> Goal:
    facts = install.data()['moves'].get(move)
    kind = facts['type'] if facts else ''
    factor = observation.factor(kind, tuple(self.foe['types']))
    if factor >= 4:
      return Goal('hit its fourfold weakness', 'hit', 'weakness', 4)
    if factor > 1:
      return Goal('hit its weakness', 'hit', 'weakness', 2)
    if damage >= self.foe['hp']:
      return Goal('finish it', 'finish', word(self.name))
    return Goal('wear it down', 'wear_down', word(self.name))

  def _entry(self, action: int, i: int, forced: bool) -> Option:
    name = self.team[i].name
    goal = Goal(
      f'bring in {name}', 'bring_in', word(name), 1, self._reason(i, forced)
    )
    last = Goal(f'switch to {name}', 'switch', word(name))
    return Option(action, search.ENTER + i, (goal, last))

  def _reason(self, i: int, forced: bool) -> str:
    if forced:
      return 'the last one fell'
    rows = self.back[self.slots[self.slot, 0]]
    threat = races.best(
      self.foe['moves'], rows[self.place], self.mine[self.place]['hp']
    )
    if threat.move:
      index = self.foe['moves'].index(threat.move)
      if rows[i][index][0] < rows[self.place][index][0]:
        move = install.data()['moves'].get(threat.move, {'name': 'Struggle'})
        return f'{move["name"]} hurts it less'
    return f'it does better against {self.name}'


def arrays(
  mons: list[Sheet],
  others: list[Sheet],
  table: list[list[list[tuple[float, float]]]],
) -> tuple[Floats, Floats, Floats, Floats]:
  """A side as `rollouts` has it, and its estimates against the others."""
  body = np.zeros((len(mons), rollouts.BODY))
  traits = np.zeros((len(mons), MOVES, rollouts.TRAITS))
  numbers = np.zeros((len(mons), len(others), MOVES, 2))
  for i, mon in enumerate(mons):
    # A paralysis is counted there.
    speed = sheets.speed(mon | {'status': ''})
    body[i, : rollouts.IMMUNE] = (
      mon['hp'], mon['most'], speed, STATUSES[mon['status']],
      mon['item'] == 'leftovers',
    )  # fmt: skip
    has = {*mon['types'], mon['ability']}
    body[i, rollouts.IMMUNE :] = [
      bool(has & x) or 'safeguard' in mon['screens'] for x in IMMUNE
    ]
    for m, move in enumerate(mon['moves'][:MOVES]):
      traits[i, m] = trait(move)
      if move == 'rest' and mon['item'] in ('chestoberry', 'lumberry'):
        traits[i, m, rollouts.REST] = 2
      numbers[i, :, m] = [row[m] for row in table[i]]
      if move == 'thunderwave':
        numbers[i, :, m, 1] *= [
          observation.factor('Electric', tuple(x['types'])) > 0 for x in others
        ]
  return body, numbers[..., 0].copy(), numbers[..., 1].copy(), traits


@functools.cache
def trait(move: str) -> Floats:
  """What a move does, `[TRAITS]`."""
  found = np.zeros(rollouts.TRAITS)
  facts = install.data()['moves'].get(move)
  found[rollouts.PACE] = 0.5 if move in races.SLOW else 1.0
  if facts is None:
    found[rollouts.PHYSICAL] = 1  # to struggle
    return found
  found[rollouts.PRIORITY] = facts['priority']
  found[rollouts.PHYSICAL] = facts['category'] == 'Physical'
  found[rollouts.DEADLY] = move in races.DEADLY
  found[rollouts.REST] = move == 'rest'
  # In the order of `effects.js`.
  does = observation.effects()[move]
  found[rollouts.ILL : rollouts.GAIN] = [*does[:5], does[7]]
  if move == 'toxic':
    found[rollouts.ILL + rollouts.POISON] = 2  # bad poison
  found[rollouts.CONFUSE], found[rollouts.FLINCH] = does[5:7]
  found[rollouts.GAIN :] = [2 * x for x in does[10:15]]
  found[rollouts.HEAL], found[rollouts.DRAIN] = does[17:19]
  return found


def aim(move: str) -> Goal:
  """What a move without damage is for."""
  does = trait(move)
  found = [goal for column, goal in AIMS if does[column] > 0]
  return (found or [Goal('gain time', 'wait')])[0]


def act(move: str) -> Goal:
  """A move as an action in words."""
  facts: Mapping[str, Any] = install.data()['moves'].get(move, {})
  name = facts.get('name', move.capitalize())
  return Goal(f'use {name}', 'use', word(name))


def word(name: str) -> str:
  """A name as one word: 'Giga Drain' is giga_drain."""
  return re.sub('[^a-z0-9_]', '', re.sub('[ -]', '_', name.lower()))
