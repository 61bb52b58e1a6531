"""Imports the game's own table of 882 sets for the Battle Factory.

    python -m scripts.import_frontier PATH

PATH is your checkout of the public decompilation pokeemerald. The table goes
into your cache, and `env.battlefactory.sets` frontier uses it. The project
carries no part of it: the decompilation has no licence.
"""

import pathlib
import re

from embodied.envs.battlefactory import install, sets
from embodied.errors import UsageError
from scripts import arguments

TABLE = 'src/data/battle_frontier/battle_frontier_mons.h'
NUMBERS = 'include/constants/battle_frontier_mons.h'
TRAINED = {
  'HP': 'hp', 'ATTACK': 'atk', 'DEFENSE': 'def', 'SP_ATTACK': 'spa',
  'SP_DEFENSE': 'spd', 'SPEED': 'spe',
}  # fmt: skip
# Names of the decompilation, at some time, that the engine spells otherwise.
SPELLINGS = {
  'faintattack': 'feintattack',
  'hijumpkick': 'highjumpkick',
  'smellingsalt': 'smellingsalts',
  'vicegrip': 'visegrip',
}
NOTHING = 'none'


def identifier(name, prefix):
  """A constant as the engine names it: MOVE_GIGA_DRAIN is gigadrain."""
  word = name.strip().removeprefix(prefix).replace('_', '').lower()
  return SPELLINGS.get(word, word)


def numbered(text):
  """The numbers of the constants FRONTIER_MON_..., by name."""
  found = re.findall(r'#define\s+(FRONTIER_MON_\w+)\s+(\d+)\b', text)
  return {name: int(number) for name, number in found}


def parse(text, numbers):
  """The sets of a table by their number.

  Args:
    text: the C source, entries of the form `[FRONTIER_MON_X] = {...}`.
    numbers: of the names.

  Raises:
    UsageError: an entry of another form.
  """
  text = re.sub(r'//[^\n]*|/\*.*?\*/', '', text, flags=re.DOTALL)
  found = {}
  for name, body in re.findall(
    r'\[(FRONTIER_MON_\w+)\]\s*=\s*\{(.*?\}.*?)\}', text, re.DOTALL
  ):
    fields = dict(re.findall(r'\.(\w+)\s*=\s*(\{[^}]*\}|[^,}]+)', body))
    try:
      found[numbers[name]] = row(fields)
    except (KeyError, ValueError) as error:
      raise UsageError(
        f'The entry {name} of the table is not of the known form ({error}).'
      ) from None
  return found


def row(fields):
  """One set from the texts of its fields."""
  moves = fields['moves'].strip('{} \n').split(',')
  names = [identifier(x, 'MOVE_') for x in moves]
  item = identifier(fields['itemTableId'], 'BATTLE_FRONTIER_ITEM_')
  spread = fields['evSpread'].split('|')
  stats = [TRAINED[x.strip().removeprefix('F_EV_SPREAD_')] for x in spread]
  return sets.Row(
    identifier(fields['species'], 'SPECIES_'),
    tuple(x for x in names if x != NOTHING),
    '' if item == NOTHING else item,
    identifier(fields['nature'], 'NATURE_'),
    tuple(x for x in sets.STATS if x in stats),
  )


def read(path):
  """The whole table from a checkout.

  Raises:
    UsageError: it is none, or the table is not complete.
  """
  try:
    numbers = numbered((path / NUMBERS).read_text())
    found = parse((path / TABLE).read_text(), numbers)
  except OSError as error:
    raise UsageError(
      f'{path} is no checkout of pokeemerald: {error.filename} is missing.'
    ) from None
  absent = [x for x in range(sets.SIZE) if x not in found]
  if absent:
    raise UsageError(
      f'The table in {path} has no set number {absent[0]}, and'
      f' {len(absent)} are missing in all.'
    )
  return [found[x] for x in range(sets.SIZE)]


def main(argv):
  parser = arguments.parser(__doc__)
  parser.add_argument('path', type=pathlib.Path)
  rows = read(parser.parse_args(argv).path)
  sets.check(rows, install.data())
  sets.save(rows, sets.frontier_path())
  print(f'{len(rows)} sets are in {sets.frontier_path()}.')


if __name__ == '__main__':
  arguments.run(main)
