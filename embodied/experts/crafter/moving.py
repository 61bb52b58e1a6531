"""Skills that find something and go there."""

from collections.abc import Callable, Collection

import numpy as np

from embodied.experts.crafter.body import Body, Skill
from embodied.experts.crafter.memory import (
  CELLS,
  ID,
  TURNS,
  UNKNOWN,
  WIDE,
)
from embodied.experts.crafter.paths import FAR
from embodied.experts.plan import Goal

ROCK = frozenset(
  ID[x] for x in ('stone', 'path', 'coal', 'iron', 'diamond', 'lava')
)
GREEN = frozenset(ID[x] for x in ('grass', 'tree'))
WET = frozenset(ID[x] for x in ('water', 'sand'))
# Things that can be counted.
NOUNS = {'tree': 'a tree', 'cow': 'a cow', 'plant': 'the plant'}
FEW = 3  # unknown cells that are not worth a way
FORGET = 120  # steps after which cows may have come
PATIENCE = 12  # steps after which a way is searched for again

Cells = Callable[[], Collection[int]]


def nothing() -> Collection[int]:
  return ()


def approach(
  me: Body, materials: frozenset[int] = frozenset(), cells: Cells = nothing
) -> Skill:
  """Goes until one of the `materials` or `cells` is ahead; False if there is
  no known way. They cannot be walked on, or are objects."""
  memory, age = me.memory, 0
  path: list[int] = []
  while True:
    wanted = cells()
    kind = memory.ground[memory.ahead]
    if kind in materials or memory.ahead in wanted:
      return True
    if path and memory.cell == path[0]:
      path.pop(0)
    if not path or age >= PATIENCE or not _sound(me, path, materials, wanted):
      found = me.search(materials, wanted)
      if found.goal is None:
        return False
      path, age = found.path(found.goal), 0
    age += 1
    last = len(path) == 1
    turn = TURNS[path[0] - memory.cell]
    yield turn if last else me.enter(path[0]) or 'noop'


def _sound(
  me: Body, path: list[int], materials: frozenset[int], wanted: Collection[int]
) -> bool:
  """Whether a way that was found some steps ago still leads there."""
  ground, first, last = me.memory.ground, path[0], path[-1]
  if ground[last] not in materials and last not in wanted:
    return False
  if first - me.memory.cell not in TURNS:
    return False
  free = first not in me.memory.things and me.costs()[ground[first]] > 0
  return first == last or free


def walk(me: Body, path: list[int], enough: Callable[[], bool]) -> Skill:
  """Follows a way until its end, or until `enough()`; False if it is
  blocked."""
  for cell in path:
    for _ in range(8):
      if me.memory.cell == cell:
        break
      if enough():
        return True
      if cell - me.memory.cell not in TURNS:
        return False  # something else than the way was gone
      action = me.enter(cell)
      if action is None or not me.costs()[me.memory.ground[cell]]:
        return False
      yield action
    else:
      return False
  return True


def explore(
  me: Body,
  like: frozenset[int],
  enough: Callable[[], bool],
  again: bool = False,
) -> Skill:
  """Goes where much is unknown, rather near the materials `like`, until
  `enough()`. False if everything that can be reached is known. With `again`,
  grass that was not seen for long counts as unknown."""
  while not enough():
    path = _frontier(me, like, again)
    if path is None:
      return False
    goal = path[-1]
    known = lambda g=goal: enough() or (not again and _unknown(me, g) < FEW)
    if not (yield from walk(me, path, known)):
      yield 'noop'
  return True


def _unknown(me: Body, cell: int) -> int:
  """How many unknown cells are in sight from `cell`."""
  ground = me.memory.ground
  rows = range(cell - 4 * WIDE, cell + 5 * WIDE, WIDE)
  return sum(
    ground[max(0, x - 3) : max(0, x + 4)].count(UNKNOWN) for x in rows
  )


def _frontier(me: Body, like: frozenset[int], again: bool) -> list[int] | None:
  """The way to the cell from which the most is learnt for its distance."""
  found = me.search()
  away = np.array(found.away)
  ground = np.frombuffer(bytes(me.memory.ground), np.uint8)
  fresh = ground == UNKNOWN
  if again:
    old = me.memory.time - me.memory.seen.reshape(-1) > FORGET
    fresh = fresh | (old & (ground == ID['grass']))
  new = _in_sight(fresh)
  liked = _in_sight(np.isin(ground, list(like)))
  score = away - 0.4 * new - 0.3 * np.minimum(liked, 30)
  score += 0.3 * _turn(me)
  score[(away >= FAR) | (new < FEW) | (away == 0)] = np.inf
  best = int(score.argmin())
  if not np.isfinite(score[best]):
    return None
  me.heading = _direction(me.memory.cell, best)
  return found.path(best)


def _direction(start: int, end: int) -> tuple[float, float]:
  x, y = end // WIDE - start // WIDE, end % WIDE - start % WIDE
  norm = max(1e-6, (x * x + y * y) ** 0.5)
  return x / norm, y / norm


def _turn(me: Body) -> np.ndarray:
  """How far each cell lies behind, seen from the last heading, in cells."""
  x, y = np.divmod(np.arange(CELLS), WIDE)
  dx, dy = x - me.memory.cell // WIDE, y - me.memory.cell % WIDE
  return np.maximum(0, -(dx * me.heading[0] + dy * me.heading[1]))


def _in_sight(marks: np.ndarray) -> np.ndarray:
  """How many marked cells are in sight from each cell, `[CELLS]`."""
  grid = marks.reshape(-1, WIDE)
  sums = np.zeros((grid.shape[0] + 9, WIDE + 7), np.int64)
  sums[5:-4, 4:-3] = grid
  sums = sums.cumsum(0).cumsum(1)
  out = sums[9:, 7:] - sums[:-9, 7:] - sums[9:, :-7] + sums[:-9, :-7]
  return out.reshape(-1)


def reach(
  me: Body,
  thing: str,
  like: frozenset[int],
  materials: frozenset[int] = frozenset(),
  cells: Cells = nothing,
) -> Skill:
  """Has one of the `materials` or `cells` ahead; explores if none is known.
  False if there is none to be found."""
  ground, noun = me.memory.ground, NOUNS.get(thing, thing)
  count = lambda: sum(ground.count(x) for x in materials) + len(cells())
  while True:
    go = Goal(f'go to {noun}', 'go', thing)
    if (yield from me.pursue(go, approach(me, materials, cells))):
      return True
    known = count()
    find = Goal(f'find {noun}', 'find', thing, 1, f'no {thing} is in reach')
    more = lambda k=known: count() > k
    if not (
      yield from me.pursue(find, explore(me, like, more, thing == 'cow'))
    ):
      return False
