"""A simple game that stands for the engine's battles, in numbers.

Who attacks uses the move that takes most, and who falls is replaced by who
does best in a race. Moves hit as often as their accuracy says, do 85 to 100%
of their damage, and every sixteenth time twice as much. Illness, flinching,
confusion, seeds, raised stages, drains and healing follow the third
generation (Bulbapedia, "Status condition", "Stat modifier").

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
FAR = 20.0  # turns
CRITICAL = 1 / 16
FRESH = np.ones(5)


@numba.njit(cache=True)
def attack(side, i, j, hp, form, other):
  """The move of i that takes most of j's hit points; -1 if none takes any.

  Args:
    form, other: factors `[5]` of both: of attack, defence, special attack,
      special defence and speed.
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
