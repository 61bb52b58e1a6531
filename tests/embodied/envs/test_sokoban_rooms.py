"""Rooms made at random, and level files."""

import itertools

import numpy as np
import pytest

from embodied import envs
from embodied.envs.fast_sokoban import levels, rooms
from embodied.errors import UsageError
from tests.embodied.envs.rooms import drawn, fewest, parsed, write
from tests.naming import naming

RESET = {'action': np.int32(0), 'reset': np.True_}
GOOD = """
  ; a comment
  ######
  #@ $.#
  ######

  ;; another one
  ######
  #+*$ #
  ######
"""


def generator(seed):
  return np.array([seed], np.uint64)


@pytest.mark.parametrize(
  'size, boxes', [(5, 1), (5, 3), (6, 2), (7, 2), (8, 1)]
)
def test_their_difficulty_is_exact(size, boxes):
  random = generator(size + boxes)
  for _ in range(12):
    flat, pushes = rooms.generate(random, size, boxes)
    room = drawn(flat.reshape(size, size))
    _, targets, found, _ = parsed(room)
    assert len(targets) == len(found) == boxes and not targets & found
    assert all(row[0] == row[-1] == '#' for row in room)
    assert set(room[0]) == set(room[-1]) == {'#'}
    assert fewest(room) == pushes >= boxes


def test_every_room_that_can_be_solved_is_known():
  # A corridor with two bays: where the player is matters nearly everywhere.
  rows = ['########', '#     ##', '# # ####', '########']
  floor = [(1, i) for i in range(1, 6)] + [(2, 1), (2, 3)]
  word = lambda cells: np.uint64(sum(1 << 8 * y + x for y, x in cells))
  targets = (1, 1), (1, 3)
  boards, regions, ends = rooms._pulled(word(floor), word(targets), 2)
  depths = np.repeat(np.arange(len(ends)), np.diff([0, *ends]))
  found = dict(zip(zip(boards, regions, strict=True), depths, strict=True))
  assert len(found) == len(boards)
  for boxes in itertools.combinations(floor, 2):
    for player in set(floor) - set(boxes):
      cells = [list(row) for row in rows]
      for place in targets:
        cells[place[0]][place[1]] = '.'
      for place, kind in ((boxes[0], '$*'), (boxes[1], '$*'), (player, '@+')):
        cells[place[0]][place[1]] = kind[place in targets]
      here = [
        v for (x, y), v in found.items()
        if x == word(boxes) and int(y) & int(word([player]))
      ]  # fmt: skip
      best = fewest([''.join(x) for x in cells])
      assert here == ([] if best is None else [best]), cells


def test_the_environment_says_the_difficulty():
  env = envs.make_env('sokoban_small', 0, seed=0, size=6)
  for _ in range(5):
    obs = env.step(RESET)
    assert obs['log/needed'] == fewest(drawn(obs['cells']))
    assert obs['cells'].shape == (6, 6)


def test_seed_and_index_fix_the_rooms():
  def made(index, seed):
    env = envs.make_env('sokoban_small', index, seed=seed)
    return np.stack([env.step(RESET)['cells'] for _ in range(3)])

  np.testing.assert_array_equal(made(1, 2), made(1, 2))
  assert (made(1, 2) != made(2, 1)).any()
  assert (made(0, 0) != made(1, 0)).any()


def test_rooms_differ_and_so_does_their_difficulty():
  random = generator(1)
  found = [rooms.generate(random, 7, 2) for _ in range(300)]
  assert len({x.tobytes() for x, _ in found}) == 300
  counts = np.bincount([y for _, y in found])
  # No number of pushes up to 8 is rare, and none is the rule.
  assert counts[:2].sum() == 0
  assert counts[2:9].min() >= 10 and counts.max() < 100


def test_numbers_are_drawn_alike():
  random = generator(0)
  counts = np.bincount([rooms.draw(random, 5) for _ in range(5000)])
  # Binomial with p = 1/5: a deviation of sqrt(5000 * 4/25) = 28.
  assert len(counts) == 5 and abs(counts - 1000).max() < 140


def test_level_files_are_read(tmp_path):
  (tmp_path / 'b').mkdir()
  write(tmp_path / 'b', GOOD)
  (tmp_path / 'a.txt').write_bytes(b'######\r\n# @$.#  \r\n######\r\n')
  (tmp_path / 'about.md').write_text('Levels.')
  found = levels.read(str(tmp_path)).cells
  assert [drawn(x)[1] for x in found] == ['# @$.#', '#@ $.#', '#+*$ #']
  with pytest.raises(ValueError, match='read-only'):
    found[0, 0, 0] = 1


BAD = {
  'a wrong character': ('######\n#@ $x#\n######', 3, "'x'"),
  'unequal rows': ('######\n#@ $.#\n#####', 4, 5, 6),
  'more boxes than targets': ('######\n#@$$.#\n######', 2, 2, 1, 'boxes'),
  'no player': ('######\n#  $.#\n######', 2, 'player'),
  'two players': ('######\n#@+$.#\n######', 2, 2, 'players'),
  'no box': ('######\n#@  .#\n######', 2, 'box'),
  'solved': ('######\n#@  *#\n######', 2, 'box'),
  'open': ('######\n#@ $..\n######', 2, 'walls'),
  'too small': ('#@$.#', 2, 'walls'),
  'another size': (
    '######\n#@ $.#\n######\n\n#####\n#@$.#\n#####', 6, '3x5', '3x6'
  ),
  'the second one': (
    '######\n#@ $.#\n######\n\n######\n#  $.#\n######', 6, 'player'
  ),
  'a tab': ('######\n#@\t$.#\n######', 3, r"'\t'"),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD)
def test_a_wrong_level_is_named_by_file_and_line(name, tmp_path):
  text, line, *words = BAD[name]
  write(tmp_path, text)
  file = str(tmp_path / 'levels.txt')
  with pytest.raises(UsageError, match=naming(file, line, *words)) as caught:
    levels.read(str(tmp_path))
  assert '\n' not in str(caught.value)
  # The number of the line is said right after the file.
  assert f'{file}, line {line}: ' in str(caught.value)


def test_a_folder_without_levels_is_named(tmp_path):
  (tmp_path / 'a.txt').write_text('; nothing\n')
  with pytest.raises(UsageError, match=naming(str(tmp_path), 'levels')):
    levels.read(str(tmp_path))
