"""Level files in the form of DeepMind's Boxoban levels.

A level is some lines of the characters below, without a gap. Levels are
separated by empty lines or by comments, which begin with `;`. A line may end
with spaces; all levels of a folder have the same size.
"""

import functools
import pathlib
from typing import Any, NoReturn

import numpy as np

from embodied.envs.fast_sokoban import rules
from embodied.errors import UsageError, quoted

# The characters of the classes of cells, in their order.
CHARACTERS = ' .$*@+#'
NOTES = b';'
UNKNOWN = 255
CODES = bytes(
  CHARACTERS.index(chr(i)) if chr(i) in CHARACTERS else UNKNOWN
  for i in range(256)
)


class Levels:
  """The levels of a folder.

  A copy shares the cells, and a pickle only names the folder.

  Attributes:
    cells: the rooms, uint8 `[N, H, W]`, read-only; see `rules`.
  """

  def __init__(self, folder: str, cells: np.ndarray) -> None:
    self.folder, self.cells = folder, cells
    cells.setflags(write=False)

  def __deepcopy__(self, memo: dict[int, Any]) -> 'Levels':
    return self

  def __reduce__(self) -> tuple[Any, ...]:
    return read, (self.folder,)


@functools.cache
def read(folder: str) -> Levels:
  """All levels of the `.txt` files in a folder and in the folders inside it,
  by file name and line.

  Raises:
    UsageError: no such folder, no levels in it, or a level that is none; the
      message names its file and line.
  """
  root = pathlib.Path(folder)
  if not root.is_dir():
    raise UsageError(
      f"There is no folder '{folder}'; --env.sokoban.levels takes a folder"
      ' with level files in the form of the Boxoban levels.'
    )
  found: list[np.ndarray] = []
  for path in sorted(x for x in root.rglob('*.txt') if x.is_file()):
    found += _levels(path, found[0].shape[1:] if found else None)
  if not found:
    raise UsageError(
      f"The folder '{folder}' has no levels; they are files that end in .txt,"
      ' in the form of the Boxoban levels.'
    )
  return Levels(folder, np.concatenate(found))


def _levels(
  path: pathlib.Path, shape: tuple[int, ...] | None
) -> list[np.ndarray]:
  """The levels `[N, H, W]` of a file, or nothing if it has none; `shape` is
  that of the levels before them."""
  found, lines = list[bytes](), list[int]()
  rows = list[bytes]()
  for number, line in enumerate([*path.read_bytes().splitlines(), b''], 1):
    row = line.rstrip()
    if row and not row.startswith(NOTES):
      rows.append(_row(path, number, row, rows))
    elif rows:
      here = len(rows), len(rows[0])
      shape = shape or here
      lines.append(number - len(rows))
      found.append(b''.join(rows))
      rows = []
      if shape != here:
        _refuse(
          path, lines[-1],
          f'this level has {_size(here)} cells, and those before it'
          f' {_size(shape)}',
        )  # fmt: skip
  if shape is None or not found:
    return []
  levels = np.frombuffer(b''.join(found), np.uint8).reshape(-1, *shape)
  _check(path, lines, levels)
  return [levels]


def _row(
  path: pathlib.Path, line: int, row: bytes, above: list[bytes]
) -> bytes:
  """The cells of a line."""
  cells = row.translate(CODES)
  if UNKNOWN in cells:
    _refuse(
      path, line,
      f'the character {quoted(chr(row[cells.index(UNKNOWN)]))} is none of'
      f' {quoted(CHARACTERS)}',
    )  # fmt: skip
  if above and len(cells) != len(above[0]):
    _refuse(
      path, line,
      f'this row has {len(cells)} cells, and the first row of its level'
      f' {len(above[0])}',
    )  # fmt: skip
  return cells


def _check(path: pathlib.Path, lines: list[int], levels: np.ndarray) -> None:
  """Raises UsageError unless all levels `[N, H, W]` can be played; `lines` are
  those of their first rows."""
  flat = levels.reshape(len(levels), -1)
  count = lambda what: (flat >> 1 == what).sum(1)
  players, boxes = count(rules.PLAYER), count(rules.BOX)
  targets = (flat & 1).sum(1)
  left = (flat == 2 * rules.BOX).sum(1)
  inner = levels[:, 1:-1, 1:-1] == 2 * rules.WALL
  walls = count(rules.WALL) - inner.sum((1, 2))
  height, width = levels.shape[1:]
  edge = height * width - max(0, height - 2) * max(0, width - 2)
  for bad, problem in (
    (players == 0, 'this level has no player'),
    (players > 1, 'this level has {players} players'),
    (boxes > targets, 'this level has {boxes} boxes and {targets} targets'),
    (left == 0, 'this level has no box that is not on a target'),
    (walls < edge, 'walls do not enclose this level on every side'),
  ):
    if bad.any():
      i = int(bad.argmax())
      counts = {'players': players[i], 'boxes': boxes[i]}
      _refuse(path, lines[i], problem.format(**counts, targets=targets[i]))


def _size(shape: tuple[int, ...]) -> str:
  return 'x'.join(map(str, shape))


def _refuse(path: pathlib.Path, line: int, problem: str) -> NoReturn:
  raise UsageError(f'{path}, line {line}: {problem}; correct the level.')
