"""The course of a challenge: drafts, battles and swaps, choice by choice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied.envs.battlefactory import (
  engine,
  memory,
  observation,
  rules,
  sets,
)
from embodied.envs.battlefactory.challenge import Challenge, team
from embodied.envs.battlefactory.engine import Battle

ACTIONS = 22
DRAFT, KEEP, SWAP = 6, 12, 13  # first actions of the draft and of the swap
GOLD = 42  # wins in a row that end a challenge
LOGS = (
  'streak', 'battles', 'turns', 'swaps', 'knock_outs', 'losses',
  'super_effective', 'engine_failures',
)  # fmt: skip


class Game:
  """What happens after each choice; `environment.BattleFactory` shows it.

  Attributes:
    done: whether the episode is over.
    phase: one of `observation.PHASES`.
    challenge: its draws.
    picks: places in the offer that were chosen in this draft.
    battle, view, memory: of the battle, None outside of one.
    lines: of the log since the last choice.
    counts: of `LOGS`, in this episode.

  The arguments are those of the environment.
  """

  def __init__(
    self,
    task: str,
    seed: int,
    sets: str,
    first: int,
    foe: str,
    knows: bool,
    bugs: bool,
    turns: int,
  ) -> None:
    self.task, self.sets, self.first, self.foe = task, sets, first, foe
    self.knows, self.bugs, self.turns = knows, bugs, turns
    self.rng = np.random.default_rng(seed)
    self.done = True
    self.phase = 'draft'
    self.picks: list[int] = []
    self.view: dict[str, Any] | None = None
    self.battle: Battle | None = None
    self.memory: memory.Memory | None = None
    self.lines: list[str] = []
    self.counts = dict.fromkeys(LOGS, 0)

  def mask(self) -> NDArray[np.bool_]:
    """Which actions are allowed now, bool `[22]`."""
    mask = np.zeros(ACTIONS, bool)
    if self.done:
      mask[KEEP] = True  # one has to be
    elif self.phase == 'draft':
      free = [x for x in range(rules.OFFERED) if x not in self.picks]
      mask[[DRAFT + x for x in free]] = True
    elif self.phase == 'swap':
      mask[KEEP:] = True
    elif self.view is not None:
      mask[: len(self.view['mask'])] = self.view['mask']
    return mask

  def scene(self) -> observation.Scene:
    """What can be seen now."""
    return observation.Scene(
      self.phase,
      self.challenge,
      self.picks,
      self.view,
      self.memory,
      self._known(),
    )

  def choose(self, choice: int) -> float:
    """Does what was chosen; returns the reward.

    Raises:
      ValueError: an action that is not allowed.
      EngineFailed: the engine has failed.
    """
    if not self.mask()[choice]:
      raise ValueError(
        f'The action {choice} is not allowed in the {self.phase}; allowed are'
        f' {np.flatnonzero(self.mask()).tolist()}.'
      )
    if self.phase == 'draft':
      return self._pick(choice - DRAFT)
    return self._swap(choice) if self.phase == 'swap' else self._fight(choice)

  def _reset(self) -> float:
    self.done = False
    self.counts = dict.fromkeys(LOGS, 0)
    round_ = self.first or int(self.rng.integers(1, 9))
    mode = 'open' if self.task == 'open' else 'level50'
    streak = (round_ - 1) * rules.BATTLES
    self.challenge = Challenge(mode, self.sets, self.rng, streak, self.bugs)
    return self._begin()

  def _begin(self) -> float:
    """A new draft, if there is one."""
    self.phase, self.picks = 'draft', []
    self.battle = self.view = self.memory = None
    if self.task != 'battle':
      return 0.0
    self.challenge.draft(range(rules.TEAM))
    return self._meet()

  def _pick(self, place: int) -> float:
    self.picks.append(place)
    if len(self.picks) < rules.TEAM:
      return 0.0
    self.challenge.draft(self.picks)
    return self._meet()

  def _swap(self, choice: int) -> float:
    if choice != KEEP:
      self.challenge.swap(*divmod(choice - SWAP, rules.TEAM))
      self.counts['swaps'] += 1
    return self._meet()

  def _meet(self) -> float:
    """Begins the next battle; it may end before the first choice."""
    self.phase, self.picks = 'battle', []
    challenge = self.challenge
    teams = [team(x) for x in (challenge.team, challenge.foe)]
    foe = self.foe or rules.trainer(challenge.streak)
    self.battle, self.view = Battle.start(
      engine.shared(), teams, foe, self._seed(), self.turns
    )
    self.memory = memory.Memory([x['name'] for x in teams[1]])
    return self._judge()

  def _fight(self, choice: int) -> float:
    assert self.battle is not None
    self.view = self.battle.step(choice)
    return self._judge()

  def _judge(self) -> float:
    """The reward of the last step, and what follows from it."""
    assert self.view is not None and self.memory is not None
    before = dict(self.memory.events)
    self.lines = self.view['log']
    self.memory.read(self.lines)
    for name, count in self.memory.events.items():
      if name in self.counts:
        self.counts[name] += count - before[name]
    if self.view['kind'] != 'end':
      return 0.0
    self.counts['battles'] += 1
    self.counts['turns'] += self.view['turn']
    if not self.view['won']:
      self.done = True
      return -1.0
    self.counts['streak'] += 1
    self.done = self.task == 'battle' or self.counts['streak'] == GOLD
    if not self.done:
      self.challenge.won()
      if self.challenge.team:
        self.phase = 'swap'
        self.battle = self.view = self.memory = None
      else:
        self._begin()
    return 1.0

  def _seed(self) -> list[int]:
    """Five numbers for a battle, see `Battle.start`."""
    limits = [2**16] * 4 + [2**32]
    return [int(self.rng.integers(x)) for x in limits]

  def _known(self) -> list[list[str]]:
    """Moves known of each of the opponent's Pokemon."""
    if self.memory is None:
      return []
    found = [list(x.moves) for x in self.memory.seen]
    if self.knows:
      challenge = self.challenge
      ends = rules.sets_of(challenge.mode, challenge.round)
      alone = sets.alone(self.sets, *ends)
      for i, mon in enumerate(challenge.foe):
        if mon.row.species in alone and self.memory.seen[i].shown:
          found[i] = list(mon.moves)
    return found

  def _shares(self) -> float:
    """The own team's hit points less the opponent's, in shares of one."""
    if self.view is None:
      return 0.0
    own = sum(x[0] / x[1] for x in self.view['me'])
    return own - sum(x[0] for x in self.view['foe']) / observation.BAR
