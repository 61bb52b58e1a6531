"""The solver, against trying everything, and the deadlocks that it knows."""

import numpy as np
import pytest

from embodied.envs.fast_sokoban import levels, rooms
from embodied.experts.sokoban import search
from embodied.experts.sokoban.tables import FAR, NONE, tables
from tests.embodied.envs.rooms import board, fewest, moved


def cells(room):
  return np.array([[levels.CHARACTERS.index(x) for x in row] for row in room])


def random_room(rng):
  """Walls, targets and boxes anywhere, boxes away from the outer walls: about
  half of these have a solution."""
  height, width = 6, int(rng.integers(6, 8))
  room = np.full((height, width), '#')
  inner = np.where(rng.random((height - 2, width - 2)) < 0.1, '#', ' ')
  boxes = int(rng.integers(1, 4))
  rest = '@' + '.' * (boxes + int(rng.integers(2)))
  for things, part in (('$' * boxes, inner[1:-1, 1:-1]), (rest, inner)):
    free = np.argwhere(part == ' ')
    if len(free) < len(things):
      return random_room(rng)
    places = rng.permutation(free)[: len(things)]
    for thing, (row, column) in zip(things, places, strict=True):
      part[row, column] = thing
  room[1:-1, 1:-1] = inner
  return [''.join(row) for row in room]


def played(room, plan):
  """The room after the pushes of a plan, with the player put behind each."""
  width = len(room[0])
  for push in plan:
    ahead = (-width, width, -1, 1)[push.way]
    flat = [{'@': ' ', '+': '.'}.get(x, x) for x in ''.join(room)]
    behind = push.box - ahead
    flat[behind] = {' ': '@', '.': '+'}[flat[behind]]
    text = ''.join(flat)
    room = [text[i : i + width] for i in range(0, len(text), width)]
    room, _ = moved(room, push.way)
  return room


def test_it_finds_the_fewest_pushes_or_none():
  rng, solved = np.random.default_rng(0), 0
  for _ in range(60):
    room = random_room(rng)
    found = search.solve(cells(room))
    assert found.complete
    best = fewest(room)
    assert (None if found.plan is None else len(found.plan)) == best, room
    if best is not None:
      solved += 1
      assert '$' not in ''.join(played(room, found.plan))
  assert 20 < solved < 55


def test_it_agrees_with_rooms_of_known_difficulty():
  random, states = np.array([5], np.uint64), 0
  for _ in range(60):
    flat, pushes = rooms.generate(random, 8, 3)
    found = search.solve(flat.reshape(8, 8))
    assert len(found.plan) == pushes
    states += found.states
  # Without the pairs it sees twice as many.
  assert states < 3000


def test_it_gives_up():
  room = board("""
    #######
    #@    #
    # $ $ #
    #  .. #
    #     #
    #######
  """)
  full = search.solve(cells(room))
  short = search.solve(cells(room), states=10)
  assert full.complete and len(full.plan) == fewest(room)
  assert not short.complete and short.plan is None and short.states <= 10


DEAD = {
  'a corner': """
    ######
    #$  .#
    #  @ #
    ######
  """,
  'two boxes at a wall': """
    ######
    # $$ #
    # @  #
    # .. #
    ######
  """,
  'a square of boxes': """
    #######
    #  @  #
    # $$  #
    # $$  #
    #  ...#
    #    .#
    #######
  """,
}  # fmt: skip


@pytest.mark.parametrize('name', DEAD)
def test_deadlocks_are_not_searched(name):
  found = search.solve(cells(board(DEAD[name])))
  assert found.plan is None and found.complete and found.states <= 1


def test_tables_by_hand():
  # Cells 0 1 2 3 in a corridor, and 4 below of 2: the target is cell 1.
  known = tables(cells(['######', '#@.$ #', '### ##', '######']))
  assert known.places.tolist() == [7, 8, 9, 10, 15]
  assert known.near.tolist() == [
    [NONE, NONE, NONE, 1],
    [NONE, NONE, 0, 2],
    [NONE, 4, 1, 3],
    [NONE, NONE, 2, NONE],
    [2, NONE, NONE, NONE],
  ]
  # From 2 one push to the left. From 3 none: nobody gets behind it. From 0
  # neither. From 4 it would have to be pushed up, from a wall.
  assert known.far.tolist() == [[FAR, 0, 1, FAR, FAR]]
  # A corridor with two targets: boxes cut it into parts.
  known = tables(cells(['########', '#@$$.. #', '########']))
  assert known.parts[1, 3].tolist() == [0, 0, 1, 0, 2, 2]
  # With the player on the left, 1 can be pushed to the right until it stands
  # before 2, which then cannot be pushed; between the boxes nothing is gained.
  assert known.dead[1, 2, 0] and not known.dead[3, 4, 0]
  assert not known.dead[2, 4, 0]
