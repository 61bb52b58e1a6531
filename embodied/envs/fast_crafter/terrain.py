"""World generation as in `crafter.worldgen`, compiled.

Thresholds and the order of random numbers are those of the package's functions
`_set_material` and `_set_object`. The noise function is that of OpenSimplex,
called for many cells at once.
"""

from typing import NamedTuple

import numba
import numpy as np
from crafter import constants
from opensimplex import internals

from embodied.envs.fast_crafter.draws import Draws
from embodied.envs.fast_crafter.world import AREA

Array = np.ndarray

_ID = {name: 1 + i for i, name in enumerate(constants.materials)}
GRASS, PATH, SAND, WATER = _ID['grass'], _ID['path'], _ID['sand'], _ID['water']
STONE, COAL, IRON = _ID['stone'], _ID['coal'], _ID['iron']
DIAMOND, LAVA, TREE = _ID['diamond'], _ID['lava'], _ID['tree']
COW, ZOMBIE, SKELETON = range(3)
# The most random numbers that a cell needs: for its material and its creature.
MAX_DRAWS = 3 + 3
# Constants of OpenSimplex's linear congruential generator, modulo 2**64.
MULTIPLIER, INCREMENT = 6364136223846793005, 1442695040888963407
GRADIENTS = len(internals.GRADIENTS3)

_noise3 = internals._noise3


class Land(NamedTuple):
  """A world before its first step.

  Attributes:
    draws: the random numbers that follow its generation.
    ground: number of the material of each cell, `[x, y]` flattened.
    creatures: `(kind, x, y)` in the order in which they are added.
  """

  draws: Draws
  ground: bytes
  creatures: list[tuple[int, ...]]


def generate(seed: int, center: tuple[int, int]) -> Land:
  """The land that the package generates from `seed` around `center`."""
  draws = Draws(seed)
  tables = _permutation(draws.randint(0, 2**31 - 1))
  xs, ys = np.indices(AREA)
  away = np.sqrt((xs - center[0]) ** 2 + (ys - center[1]) ** 2)
  layers = _layers(xs, ys, away, tables)
  before = draws.get_state()
  pool = draws.floats(MAX_DRAWS * away.size)
  ground, creatures, used = _settle(away, layers, pool)
  draws.set_state(before)
  draws.floats(used)
  return Land(draws, ground.tobytes(), [tuple(x) for x in creatures.tolist()])


def _layers(
  xs: Array, ys: Array, away: Array, tables: tuple[Array, Array]
) -> Array:
  """The inputs of `_material`, `[10, x, y]`; 0 where it does not read them."""
  everywhere = np.ones(AREA, bool)

  def noise(
    z: int, size: int, where: Array = everywhere, x: Array = xs, y: Array = ys
  ) -> Array:
    out = np.zeros(AREA)
    out[where] = _noise(x[where] / size, y[where] / size, z, *tables)
    return out

  near = 4 - away
  near += 2 * noise(8, 3)
  near = 1 / (1 + np.exp(-near))
  water = noise(3, 15) + 0.15 * noise(3, 5) + 0.1
  water -= 2 * near
  mountain = (noise(0, 15) + 0.3 * noise(0, 5)) / 1.3
  mountain -= 4 * near + 0.3 * water
  rock = (near <= 0.5) & (mountain > 0.15)
  flat = (near <= 0.5) & ~rock
  high = rock & (mountain > 0.3)
  return np.stack(
    [
      near,
      water,
      mountain,
      noise(6, 7, high),
      np.maximum(
        noise(7, 3, rock, 2 * xs, ys / 5), noise(7, 3, rock, xs / 5, 2 * ys)
      ),
      noise(1, 8, rock),
      noise(2, 6, rock),
      noise(6, 5, high),
      noise(4, 9, flat & (water > 0.25) & (water <= 0.35)),
      noise(5, 7, flat),
    ]
  )


@numba.njit(cache=True)
def _noise(xs, ys, z, perm, grad):
  out = np.empty(len(xs))
  for i in range(len(xs)):
    out[i] = _noise3(xs[i], ys[i], z, perm, grad)
  return out


@numba.njit(cache=True)
def _settle(away, layers, pool):
  """Materials `[x, y]`, creatures `[n, (kind, x, y)]`, and how many numbers
  of `pool` were used."""
  width, height = away.shape
  ground = np.zeros((width, height), np.uint8)
  creatures = np.empty((width * height, 3), np.int64)
  used = count = 0
  for x in range(width):
    for y in range(height):
      ground[x, y], used = _material(layers[:, x, y], pool, used)
  for x in range(width):
    for y in range(height):
      tunnel = ground[x, y] == PATH and not _cave(layers[:, x, y])
      kind, used = _creature(ground[x, y], tunnel, away[x, y], pool, used)
      if kind >= 0:
        creatures[count, 0] = kind
        creatures[count, 1] = x
        creatures[count, 2] = y
        count += 1
  return ground, creatures[:count], used


@numba.njit(cache=True)
def _cave(layer):
  return layer[3] > 0.15 and layer[2] > 0.3


@numba.njit(cache=True)
def _material(layer, pool, used):
  near, water, mountain, _, tunnel, coal, iron, lava, beach, wood = layer
  if near > 0.5:
    return GRASS, used
  if mountain > 0.15:
    if _cave(layer) or tunnel > 0.4:
      return PATH, used
    if coal > 0:
      used += 1
      if pool[used - 1] > 0.85:
        return COAL, used
    if iron > 0.4:
      used += 1
      if pool[used - 1] > 0.75:
        return IRON, used
    if mountain > 0.18:
      used += 1
      if pool[used - 1] > 0.994:
        return DIAMOND, used
    return (LAVA if mountain > 0.3 and lava > 0.35 else STONE), used
  if 0.25 < water <= 0.35 and beach > -0.2:
    return SAND, used
  if water > 0.3:
    return WATER, used
  if wood > 0:
    used += 1
    if pool[used - 1] > 0.8:
      return TREE, used
  return GRASS, used


@numba.njit(cache=True)
def _creature(material, tunnel, away, pool, used):
  if material != GRASS and material != PATH and material != SAND:
    return -1, used
  if away > 3 and material == GRASS:
    used += 1
    if pool[used - 1] > 0.985:
      return COW, used
  if away > 10:
    used += 1
    if pool[used - 1] > 0.993:
      return ZOMBIE, used
  if tunnel:
    used += 1
    if pool[used - 1] > 0.95:
      return SKELETON, used
  return -1, used


@numba.njit(cache=True)
def _permutation(seed):
  """The tables that `_init` of OpenSimplex shuffles with a seed."""
  perm, source = np.zeros(256, np.int64), np.arange(256)
  for _ in range(3):
    seed = seed * MULTIPLIER + INCREMENT
  for i in range(255, -1, -1):
    seed = seed * MULTIPLIER + INCREMENT
    r = (seed % (i + 1) + 31) % (i + 1)
    perm[i] = source[r]
    source[r] = source[i]
  return perm, perm % (GRADIENTS // 3) * 3
