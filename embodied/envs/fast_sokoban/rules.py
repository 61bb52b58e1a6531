"""The rules of Sokoban.

A room is a flat array of cells, uint8 `[H * W]`, whose outermost cells are
walls. The lowest bit of a cell says whether it is a target, the other bits
what stands there. `numbers`, int64 `[4]`, holds what else changes in an
episode: the player's cell, the steps, the pushes, and the boxes that are not
on a target, at the indices AT, STEPS, PUSHES and LEFT.
"""

import numba

# What stands on a cell, and the classes of cells, 2 * (what stands there) + 1
# if the cell is a target.
NOTHING, BOX, PLAYER, WALL = range(4)
CLASSES = (
  'floor', 'target', 'box', 'box on target', 'player', 'player on target',
  'wall',
)  # fmt: skip
ACTIONS = ('move up', 'move down', 'move left', 'move right')
AT, STEPS, PUSHES, LEFT = range(4)
# Rewards, as Guez et al. 2019 (arXiv 1901.03559) and Racaniere et al. 2017
# (arXiv 1707.06203) give them.
STEP, PLACED, SOLVED = -0.1, 1.0, 10.0


@numba.njit(cache=True)
def load(cells, numbers, level):
  """Copies the cells of a level and begins an episode there."""
  numbers[:] = 0
  for i in range(len(level)):
    cells[i] = level[i]
    if level[i] >> 1 == PLAYER:
      numbers[AT] = i
    elif level[i] == 2 * BOX:
      numbers[LEFT] += 1


@numba.njit(cache=True)
def step(cells, numbers, width, action):
  """Moves the player, who pushes a box if it stands in the way and the cell
  behind it is free; returns the reward.

  r = -0.1 + (boxes put on targets) - (boxes pushed off) + 10 if none is left.
  """
  numbers[STEPS] += 1
  ahead = offset(width, action)
  here = numbers[AT]
  there = here + ahead
  left = numbers[LEFT]
  if cells[there] >> 1 == BOX and cells[there + ahead] >> 1 == NOTHING:
    cells[there + ahead] += 2 * BOX
    cells[there] -= 2 * BOX
    numbers[LEFT] += (cells[there] & 1) - (cells[there + ahead] & 1)
    numbers[PUSHES] += 1
  if cells[there] >> 1 == NOTHING:
    cells[there] += 2 * PLAYER
    cells[here] -= 2 * PLAYER
    numbers[AT] = there
  reward = STEP + PLACED * (left - numbers[LEFT])
  return reward + SOLVED if numbers[LEFT] == 0 else reward


@numba.njit(cache=True)
def offset(width, action):
  """From a cell to the one that an action leads to."""
  if action < 2:
    return width if action else -width
  return 1 if action == 3 else -1
