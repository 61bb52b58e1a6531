"""What may be done in a turn, each with its prospects and its reasons."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from embodied.envs.battlefactory import install, observation
from embodied.experts.battlefactory import races, sheets
from embodied.experts.battlefactory.races import Attack
from embodied.experts.battlefactory.sheets import Sheet
from embodied.experts.plan import Goal

PRICE = 0.2  # a switch has to gain more than this
LATER = 0.1  # of a raised stage, for the next foe
ASLEEP = 2.0  # turns that a foe sleeps on average
SLEEP = frozenset(
  'spore sleeppowder hypnosis lovelykiss sing grasswhistle'.split()
)
PARALYSIS = frozenset('thunderwave stunspore glare'.split())
POISON = frozenset(['toxic'])
# Stages that a move adds to attack and special attack, and to speed.
SETUP = {
  'swordsdance': (2, 0, 0), 'bulkup': (1, 0, 0), 'dragondance': (1, 0, 1),
  'howl': (1, 0, 0), 'meditate': (1, 0, 0), 'calmmind': (0, 1, 0),
  'tailglow': (0, 2, 0), 'growth': (0, 1, 0), 'agility': (0, 0, 2),
}  # fmt: skip
HEAL = frozenset(
  'recover softboiled milkdrink slackoff moonlight morningsun'
  ' synthesis'.split()
)


class Plan(NamedTuple):
  """Something to do.

  Attributes:
    score: the prospects, see `races.exchange`.
    action: of the environment.
    goals: below the goal to win the battle, the action in words last.
  """

  score: float
  action: int
  goals: tuple[Goal, ...]


class Turn:
  """All that a decision needs: estimates of every matchup with the foe.

  Args:
    scene: what is seen, in battle.
    privileged: whether the foe's set is known.
  """

  def __init__(
    self, scene: observation.Scene, privileged: bool = False
  ) -> None:
    assert scene.view is not None
    self.view: dict[str, Any] = scene.view
    self.team = scene.challenge.team
    self.mine = sheets.own(scene)
    self.foe = sheets.foe(scene, privileged)
    self.place = self.view['active'][0]
    self.name = scene.challenge.foe[self.view['active'][1]].name
    here = sheets.estimates(self.mine, [self.foe])
    self.row = here[self.place][0]
    back = sheets.estimates([self.foe], self.mine)[0]
    hp = self.foe['hp']
    self.attacks = [
      races.best(x['moves'], table[0], hp)
      for x, table in zip(self.mine, here, strict=True)
    ]
    self.threats = [
      races.best(self.foe['moves'], row, x['hp'])
      for x, row in zip(self.mine, back, strict=True)
    ]
    # What the foe's move against who is in battle does to the others.
    move = self.threats[self.place].move
    index = self.foe['moves'].index(move) if move else None
    self.coming = [
      0.0 if index is None else row[index][0] * row[index][1] for row in back
    ]

  def first(self, i: int, by: Attack) -> bool:
    """Whether one of the own team strikes before the foe."""
    other = self.threats[i].first
    if by.first != other:
      return by.first
    return sheets.speed(self.mine[i]) > sheets.speed(self.foe)

  def prospects(
    self, i: int, by: Attack, hp: float, late: float = 0.0, more: float = 0.0
  ) -> float:
    """The race of one of the own team against the foe.

    Args:
      i: place in the team.
      by: its attack.
      hp: its hit points at the start.
      late: turns that it loses before it attacks.
      more: turns that the foe loses.
    """
    mine = self.mine[i]
    lost = (1 - races.ALIVE) * max(0.0, mine['hp'] - hp) / mine['most']
    if hp <= 0:
      return -races.worth(mine['hp'] / mine['most'])
    kill = races.turns(self.foe['hp'], by) + late
    die = races.turns(hp, self.threats[i]) + more
    share = hp / mine['most'], self.foe['hp'] / self.foe['most']
    return races.exchange(kill, die, self.first(i, by), *share) - lost

  def plans(self) -> Iterator[Plan]:
    """Everything allowed."""
    mask = self.view['mask']
    for slot, (move, _, _) in enumerate(self.view['moves']):
      if mask[slot]:
        yield self._move(slot, move)
    if not any(mask[:4]):
      yield from self._entries(forced=True)
    elif any(mask[4:6]):
      yield from self._entries(forced=False)
    elif mask[0] and not self.view['moves']:
      yield Plan(0.0, 0, (self._fight(), act('struggle')))

  def _fight(self) -> Goal:
    return Goal(f'knock out {self.name}', 'knock_out', word(self.name))

  def _move(self, slot: int, move: str) -> Plan:
    me = self.mine[self.place]
    by = races.attack(move, *self.row[slot])
    goals: tuple[Goal, ...]
    if by.damage > 0:
      score = self.prospects(self.place, by, me['hp'])
      if move in races.DEADLY:
        dealt = min(1.0, self.row[slot][0] / self.foe['hp'])
        gain = dealt * races.worth(self.foe['hp'] / self.foe['most'])
        score = gain * by.accuracy - races.worth(me['hp'] / me['most'])
      # Of two that need as many turns, the stronger one.
      score += 0.02 * min(1.0, by.damage / self.foe['hp'])
      goals = (self._fight(), self._hit(move, by), act(move))
    else:
      score, goal = self._trick(move, me)
      goals = (self._fight(), goal, act(move))
    return Plan(score, slot, goals)

  def _hit(self, move: str, by: Attack) -> Goal:
    facts = install.data()['moves'].get(move)
    kind = facts['type'] if facts else ''
    factor = observation.factor(kind, tuple(self.foe['types']))
    if factor >= 4:
      return Goal('hit its fourfold weakness', 'hit', 'weakness', 4)
    if factor > 1:
      return Goal('hit its weakness', 'hit', 'weakness', 2)
    if by.damage / by.accuracy >= self.foe['hp']:
      return Goal('finish it', 'finish', word(self.name))
    return Goal('wear it down', 'wear_down', word(self.name))

  def _trick(self, move: str, me: Sheet) -> tuple[float, Goal]:
    """The prospects of a move without damage, and what it is for."""
    place, by = self.place, self.attacks[self.place]
    accuracy = (install.data()['moves'][move]['accuracy'] or 100) / 100
    go = lambda **x: self.prospects(place, by, me['hp'], 1.0, **x)
    well = not self.foe['status'] and 'safeguard' not in self.foe['screens']
    held = self.view['field'][1]['volatiles']
    if move in SLEEP and well and 'substitute' not in held:
      return go(more=ASLEEP * accuracy), Goal('put it to sleep', 'lull')
    if move in PARALYSIS and well and self._holds(move):
      late = not self.first(place, by)
      gain = accuracy * (1.0 + late)
      return go(more=gain), Goal('slow it down', 'paralyse')
    if (
      move in POISON
      and well
      and not {'Poison', 'Steel'} & {*self.foe['types']}
    ):
      long = races.turns(self.foe['hp'], by)
      more = 1.0 * accuracy if long > 4 else 0.0
      return go(more=more), Goal('poison it', 'poison')
    if move in SETUP:
      return self._stronger(move, me), Goal('get stronger', 'strengthen')
    if move in HEAL and me['hp'] < 0.6 * me['most']:
      hp = min(me['most'], me['hp'] + me['most'] / 2)
      threat = self.threats[place]
      return self.prospects(place, by, hp - threat.damage), Goal(
        'recover', 'recover'
      )
    return -0.9, Goal('gain time', 'wait')

  def _holds(self, move: str) -> bool:
    """Whether a paralysis works on the foe's types."""
    kind = install.data()['moves'][move]['type']
    if move == 'thunderwave' or kind == 'Normal':
      return observation.factor(kind, tuple(self.foe['types'])) > 0
    return True

  def _stronger(self, move: str, me: Sheet) -> float:
    """The prospects after a turn spent on raising stats."""
    attack, special, speed = SETUP[move]
    place, by = self.place, self.attacks[self.place]
    if not by.move or by.move == 'struggle':
      return -0.9
    physical = install.data()['moves'][by.move]['category'] == 'Physical'
    stage = self.mine[place]['boosts'][0 if physical else 2]
    raised = attack if physical else special
    if stage + raised > 4:
      return -0.9
    old, new = (1 + max(x, 0) / 2 for x in (stage, stage + raised))
    stronger = by._replace(damage=by.damage * new / old)
    if not raised and not speed:
      return -0.9
    score = self.prospects(place, stronger, me['hp'], 1.0)
    # What is raised helps against the next foe, too.
    return score + LATER * (raised + speed) * max(0.0, score)

  def _entries(self, forced: bool) -> Iterator[Plan]:
    price = 0.0 if forced else PRICE
    for k, i in enumerate(self.view['bench']):
      if not self.view['mask'][4 + k]:
        continue
      hit = 0.0 if forced else self.coming[i]
      hp = self.mine[i]['hp'] - hit
      score = self.prospects(i, self.attacks[i], hp) - price
      name = self.team[i].name
      why = self._reason(i, forced)
      goal = Goal(f'bring in {name}', 'bring_in', word(name), 1, why)
      last = Goal(f'switch to {name}', 'switch', word(name))
      yield Plan(score, 4 + k, (goal, last))

  def _reason(self, i: int, forced: bool) -> str:
    if forced:
      return 'the last one fell'
    move = self.threats[self.place].move
    if move and self.coming[i] < self.threats[self.place].damage:
      return f'{install.data()["moves"][move]["name"]} hurts it less'
    return f'it does better against {self.name}'


def choose(turn: Turn) -> Plan:
  """The plan with the best prospects."""
  return max(turn.plans(), key=lambda x: x.score)


def act(move: str) -> Goal:
  """A move as an action in words."""
  facts: Mapping[str, Any] = install.data()['moves'].get(move, {})
  name = facts.get('name', move.capitalize())
  return Goal(f'use {name}', 'use', word(name))


def word(name: str) -> str:
  """A name as one word: 'Giga Drain' is giga_drain."""
  return re.sub('[^a-z0-9_]', '', re.sub('[ -]', '_', name.lower()))
