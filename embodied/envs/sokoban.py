"""Sokoban: boxes that have to be pushed onto targets, and cannot be pulled.

A mistake may make a room unsolvable, so it pays to think before a push. The
levels of DeepMind, https://github.com/google-deepmind/boxoban-levels, are the
usual test (Guez et al. 2019, arXiv 1901.03559).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.envs.fast_sokoban import picture, rooms, rules
from embodied.envs.fast_sokoban.levels import read
from embodied.errors import UsageError, suggest
from embodied.space import Space

TASKS = ('boxoban', 'small')
VIEWS = ('cells', 'picture')


class Sokoban(Env):
  """Push all boxes onto targets within `length` steps.

  Four actions move up, down, left and right. The player pushes a box that
  stands in the way, unless a wall or a box is behind it; nothing happens then.
  The reward is -0.1 per step, +1 and -1 for a box that gets on and off a
  target, and +10 in the step that solves the room, which ends the episode with
  `is_terminal`.

  Observations: `cells`, classes int32 `[H, W]` as `rules.CLASSES` names them,
  or `image`, uint8 `[8 H, 8 W, 3]`. Logs, float32: `log/achievement_solved`, 1
  once the room is solved, `log/pushes` so far, `log/boxes_left`, boxes that
  are not on targets, and in sokoban_small `log/needed`, the fewest pushes that
  solve the room from its beginning.

  Seed and actions determine everything, also after a copy or a pickle.

  Args:
    task: 'boxoban' (level files) or 'small' (rooms made at random, see
      `fast_sokoban.rooms`).
    seed: Of the choice of rooms.
    levels: Of 'boxoban', a folder of level files, read with its subfolders;
      see `fast_sokoban.levels`. An environment plays each level once before
      it plays one again.
    size: Of 'small', cells of a side with the walls, 5 to 8.
    boxes: Of 'small', 1 to 3.
    length: Time limit of an episode in steps.
    view: 'cells' or 'picture'.

  Raises:
    UsageError: Another task, a setting out of bounds, levels that cannot be
      read, or levels for 'small', which makes its own rooms.
  """

  goals = ('solve the room',)

  def __init__(
    self,
    task: str,
    *,
    seed: int,
    levels: str = '',
    size: int = 7,
    boxes: int = 2,
    length: int = 120,
    view: str = 'cells',
  ) -> None:
    _check(task, levels, size, boxes, length, view)
    self._small, self._length, self._view = task == 'small', length, view
    self._size, self._boxes = size, boxes
    self._levels = None if self._small else read(levels)
    self._shape = (size, size)
    if self._levels is not None:
      self._shape = self._levels.cells.shape[1:]
    self._flat = np.zeros(self._shape[0] * self._shape[1], np.uint8)
    self._numbers = np.zeros(4, np.int64)
    self._needed = 0
    self._done = True
    self.reseed(seed)

  @property
  def cells(self) -> np.ndarray:
    """The classes of the cells now, uint8 `[H, W]`, to read."""
    return self._flat.reshape(self._shape)

  @property
  def obs_space(self) -> Spaces:
    height, width = self._shape
    side = picture.SIDE
    seen = {
      'cells': Space(np.int32, (height, width), 0, len(rules.CLASSES)),
      'picture': Space(np.uint8, (height * side, width * side, 3)),
    }
    key = 'cells' if self._view == 'cells' else 'image'
    logs = ['achievement_solved', 'pushes', 'boxes_left'] + self._small * [
      'needed'
    ]
    return {
      key: seen[self._view],
      **SIGNALS,
      **{f'log/{x}': Space(np.float32) for x in logs},
    }

  @property
  def act_space(self) -> Spaces:
    return {
      'action': Space(np.int32, (), 0, len(rules.ACTIONS)),
      'reset': Space(bool),
    }

  def reseed(self, seed: int | Sequence[int]) -> None:
    words = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    self._random = words
    if self._levels is not None:
      # The numbers x, x + y, x + 2 y and so on modulo N, where y and N have no
      # common divisor, are all numbers below N before one of them comes again.
      count = len(self._levels.cells)
      self._index = rooms.draw(self._random, count)
      self._stride = 1 + rooms.draw(self._random, count)
      while np.gcd(self._stride, count) > 1:
        self._stride = 1 + rooms.draw(self._random, count)

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self._done:
      self._done = False
      self._load()
      return self._obs(0.0, is_first=True)
    reward = rules.step(
      self._flat, self._numbers, self._shape[1], int(action['action'])
    )
    solved = self._numbers[rules.LEFT] == 0
    self._done = bool(solved or self._numbers[rules.STEPS] >= self._length)
    return self._obs(reward)

  def _load(self) -> None:
    """Begins the next room."""
    if self._levels is None:
      room, self._needed = rooms.generate(
        self._random, self._size, self._boxes
      )
    else:
      room = self._levels.cells[self._index].reshape(-1)
      self._index = (self._index + self._stride) % len(self._levels.cells)
    rules.load(self._flat, self._numbers, room)

  def _obs(self, reward: float, is_first: bool = False) -> Obs:
    _, _, pushes, left = self._numbers
    obs = {
      'reward': np.float32(reward),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self._done),
      'is_terminal': np.bool_(left == 0),
      'log/achievement_solved': np.float32(left == 0),
      'log/pushes': np.float32(pushes),
      'log/boxes_left': np.float32(left),
    }
    if self._small:
      obs['log/needed'] = np.float32(self._needed)
    if self._view == 'cells':
      return obs | {'cells': self.cells.astype(np.int32)}
    return obs | {'image': picture.draw(self.cells)}


def _check(
  task: str, levels: str, size: int, boxes: int, length: int, view: str
) -> None:
  """Raises UsageError unless an environment can be made of these settings."""
  if task not in TASKS:
    raise UsageError(
      f"There is no task 'sokoban_{task}'; choose"
      f' {" or ".join(f"sokoban_{x}" for x in TASKS)}.'
    )
  if task == 'boxoban' and not levels:
    raise UsageError(
      "The task 'sokoban_boxoban' reads its levels from files; name their"
      ' folder by --env.sokoban.levels, such as unfiltered/train of a clone of'
      ' https://github.com/google-deepmind/boxoban-levels.'
    )
  if task == 'small' and levels:
    raise UsageError(
      "The task 'sokoban_small' makes its own rooms; leave"
      f" env.sokoban.levels out, which is '{levels}', or choose"
      ' sokoban_boxoban.'
    )
  if not (5 <= size <= rooms.SIDE and 1 <= boxes <= 3):
    raise UsageError(
      f'A room of sokoban_small cannot have the size {size} and {boxes}'
      f' boxes; set size to 5 to {rooms.SIDE} and boxes to 1 to 3.'
    )
  if length < 1:
    raise UsageError(
      f'An episode cannot have {length} steps; set length to 1 or more.'
    )
  if view not in VIEWS:
    raise UsageError(
      f"There is no view '{view}' of a room. {suggest(view, VIEWS)}"
    )


def warm_up() -> None:
  """Compiles everything; other processes load the result from disk."""
  env = Sokoban('small', seed=0)
  for reset in (True, False):
    env.step({'action': 0, 'reset': reset})
