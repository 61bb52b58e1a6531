"""Odd level files of Sokoban: rooms that can be played, or a sentence."""

import functools
import os

import pytest
from hypothesis import strategies as st

from embodied.envs.fast_sokoban import levels
from embodied.errors import UsageError
from tests.embodied.envs.rooms import drawn
from tests.fuzz import mutate

LEVELS = """; 0
#####
#@$.#
#####

; 1
#####
#+$*#
#####
"""
PARTS = ('#####', '#@$.#', '# $. ', '#*+ @', '; x\t\r\n', '\0\x85\xe4')


def level_file(rng):
  """Bytes where levels are expected: damaged ones, or random rooms."""
  if rng.random() < 0.5:
    return mutate.flipped(rng, LEVELS.encode())
  width, cells = rng.randrange(1, 6), rng.choice(PARTS[:4]) + '#'
  rows = [
    ''.join(rng.choice(cells) for _ in range(width))
    for _ in range(rng.randrange(1, 4))
  ]
  if rng.random() < 0.2:
    rows.insert(0, rng.choice(PARTS))
  wall = '#' * (width + 2)
  text = '\n'.join([wall, *(f'#{x}#' for x in rows), wall])
  return text.encode('latin-1')


FILES = st.builds(level_file, mutate.RANDOM)
KEPT = (b'', b';', b'@', b'#\n##', b'\xff', b'###\n#@#\n###')


def check(folder, data):
  """The rooms, which can be played; None if they were refused."""
  (folder / 'a.txt').write_bytes(data)
  try:
    found = levels.read.__wrapped__(str(folder)).cells
  except UsageError as error:
    assert 10 < len(str(error)) < 600 and '\n' not in str(error)
    return None
  for room in map(drawn, found):
    players, boxes, on, targets = (
      sum(map(''.join(room).count, kinds))
      for kinds in ('@+', '$', '$*', '.*+')
    )
    assert players == 1 and boxes > 0 and on <= targets
    edges = room[0], room[-1], *(x[0] + x[-1] for x in room)
    assert set(''.join(edges)) == {'#'}
  return found


def test_two_hundred_odd_level_files(tmp_path):
  here = functools.partial(check, tmp_path)
  taken, refused = mutate.fuzz(here, FILES, 200, KEPT)
  assert taken > 10 and refused > 50


@pytest.mark.slow
def test_twenty_thousand_odd_level_files(tmp_path):
  here = functools.partial(check, tmp_path)
  mutate.fuzz(here, FILES, 20000, new=True)


def test_only_files_are_level_files(tmp_path):
  os.mkfifo(tmp_path / '0.txt')
  (tmp_path / '1.txt').mkdir()
  assert len(check(tmp_path, LEVELS.encode())) == 2
