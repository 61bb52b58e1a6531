"""An expert for Sokoban that says its plan at every step."""

from typing import Any

import numpy as np

from embodied.base import Env
from embodied.envs.fast_sokoban import rules
from embodied.experts.plan import Goal, Plan
from embodied.experts.sokoban import search, words
from embodied.experts.sokoban.tables import tables


class SokobanExpert:
  """Solves rooms by the fewest pushes, and walks on shortest paths between
  them; see `embodied.experts` for its calls.

  It says, for instance, 'solve the room', 'push the left box to the upper
  target', 'go behind it', 'move up'. After a push that it did not plan it
  plans again. In a room that cannot be solved, or not within
  `search.STATES`, it acts at random.

  Args:
    levels: plays `sokoban_boxoban` with the level files of this folder;
      `sokoban_small` if there is none.
    size, boxes: of the rooms of `sokoban_small`.
    noise: share of its actions that are random, from 0 to 1.
  """

  actions = rules.ACTIONS
  privileged = False

  def __init__(
    self,
    levels: str = '',
    size: int = 7,
    boxes: int = 2,
    noise: float = 0.0,
  ) -> None:
    self.task = 'sokoban_boxoban' if levels else 'sokoban_small'
    small = {'size': size, 'boxes': boxes}
    self.settings: dict[str, Any] = {'levels': levels} if levels else small
    self.p_good = 1 - noise
    self.stack: tuple[Goal, ...] = ()
    self.intended = 0
    self._noise = noise

  def reset(self, seed: int) -> None:
    """Starts an episode."""
    self._random = np.random.default_rng(seed)
    self._plan = Plan()
    self._time = 0
    self._stages: list[words.Stage] | None = None
    # The stage of the plan, and its pushes that are done.
    self._stage, self._done = 0, 0
    # The boxes for which the next push was planned.
    self._boxes: list[int] = []
    self._ended: list[tuple[Goal, str]] = []
    self._game: Any = None

  def act(self, env: Env) -> int:
    """The next action in the room that `env` holds."""
    self._game = _game(env)
    cells = self._game.cells
    flat, width = cells.reshape(-1), cells.shape[1]
    boxes = np.flatnonzero(flat >> 1 == rules.BOX).tolist()
    player = int(np.flatnonzero(flat >> 1 == rules.PLAYER)[0])
    if boxes != self._boxes:
      self._think(cells, boxes)
    goals, action = self._next(flat, width, player)
    chosen = self.intended = action
    if self._noise and self._random.random() < self._noise:
      chosen = int(self._random.integers(len(rules.ACTIONS)))
    verb, _, way = rules.ACTIONS[action].partition(' ')
    last = Goal(rules.ACTIONS[action], verb, way)
    self.stack = (words.ROOT, *goals, last)
    self._plan.tell(self._time, self.stack, self._ended)
    self._time += 1
    self._foresee(flat, width, player, action, chosen)
    if chosen != action:
      self._ended = [(last, 'abandoned')]
    return chosen

  def nodes(self, length: int) -> list[dict[str, Any]]:
    """The plan of the episode of `length` steps, after its last step."""
    endings = {}
    left = self._game.cells.reshape(-1) == 2 * rules.BOX
    if not left.any():
      endings = dict.fromkeys(self.stack, 'achieved')
    elif self._stages is None:
      endings = {words.ROOT: 'failed'}
    return self._plan.nodes(length, endings)

  def _think(self, cells: np.ndarray, boxes: list[int]) -> None:
    """Plans from here."""
    found = search.solve(cells)
    self._boxes, self._stages, self._stage, self._done = boxes, None, 0, 0
    if found.plan is not None:
      targets = np.flatnonzero(cells.reshape(-1) & 1).tolist()
      self._stages = words.stages(
        found.plan, boxes, targets, cells.shape[1], tables(cells)
      )

  def _next(
    self, flat: np.ndarray, width: int, player: int
  ) -> tuple[tuple[Goal, ...], int]:
    """The goals between the root and the action, and the action."""
    if self._stages is None:
      return (words.LOST,), int(self._random.integers(len(rules.ACTIONS)))
    stage = self._stages[self._stage]
    push = stage.pushes[self._done]
    behind = push.box - int(rules.offset(width, push.way))
    if player == behind:
      return (stage.goal, stage.runs[self._done]), push.way
    return (stage.goal, words.GO), walk(flat, width, player, behind)

  def _foresee(
    self,
    flat: np.ndarray,
    width: int,
    player: int,
    action: int,
    chosen: int,
  ) -> None:
    """Notes what the action will have achieved, if it was the planned one."""
    self._ended = []
    if self._stages is None or chosen != action:
      return
    stage = self._stages[self._stage]
    push = stage.pushes[self._done]
    ahead = int(rules.offset(width, action))
    if flat[player + ahead] >> 1 != rules.BOX:
      if player + ahead == push.box - int(rules.offset(width, push.way)):
        self._ended = [(words.GO, 'achieved')]
      return
    there = push.box + ahead
    self._boxes = sorted({*self._boxes, there} - {push.box})
    if stage.last[self._done]:
      self._ended.append((stage.runs[self._done], 'achieved'))
    self._done += 1
    if self._done == len(stage.pushes):
      self._ended.append((stage.goal, 'achieved'))
      self._stage, self._done = self._stage + 1, 0


def walk(flat: np.ndarray, width: int, start: int, end: int) -> int:
  """The first action of a shortest path through a flat room without pushes;
  there has to be one."""
  ahead = [int(rules.offset(width, way)) for way in range(4)]
  queue, seen = [end], {end}
  for cell in queue:
    for way in range(4):
      there = cell - ahead[way]
      if there == start:
        return way
      if there not in seen and flat[there] >> 1 == rules.NOTHING:
        seen.add(there)
        queue.append(there)
  raise ValueError(f'There is no way from {start} to {end}.')


def _game(env: Any) -> Any:
  """The game inside an environment, through its wrappers."""
  while hasattr(env, 'env'):
    env = env.env
  return env
