"""Rooms made at random, of which the fewest pushes that solve them are known.

A room of at most 8x8 cells is a set of cells, a word with the bit 8 * row +
column for each of them. Walls and targets are drawn first. From the solved
room all others are reached by pulling boxes instead of pushing them, breadth
first: a room found after n pulls is solved by n pushes and not by fewer. So
every room has a solution, and its difficulty is exact. (Taylor and Parberry
2011, "Procedural generation of Sokoban levels", search backwards, too.)

Functions take the state of a generator of random numbers, uint64 `[1]`, and
change it.
"""

import numba
import numpy as np

from embodied.envs.fast_sokoban import rules

SIDE = 8  # bits of a row
ZERO, ONE = np.uint64(0), np.uint64(1)
# Constants of SplitMix64 (Steele, Lea and Flood 2014), and for hashing.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX1 = np.uint64(0xBF58476D1CE4E5B9)
MIX2 = np.uint64(0x94D049BB133111EB)
# Rows and columns are not shifted over the edge: walls enclose a room.
SHIFTS = np.array([SIDE, SIDE, 1, 1], np.uint64)
# The share of walls within a room is drawn up to this.
WALLS = 0.4
# Grounds of which the most difficult one is taken.
TRIES = 4


@numba.njit(cache=True)
def generate(random, size, boxes):
  """A room of `size` x `size` cells, uint8 `[size * size]` as in `rules`, and
  the fewest pushes that solve it.

  Of TRIES grounds the one that allows the most pushes is taken. The number of
  pushes is drawn uniformly among those that it allows, then a room that needs
  so many. No box begins on a target.
  """
  best, tries = 0, 0
  while tries < TRIES or not best:
    floor, targets = _ground(random, size, boxes)
    boards, regions, ends = _pulled(floor, targets, boxes)
    chosen, pushes, most = _choose(random, boards, ends, targets)
    if most > best:
      best, needed = most, pushes
      player = _pick(random, regions[chosen])
      room = _drawn(size, floor, targets, boards[chosen], player)
    tries += 1
  return room, needed


@numba.njit(cache=True)
def draw(random, count):
  """A number from 0 to `count` - 1; the generator is SplitMix64."""
  random[0] += GAMMA
  x = random[0]
  x = (x ^ (x >> np.uint64(30))) * MIX1
  x = (x ^ (x >> np.uint64(27))) * MIX2
  x ^= x >> np.uint64(31)
  return np.int64(x >> np.uint64(33)) * count >> 31


@numba.njit(cache=True)
def _ground(random, size, boxes):
  """The cells of the floor, which are connected, and those of the targets."""
  while True:
    limit = draw(random, np.int64(WALLS * 1024))
    free = ZERO
    for row in range(1, size - 1):
      for column in range(1, size - 1):
        if draw(random, 1024) >= limit:
          free |= ONE << np.uint64(row * SIDE + column)
    start = _pick(random, free) if free else ZERO
    floor = _flood(start, free)
    cells = _size(floor)
    # A third of the room, and a cell for the player and one to push to.
    if 3 * cells >= (size - 2) ** 2 and cells >= boxes + 2:
      break
  targets, rest = ZERO, floor
  for _ in range(boxes):
    cell = _pick(random, rest)
    targets |= cell
    rest ^= cell
  return floor, targets


@numba.njit(cache=True)
def _pulled(floor, targets, boxes):
  """All rooms that are solvable: boxes and the cells that the player reaches,
  uint64 `[N]` each, and where those of n pushes end, int64 `[most + 1]`."""
  most = _capacity(_size(floor), boxes)
  slots = 1
  while slots < 2 * most:
    slots *= 2
  table = np.zeros(slots, np.int32)
  boards, regions = np.empty(most, np.uint64), np.empty(most, np.uint64)
  ends, depth, begin, count = np.empty(most + 1, np.int64), 0, 0, 0
  rest = floor & ~targets
  while rest:
    region = _flood(rest & (~rest + ONE), rest)
    count = _add(table, boards, regions, count, targets, region)
    rest ^= region
  while begin < count:
    ends[depth] = count
    depth += 1
    for i in range(begin, ends[depth - 1]):
      board, region = boards[i], regions[i]
      free = floor & ~board
      for way in range(4):
        # Boxes with the player beside them, who has room to step back.
        stand = region & _shift(board, way) & _shift(free, way ^ 1)
        while stand:
          cell = stand & (~stand + ONE)
          stand ^= cell
          other = board ^ cell ^ _shift(cell, way ^ 1)
          reach = _flood(_shift(cell, way), floor & ~other)
          count = _add(table, boards, regions, count, other, reach)
    begin = ends[depth - 1]
  return boards[:count], regions[:count], ends[:depth]


@numba.njit(cache=True)
def _capacity(cells, boxes):
  """More rooms than there can be: places of the boxes, times parts of the
  floor, of which a box makes at most three more."""
  places = 1
  for i in range(boxes):
    places = places * (cells - i) // (i + 1)
  return places * (1 + 3 * boxes)


@numba.njit(cache=True)
def _add(table, boards, regions, count, board, region):
  """Adds a room unless it is there; returns the number of rooms."""
  mask = np.uint64(len(table) - 1)
  slot = (board * MIX1 ^ region * MIX2) * GAMMA >> np.uint64(32) & mask
  while table[slot]:
    i = table[slot] - 1
    if boards[i] == board and regions[i] == region:
      return count
    slot = slot + ONE & mask
  table[slot] = count + 1
  boards[count], regions[count] = board, region
  return count + 1


@numba.njit(cache=True)
def _choose(random, boards, ends, targets):
  """The index of a room, its pushes, and the most pushes of any; 0 pushes if
  all rooms have a box on a target."""
  depths = np.zeros(len(ends), np.int64)
  deep = 0
  for depth in range(1, len(ends)):
    for i in range(ends[depth - 1], ends[depth]):
      if not boards[i] & targets:
        depths[deep] = depth
        deep += 1
        break
  if not deep:
    return 0, 0, 0
  pushes = depths[draw(random, deep)]
  while True:
    begin, end = ends[pushes - 1], ends[pushes]
    i = begin + draw(random, end - begin)
    if not boards[i] & targets:
      return i, pushes, depths[deep - 1]


@numba.njit(cache=True)
def _drawn(size, floor, targets, board, player):
  room = np.full(size * size, 2 * rules.WALL, np.uint8)
  for row in range(size):
    for column in range(size):
      cell = ONE << np.uint64(row * SIDE + column)
      if cell & floor:
        what = rules.BOX if cell & board else rules.NOTHING
        what = rules.PLAYER if cell & player else what
        room[row * size + column] = 2 * what + (1 if cell & targets else 0)
  return room


@numba.njit(cache=True)
def _shift(cells, way):
  """The cells beside, in the direction of an action; see `rules.ACTIONS`."""
  if way & 1:
    return cells << SHIFTS[way]
  return cells >> SHIFTS[way]


@numba.njit(cache=True)
def _flood(start, free):
  """The free cells that are reached from `start`."""
  row = np.uint64(SIDE)
  while True:
    found = start
    sides = found << row | found >> row | found << ONE | found >> ONE
    start = found | sides & free
    if start == found:
      return found


@numba.njit(cache=True)
def _size(cells):
  count = 0
  while cells:
    cells &= cells - ONE
    count += 1
  return count


@numba.njit(cache=True)
def _pick(random, cells):
  """One of the cells."""
  for _ in range(draw(random, _size(cells))):
    cells &= cells - ONE
  return cells & (~cells + ONE)
