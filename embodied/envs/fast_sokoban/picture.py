"""Pictures of rooms: 8x8 pixels for each cell, as in Guez et al. 2019 (arXiv
1901.03559), in drawings of our own."""

import numpy as np

SIDE = 8  # pixels of a cell
COLOURS = {
  ' ': (38, 36, 44),
  '.': (214, 76, 62),
  'o': (188, 140, 82),
  'x': (112, 76, 40),
  'G': (104, 178, 86),
  'g': (62, 120, 62),
  'p': (88, 148, 226),
  's': (240, 206, 168),
  'w': (134, 128, 140),
  'm': (92, 86, 98),
}
NOTHING = '        ' * SIDE
TARGET = '                  ....    ....    ....    ....                  '
BOX = 'oooooooooxxxxxxooxooooxooxoxxoxooxoxxoxooxooooxooxxxxxxooooooooo'
PLAYER = '   ss      ss     pppp   pppppp  p pp p    pp     p  p    p  p  '
WALL = 'wwwmwwwwwwwmwwwwwwwmwwwwmmmmmmmmwwwwwwwmwwwwwwwmwwwwwwwmmmmmmmmm'


def _tile(drawing: str) -> np.ndarray:
  return np.array([COLOURS[x] for x in drawing], np.uint8).reshape(
    SIDE, SIDE, 3
  )


def _over(drawing: str, below: str) -> str:
  """A drawing with another one where nothing is in it."""
  pairs = zip(drawing, below, strict=True)
  return ''.join(b if a == ' ' else a for a, b in pairs)


PUT = BOX.replace('o', 'G').replace('x', 'g')
STANDING = _over(PLAYER, TARGET)
# Of each class of cells, uint8 `[classes, 8, 8, 3]`; see `rules.CLASSES`.
TILES = np.stack(
  [_tile(x) for x in (NOTHING, TARGET, BOX, PUT, PLAYER, STANDING, WALL)]
)


def draw(cells: np.ndarray) -> np.ndarray:
  """The picture of cells `[H, W]`, uint8 `[8 H, 8 W, 3]`."""
  height, width = cells.shape
  tiles = TILES[cells].swapaxes(1, 2)
  return tiles.reshape(height * SIDE, width * SIDE, 3)
