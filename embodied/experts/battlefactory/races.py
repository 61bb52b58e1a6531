"""Races between two Pokemon that go on attacking: who falls first, and what
it costs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from embodied.envs.battlefactory import install

# Attacks that take two turns, or after which one turn is lost or the user.
SLOW = frozenset('fly dig bounce dive skyattack razorwind skullbash'.split())
DEADLY = frozenset(['explosion', 'selfdestruct', 'memento'])
ALIVE = 0.4
SURE = 1.2
FAR = 9.0  # turns after which it no longer matters


class Attack(NamedTuple):
  """The best attack on a target.

  Attributes:
    move: its name, '' if nothing does damage.
    damage: expected per turn, in hit points.
    accuracy: of the move.
    first: whether the move comes before others.
  """

  move: str
  damage: float
  accuracy: float
  first: bool


NOTHING = Attack('', 0.0, 1.0, False)


def attack(move: str, damage: float, accuracy: float) -> Attack:
  """What a move does per turn."""
  pace = 0.5 if move in SLOW else 0.3 if move in DEADLY else 1.0
  if move == 'struggle':
    return Attack(move, damage * 0.7, 1.0, False)
  facts = install.data()['moves'].get(move)
  first = bool(facts) and facts['priority'] > 0
  return Attack(move, damage * accuracy * pace, accuracy, first)


def best(
  moves: Sequence[str], row: Sequence[tuple[float, float]], hp: float
) -> Attack:
  """The attack that ends the race soonest; the surer one of two."""
  found = [attack(x, *y) for x, y in zip(moves, row, strict=True)]
  found = [x for x in found if x.damage > 0]
  rank = lambda x: (-turns(hp, x), x.accuracy, x.first, x.damage)
  return max(found, key=rank, default=NOTHING)


def turns(hp: float, by: Attack) -> float:
  """Turns until so many hit points are gone."""
  if by.damage <= 0:
    return FAR
  # What is dealt at once, if it hits, and the turns of misses.
  whole = by.damage / by.accuracy
  return min(FAR, math.ceil(hp / whole - 1e-9) / by.accuracy)


def exchange(
  kill: float, die: float, first: bool, mine: float, theirs: float
) -> float:
  """What a race is expected to bring: losses of the foe less those of its
  own, where a Pokemon is worth `ALIVE` and the rest by its hit points.

  The race is won if it is ahead; less surely so, the closer it is:
  p = 1 / (1 + exp(-SURE lead)), with lead = die - kill, and half a turn for
  who strikes first.

  Args:
    kill: turns until the foe falls.
    die: turns until it falls itself.
    first: whether it strikes before the foe.
    mine, theirs: shares of hit points at the start.
  """
  lead = die - kill + (0.5 if first else -0.5)
  p = 1 / (1 + math.exp(-SURE * lead))
  hits, blows = kill - first, die - (not first)
  taken, dealt = min(1.0, hits / die), min(1.0, blows / kill)
  won = worth(theirs) - (1 - ALIVE) * mine * taken
  lost = (1 - ALIVE) * theirs * max(0.0, dealt) - worth(mine)
  return p * won + (1 - p) * lost


def worth(share: float) -> float:
  """Of a Pokemon with this share of its hit points."""
  return ALIVE + (1 - ALIVE) * share if share > 0 else 0.0
