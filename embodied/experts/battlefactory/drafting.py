"""Which rentals to take: those that win most races against the others.

The six rentals come from the same range of sets as the opponents, so they
stand for them.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embodied.envs.battlefactory.challenge import Mon
from embodied.experts.battlefactory import races, sheets

Table = NDArray[np.float64]
ENOUGH = 0.12  # gain for which a swap is made


def outcomes(mons: Sequence[Mon]) -> Table:
  """Races of each against each other, `[N, N]`, 0 on the diagonal."""
  known = [sheets.fresh(x) for x in mons]
  table = sheets.estimates(known, known)
  count = len(mons)
  times = np.full((count, count), races.FAR)
  for i, j in itertools.product(range(count), repeat=2):
    row = table[i][j]
    attack = races.best(known[i]['moves'], row, known[j]['hp'])
    times[i, j] = races.turns(known[j]['hp'], attack)
  found = np.zeros((count, count))
  for i, j in itertools.product(range(count), repeat=2):
    if i != j:
      first = sheets.speed(known[i]) >= sheets.speed(known[j])
      found[i, j] = races.exchange(times[i, j], times[j, i], first, 1.0, 1.0)
  return found


def value(table: Table, team: Sequence[int], others: Sequence[int]) -> float:
  """How well a team meets the others: its best answer to each of them, and
  its average."""
  part = table[np.ix_(list(team), list(others))]
  return float(part.max(0).mean() + part.mean())


def draft(mons: Sequence[Mon]) -> list[int]:
  """Places of the three to take, the best lead first."""
  table = outcomes(mons)
  places = range(len(mons))
  teams = itertools.combinations(places, 3)
  rest = lambda team: [x for x in places if x not in team]
  team = max(teams, key=lambda x: value(table, x, rest(x)))
  return sorted(team, key=lambda x: -table[x].mean())


def swap(team: Sequence[Mon], beaten: Sequence[Mon]) -> tuple[int, int] | None:
  """The best swap as places in both teams; None if it gains too little."""
  table = outcomes([*team, *beaten])
  everybody = range(len(team) + len(beaten))
  score = lambda x: value(table, x, everybody)
  now = list(range(len(team)))
  options = itertools.product(range(len(team)), range(len(beaten)))
  after = lambda x: score([*now[: x[0]], len(team) + x[1], *now[x[0] + 1 :]])
  found = max(options, key=after)
  return found if after(found) - score(now) > ENOUGH else None
