"""A ladder to climb down: which lane to take shows only when it is traced.

Lanes run down, and every row has one rung between two neighbouring lanes.
Whoever walks down crosses each rung on the way (a ghost leg, Amidakuji). One
of the lanes ends at the prize. All is seen at once and nothing is random, but
the only choice comes first: to take the right lane, one must have followed
the ladder through all of its rows. How many there are differs by episode, so
it is known how much search a choice needs.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.errors import UsageError
from embodied.space import Space

END = 0  # where there is no row
PACE = 3  # rows per step


class Ladder(Env):
  """Choose a lane and ride down, three rows per step: ceil(rows / 3) steps to
  an episode.

  Observations, all int32:

  * `rungs` `[rows]`: the rows that are still to come, the next one first. k
    is a rung between the lanes k - 1 and k; `END` is below the last row.
  * `lane`: the lane one is on, or `lanes` as long as none is chosen.
  * `prize`: the lane that pays at the bottom.

  The first action chooses the lane, and the ride begins with it; later ones do
  nothing while it goes on. The last step pays 1 at the prize, and
  `is_terminal`.
  `log/rows` float32 is the number of rows of this episode.

  Args:
    task: 'mixed' (1 to `rows` rows, each as often), or a number of rows.
    seed: Of the ladders.
    rows: The most rows.
    lanes: Number of lanes and actions, 2 at least.

  Raises:
    UsageError: Another task, or no room for a rung.
  """

  def __init__(
    self, task: str, *, seed: int, rows: int = 6, lanes: int = 4
  ) -> None:
    if rows < 1 or lanes < 2:
      raise UsageError(
        f'A ladder has 1 row and 2 lanes at least, not {rows} and {lanes}.'
      )
    known = {str(n): n for n in range(1, rows + 1)} | {'mixed': 0}
    if task not in known:
      raise UsageError(
        f"No task 'ladder_{task}'; there are ladder_mixed and ladder_1 to"
        f' ladder_{rows}.'
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
  """The lane after a row whose rung joins the lanes `rung` - 1 and `rung`;
  the same one if the row is `END`."""
  if rung == END:
    return lane
  if lane == rung:
    return rung - 1
  return rung if lane == rung - 1 else lane


def answer(rungs: NDArray[np.int32], prize: int) -> int:
  """The lane to choose: the ladder `[rows]` walked up from the prize."""
  lane = prize
  for rung in rungs[rungs != END][::-1]:
    lane = cross(lane, int(rung))
  return lane
