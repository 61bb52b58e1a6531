"""The fewest pushes that solve a Sokoban level, by A* (Hart et al. 1968).

A state is the cells of the boxes and the part of the room that the player
reaches. The pushes that are left are at least those of the best assignment of
boxes to targets, each box on its own (Junghanns and Schaeffer 2001, "Sokoban:
enhancing general single-agent search methods using domain knowledge").
Deadlocks are not searched further: boxes without an assignment, and pairs that
`tables` knows.
"""

from typing import NamedTuple

import numba
import numpy as np

from embodied.envs.fast_sokoban import rules
from embodied.experts.sokoban.tables import (
  FAR,
  NONE,
  reach,
  tables,
)

Array = np.ndarray

# States after which a search gives up; they need 90 MB with four boxes.
STATES = 1_000_000
LONGEST = 10_000  # pushes of a plan, at most
SOLVED, UNSOLVABLE, UNKNOWN = range(3)


class Push(NamedTuple):
  """A push of the box on the cell `box` of the flat room, in the direction of
  the action `way`."""

  box: int
  way: int


class Found(NamedTuple):
  """The result of a search.

  Attributes:
    plan: the pushes; None if there is no plan, or none was found.
    states: that were seen.
    complete: whether there is no plan if none was found.
  """

  plan: list[Push] | None
  states: int
  complete: bool


class Memory(NamedTuple):
  """The states that were seen, in the order in which they were. A number of a
  state is stored as 1 more; 0 is none. The system provides the memory only
  where it is used.

  Attributes:
    spots: cells of the boxes, in order, and the lowest that the player
      reaches, `[N, boxes + 1]`.
    pushes: so far, `[N]`.
    before: the state before, `[N]`.
    last: the last push, as 4 * cell of the box + way, `[N]`.
    below: the state below on its pile, `[N]`.
    closed: whether it was expanded, or found again by fewer pushes, `[N]`.
    slots: a hash table of the states.
    piles: the state on top of those with the same sum of pushes so far and
      pushes left, `[LONGEST]`. The newest is on top.
  """

  spots: Array
  pushes: Array
  before: Array
  last: Array
  below: Array
  closed: Array
  slots: Array
  piles: Array


def solve(cells: Array, states: int = STATES) -> Found:
  """The fewest pushes that solve the room `[H, W]` of classes of cells.

  Args:
    states: that the search may see.
  """
  known = tables(cells)
  flat = cells.reshape(-1)
  numbers = np.full(len(flat), NONE)
  numbers[known.places] = np.arange(len(known.places))
  boxes = numbers[np.flatnonzero(flat >> 1 == rules.BOX)]
  player = numbers[np.flatnonzero(flat >> 1 == rules.PLAYER)[0]]
  start = np.array([*boxes, player])
  codes = np.random.default_rng(0).integers(
    0, 2**63, (2, len(known.places)), np.uint64
  )
  slots = 1 << (2 * states).bit_length()
  numbered = lambda: np.empty(states, np.int64)
  memory = Memory(
    spots=np.empty((states, len(start)), np.int64),
    pushes=numbered(),
    before=numbered(),
    last=numbered(),
    below=numbered(),
    closed=np.empty(states, np.bool_),
    slots=np.zeros(slots, np.int64),
    piles=np.zeros(LONGEST, np.int64),
  )
  plan, end, seen = _search(known, codes, memory, start)
  pushes = [Push(int(known.places[box]), int(way)) for box, way in plan]
  return Found(pushes if end == SOLVED else None, seen, end != UNKNOWN)


@numba.njit(cache=True)
def _search(known, codes, memory, start):
  """The pushes `[P, 2]`, how the search ended, and the number of states."""
  size, count = len(known.near), len(start) - 1
  taken, queue = np.zeros(size, np.bool_), np.empty(size, np.int64)
  around, beyond = np.empty(size, np.bool_), np.empty(size, np.bool_)
  nothing = np.empty((0, 2), np.int64)
  child, zero, seen = start.copy(), 0, 0
  _stand(taken, child, True)
  child[count] = reach(known.near, taken, start[count], around, queue)
  _stand(taken, child, False)
  total = _left(known.far, child)
  seen = _add(memory, seen, codes, child, zero, zero, zero, total)
  while True:
    while total < LONGEST and not memory.piles[total]:
      total += 1
    if total >= LONGEST:
      return nothing, UNSOLVABLE, seen
    node = memory.piles[total] - 1
    memory.piles[total] = memory.below[node]
    if memory.closed[node]:
      continue
    if memory.pushes[node] == total:
      return _plan(memory, node), SOLVED, seen
    if seen + 4 * count > len(memory.spots):
      return nothing, UNKNOWN, seen
    memory.closed[node] = True
    seen = _expand(
      known, codes, memory, node, seen, child, taken, around, beyond, queue
    )


@numba.njit(cache=True)
def _expand(
  known, codes, memory, node, seen, child, taken, around, beyond, queue
):
  """Adds the states after each push that is possible; returns the number of
  states. `child` and what follows is work space, `taken` False everywhere."""
  near, state, count = known.near, memory.spots[node], len(child) - 1
  _stand(taken, state, True)
  reach(near, taken, state[count], around, queue)
  # The box of the last push comes last, so that it is on top of its pile: a
  # plan then changes the box less often, and the player walks less.
  now = near[memory.last[node] // 4, memory.last[node] % 4]
  latest = count
  for i in range(count):
    latest = i if state[i] == now else latest
  for k in range(1, count + 1):
    i = (latest + k) % count
    box = state[i]
    for way in range(4):
      stand, there = near[box, way ^ 1], near[box, way]
      if stand == NONE or there == NONE or taken[there]:
        continue
      if not around[stand]:
        continue
      _place(child, state, i, there)
      if _pair(known.parts, known.dead, child, there, box):
        continue
      left = _left(known.far, child)
      if left >= FAR:
        continue
      taken[box], taken[there] = False, True
      child[count] = reach(near, taken, box, beyond, queue)
      taken[box], taken[there] = True, False
      pushes, push = memory.pushes[node] + 1, 4 * box + way
      seen = _add(memory, seen, codes, child, pushes, node + 1, push, left)
  _stand(taken, state, False)
  return seen


@numba.njit(cache=True)
def _add(memory, seen, codes, state, pushes, before, last, left):
  """Adds a state unless it was found by as few pushes, or cannot be solved;
  returns the number of states."""
  if pushes + left >= LONGEST:
    return seen
  count = len(state) - 1
  code = codes[1, state[count]]
  for i in range(count):
    code ^= codes[0, state[i]]
  mask = len(memory.slots) - 1
  slot = np.int64(code) & mask
  while memory.slots[slot]:
    other = memory.slots[slot] - 1
    if _same(memory.spots[other], state):
      if memory.pushes[other] <= pushes:
        return seen
      memory.closed[other] = True
      break
    slot = slot + 1 & mask
  memory.slots[slot] = seen + 1
  for i in range(count + 1):
    memory.spots[seen, i] = state[i]
  memory.pushes[seen], memory.before[seen] = pushes, before
  memory.last[seen], memory.closed[seen] = last, False
  pile = pushes + left
  memory.below[seen] = memory.piles[pile]
  memory.piles[pile] = seen + 1
  return seen + 1


@numba.njit(cache=True)
def _same(a, b):
  for i in range(len(a)):
    if a[i] != b[i]:
      return False
  return True


@numba.njit(cache=True)
def _stand(taken, state, there):
  """Notes whether boxes stand on their cells."""
  for i in range(len(state) - 1):
    taken[state[i]] = there


@numba.njit(cache=True)
def _plan(memory, node):
  """The pushes `[P, 2]` that lead to a state: cell of the box, way."""
  plan = np.empty((memory.pushes[node], 2), np.int64)
  for i in range(len(plan) - 1, -1, -1):
    plan[i, 0], plan[i, 1] = memory.last[node] // 4, memory.last[node] % 4
    node = memory.before[node] - 1
  return plan


@numba.njit(cache=True)
def _place(child, state, i, there):
  """Sets `child` to the boxes of a state with the box `i` on the cell `there`,
  in order."""
  count = len(state) - 1
  for j in range(count):
    child[j] = state[j]
  while i > 0 and child[i - 1] > there:
    child[i] = child[i - 1]
    i -= 1
  while i < count - 1 and child[i + 1] < there:
    child[i] = child[i + 1]
    i += 1
  child[i] = there


@numba.njit(cache=True)
def _pair(parts, dead, state, box, player):
  """Whether a box is in a deadlock with one of the others."""
  for i in range(len(state) - 1):
    a, b = min(box, state[i]), max(box, state[i])
    if a != b and dead[a, b, parts[a, b, player]]:
      return True
  return False


@numba.njit(cache=True)
def _left(far, state):
  """The pushes of the best assignment of boxes to targets, FAR or more if
  there is none; by the Hungarian method (Kuhn 1955), one box after another."""
  count, targets = len(state) - 1, len(far)
  price_box = np.zeros(count + 1, np.int64)
  price = np.zeros(targets + 1, np.int64)
  owner = np.zeros(targets + 1, np.int64)
  came = np.zeros(targets + 1, np.int64)
  gap = np.empty(targets + 1, np.int64)
  used = np.empty(targets + 1, np.bool_)
  for i in range(1, count + 1):
    owner[0], here = i, 0
    for j in range(targets + 1):
      gap[j], used[j] = 2 * FAR * count, False
    while owner[here]:
      used[here] = True
      box, step, best = owner[here], 4 * FAR * count, 0
      for j in range(1, targets + 1):
        if used[j]:
          continue
        cost = far[j - 1, state[box - 1]] - price_box[box] - price[j]
        if cost < gap[j]:
          gap[j], came[j] = cost, here
        if gap[j] < step:
          step, best = gap[j], j
      for j in range(targets + 1):
        if used[j]:
          price_box[owner[j]] += step
          price[j] -= step
        else:
          gap[j] -= step
      here = best
    while here:
      owner[here] = owner[came[here]]
      here = came[here]
  total = 0
  for j in range(1, targets + 1):
    if owner[j]:
      total += far[j - 1, state[owner[j] - 1]]
  return total
