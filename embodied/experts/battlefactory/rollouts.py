"""Battles played on in numbers: how often an action wins.

A simple game stands for the engine's. Its first steps are searched, see
`search`; then both sides attack with the move that takes most (the foe now and
then with any), and who falls is replaced by who does best in a race. Moves hit
as often as their accuracy says, do 85 to 100% of their damage, and every
sixteenth time twice as much. Illness, flinching, confusion, seeds, raised
stages, drains and healing follow the third generation (Bulbapedia, "Status
condition", "Stat modifier").

A side is a tuple of float64 arrays of its F Pokemon, against G:

    body    [F, BODY]: the columns from HP on
    damage  [F, G, 4]: hit points that each move takes from each of the other
            side's, 0 where there is no move
    odds    [F, G, 4]: accuracies
    traits  [F, 4, TRAITS]: what each move does, the columns from PRIORITY on
"""

import numba
import numpy as np

# Of a Pokemon; from IMMUNE on 1 for each illness that it never has. Speed is
# without paralysis.
HP, MOST, SPEED, STATUS, HEALS, IMMUNE = range(6)
SLEEP, PARALYSIS, POISON, BURN, FREEZE, SEED = range(6)
BODY = IMMUNE + 6
# Of a move: from ILL on the chances of an illness, from GAIN on stages of
# attack, defence, special attack, special defence and speed.
PRIORITY, PHYSICAL, DEADLY, PACE, HEAL, DRAIN, REST, CONFUSE, FLINCH = range(9)
ILL = 9
GAIN = ILL + 6
TRAITS = GAIN + 5
# Statuses: WELL, or 1 + an illness; bad poison.
WELL, BAD = 0, 6
# Turns of sleep, of bad poison and of confusion that are left or counted.
NIGHTS, TOXIC, DAZED = range(3)
# The player's actions: four moves, then who of the team comes in.
ENTER = 4
ACTIONS = ENTER + 3
LONGEST, FAR = 60, 20.0  # turns
CRITICAL = 1 / 16
CURIOUS = 0.7  # how much is explored, see `search`
WILD = 0.25  # share of the foe's turns in which it uses any of its moves
FRESH = np.ones(5)


@numba.njit(cache=True)
def attack(side, i, j, hp, form, other):
  """The move of i that takes most of j's hit points; -1 if none takes any.

  Args:
    form, other: factors `[5]` of both, see `play`.
  """
  _, damage, odds, traits = side
  best, most = -1, 0.0
  for m in range(4):
    if damage[i, j, m] <= 0:
      continue
    points = damage[i, j, m] * factor(traits[i, m], form, other)
    value = min(hp, points) + 1e-3 * points + 1e-3 * traits[i, m, PRIORITY]
    value *= odds[i, j, m] * traits[i, m, PACE]
    if traits[i, m, DEADLY] > 0:
      value *= 0.3
    if value > most:
      best, most = m, value
  return best


@numba.njit(cache=True)
def factor(traits, form, other):
  """What raised stages make of a move's damage."""
  if traits[PHYSICAL] > 0:
    return form[0] / other[1]
  return form[2] / other[3]


@numba.njit(cache=True)
def turns(side, i, j, hp, form, other):
  """Turns until the best attack has taken so many hit points."""
  m = attack(side, i, j, hp, form, other)
  if m < 0:
    return FAR
  _, damage, odds, traits = side
  points = damage[i, j, m] * factor(traits[i, m], form, other)
  return min(FAR, np.ceil(hp / points) / (odds[i, j, m] * traits[i, m, PACE]))


@numba.njit(cache=True)
def lead(sides, k, i, j, form, other):
  """By how many turns i of side k is ahead in a race against j."""
  mine, theirs = sides[k][0][i], sides[1 - k][0][j]
  kill = turns(sides[k], i, j, theirs[HP], form, other)
  die = turns(sides[1 - k], j, i, mine[HP], other, form)
  fast = pace(mine, form) > pace(theirs, other)
  return die - kill + (0.5 if fast else -0.5)


@numba.njit(cache=True)
def pace(body, form):
  """Speed with its stage and paralysis."""
  slow = 0.25 if body[STATUS] == 1 + PARALYSIS else 1.0
  return body[SPEED] * form[4] * slow


@numba.njit(cache=True)
def replacement(sides, k, team, j, other):
  """Who of a team `[3]` of side k is most ahead of j; -1 if all have
  fallen."""
  best, most = -1, -3 * FAR
  for i in team:
    if i >= 0 and sides[k][0][i, HP] > 0:
      ahead = lead(sides, k, i, j, FRESH, other)
      if ahead > most:
        best, most = i, ahead
  return best


@numba.njit(cache=True)
def able(body, count):
  """Whether who is ill can act."""
  if body[STATUS] == 1 + FREEZE:
    if np.random.random() >= 0.2:
      return False
    body[STATUS] = WELL
  if body[STATUS] == 1 + SLEEP:
    count[NIGHTS] -= 1
    if count[NIGHTS] > 0:
      return False
    body[STATUS] = WELL
  if count[DAZED] > 0:
    count[DAZED] -= 1
    if np.random.random() < 0.5:
      body[HP] -= body[MOST] / 8
      return False
  return body[STATUS] != 1 + PARALYSIS or np.random.random() >= 0.25


@numba.njit(cache=True)
def use(side, theirs, i, j, m, form, other, count, harm, seeded):
  """Move m of i on j; returns whether j flinches.

  Args:
    count, harm: turns `[3]` of i and j.
    seeded: `[1]`, whether j is.
  """
  body, damage, odds, traits = side
  does, me, target = traits[i, m], body[i], theirs[0][j]
  if np.random.random() >= odds[i, j, m] * does[PACE]:
    return False
  points = damage[i, j, m] * factor(does, form, other)
  if points > 0:
    points *= (0.85 + 0.15 * np.random.random()) / 0.925
    if np.random.random() < CRITICAL:
      points *= 2
    points = min(points, target[HP])
    target[HP] -= points
    me[HP] = min(me[MOST], me[HP] + does[DRAIN] * points)
  if does[DEADLY] > 0:
    me[HP] = 0
  if does[REST] > 0 and me[HP] < me[MOST]:
    me[HP], me[STATUS], count[NIGHTS] = me[MOST], 1 + SLEEP, 3
    if does[REST] > 1:
      me[STATUS] = WELL
  elif does[HEAL] > 0:
    me[HP] = min(me[MOST], me[HP] + does[HEAL] * me[MOST])
  for x in range(5):
    stages = does[GAIN + x]
    if stages > 0:
      form[x] = min(4.0, form[x] * (1 + stages / 2))
    elif stages < 0:
      form[x] = max(0.25, form[x] / (1 - stages / 2))
  if target[HP] <= 0:
    return False
  if does[CONFUSE] > 0 and np.random.random() < does[CONFUSE]:
    harm[DAZED] = max(harm[DAZED], 2 + np.random.randint(4))
  for x in range(6):
    chance = does[ILL + x] * (1 - target[IMMUNE + x])
    if chance <= 0 or np.random.random() >= min(1.0, chance):
      continue
    if x == SEED:
      seeded[0] = 1
    elif target[STATUS] == WELL:
      target[STATUS] = 1 + x
      if x == SLEEP:
        harm[NIGHTS] = 2 + np.random.randint(4)
      if does[ILL + x] > 1:
        target[STATUS], harm[TOXIC] = BAD, 1
  return np.random.random() < does[FLINCH]


@numba.njit(cache=True)
def residual(body, other, count, seeded):
  """What illness and seeds take, and an item gives, at the end of a turn."""
  if body[HP] <= 0:
    return
  if body[STATUS] == 1 + BURN or body[STATUS] == 1 + POISON:
    body[HP] -= body[MOST] / 8
  elif body[STATUS] == BAD:
    body[HP] -= body[MOST] * min(15, count[TOXIC]) / 16
    count[TOXIC] += 1
  if seeded > 0:
    body[HP] -= body[MOST] / 8
    if other[HP] > 0:
      other[HP] = min(other[MOST], other[HP] + body[MOST] / 8)
  if body[HP] > 0 and body[HEALS] > 0:
    body[HP] = min(body[MOST], body[HP] + body[MOST] / 16)


@numba.njit(cache=True)
def enter(k, i, active, form, count, seeded):
  """Pokemon i of side k comes into battle."""
  active[k] = i
  form[k] = 1
  count[k, NIGHTS], count[k, TOXIC] = 1 + np.random.randint(3), 1
  count[k, DAZED] = 0
  seeded[k] = 0


@numba.njit(cache=True)
def fight(sides, active, move, comes, form, count, seeded):
  """One turn in which each side uses a move (`move` `[2]`, -1 for none) or
  switches (`comes` `[2]`, -1 to stay)."""
  for k in range(2):
    if comes[k] >= 0:
      enter(k, comes[k], active, form, count, seeded)
  begins = order(sides, active, move, form)
  for half in range(2):
    k = begins if half == 0 else 1 - begins
    i, j = active[k], active[1 - k]
    if sides[k][0][i, HP] <= 0 or sides[1 - k][0][j, HP] <= 0:
      break
    if comes[k] >= 0 or not able(sides[k][0][i], count[k]) or move[k] < 0:
      continue
    flinches = use(
      sides[k], sides[1 - k], i, j, move[k], form[k], form[1 - k],
      count[k], count[1 - k], seeded[1 - k : 2 - k],
    )  # fmt: skip
    if flinches and half == 0:
      break
  for k in range(2):
    mine, theirs = sides[k][0], sides[1 - k][0]
    residual(mine[active[k]], theirs[active[1 - k]], count[k], seeded[k])


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
def any_move(traits):
  """One of a Pokemon's moves `[4, TRAITS]`."""
  drawn, count = -1, 0
  for m in range(4):
    if traits[m, PACE] > 0:
      count += 1
      if np.random.random() * count < 1:
        drawn = m
  return drawn


@numba.njit(cache=True)
def play(sides, teams, active, forced, first, tree, size, path):
  """Plays one battle to its end, in place; 1 if the player wins, 0 if it
  loses, 1/2 if nobody does.

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
  # Factors of attack, defence, special attack, special defence and speed.
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
        return 1.0 if left else 0.5
      enter(1, j, active, form, count, seeded)
    if not left:
      return 0.0
  return 0.5


@numba.njit(cache=True)
def standing(body, team):
  """Whether anybody of a team is left."""
  for i in team:
    if i >= 0 and body[i, HP] > 0:
      return True
  return False


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
def order(sides, active, move, form):
  """The side that acts first."""
  gap = 0.0
  for k in range(2):
    if move[k] >= 0:
      gap += (1 - 2 * k) * sides[k][3][active[k], move[k], PRIORITY]
  if gap == 0:
    mine, theirs = sides[0][0][active[0]], sides[1][0][active[1]]
    gap = pace(mine, form[0]) - pace(theirs, form[1])
  if gap == 0:
    gap = np.random.random() - 0.5
  return 0 if gap > 0 else 1


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
