"""The pictures of the package, drawn from precomputed tiles.

Before lighting, a cell of the view looks like one of a few hundred tiles: a
material, and on it at most one object. Darkness, noise and sleep are computed
for each pixel by the same operations in the same order as in the package, so
that all bytes are equal.
"""

import functools
from typing import Any, NamedTuple

import numba
import numpy as np
from crafter import constants, engine
from PIL import Image

from embodied.envs.fast_crafter.world import World

SIZE = 64  # side of the picture in pixels
UNIT = 7  # side of a cell in pixels
VIEW = (9, 7)  # visible cells of the map
ROWS = 2  # rows of cells for the inventory
OFFSET = (VIEW[0] // 2, VIEW[1] // 2)
AREA = (VIEW[0] * UNIT, VIEW[1] * UNIT)  # size of the map in pixels
GRAY = 127  # beyond the edge of the world
# Amounts from 1 to 9 have different pictures; larger ones look like this one.
MAX_AMOUNT = 10
DARK = 0.5  # daylight below which there is noise

Array = np.ndarray


class Tiles(NamedTuple):
  """The parts of pictures, uint8 `[x, y, color]`.

  Attributes:
    cells: `[material, object, UNIT, UNIT, 3]`. Material 0 is unknown, the last
      one is for cells outside the world. Object 0 means no object.
    pale: like `cells`, with colors faded by 60%.
    objects: number of an object by the name of its texture.
    items: `[item, amount, UNIT, UNIT, 3]`.
    faded: `[gray, value]`, a color value after PIL has faded it by 60%.
    vignette: float64 `[AREA]`, strength of the noise, from 0 to 1.
  """

  cells: Array
  pale: Array
  objects: dict[str, int]
  items: Array
  faded: Array
  vignette: Array


@functools.cache
def tiles() -> Tiles:
  """Drawn by the functions of the package, once per process."""
  textures = engine.Textures(constants.root / 'assets')
  unit = np.array((UNIT, UNIT))
  names = sorted({name for name, _ in textures._textures})
  cells = [
    [_cell(textures, material, name, unit) for name in (None, *names)]
    for material in (None, *constants.materials)
  ]
  beyond = [np.full((UNIT, UNIT, 3), GRAY, np.uint8)] * len(cells[0])
  view = engine.ItemView(textures, (1, 1))
  items = [
    [view({name: amount}, unit) for amount in range(MAX_AMOUNT + 1)]
    for name in constants.items
  ]
  grays, values = np.indices((256, 256)).astype(np.uint8)
  faded = np.array(
    Image.blend(Image.fromarray(grays), Image.fromarray(values), 0.4)
  )
  tiles = np.array([*cells, beyond])
  gray = _gray(*np.moveaxis(tiles.astype(np.int64), -1, 0))
  local = engine.LocalView(World(), textures, VIEW)
  return Tiles(
    tiles,
    faded[gray[..., None], tiles],
    {name: 1 + i for i, name in enumerate(names)},
    np.array(items),
    faded,
    local._vignette((*AREA, 3), 0.5),
  )


def _cell(
  textures: Any, material: str | None, name: str | None, unit: Array
) -> Array:
  canvas = np.zeros((UNIT, UNIT, 3), np.uint8)
  engine._draw(canvas, (0, 0), textures.get(material, unit))
  if name is not None:
    engine._draw_alpha(canvas, (0, 0), textures.get(name, unit))
  return canvas


def draw(world: World, player: Any) -> Array:
  """The picture, uint8 `[SIZE, SIZE, 3]` of rows and columns.

  In the dark it draws noise from `world.random`.
  """
  known = tiles()
  left, top = player.pos[0] - OFFSET[0], player.pos[1] - OFFSET[1]
  marks = np.zeros(VIEW, np.uint8)
  for obj in world._objects:
    x, y = obj.pos[0] - left, obj.pos[1] - top
    if 0 <= x < VIEW[0] and 0 <= y < VIEW[1]:
      marks[x, y] = known.objects[obj.texture]
  daylight = float(world.daylight)
  picture = np.zeros((SIZE, SIZE, 3), np.uint8)
  ground = world._mat_map
  if daylight < DARK:
    noise = world.random.uniform(32, 127, AREA)
    _draw_map(picture, ground, marks, left, top, known.cells)
    _light_night(picture, known.faded, known.vignette, noise, daylight)
  else:
    pale = np.empty_like(picture)
    _draw_map(picture, ground, marks, left, top, known.cells)
    _draw_map(pale, ground, marks, left, top, known.pale)
    _light_day(picture, pale, TINT, daylight)
  if player.sleeping:
    _sleep(picture)
  amounts = [min(max(0, x), MAX_AMOUNT) for x in player.inventory.values()]
  _draw_items(picture, np.array(amounts), known.items)
  return picture


# Half of the night color (0, 16, 64), for a row of pixels.
TINT = np.tile([0.0, 8.0, 32.0], AREA[0])


@numba.njit(cache=True)
def _gray(r, g, b):
  """A color as gray, as PIL converts to mode L (ITU-R 601-2, 16 bits)."""
  return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16


@numba.njit(cache=True)
def _draw_map(picture, ground, marks, left, top, cells):
  """Draws the cells of the map without lighting."""
  beyond = len(cells) - 1
  for i in range(VIEW[0]):
    for j in range(VIEW[1]):
      material, x, y = beyond, left + i, top + j
      if 0 <= x < ground.shape[0] and 0 <= y < ground.shape[1]:
        material = ground[x, y]
      mark = marks[i, j]
      for m in range(UNIT):
        for k in range(UNIT):
          for c in range(3):
            color = cells[material, mark, k, m, c]
            picture[j * UNIT + m, i * UNIT + k, c] = color


@numba.njit(cache=True)
def _light_day(picture, pale, tint, daylight):
  """`LocalView._light` of the package, without noise."""
  night = 1 - daylight
  for y in range(AREA[1]):
    out, faded = picture[y].reshape(-1), pale[y].reshape(-1)
    for k in range(len(tint)):
      color = daylight * out[k] + night * (0.5 * faded[k] + tint[k])
      out[k] = np.uint8(color)


@numba.njit(cache=True)
def _light_night(picture, faded, vignette, noise, daylight):
  """`LocalView._light` of the package, with noise by `_noise`."""
  night = 1 - daylight
  for y in range(AREA[1]):
    for x in range(AREA[0]):
      r, g, b = picture[y, x, 0], picture[y, x, 1], picture[y, x, 2]
      dr, dg, db = daylight * r, daylight * g, daylight * b
      mask = 2 * (0.5 - daylight) * vignette[x, y]
      grain = mask * noise[x, y]
      r = np.uint8((1 - mask) * r + grain)
      g = np.uint8((1 - mask) * g + grain)
      b = np.uint8((1 - mask) * b + grain)
      gray = _gray(r, g, b)
      picture[y, x, 0] = np.uint8(dr + night * (0.5 * faded[gray, r]))
      picture[y, x, 1] = np.uint8(dg + night * (0.5 * faded[gray, g] + 8.0))
      picture[y, x, 2] = np.uint8(db + night * (0.5 * faded[gray, b] + 32.0))


@numba.njit(cache=True)
def _sleep(picture):
  """`LocalView._sleep`: half of the gray, half of the color (0, 0, 16)."""
  for y in range(AREA[1]):
    for x in range(AREA[0]):
      r, g, b = picture[y, x, 0], picture[y, x, 1], picture[y, x, 2]
      gray = 0.5 * _gray(r, g, b)
      picture[y, x, 0] = picture[y, x, 1] = np.uint8(gray)
      picture[y, x, 2] = np.uint8(gray + 8.0)


@numba.njit(cache=True)
def _draw_items(picture, amounts, items):
  for index in range(len(amounts)):
    left = index % VIEW[0] * UNIT
    top = (index // VIEW[0] + VIEW[1]) * UNIT
    tile = items[index, amounts[index]]
    for k in range(UNIT):
      for m in range(UNIT):
        for c in range(3):
          picture[top + m, left + k, c] = tile[k, m, c]
