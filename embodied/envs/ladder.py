"""A ladder puzzle (ghost leg, Amidakuji) of known computational depth.

Vertical lanes are joined by rungs, one rung per row between two neighbouring
lanes. A player who goes down a lane crosses every rung that it meets. One lane
has a prize at its end. The whole ladder is visible and nothing is random after
the reset, but the lane is chosen in the first step. To choose the right one,
an agent must follow the ladder through all rows. The number of rows differs
between episodes and measures how much computation a choice needs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.errors import UsageError
from embodied.space import Space

END = 0  # rung of a row that does not exist
PACE = 3  # rows per step


class Ladder(Env):
  """Choose a lane, then move down three rows per step.

  An episode has ceil(rows / 3) steps. Observations, all int32:

  * `rungs` `[rows]`: the remaining rows, the next one first. k is a rung
    between the lanes k - 1 and k; after the last row comes `END`.
  * `lane`: the current lane, or `lanes` before one is chosen.
  * `prize`: the lane with the prize at its end.

  The first action chooses the lane, and the player begins to move down. Later
  actions have no effect. The last step has the reward 1 if the player reaches
  the prize, else 0, and `is_terminal`. `log/rows` float32 is the number of
  rows of this episode.

  Args:
    task: 'mixed' (1 to `rows` rows, with equal probability), or a number of
      rows.
    seed: Of the ladders.
    rows: The largest number of rows.
    lanes: Number of lanes and of actions, at least 2.

  Raises:
    UsageError: Another task, or too few rows or lanes.
  """

  def __init__(
    self, task: str, *, seed: int, rows: int = 6, lanes: int = 4
  ) -> None:
    if rows < 1 or lanes < 2:
      raise UsageError(
        f'A ladder cannot have {rows} rows and {lanes} lanes; set rows to 1'
        ' or more and lanes to 2 or more.'
      )
    known = {str(n): n for n in range(1, rows + 1)} | {'mixed': 0}
    if task not in known:
      raise UsageError(
        f"There is no task 'ladder_{task}'; choose ladder_mixed, or ladder_1"
        f' to ladder_{rows}.'
      )
    self.exact = known[task]
    self.rows = rows
    self.lanes = lanes
    self.rng = np.random.default_rng(seed)
    self.rungs = np.zeros(rows, np.int32)
    self.count = 0
    self.lane = lanes
    self.prize = 0
    self.done = True

  @property
  def obs_space(self) -> Spaces:
    return {
      'rungs': Space(np.int32, (self.rows,), 0, self.lanes),
      'lane': Space(np.int32, (), 0, self.lanes + 1),
      'prize': Space(np.int32, (), 0, self.lanes),
      **SIGNALS,
      'log/rows': Space(np.float32),
    }

  @property
  def act_space(self) -> Spaces:
    return {
      'action': Space(np.int32, (), 0, self.lanes),
      'reset': Space(bool),
    }

  def reseed(self, seed: int | Sequence[int]) -> None:
    self.rng = np.random.default_rng(seed)

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self.done:
      return self._reset()
    if self.lane == self.lanes:
      self.lane = int(action['action'])
    for rung in self.rungs[:PACE]:
      self.lane = cross(self.lane, int(rung))
    rest = np.full(self.rows + PACE, END, np.int32)
    rest[: self.rows] = self.rungs
    self.rungs = rest[PACE:]
    self.done = self.rungs[0] == END
    return self._obs()

  def _reset(self) -> Obs:
    self.done = False
    self.count = self.exact or int(self.rng.integers(1, self.rows + 1))
    self.rungs = np.zeros(self.rows, np.int32)
    self.rungs[: self.count] = self.rng.integers(1, self.lanes, self.count)
    self.lane = self.lanes
    self.prize = int(self.rng.integers(self.lanes))
    return self._obs(is_first=True)

  def _obs(self, is_first: bool = False) -> Obs:
    return {
      'rungs': self.rungs,
      'lane': np.int32(self.lane),
      'prize': np.int32(self.prize),
      'reward': np.float32(self.done and self.lane == self.prize),
      'is_first': np.bool_(is_first),
      'is_last': np.bool_(self.done),
      'is_terminal': np.bool_(self.done),
      'log/rows': np.float32(self.count),
    }


def cross(lane: int, rung: int) -> int:
  """The lane after a row whose rung joins the lanes `rung` - 1 and `rung`.

  The lane stays the same if the row is `END`.
  """
  if rung == END:
    return lane
  if lane == rung:
    return rung - 1
  return rung if lane == rung - 1 else lane


def answer(rungs: NDArray[np.int32], prize: int) -> int:
  """The lane that leads to the prize, found upwards through `rungs` [rows]."""
  lane = prize
  for rung in rungs[rungs != END][::-1]:
    lane = cross(lane, int(rung))
  return lane
