"""The two tables of sets."""

import json

import pytest

from embodied.envs.battlefactory import install, sets
from embodied.errors import UsageError
from scripts import import_frontier
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming

# Of the form of the decompilation, with sets of our own.
NUMBERS = """
#define FRONTIER_MON_MR_MIME_1      1

#define FRONTIER_MON_NIDORAN_M      0
"""
TABLE = """
const struct FacilityMon gBattleFrontierMons[NUM_FRONTIER_MONS] =
{
    [FRONTIER_MON_MR_MIME_1] = {
        .species = SPECIES_MR_MIME, // a comment
        .moves = {MOVE_HI_JUMP_KICK, MOVE_PSYCHIC, MOVE_NONE, MOVE_NONE},
        .itemTableId = BATTLE_FRONTIER_ITEM_KINGS_ROCK,
        .evSpread = F_EV_SPREAD_SP_ATTACK | F_EV_SPREAD_SPEED | F_EV_SPREAD_HP,
        .nature = NATURE_MODEST
    },
    [FRONTIER_MON_NIDORAN_M] = {
        .species = SPECIES_NIDORAN_M,
        .moves = {MOVE_DOUBLE_KICK, MOVE_SELF_DESTRUCT, MOVE_RETURN, MOVE_DIG},
        .itemTableId = BATTLE_FRONTIER_ITEM_NONE,
        .evSpread = F_EV_SPREAD_ATTACK | F_EV_SPREAD_DEFENSE,
        .nature = NATURE_LONELY
    },
};
"""


def test_an_excerpt_is_parsed():
  numbers = import_frontier.numbered(NUMBERS)
  found = import_frontier.parse(TABLE, numbers)
  assert found == {
    1: sets.Row(
      'mrmime', ('highjumpkick', 'psychic'), 'kingsrock', 'modest',
      ('hp', 'spa', 'spe'),
    ),
    0: sets.Row(
      'nidoranm', ('doublekick', 'selfdestruct', 'return', 'dig'), '',
      'lonely', ('atk', 'def'),
    ),
  }  # fmt: skip
  # Three stats share 510 points, two have 255 each.
  assert found[1].evs == {
    'hp': 170, 'atk': 0, 'def': 0, 'spa': 170, 'spd': 0, 'spe': 170,
  }  # fmt: skip
  assert found[0].evs['atk'] == found[0].evs['def'] == 255


def test_what_is_no_table_is_said(tmp_path):
  with pytest.raises(UsageError, match=naming(tmp_path, 'missing')):
    import_frontier.read(tmp_path)
  for name, text in ((import_frontier.NUMBERS, NUMBERS),
                     (import_frontier.TABLE, TABLE)):  # fmt: skip
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
  with pytest.raises(UsageError, match=naming(2, 880)):
    import_frontier.read(tmp_path)
  broken = TABLE.replace('.nature', '.temper')
  with pytest.raises(UsageError, match=naming('FRONTIER_MON_MR_MIME_1')):
    import_frontier.parse(broken, import_frontier.numbered(NUMBERS))


@needs.ENGINE
def test_the_random_table_has_the_form_of_the_games():
  table = sets.table('random')
  sets.check(table, install.data())
  assert sets.made(install.data()) == [*table]
  assert 'unown' not in {x.species for x in table}
  for row in table:
    assert len(set(row.moves)) == len(row.moves)
    assert not any(x.startswith('hiddenpower') for x in row.moves)
    assert sum(row.evs.values()) == 510
    assert 'sleeptalk' not in row.moves or 'rest' in row.moves
  # Four sets for each of 96 species, one in each of four ranges.
  strong = [
    [x.species for x in table[a : a + 96]] for a in range(372, 756, 96)
  ]
  assert strong[0] == strong[1] == strong[2] == strong[3]
  assert len(set(strong[0])) == 96


@needs.ENGINE
def test_a_saved_table_comes_back(tmp_path, monkeypatch):
  path = tmp_path / 'folder' / 'frontier.json'
  monkeypatch.setattr(sets, 'frontier_path', lambda: path)
  sets.table.cache_clear()
  with pytest.raises(
    UsageError, match=naming(path, 'scripts.import_frontier')
  ):
    sets.table('frontier')
  rows = sets.table('random')
  sets.save(rows, path)
  assert sets.table('frontier') == rows
  sets.table.cache_clear()
  for text in ('nothing', '{}', json.dumps([['a', 'b']] * 882)):
    path.write_text(text)
    with pytest.raises(UsageError, match=naming(path)):
      sets.table('frontier')
  # Names that the engine does not know are refused, and escaped.
  evil = '\x1b[2J<script>'
  for field in ('species', 'moves', 'item', 'nature'):
    bad = [*rows]
    value = (evil,) if field == 'moves' else evil
    bad[7] = bad[7]._replace(**{field: value})
    sets.save(bad, path)
    with pytest.raises(UsageError, match=naming(repr(evil), 7)) as error:
      sets.table('frontier')
    assert '\x1b' not in str(error.value)
    sets.table.cache_clear()


def test_an_unknown_kind():
  with pytest.raises(UsageError, match=naming("'randm'", "'random'")):
    sets.table('randm')
