"""A challenge of the Factory: who is offered, who comes, and who is swapped.

Draws only, no battles. The order is that of the game: rentals and the first
opponent, the draft, a battle; after a win all are healed, the next opponent is
drawn, and one Pokemon may be swapped for one of the beaten opponent's.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from embodied.envs.battlefactory import install, rules
from embodied.envs.battlefactory.sets import STATS, UNUSED, Row, table

# The one species whose form depends on the game: in Emerald, it is fast.
FORMS = {'deoxys': 'deoxysspeed'}
REPLACED = {'return': 'frustration'}  # the happiness of rentals is 0


class Mon(NamedTuple):
  """A Pokemon of the Factory.

  Attributes:
    number: of its set in the table.
    row: the set.
    iv: the individual value of all stats.
    ability: of the species.
    gender: 'M', 'F' or 'N'.
    level: 50 or 100.
  """

  number: int
  row: Row
  iv: int
  ability: str
  gender: str
  level: int

  @property
  def species(self) -> str:
    return FORMS.get(self.row.species, self.row.species)

  @property
  def moves(self) -> tuple[str, ...]:
    return tuple(REPLACED.get(x, x) for x in self.row.moves)

  @property
  def facts(self) -> dict[str, Any]:
    """What `data.js` knows of the species."""
    found: dict[str, Any] = install.data()['species'][self.species]
    return found

  @property
  def types(self) -> tuple[str, ...]:
    return tuple(self.facts['types'])

  @property
  def name(self) -> str:
    return str(self.facts['name']).removesuffix('-Speed')

  @property
  def stats(self) -> tuple[int, ...]:
    """Hit points and the five stats, without boosts."""
    plus, minus = install.data()['natures'][self.row.nature]
    found = []
    evs = self.row.evs
    for key, base in zip(STATS, self.facts['base'], strict=True):
      points = (2 * base + self.iv + evs[key] // 4) * self.level // 100
      if key == 'hp':
        # Shedinja has one, whatever its level.
        found.append(1 if base == 1 else points + self.level + 10)
        continue
      factor = 10 + (key == plus) - (key == minus)
      found.append((points + 5) * factor // 10)
    return tuple(found)

  def set(self) -> dict[str, Any]:
    """As the engine takes it."""
    return {
      'name': self.name,
      'species': self.species,
      'item': self.row.item,
      'ability': self.ability,
      'moves': self.moves,
      'nature': self.row.nature,
      'gender': self.gender,
      'evs': self.row.evs,
      'ivs': dict.fromkeys(STATS, self.iv),
      'level': self.level,
      'happiness': 0,
    }


def team(mons: Sequence[Mon]) -> list[dict[str, Any]]:
  """A team as the engine takes it. Names differ, also of the same species."""
  sets = [x.set() for x in mons]
  for i, one in enumerate(sets):
    if one['name'] in [x['name'] for x in sets[:i]]:
      one['name'] += f' {i + 1}'
  return sets


@functools.lru_cache(256)
def hinted(mons: tuple[Mon, ...]) -> tuple[str, str]:
  """Type and style of a party."""
  moves = [move for x in mons for move in x.moves]
  return rules.hinted_type(x.types for x in mons), rules.hinted_style(moves)


class Challenge:
  """The draws of one challenge.

  Attributes:
    streak: battles won in a row.
    swaps: counted for better rentals.
    offer: the six rentals of this round.
    team: the three of the player, () before the draft.
    foe: the three of the next opponent.
    beaten: the three of the last opponent, while one may be swapped.

  Args:
    mode: 'level50' or 'open'.
    sets: the kind of the table, see `sets.table`.
    rng: of all draws.
    streak: wins before.
    bugs: the known mistakes of the cartridge.
  """

  def __init__(
    self,
    mode: str,
    sets: str,
    rng: np.random.Generator,
    streak: int = 0,
    bugs: bool = False,
  ) -> None:
    self.mode = mode
    self.sets = sets
    self.rng = rng
    self.streak = streak
    self.bugs = bugs
    self.swaps = 0
    self._changed = False
    self.begin()

  @property
  def round(self) -> int:
    """The index of the round, from 0 on."""
    return self.streak // rules.BATTLES

  def begin(self) -> None:
    """A new round: six rentals, and the first opponent."""
    self.team: tuple[Mon, ...] = ()
    self.beaten: tuple[Mon, ...] = ()
    self.offer = self._rentals()
    self.foe = self._opponent(self.offer)

  def draft(self, places: Sequence[int]) -> None:
    """Takes three of the offer; the first one leads."""
    if len({*places}) != rules.TEAM:
      raise ValueError(f'A team has three different rentals, not {places}.')
    self.team = tuple(self.offer[i] for i in places)
    self._changed = True

  def won(self) -> None:
    """Counts a win, and draws the next opponent or begins the next round."""
    self.streak += 1
    self.swaps += self._changed
    self._changed = False
    if self.streak % rules.BATTLES == 0:
      self.begin()
      return
    self.beaten = self.foe
    self.foe = self._opponent((*self.team, *self.beaten))

  def swap(self, own: int, theirs: int) -> None:
    """One of the team for one of the beaten opponent's, in its place."""
    mons = list(self.team)
    mons[own] = self.beaten[theirs]
    self.team = tuple(mons)
    self._changed = True

  def hint(self) -> tuple[str, str]:
    """Type and style of the next opponent, '' where nothing is told."""
    if rules.is_noland(self.streak):
      return '', ''
    return hinted(self.foe)

  def _rentals(self) -> tuple[Mon, ...]:
    """Six of different items and species; but the cartridge's check lets the
    first repeated species through."""
    found: list[Mon] = []
    repeated = not self.bugs
    better = rules.better(self.swaps) if self.round < rules.LAST else 0
    while len(found) < rules.OFFERED:
      round_ = self.round + (len(found) < better)
      mon = self._mon(round_, rules.rental_iv(round_))
      if _item_taken(mon, found) or mon.number in {x.number for x in found}:
        continue
      if mon.species in {x.species for x in found}:
        if repeated:
          continue
        repeated = True
      found.append(mon)
    return tuple(found)

  def _opponent(self, others: Collection[Mon]) -> tuple[Mon, ...]:
    """Three of different items and species, and none of a species among
    `others`; only the same sets are excluded for the Factory Head."""
    noland = rules.is_noland(self.streak)
    key: Callable[[Mon], Any] = (
      (lambda x: x.number) if noland else (lambda x: x.species)
    )
    taken = {key(x) for x in others}
    iv = rules.foe_iv(self.streak, self.bugs)
    found: list[Mon] = []
    while len(found) < rules.TEAM:
      mon = self._mon(self.round, iv)
      same = mon.species in {x.species for x in found}
      if not same and key(mon) not in taken and not _item_taken(mon, found):
        found.append(mon)
    return tuple(found)

  def _mon(self, round_: int, iv: int) -> Mon:
    """Any Pokemon of a round."""
    first, last = rules.sets_of(self.mode, round_)
    while True:
      number = int(self.rng.integers(first, last + 1))
      row = table(self.sets)[number]
      if row.species != UNUSED:
        break
    species = FORMS.get(row.species, row.species)
    facts = install.data()['species'][species]
    ability = facts['abilities'][self.rng.integers(len(facts['abilities']))]
    chance, male = self.rng.random(), facts['male']
    gender = 'N' if male is None else 'M' if chance < male else 'F'
    return Mon(number, row, iv, ability, gender, rules.LEVELS[self.mode])


def _item_taken(mon: Mon, others: Sequence[Mon]) -> bool:
  return bool(mon.row.item) and mon.row.item in {x.row.item for x in others}
