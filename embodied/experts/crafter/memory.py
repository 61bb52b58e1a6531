"""What a player of Crafter sees now and remembers of the map.

A cell has one number, `(x + 1) * WIDE + y + 1`, in a map with a border of one
cell of the material EDGE. A direction is the difference of two numbers.
"""

from typing import Any, NamedTuple

import numpy as np
from crafter import constants

from embodied.envs.fast_crafter.picture import OFFSET, VIEW
from embodied.envs.fast_crafter.world import AREA

WIDE = AREA[1] + 2
CELLS = (AREA[0] + 2) * WIDE
ID = {name: 1 + i for i, name in enumerate(constants.materials)}
NAMES = (None, *constants.materials, 'edge')
UNKNOWN, EDGE = 0, len(NAMES) - 1
WALKABLE = frozenset(ID[x] for x in constants.walkable)
MOVES = {
  'move_left': -WIDE,
  'move_right': WIDE,
  'move_up': -1,
  'move_down': 1,
}
TURNS = {v: k for k, v in MOVES.items()}
STEPS = tuple(MOVES.values())
DAY = 300  # steps
NEVER = -(1 << 20)


class Thing(NamedTuple):
  """An object on the map: what it is, its cell, and the direction or state
  that its picture shows."""

  kind: str
  cell: int
  look: str


def number(x: int, y: int) -> int:
  return (x + 1) * WIDE + y + 1


def distance(a: int, b: int) -> int:
  """The L1 distance of two cells."""
  return abs(a // WIDE - b // WIDE) + abs(a % WIDE - b % WIDE)


def around(cell: int) -> tuple[int, int, int, int]:
  """The four neighbours."""
  return cell - WIDE, cell + WIDE, cell - 1, cell + 1


def block(cell: int, width: int, height: int) -> list[int]:
  """The cells of the map at most so far away in x and in y."""
  x, y = cell // WIDE, cell % WIDE
  rows = range(max(1, x - width), min(AREA[0], x + width) + 1)
  columns = range(max(1, y - height), min(AREA[1], y + height) + 1)
  return [i * WIDE + j for i in rows for j in columns]


class Memory:
  """The map as far as it was seen, and the state of the player.

  Attributes:
    whole: whether the whole map is in sight.
    ground: material of every cell, UNKNOWN where it was not seen.
    seen: step at which each cell was seen last, `[x, y]` with the border.
    things: objects in sight, by cell.
    cows: where cows were seen last, by cell, with the step.
    plants: where plants were seen, by cell, with whether they were ripe.
    has: the inventory, health and needs included.
    time: steps since the start.
  """

  def __init__(self, privileged: bool) -> None:
    self.whole = privileged
    self.ground = bytearray(CELLS)
    for i in range(CELLS):
      if not (0 < i // WIDE <= AREA[0] and 0 < i % WIDE <= AREA[1]):
        self.ground[i] = EDGE
    self.seen = np.full((AREA[0] + 2, WIDE), NEVER, np.int32)
    self.things: dict[int, Thing] = {}
    self.cows: dict[int, int] = {}
    self.plants: dict[int, bool] = {}
    self.has: dict[str, int] = {}
    self.unlocked: set[str] = set()
    self.cell = self.facing = self.time = 0
    self.sleeping = False
    self.dark = False

  @property
  def ahead(self) -> int:
    """The cell that the player faces."""
    return self.cell + self.facing

  def look(self, game: Any, time: int) -> None:
    """Takes in what the game shows now."""
    player = game._player
    self.time = time
    self.has = dict(player.inventory)
    self.unlocked = game.unlocked
    self.sleeping = player.sleeping
    self.dark = game._world.daylight < 0.5
    x, y = player.pos
    self.cell = number(x, y)
    self.facing = player.facing[0] * WIDE + player.facing[1]
    low, high = self._window(x, y)
    self._look_at_ground(game._world._ground, low, high)
    self._look_at_things(game._world._objects, player, low, high)

  def _window(self, x: int, y: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first cell in sight, and the one after the last."""
    if self.whole:
      return (0, 0), AREA
    left, top = x - OFFSET[0], y - OFFSET[1]
    return (
      (max(0, left), max(0, top)),
      (min(AREA[0], left + VIEW[0]), min(AREA[1], top + VIEW[1])),
    )

  def _look_at_ground(
    self, source: Any, low: tuple[int, int], high: tuple[int, int]
  ) -> None:
    self.seen[low[0] + 1 : high[0] + 1, low[1] + 1 : high[1] + 1] = self.time
    for x in range(low[0], high[0]):
      row = source[x * AREA[1] + low[1] : x * AREA[1] + high[1]]
      start = number(x, low[1])
      self.ground[start : start + len(row)] = row

  def _look_at_things(
    self,
    objects: Any,
    player: Any,
    low: tuple[int, int],
    high: tuple[int, int],
  ) -> None:
    self.things = {}
    for thing in objects:
      x, y = thing.pos
      if low[0] <= x < high[0] and low[1] <= y < high[1]:
        if thing is not player:
          cell = number(x, y)
          kind = type(thing).__name__.lower()
          look = thing.texture if kind in ('plant', 'arrow') else ''
          self.things[cell] = Thing(kind, cell, look)
    seen = lambda c: (
      low[0] <= c // WIDE - 1 < high[0] and low[1] <= c % WIDE - 1 < high[1]
    )
    self.cows = {c: t for c, t in self.cows.items() if not seen(c)}
    self.plants = {c: r for c, r in self.plants.items() if not seen(c)}
    for cell, thing in self.things.items():
      if thing.kind == 'cow':
        self.cows[cell] = self.time
      elif thing.kind == 'plant':
        self.plants[cell] = thing.look == 'plant-ripe'

  def free(self, cell: int) -> bool:
    """Whether one can step there, as far as is known."""
    return self.ground[cell] in WALKABLE and cell not in self.things
