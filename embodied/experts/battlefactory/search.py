"""Which action wins a battle most often: Monte Carlo tree search.

The player's next actions are searched in the game of `rollouts`; then both
sides attack with the move that takes most, the foe now and then with any.
"""

import numba
import numpy as np

from embodied.experts.battlefactory.rollouts import (
  HP,
  PACE,
  any_move,
  attack,
  enter,
  fight,
  replacement,
)

# The player's actions: four moves, then who of the team comes in.
ENTER = 4
ACTIONS = ENTER + 3
LONGEST = 60  # turns
CURIOUS = 0.7  # how much is explored
HASTE = 0.01  # of a win, that each turn before it costs
WILD = 0.25  # share of the foe's turns in which it uses any of its moves


@numba.njit(cache=True)
def standing(body, team):
  """Whether anybody of a team is left."""
  for i in team:
    if i >= 0 and body[i, HP] > 0:
      return True
  return False


@numba.njit(cache=True)
def allowed(sides, team, active, forced, legal):
  """Writes which actions `[ACTIONS]` the player has: moves that do anything,
  unless somebody has to come in, and the others of its team."""
  legal[:] = False
  if not forced:
    for m in range(4):
      legal[m] = sides[0][3][active[0], m, PACE] > 0
  for x in range(3):
    if team[x] >= 0 and x != active[0]:
      legal[ENTER + x] = sides[0][0][team[x], HP] > 0


@numba.njit(cache=True)
def promising(tree, node, legal):
  """The action with the highest upper bound (UCB1, Auer et al. 2002); one that
  was not tried comes first. -1 if nothing is allowed."""
  visits, won, _ = tree
  total = 0.0
  for x in range(ACTIONS):
    if legal[x]:
      total += visits[node, x]
  best, most = -1, -1.0
  for x in range(ACTIONS):
    if not legal[x]:
      continue
    tried = visits[node, x]
    bound = 1e6 + np.random.random()
    if tried > 0:
      bound = won[node, x] / tried + CURIOUS * np.sqrt(np.log(total) / tried)
    if bound > most:
      best, most = x, bound
  return best


@numba.njit(cache=True)
def follow(tree, node, action, size):
  """The node after an action; -1 where the tree ends, which then grows."""
  visits, _, child = tree
  if action < 0:
    return -1
  there = child[node, action]
  if there < 0 and size[0] < len(child):
    child[node, action] = size[0]
    size[0] += 1
    return -1
  return there


@numba.njit(cache=True)
def play(sides, teams, active, forced, first, tree, size, path):
  """Plays one battle to its end, in place; 1 if the player wins, less a bit
  for each turn, 0 if it loses, 1/2 if nobody does.

  Args:
    sides: the player's and the foe's.
    teams: int `[2, 3]`, the Pokemon of both; -1 for nobody.
    active: int `[2]`, who is in battle.
    forced: whether the player has to bring somebody in first.
    first: bool `[ACTIONS]`, what is allowed at first.
    tree: (visits, won, child), each `[N, ACTIONS]`.
    size: int `[1]`, the nodes of the tree that are used; grows by one.
    path: int `[LONGEST, 2]`, written: the nodes and actions in the tree; -1
      after them.
  """
  form, count, seeded = np.ones((2, 5)), np.ones((2, 3)), np.zeros(2)
  for k in range(2):
    enter(k, active[k], active, form, count, seeded)
  move, comes = np.full(2, -1), np.full(2, -1)
  legal = first.copy()
  node, deep = 0, 0
  path[:] = -1
  for turn in range(LONGEST):
    move[:], comes[:] = -1, -1
    chosen = -1
    if node >= 0 and deep < LONGEST:
      if turn:
        allowed(sides, teams[0], active, forced, legal)
      chosen = promising(tree, node, legal)
      path[deep, 0], path[deep, 1] = node, chosen
      deep += 1
      node = follow(tree, node, chosen, size)
    i, j = active
    if chosen >= ENTER:
      comes[0] = chosen - ENTER
    elif chosen >= 0:
      move[0] = chosen
    elif forced:
      comes[0] = replacement(sides, 0, teams[0], j, form[1])
    else:
      move[0] = attack(sides[0], i, j, sides[1][0][j, HP], form[0], form[1])
    if forced:
      enter(0, comes[0], active, form, count, seeded)
    else:
      move[1] = attack(sides[1], j, i, sides[0][0][i, HP], form[1], form[0])
      if np.random.random() < WILD:
        move[1] = any_move(sides[1][3][j])
      fight(sides, active, move, comes, form, count, seeded)
    forced = sides[0][0][active[0], HP] <= 0
    fallen = sides[1][0][active[1], HP] <= 0
    left = not forced or standing(sides[0][0], teams[0])
    if fallen:
      j = replacement(sides, 1, teams[1], active[0], form[0])
      if j < 0:
        return 1.0 - HASTE * turn if left else 0.5
      enter(1, j, active, form, count, seeded)
    if not left:
      return 0.0
  return 0.5


@numba.njit(cache=True)
def search(mine, theirs, team, slots, place, slot, first, battles, seed):
  """How often each first action was tried, and won, `[ACTIONS]` each.

  Monte Carlo tree search over the player's own actions (UCT, Kocsis and
  Szepesvari 2006; open loop: a node stands for the actions before it, whatever
  came of them). Each battle draws who the foe's Pokemon are.

  Args:
    team: int `[3]`, the player's Pokemon that are left, -1 for nobody.
    slots: int `[3, K]`, who each of the foe's may be, -1 for nobody.
    place: the player's Pokemon in battle.
    slot: the place of the foe's.
    first: bool `[ACTIONS]`, what is allowed.
    battles: how many are played.
  """
  np.random.seed(seed)
  shape = battles + 1, ACTIONS
  tree = np.zeros(shape), np.zeros(shape), np.full(shape, -1)
  size, path = np.ones(1, np.int64), np.full((LONGEST, 2), -1)
  teams, active = np.full((2, 3), -1), np.zeros(2, np.int64)
  forced = not first[:ENTER].any()
  for _ in range(battles):
    teams[0] = team
    for k in range(3):
      known = slots[k][slots[k] >= 0]
      drawn = np.random.randint(max(1, len(known)))
      teams[1, k] = known[drawn] if len(known) else -1
    active[0], active[1] = place, teams[1, slot]
    left = (mine[0].copy(), mine[1], mine[2], mine[3])
    right = (theirs[0].copy(), theirs[1], theirs[2], theirs[3])
    won = play((left, right), teams, active, forced, first, tree, size, path)
    for node, action in path:
      if action < 0:
        break
      tree[0][node, action] += 1
      tree[1][node, action] += won
  return tree[0][0], tree[1][0]
