"""The tables of sets from which teams are drawn: 882 rows, weak to strong.

`random` is made from the random-battle sets of the engine's package. It has
the form of the game's table, not its content. `frontier` is the game's table,
which `scripts/import_frontier.py` reads from the user's own checkout.
"""

import collections
import functools
import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from embodied.envs.battlefactory import install
from embodied.errors import UsageError, suggest

SIZE = 882
STATS = ('hp', 'atk', 'def', 'spa', 'spd', 'spe')
EFFORT = 510
KINDS = ('random', 'frontier')
UNUSED = 'unown'


class Row(NamedTuple):
  """A set of the table.

  Attributes:
    species, item, nature: as the engine names them; the item '' is none.
    moves: one to four.
    trained: the stats that share the effort values.
  """

  species: str
  moves: tuple[str, ...]
  item: str
  nature: str
  trained: tuple[str, ...]

  @property
  def evs(self) -> dict[str, int]:
    """Effort values of all stats, which may be above the usual 252."""
    share = EFFORT // len(self.trained)
    return {x: share * (x in self.trained) for x in STATS}


@functools.cache
def table(kind: str) -> tuple[Row, ...]:
  """The table of that kind.

  Raises:
    UsageError: another kind, no packages, or no imported table.
  """
  if kind == 'random':
    return tuple(made(install.data()))
  if kind == 'frontier':
    return tuple(load(frontier_path()))
  raise UsageError(f"There are no sets '{kind}'. {suggest(kind, KINDS)}")


@functools.cache
def alone(kind: str, first: int, last: int) -> frozenset[str]:
  """Species with only one set among those numbers of a table."""
  counts = collections.Counter(
    x.species for x in table(kind)[first : last + 1]
  )
  return frozenset(k for k, n in counts.items() if n == 1)


def frontier_path() -> pathlib.Path:
  """Where the imported table is."""
  return install.home() / 'frontier.json'


def load(path: pathlib.Path) -> list[Row]:
  """Reads a table that `save` wrote.

  Raises:
    UsageError: there is none, or it is not one.
  """
  try:
    rows = [
      Row(x, tuple(moves), item, nature, tuple(trained))
      for x, moves, item, nature, trained in json.loads(path.read_text())
    ]
    check(rows, install.data())
    return rows
  except FileNotFoundError:
    raise UsageError(
      f'There is no table of the game in {path}; run python -m'
      ' scripts.import_frontier PATH with your checkout of the decompilation.'
    ) from None
  except UsageError as error:
    raise UsageError(
      f'{path} cannot be used; import it again. {error}'
    ) from None
  except (ValueError, TypeError):
    raise UsageError(f'{path} is no table of sets; import it again.') from None


def save(rows: Sequence[Row], path: pathlib.Path) -> None:
  """Writes a table; a reader sees the old one or the new one."""
  path.parent.mkdir(parents=True, exist_ok=True)
  part = path.with_suffix('.part')
  part.write_text(json.dumps(rows))
  part.replace(path)


def check(rows: Sequence[Row], data: dict[str, Any]) -> None:
  """Raises UsageError unless the engine knows every word of the table."""
  if len(rows) != SIZE:
    raise UsageError(f'The table has {len(rows)} sets, not {SIZE}.')
  for number, row in enumerate(rows):
    unknown = [x for x in row.moves if x not in data['moves']]
    unknown += [row.species] * (row.species not in data['species'])
    unknown += [row.item] * (row.item not in ['', *data['items']])
    unknown += [row.nature] * (row.nature not in data['natures'])
    unknown += [x for x in row.trained if x not in STATS]
    fit = row.trained and 1 <= len(row.moves) <= 4
    if unknown or not fit:
      what = f' {unknown[0]!r}' if unknown else ' the number of its moves'
      raise UsageError(f'The engine does not know{what} of set {number}.')


# The table of the random-battle sets. Of the game's, these numbers are known:
# weaker species fill the first 372 rows, 96 stronger ones have four sets each
# in rows 372 to 755, and the strongest fill the rest.
GROUPS = ((93, 372), (96, 384), (0, 126))
SEED = 21
GENERAL = (
  'leftovers lumberry sitrusberry shellbell quickclaw kingsrock scopelens'
  ' brightpowder focusband whiteherb mentalherb persimberry'
).split()
BERRIES = {'atk': 'liechiberry', 'spa': 'petayaberry', 'spe': 'salacberry'}
BOOSTERS = {
  'Bug': 'silverpowder', 'Dark': 'blackglasses', 'Dragon': 'dragonfang',
  'Electric': 'magnet', 'Fighting': 'blackbelt', 'Fire': 'charcoal',
  'Flying': 'sharpbeak', 'Ghost': 'spelltag', 'Grass': 'miracleseed',
  'Ground': 'softsand', 'Ice': 'nevermeltice', 'Normal': 'silkscarf',
  'Poison': 'poisonbarb', 'Psychic': 'twistedspoon', 'Rock': 'hardstone',
  'Steel': 'metalcoat', 'Water': 'mysticwater',
}  # fmt: skip
NATURES = {
  'atk': ('adamant', 'jolly', 'brave', 'impish', 'careful'),
  'spa': ('modest', 'timid', 'quiet', 'bold', 'calm'),
}


def made(data: dict[str, Any]) -> list[Row]:
  """The table of random-battle sets, always the same.

  A higher level of a random battle makes up for a weaker species, so levels
  order the species. Moves are drawn from the set's pool, without those that
  follow from individual values. Nearly every random-battle set holds the same
  item, so items are drawn from those that fit, and nature and effort values
  too.
  """
  random = np.random.default_rng(SEED)
  pools = {
    k: v for k, v in data['pools'].items()
    if k != UNUSED and k in data['species']
  }  # fmt: skip
  weak_first = sorted(
    pools, key=lambda x: (-pools[x]['level'], data['species'][x]['number'])
  )
  rows: list[Row] = []
  for count, size in GROUPS:
    group = weak_first[: count or None]
    weak_first = weak_first[len(group) :]
    for place in range(size):
      name = group[place % len(group)]
      options = pools[name]['sets']
      chosen = options[place // len(group) % len(options)]
      rows.append(_row(name, chosen['moves'], data, random))
  return rows


def _row(
  species: str,
  pool: Sequence[str],
  data: dict[str, Any],
  random: np.random.Generator,
) -> Row:
  facts = data['moves']
  known = [x for x in pool if not x.startswith('hiddenpower')]
  moves = [known[i] for i in random.permutation(len(known))]
  attacks = [x for x in moves if facts[x]['category'] != 'Status']
  moves = moves[:4]
  if attacks and not set(attacks) & set(moves):
    moves[-1] = attacks[0]
  if 'sleeptalk' in moves and 'rest' not in moves:
    moves[moves.index('sleeptalk')] = 'rest'
  strong = [x for x in moves if facts[x]['power']]
  physical = [facts[x]['category'] == 'Physical' for x in strong]
  best = 'atk' if sum(physical) * 2 >= len(strong) else 'spa'
  trained = (best, ('hp', 'spe')[random.integers(2)])
  items = [BOOSTERS[facts[x]['type']] for x in strong] + GENERAL
  items += [BERRIES[x] for x in trained if x in BERRIES]
  items += ['choiceband'] * (len(strong) > 3 and all(physical))
  items += ['chestoberry'] * 3 * ('rest' in moves)
  nature = NATURES[best][random.integers(len(NATURES[best]))]
  return Row(
    species, tuple(moves), items[random.integers(len(items))], nature, trained
  )
