"""Ways over the map."""

from collections.abc import Collection, Mapping, Sequence

from embodied.experts.crafter.memory import CELLS, ID, STEPS, WALKABLE

FAR = 1 << 20
RINGS = 16  # more than the cost of any step
LOOKED_AT = 1200  # states in which `aim` looks for moves


class Flood:
  """The shortest ways from one cell.

  Attributes:
    goal: the nearest cell that was looked for, or None.
    away: cost of the way to each cell, FAR where none is known.
  """

  def __init__(self, goal: int | None, away: list[int], back: list[int]):
    self.goal = goal
    self.away = away
    self._back = back

  def path(self, cell: int) -> list[int]:
    """The cells from the one after the start to `cell`."""
    out = []
    while self._back[cell] != cell:
      out.append(cell)
      cell = self._back[cell]
    return out[::-1]


def flood(
  ground: Sequence[int],
  costs: Sequence[int],
  start: int,
  materials: Collection[int] = (),
  cells: Collection[int] = (),
  blocked: Collection[int] = (),
  limit: int = FAR,
) -> Flood:
  """Dijkstra's search with a ring of buckets, as costs are small integers.

  It ends at the first neighbour that has one of the `materials` or is one of
  `cells`; what was looked for need not be passable. Without both, it goes
  everywhere.

  Args:
    costs: of entering each material, 0 for those that cannot be entered.
    blocked: cells that cannot be entered.
    limit: the largest cost of a way.
  """
  away, back = [FAR] * CELLS, [0] * CELLS
  away[start], back[start] = 0, start
  rings: list[list[int]] = [[] for _ in range(RINGS)]
  rings[0].append(start)
  now, waiting = 0, 1
  while waiting and now <= limit:
    ring = rings[now % RINGS]
    rings[now % RINGS] = []
    waiting -= len(ring)
    for cell in ring:
      if away[cell] != now:
        continue
      for step in STEPS:
        to = cell + step
        kind = ground[to]
        if (kind in materials or to in cells) and to != start:
          away[to], back[to] = now + 1, cell
          return Flood(to, away, back)
        cost = costs[kind]
        if cost and now + cost < away[to] and to not in blocked:
          away[to], back[to] = now + cost, cell
          rings[(now + cost) % RINGS].append(to)
          waiting += 1
    now += 1
  return Flood(None, away, back)


def aim(
  ground: Sequence[int],
  start: int,
  facing: int,
  cells: Collection[int],
  things: Mapping[int, object],
  inside: Collection[int] | None = None,
) -> list[int] | None:
  """Moves that end with one of `cells` ahead, [] if it is ahead already.

  A move turns the player, and goes a step if the cell ahead is free. So a free
  cell can only be faced from the direction one came from.

  Args:
    facing: the first direction.
    things: cells with objects; they are not free.
    inside: the cells that may be walked on; None is for all.
  """
  first = (start, facing)
  back: dict[tuple[int, int], tuple[int, int]] = {first: first}
  queue = [first]
  for state in queue:
    cell, ahead = state
    if cell + ahead in cells:
      moves = []
      while back[state] != state:
        moves.append(state[1])
        state = back[state]
      return moves[::-1]
    if len(queue) > LOOKED_AT:
      return None
    for step in STEPS:
      to = cell + step
      if ground[to] == ID['lava']:
        continue  # turning to lava is a step into it
      walk = ground[to] in WALKABLE and to not in things
      if walk and inside is not None and to not in inside:
        continue
      after = (to, step) if walk else (cell, step)
      if after not in back:
        back[after] = state
        queue.append(after)
  return None
