"""The objects of the package, with faster queries and moves.

Their behaviour (`update`) and appearance (`texture`) come from the package.
"""

from typing import Any

from crafter import objects as package


class Vec(tuple[int, int]):
  """A position or a direction, with the sums of an array of two integers."""

  __slots__ = ()

  def __add__(self, other: Any) -> 'Vec':
    return Vec((self[0] + other[0], self[1] + other[1]))

  def __neg__(self) -> 'Vec':
    return Vec((-self[0], -self[1]))


STAY = Vec((0, 0))
# Directions by the sign of an offset: [0] none, [1] positive, [-1] negative.
ALONG_X = (STAY, Vec((1, 0)), Vec((-1, 0)))
ALONG_Y = (STAY, Vec((0, 1)), Vec((0, -1)))


class Quick:
  """The queries of `crafter.objects.Object`, without arrays."""

  pos: Vec
  world: Any
  walkable: Any

  def distance(self, target: Any) -> int:
    """The L1 distance to an object or a position."""
    x, y = getattr(target, 'pos', target)
    here = self.pos
    return abs(x - here[0]) + abs(y - here[1])

  def toward(self, target: Any, long_axis: bool = True) -> Vec:
    """The direction to an object or a position, along the axis on which it is
    farther away, or along the other axis."""
    x, y = getattr(target, 'pos', target)
    here = self.pos
    dx, dy = x - here[0], y - here[1]
    across = abs(dx) > abs(dy)
    if across == long_axis:
      return ALONG_X[(dx > 0) - (dx < 0)]
    return ALONG_Y[(dy > 0) - (dy < 0)]

  def is_free(self, target: Any, materials: Any = None) -> bool:
    """Whether no object is there and the ground can be walked on."""
    material, obj = self.world[target]
    if obj is not None:
      return False
    return material in (self.walkable if materials is None else materials)

  def move(self, direction: Any) -> bool:
    """Go one step if the target is free; returns whether it was."""
    here = self.pos
    target = Vec((here[0] + direction[0], here[1] + direction[1]))
    if not self.is_free(target):
      return False
    self.world.move(self, target)
    return True


class Player(Quick, package.Player):
  pass


class Cow(Quick, package.Cow):
  pass


class Zombie(Quick, package.Zombie):
  pass


class Skeleton(Quick, package.Skeleton):
  pass


class Arrow(Quick, package.Arrow):
  pass


class Plant(Quick, package.Plant):
  pass


# In the order of their numbers in the semantic map of the package.
KINDS = (Player, Cow, Zombie, Skeleton, Arrow, Plant)
# Skeletons and players create arrows and plants of the package's classes.
QUICK = {getattr(package, x.__name__): x for x in KINDS}
