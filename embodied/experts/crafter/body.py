"""The player: what it knows, what it wants, and how it pursues a goal."""

from collections.abc import Collection, Generator
from typing import NamedTuple

import numpy as np

from embodied.experts.crafter.memory import (
  DAY,
  ID,
  NAMES,
  TURNS,
  WALKABLE,
  WIDE,
  Memory,
  block,
)
from embodied.experts.crafter.paths import Flood, aim, flood
from embodied.experts.plan import Goal

# Yields the names of actions, and returns whether it did what it is for.
Skill = Generator[str, None, bool]

# Steps it takes to enter a cell of each material: turn, dig and go.
# Steps of the day.
DAWN, EVENING, DUSK = 25, 100, 145
# Where zombies come, and where they do not.
OPEN = frozenset([ID['grass'], ID['sand']])
SOLID = frozenset(ID[x] for x in ('stone', 'coal', 'iron', 'diamond'))
DIG, BRIDGE = 3, 5
TOOLS = {
  'stone': 'wood_pickaxe',
  'coal': 'wood_pickaxe',
  'iron': 'stone_pickaxe',
  'diamond': 'iron_pickaxe',
}


class Habits(NamedTuple):
  """Faults of a player: no order in what it wants, no thought of food."""

  disorder: bool = False
  forgetful: bool = False


class Body:
  """A player in one episode.

  Attributes:
    memory: what it has seen.
    random: for its own choices.
    whims: by the name of an aim, its place in a disordered player's order.
    asked: the achievement that is asked for; '' for all of them.
    stack: the goals in force without the action.
    garden: saplings of its own by cell, and the steps they have grown.
    heading: direction of the last exploration.
    ended: goals that ended since the last step, with their endings.
    refused: names of aims that failed, with the step until which they are
      not tried again.
  """

  def __init__(self, memory: Memory, habits: Habits, seed: int) -> None:
    self.memory = memory
    self.habits = habits
    self.random = np.random.default_rng(seed)
    self.asked = ''
    self.stack: list[Goal] = []
    self.ended: list[tuple[Goal, str]] = []
    self.garden: dict[int, int] = {}
    self._costs: tuple[int, list[int]] = (-1, [])
    self.heading = (0.0, 0.0)
    self.whims: dict[str, float] = {}
    self.refused: dict[str, int] = {}

  def provided(self) -> bool:
    """Whether neither hunger nor thirst costs health."""
    return self.has('food') > 0 and self.has('drink') > 0

  def night(self) -> bool:
    """Whether zombies are many, by the count of steps."""
    return self.memory.time >= 10 and not DAWN <= self.memory.time % DAY < DUSK

  def desperate(self) -> bool:
    """Whether it has to go out for food or water, even at night."""
    return not self.provided() and self.has('health') <= 4

  def exposed(self) -> bool:
    """Whether zombies may come from all sides."""
    return self.memory.dark and not self.in_rock()

  def in_rock(self) -> bool:
    """Whether it is inside a mountain, where zombies hardly come."""
    memory = self.memory
    ground = memory.ground
    if not self.has('wood_pickaxe') or ground[memory.cell] != ID['path']:
      return False
    if any(ground[x] in OPEN for x in block(memory.cell, 1, 1)):
      return False
    return sum(ground[x] in SOLID for x in block(memory.cell, 3, 3)) >= 15

  def evening(self) -> bool:
    return EVENING <= self.memory.time % DAY < DUSK

  def greenery(self) -> int:
    """How many cells in sight are grass, where zombies come from."""
    rows = range(
      self.memory.cell - 4 * WIDE, self.memory.cell + 5 * WIDE, WIDE
    )
    ground, grass = self.memory.ground, ID['grass']
    return sum(
      ground[max(0, x - 3) : max(0, x + 4)].count(grass) for x in rows
    )

  def has(self, item: str) -> int:
    return self.memory.has[item]

  def locked(self, name: str) -> bool:
    """Whether the achievement is still to be unlocked."""
    return name not in self.memory.unlocked

  def pursue(self, goal: Goal, skill: Skill) -> Skill:
    """Does `skill` with `goal` on the stack. A skill that is closed before
    its end was abandoned."""
    self.stack.append(goal)
    ending = 'abandoned'
    try:
      done = yield from skill
      ending = 'achieved' if done else 'failed'
      return done
    finally:
      self.stack.pop()
      self.ended.append((goal, ending))

  def costs(self) -> list[int]:
    """Steps to enter each material, 0 for those that cannot be entered."""
    if self._costs[0] != self.memory.time:
      self._costs = self.memory.time, self._costs_now()
    return self._costs[1]

  def _costs_now(self) -> list[int]:
    out = [0] * len(NAMES)
    for kind in WALKABLE:
      out[kind] = 1
    if self.memory.whole and not self.locked('defeat_skeleton'):
      out[ID['path']] = 2  # arrows fly there, and other ways are known
    if self.night() and not self.desperate():
      out[ID['grass']] = out[ID['sand']] = 0 if self.in_rock() else 4
    for name, tool in TOOLS.items():
      if self.has(tool):
        out[ID[name]] = DIG
    if self.has('stone') and self.has('wood_pickaxe'):
      out[ID['water']] = BRIDGE
    return out

  def search(
    self, materials: frozenset[int] = frozenset(), cells: Collection[int] = (),
    limit: int = 1 << 20,
  ) -> Flood:  # fmt: skip
    """The ways from here; see `paths.flood`."""
    memory = self.memory
    return flood(
      memory.ground, self.costs(), memory.cell, materials, cells,
      memory.things, limit,
    )  # fmt: skip

  def enter(self, cell: int) -> str | None:
    """The next action on the way into a neighbour, None if an object is in
    the way."""
    memory = self.memory
    turn = TURNS[cell - memory.cell]
    if cell in memory.things:
      return None
    if memory.ground[cell] in WALKABLE or memory.ahead != cell:
      return turn
    return 'place_stone' if memory.ground[cell] == ID['water'] else 'do'

  def face(self, cells: set[int], inside: set[int] | None = None) -> Skill:
    """Turns or walks until one of `cells` is ahead."""
    memory = self.memory
    for _ in range(40):
      moves = aim(
        memory.ground, memory.cell, memory.facing, cells, memory.things,
        inside,
      )  # fmt: skip
      if moves is None:
        return False
      if not moves:
        return True
      yield TURNS[moves[0]]
    return False
