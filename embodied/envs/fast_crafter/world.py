"""The map: materials and objects."""

import collections
from typing import Any

import numpy as np
from crafter import constants, engine

from embodied.envs.fast_crafter.draws import Draws
from embodied.envs.fast_crafter.objects import KINDS, QUICK, Vec

AREA = (64, 64)
REGION = (12, 12)
# Numbers of objects in the semantic map of the package.
NUMBERS = {x: 1 + len(constants.materials) + i for i, x in enumerate(KINDS)}


class Ordered(dict[Any, None]):
  """The methods of a set that the map uses, in order of insertion."""

  def add(self, item: Any) -> None:
    self[item] = None

  def remove(self, item: Any) -> None:
    del self[item]


class World(engine.World):
  """The map of the package, stored in flat bytes and dicts.

  Cell `(x, y)` has the number `x * height + y`. All objects, and those of each
  region, are ordered by the time when they were added. The package stores the
  objects of a region in a set, which is ordered by memory addresses, and draws
  an index into it to remove one; so its seed does not determine its results.
  """

  def __init__(self) -> None:
    super().__init__(AREA, constants.materials, REGION)

  def reset(self, seed: int | None = None) -> None:
    """An empty map with the random numbers of `seed`."""
    width, height = self.area
    self.load(Draws(seed), bytes(width * height))

  def load(self, draws: Draws, ground: bytes) -> None:
    """A map without objects; `ground` is the material of each cell."""
    self.random: Any = draws
    self.daylight = 0.0
    self._ground = bytearray(ground)
    self._kinds = bytearray(len(ground))
    # Views of the same memory, to read many cells at once.
    self._mat_map = np.frombuffer(self._ground, np.uint8).reshape(self.area)
    self._kind_map = np.frombuffer(self._kinds, np.uint8).reshape(self.area)
    self._objects: dict[Any, None] = {}
    self._at: dict[int, Any] = {}
    self._chunks: Any = collections.defaultdict(Ordered)

  @property
  def objects(self) -> list[Any]:
    """A new list, in the order in which objects were added."""
    return list(self._objects)

  def add(self, obj: Any) -> None:
    """Adds an object at its `pos`, which has to be free."""
    x, y = obj.pos
    obj.pos = Vec((int(x), int(y)))
    obj.__class__ = QUICK.get(type(obj), type(obj))
    cell = self._cell(obj.pos)
    assert cell not in self._at
    self._objects[obj] = None
    self._put(obj, cell)
    self._chunks[REGIONS[cell]].add(obj)

  def remove(self, obj: Any) -> None:
    """Removes an object, unless it was removed before."""
    if obj.removed:
      return
    cell = self._cell(obj.pos)
    del self._objects[obj]
    self._take(cell)
    self._chunks[REGIONS[cell]].remove(obj)
    obj.removed = True

  def move(self, obj: Any, pos: Any) -> None:
    """Moves an object to a free position."""
    if obj.removed:
      return
    x, y = pos
    before = self._cell(obj.pos)
    obj.pos = Vec((int(x), int(y)))
    after = self._cell(obj.pos)
    assert after not in self._at
    self._take(before)
    self._put(obj, after)
    old, new = REGIONS[before], REGIONS[after]
    if old is not new:
      self._chunks[old].remove(obj)
      self._chunks[new].add(obj)

  def __getitem__(self, pos: Any) -> tuple[str | None, Any]:
    x, y = pos
    width, height = self.area
    if not (0 <= x < width and 0 <= y < height):
      return None, None
    cell = x * height + y
    return self._mat_names[self._ground[cell]], self._at.get(cell)

  def nearby(self, pos: Any, distance: int) -> tuple[Any, Any]:
    """Materials and objects within `distance` in x and in y."""
    (x, y), d = pos, distance
    # A slice that begins before 0 is empty, as in the package.
    area = np.s_[x - d : x + d + 1, y - d : y + d + 1]
    ids = set(self._mat_map[area].flatten().tolist())
    cells = np.arange(len(self._ground)).reshape(self.area)[area].flatten()
    found = {self._at[i] for i in cells.tolist() if i in self._at}
    return tuple(self._mat_names[x] for x in ids), found

  def semantic(self) -> np.ndarray:
    """The number of the object, or else of the material, uint8 `[x, y]`."""
    return np.maximum(self._mat_map, self._kind_map)

  def _cell(self, pos: Any) -> int:
    return pos[0] * self.area[1] + pos[1]

  def _put(self, obj: Any, cell: int) -> None:
    self._at[cell] = obj
    self._kinds[cell] = NUMBERS[type(obj)]

  def _take(self, cell: int) -> None:
    del self._at[cell]
    self._kinds[cell] = 0

  def __getstate__(self) -> tuple[Any, ...]:
    chunks = [(k, list(v)) for k, v in self._chunks.items()]
    ground = bytes(self._ground)
    return self.random, self.daylight, ground, self.objects, chunks

  def __setstate__(self, state: tuple[Any, ...]) -> None:
    draws, daylight, ground, objects, chunks = state
    self.__dict__.update(vars(_EMPTY))
    self.load(draws, ground)
    self.daylight = daylight
    for obj in objects:
      self._objects[obj] = None
      self._put(obj, self._cell(obj.pos))
    for key, members in chunks:
      self._chunks[key].update(dict.fromkeys(members))


def _regions() -> list[tuple[int, int, int, int]]:
  """The region `(xmin, xmax, ymin, ymax)` of each cell. Cells of one region
  share one tuple."""
  cells = [(x, y) for x in range(AREA[0]) for y in range(AREA[1])]
  keys = [_EMPTY.chunk_key(cell) for cell in cells]
  unique = {key: key for key in keys}
  return [unique[key] for key in keys]


_EMPTY = World()
# Indexed by the number of a cell.
REGIONS = _regions()
