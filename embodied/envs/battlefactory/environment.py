"""The Battle Factory as an environment; see README.md beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.envs.battlefactory import challenge as challenge_
from embodied.envs.battlefactory import (
  engine,
  install,
  memory,
  observation,
  rules,
  sets,
  words,
)
from embodied.envs.battlefactory.engine import Battle, EngineFailed
from embodied.errors import UsageError, suggest
from embodied.space import Space

TASKS = ('level50', 'open', 'battle')
ACTIONS = 22
DRAFT, KEEP, SWAP = 6, 12, 13  # first actions of the draft and of the swap
GOLD = 42  # wins in a row that end a challenge
KNOWLEDGE = ('none', 'table')
LOGS = (
  'streak', 'battles', 'turns', 'swaps', 'knock_outs', 'losses',
  'super_effective', 'engine_failures',
)  # fmt: skip


class BattleFactory(Env):
  """Rental teams, drafts, battles and swaps on the third generation's rules.

  Actions: 0 to 3 are the moves of the Pokemon in battle. 4 and 5 switch to
  the first or second of the two others in the order of the team. 6 to 11 are
  the rentals, chosen three times before each round. After each win, 12 keeps
  the team and 13 + 3 i + j swaps the own Pokemon i for the beaten opponent's
  j. `mask` `[22]` says which are allowed. The other observations are float32
  vectors, see `observation`, and `text` uint8, if its length is not 0.

  The reward is 1 for a won battle and -1 for a lost one; a draw, and a battle
  of more than `turns` turns, are lost. An episode is a challenge: it ends with
  the first loss, or with 42 wins. If the engine fails, the episode is
  truncated and `log/engine_failures` is 1.

  The seed and the actions determine everything, also after a copy or a pickle.

  Args:
    task: 'level50', 'open', or 'battle': one battle of level 50, with the
      first three rentals.
    seed: of all draws and battles.
    sets: 'random' or 'frontier', see `sets`.
    round: the round in which a challenge begins, from 1 on; for 'battle', 0 is
      any of the first eight.
    foe: who plays the opponents, a name of `players.js`; '' is the Factory.
    knowledge: 'none', or 'table': the moves of a species are known on sight
      where only one of its sets is in the range.
    cartridge_bugs: with the mistakes of the cartridge, see `challenge`.
    turns: of a battle at most.
    shaped: reward for the difference of the teams' shares of hit points.
    text: length of the text observation.

  Raises:
    UsageError: another task or setting, no Node, or no packages.
  """

  goals = (
    'win the round',
    'win the battle',
    "knock out the foe's Pokemon",
    'hit its weakness',
    'keep the whole team alive',
    'draft a team',
    'swap for a better Pokemon',
  )

  def __init__(
    self,
    task: str,
    *,
    seed: int,
    sets: str = 'random',
    round: int = 1,
    foe: str = '',
    knowledge: str = 'none',
    cartridge_bugs: bool = False,
    turns: int = 200,
    shaped: float = 0.0,
    text: int = 0,
  ) -> None:
    if task not in TASKS:
      raise UsageError(
        f"There is no task 'battlefactory_{task}'; choose"
        f' {", ".join(f"battlefactory_{x}" for x in TASKS)}.'
      )
    if knowledge not in KNOWLEDGE:
      raise UsageError(
        f"There is no knowledge '{knowledge}'. {suggest(knowledge, KNOWLEDGE)}"
      )
    least = 0 if task == 'battle' else 1
    if round < least or turns < 1 or text < 0 or round > 100:
      raise UsageError(
        f'The Factory cannot have round {round}, {turns} turns and a text of'
        f' {text} bytes; rounds are {least} to 100, turns 1 or more.'
      )
    check_table(sets)
    players = engine.shared().players
    if foe and foe not in players:
      raise UsageError(f"There is no player '{foe}'. {suggest(foe, players)}")
    self.task, self.sets, self.first, self.foe = task, sets, round, foe
    self.knows = knowledge == 'table'
    self.bugs, self.turns, self.shaped = cartridge_bugs, turns, shaped
    self.text = text
    self.rng = np.random.default_rng(seed)
    self.done = True
    self.phase = 'draft'
    self.picks: list[int] = []
    self.view: dict[str, Any] | None = None
    self.battle: Battle | None = None
    self.memory: memory.Memory | None = None
    self.counts = dict.fromkeys(LOGS, 0)
    self._obs: Obs = {}

  @property
  def obs_space(self) -> Spaces:
    numbers = {
      k: Space(np.float32, (n,)) for k, n in observation.SIZES.items()
    }
    if self.text:
      numbers['text'] = Space(np.uint8, (self.text,), role='text')
    return {
      **numbers,
      'mask': Space(bool, (ACTIONS,), role='mask'),
      **SIGNALS,
      **{f'log/{x}': Space(np.float32) for x in LOGS},
    }

  @property
  def act_space(self) -> Spaces:
    return {
      'action': Space(np.int32, (), 0, ACTIONS),
      'reset': Space(bool),
    }

  def reseed(self, seed: int | Sequence[int]) -> None:
    self.rng = np.random.default_rng(seed)
    if not self.done:
      self.challenge.rng = self.rng
    if self.battle is not None:
      self.battle.reseed(self._seed())

  def close(self) -> None:
    self.battle = None

  def step(self, action: dict[str, Any]) -> Obs:
    if action['reset'] or self.done:
      return self._act(self._reset, first=True)
    choice = int(action['action'])
    if not self.mask()[choice]:
      raise ValueError(
        f'The action {choice} is not allowed in the {self.phase}; allowed are'
        f' {np.flatnonzero(self.mask()).tolist()}.'
      )
    if self.phase == 'draft':
      return self._act(lambda: self._pick(choice - DRAFT))
    if self.phase == 'swap':
      return self._act(lambda: self._swap(choice))
    return self._act(lambda: self._fight(choice))

  def mask(self) -> np.ndarray:
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

  def render(self) -> str:
    """The same in words."""
    return words.told(self.scene())

  def _act(self, do: Any, first: bool = False) -> Obs:
    """Observes what `do` brings, or the end if the engine fails."""
    before = self._shares()
    try:
      reward = float(do() or 0)
      if not first and self.shaped:
        reward += self.shaped * (self._shares() - before)
      self._obs = self._observe(reward, first)
    except EngineFailed:
      if first:
        raise
      self.done, self.battle = True, None
      self.counts['engine_failures'] += 1
      self._obs = self._signals(0.0, False, terminal=False)
    return self._obs

  def _reset(self) -> None:
    self.done = False
    self.counts = dict.fromkeys(LOGS, 0)
    round_ = self.first or int(self.rng.integers(1, 9))
    mode = 'open' if self.task == 'open' else 'level50'
    streak = (round_ - 1) * rules.BATTLES
    self.challenge = challenge_.Challenge(
      mode, self.sets, self.rng, streak, self.bugs
    )
    self._begin()

  def _begin(self) -> None:
    """A new draft."""
    self.phase, self.picks = 'draft', []
    self.battle = self.view = self.memory = None
    if self.task == 'battle':
      self.challenge.draft(range(rules.TEAM))
      self._meet()

  def _pick(self, place: int) -> None:
    self.picks.append(place)
    if len(self.picks) == rules.TEAM:
      self.challenge.draft(self.picks)
      self._meet()

  def _swap(self, choice: int) -> None:
    if choice != KEEP:
      self.challenge.swap(*divmod(choice - SWAP, rules.TEAM))
      self.counts['swaps'] += 1
    self._meet()

  def _meet(self) -> float:
    """Begins the next battle; it may end before the first choice."""
    self.phase, self.picks = 'battle', []
    challenge = self.challenge
    teams = [challenge_.team(x) for x in (challenge.team, challenge.foe)]
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
    self.memory.read(self.view['log'])
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
      first, last = rules.sets_of(self.challenge.mode, self.challenge.round)
      rows = sets.table(self.sets)[first : last + 1]
      for i, mon in enumerate(self.challenge.foe):
        alone = sum(x.species == mon.row.species for x in rows) == 1
        if alone and self.memory.seen[i].shown:
          found[i] = list(mon.moves)
    return found

  def _shares(self) -> float:
    """The own team's hit points less the opponent's, in shares of one."""
    if self.view is None:
      return 0.0
    own = sum(x[0] / x[1] for x in self.view['me'])
    return own - sum(x[0] for x in self.view['foe']) / observation.BAR

  def _observe(self, reward: float, first: bool) -> Obs:
    self._obs = {**observation.groups(self.scene()), 'mask': self.mask()}
    if self.text:
      self._obs['text'] = words.encoded(self.render(), self.text)
    return self._signals(reward, first, terminal=self.done)

  def _signals(self, reward: float, first: bool, terminal: bool) -> Obs:
    return {
      **self._obs,
      'reward': np.float32(reward),
      'is_first': np.bool_(first),
      'is_last': np.bool_(self.done),
      'is_terminal': np.bool_(terminal),
      **{f'log/{k}': np.float32(v) for k, v in self.counts.items()},
    }


def check_table(kind: str) -> None:
  """Raises UsageError unless there is such a table."""
  sets.table(kind)


def warm_up() -> None:
  """Checks that Node and the packages are there.

  Raises:
    UsageError: one of them is missing.
  """
  install.node()
  install.folder()
