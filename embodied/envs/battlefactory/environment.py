"""The Battle Factory as an environment; see README.md beside it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embodied.base import SIGNALS, Env, Obs, Spaces
from embodied.envs.battlefactory import (
  engine,
  install,
  observation,
  sets,
  words,
)
from embodied.envs.battlefactory.engine import EngineFailed
from embodied.envs.battlefactory.game import ACTIONS, LOGS, Game
from embodied.errors import UsageError, suggest
from embodied.space import Space

TASKS = ('level50', 'open', 'battle')
KNOWLEDGE = ('none', 'table')


class BattleFactory(Game, Env):
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
    knows = knowledge == 'table'
    super().__init__(
      task, seed, sets, round, foe, knows, cartridge_bugs, turns
    )
    self.shaped, self.text = shaped, text
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
    return self._act(lambda: self.choose(choice))

  def render(self) -> str:
    """The same in words."""
    return words.told(self.scene())

  def _act(
    self, do: Callable[[], float], first: bool = False, last: bool = False
  ) -> Obs:
    """Observes what `do` brings, or the end if the engine fails. A reset is
    tried twice: the engine may have died long ago. The `last` try raises."""
    before = self._shares()
    try:
      reward = do()
      if not first and self.shaped:
        reward += self.shaped * (self._shares() - before)
      self._obs = self._observe(reward, first)
    except EngineFailed:
      if last:
        raise
      if first:
        return self._act(do, first, last=True)
      self.done, self.battle = True, None
      self.counts['engine_failures'] += 1
      self._obs = self._signals(0.0, False, terminal=False)
    return self._obs

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
