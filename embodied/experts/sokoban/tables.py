"""What is known of a Sokoban level before the search: distances, deadlocks.

Cells are those that are not walls, numbered by rows, `near` `[C, 4]` the cell
beside each of them in the direction of an action, or NONE.
"""

from typing import NamedTuple

import numba
import numpy as np

from embodied.envs.fast_sokoban import rules

Array = np.ndarray

NONE = -1
FAR = 10**6  # pushes to where a box cannot be brought


class Tables(NamedTuple):
  """Of one level; T targets.

  Attributes:
    places: the cells in the room, `[C]`, int64.
    near: neighbours, int64 `[C, 4]`.
    goals: the targets, `[T]`, int64.
    far: the fewest pushes from a cell to a target in an otherwise empty level,
      int64 `[T, C]`; FAR if there is no way.
    parts: which part of the level the player is in if two boxes stand in it,
      and nothing else, uint8 `[C, C, C]`: `parts[a, b, player]`, a below b.
    dead: whether these two boxes can then not be brought to two targets,
      bool `[C, C, parts]`.
  """

  places: Array
  near: Array
  goals: Array
  far: Array
  parts: Array
  dead: Array


def tables(cells: Array) -> Tables:
  """The tables of a level `[H, W]` of classes of cells."""
  flat = cells.reshape(-1)
  places = np.flatnonzero(flat >> 1 != rules.WALL)
  numbers = np.full(len(flat), NONE)
  numbers[places] = np.arange(len(places))
  ahead = [rules.offset(cells.shape[1], way) for way in range(4)]
  near = np.stack([numbers[places + x] for x in ahead], 1)
  goals = numbers[np.flatnonzero(flat & 1)]
  far = np.stack([_distances(near, goal) for goal in goals])
  return Tables(places, near, goals, far, *_pairs(near, goals))


@numba.njit(cache=True)
def _distances(near, goal):
  """The fewest pushes of a lone box to a target, `[C]`; the player may be
  anywhere."""
  far = np.full(len(near), FAR)
  queue, count, i = np.empty(len(near), np.int64), 1, 0
  queue[0], far[goal] = goal, 0
  while i < count:
    cell = queue[i]
    i += 1
    for way in range(4):
      there = near[cell, way]
      # To push from there, the player stands one cell further.
      if there != NONE and near[there, way] != NONE and far[there] == FAR:
        far[there] = far[cell] + 1
        queue[count] = there
        count += 1
  return far


@numba.njit(cache=True)
def reach(near, taken, start, around, queue):
  """Notes in `around`, bool `[C]`, which cells the player reaches from `start`
  past the `taken` ones; returns the lowest. `queue` is work space `[C]`."""
  for cell in range(len(near)):
    around[cell] = False
  queue[0], around[start], count, i, least = start, True, 1, 0, start
  while i < count:
    cell = queue[i]
    i += 1
    least = min(least, cell)
    for way in range(4):
      there = near[cell, way]
      if there != NONE and not taken[there] and not around[there]:
        around[there] = True
        queue[count] = there
        count += 1
  return least


@numba.njit(cache=True)
def _pairs(near, goals):
  """`parts` and `dead`. All pairs that can be brought to two targets are found
  by pulling boxes from there."""
  size = len(near)
  parts = np.zeros((size, size, size), np.uint8)
  most = 1
  taken, queue = np.zeros(size, np.bool_), np.empty(size, np.int64)
  around, rest = np.empty(size, np.bool_), np.empty(size, np.bool_)
  for a in range(size):
    for b in range(a + 1, size):
      taken[a] = taken[b] = True
      part = 0
      for cell in range(size):
        rest[cell] = not taken[cell]
      for cell in range(size):
        if rest[cell]:
          reach(near, taken, cell, around, queue)
          for other in range(cell, size):
            if around[other]:
              parts[a, b, other], rest[other] = part, False
          part += 1
      taken[a] = taken[b] = False
      most = max(most, part)
  dead = np.ones((size, size, most), np.bool_)
  found, count, done = np.empty((size * size * most, 3), np.int64), 0, 0
  for i in range(len(goals)):
    for j in range(i + 1, len(goals)):
      a, b = goals[i], goals[j]
      for cell in range(size):
        if cell != a and cell != b:
          count = _revive(dead, parts, a, b, cell, found, count)
  while done < count:
    a, b = found[done, 0], found[done, 1]
    taken[a] = taken[b] = True
    reach(near, taken, found[done, 2], around, queue)
    for side in range(2):
      box, other = (b, a) if side else (a, b)
      for way in range(4):
        cell = near[box, way]
        if cell == NONE or not around[cell]:
          continue
        back = near[cell, way]
        if back != NONE and not taken[back]:
          low, high = min(cell, other), max(cell, other)
          count = _revive(dead, parts, low, high, back, found, count)
    taken[a] = taken[b] = False
    done += 1
  return parts, dead


@numba.njit(cache=True)
def _revive(dead, parts, a, b, player, found, count):
  """Notes that boxes on the cells a < b can be brought to targets, and adds
  them to the `found` ones; returns the number of these."""
  part = parts[a, b, player]
  if not dead[a, b, part]:
    return count
  dead[a, b, part] = False
  found[count, 0], found[count, 1], found[count, 2] = a, b, player
  return count + 1
