"""An expert for the Battle Factory that says what it wants at every step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from embodied.base import Env
from embodied.envs.battlefactory.game import DRAFT, KEEP, SWAP, Game
from embodied.experts.battlefactory import drafting, plans
from embodied.experts.plan import Goal, Plan

ROOT = Goal('win the round', 'win', 'round')
TEAM = Goal('draft a team', 'draft', 'team')
BETTER = Goal('improve the team', 'improve', 'team')
BATTLES = 7


class BattleFactoryExpert:
  """Plays `battlefactory_level50`; see `embodied.experts` for its calls.

  It estimates the damage of each move on both sides, plays the battle on some
  hundred times in a simple game, and does what wins most often (`search`).
  It knows the table of sets, as players of the Factory do, so a set is nearly
  known when its Pokemon is seen (`guesses`). It drafts and swaps by races
  between the Pokemon it is shown (`races`).

  Args:
    privileged: knows the foe's team from the start.
    noise: share of its actions that are random, from 0 to 1.
    single: plays `battlefactory_battle` instead, single battles of the first
      eight rounds, as the block `battlefactory` does.
  """

  actions = (
    *(f'use move {i + 1}' for i in range(4)),
    *(f'switch to reserve {i + 1}' for i in range(2)),
    *(f'take rental {i + 1}' for i in range(6)),
    'keep the team',
    *(f'swap {i + 1} for {j + 1}' for i in range(3) for j in range(3)),
  )

  def __init__(
    self, privileged: bool = False, noise: float = 0.0, single: bool = False
  ) -> None:
    self.task = f'battlefactory_{"battle" if single else "level50"}'
    self.settings: Mapping[str, Any] = {'round': 0} if single else {}
    self.privileged = privileged
    self.p_good = 1 - noise
    self.stack: tuple[Goal, ...] = ()
    self.intended = 0
    self._noise = noise

  def reset(self, seed: int) -> None:
    """Starts an episode."""
    self._random = np.random.default_rng(seed)
    self._plan = Plan()
    self._time = 0
    self._wanted: list[int] = []
    self._counts: dict[str, int] = {}
    self._game: Game | None = None
    self._disturbed = False

  def act(self, env: Env) -> int:
    """The next action in the game that `env` holds."""
    game = self._game = _inside(env)
    ended = self._ended(game)
    if self._disturbed:
      ended = [*ended, (self.stack[-1], 'abandoned')]
    action, goals = self._next(game)
    self.intended = action
    if self._noise and self._random.random() < self._noise:
      action = int(self._random.choice(np.flatnonzero(game.mask())))
    self._disturbed = action != self.intended
    self.stack = (ROOT, *goals)
    self._plan.tell(self._time, self.stack, ended)
    self._time += 1
    return action

  def nodes(self, length: int) -> list[dict[str, Any]]:
    """The plan of the episode of `length` steps, after its last step."""
    assert self._game is not None
    endings: dict[Goal, str] = {}
    if self._game.done:
      won = self._game.counts['streak'] > self._counts['streak']
      ending = 'achieved' if won else 'failed'
      endings = dict.fromkeys(self.stack[:-1], ending)
    return self._plan.nodes(length, endings)

  def _next(self, game: Game) -> tuple[int, tuple[Goal, ...]]:
    challenge = game.challenge
    if game.phase == 'draft':
      if not game.picks:
        self._wanted = drafting.draft(challenge.offer)
      place = self._wanted[len(game.picks)]
      if place in game.picks:  # by a random action
        place = next(x for x in self._wanted if x not in game.picks)
      name = challenge.offer[place].name
      goal = Goal(f'take {name}', 'take', plans.word(name))
      return DRAFT + place, (TEAM, goal)
    if game.phase == 'swap':
      found = drafting.swap(challenge.team, challenge.beaten)
      if found is None:
        return KEEP, (BETTER, Goal('keep the team', 'keep', 'team'))
      own, theirs = found
      old, new = challenge.team[own].name, challenge.beaten[theirs].name
      goal = Goal(f'swap {old} for {new}', 'swap', plans.word(new))
      return SWAP + 3 * own + theirs, (BETTER, goal)
    number = challenge.streak % BATTLES + 1
    battle = Goal(f'win battle {number}', 'win', 'battle', number)
    turn = plans.Turn(game.scene(), self._random, self.privileged)
    option = turn.choose()
    return option.action, (battle, *option.goals)

  def _ended(self, game: Game) -> list[tuple[Goal, str]]:
    """Goals of the last stack that are over, with how they ended."""
    before, now = self._counts, dict(game.counts)
    self._counts = now
    ended: list[tuple[Goal, str]] = []
    if not before or not self.stack:
      return ended
    rise = lambda key: now[key] > before[key]
    for goal in self.stack[1:]:
      match goal.verb:
        case 'win' if rise('battles'):
          ended.append((goal, 'achieved'))
        case 'knock_out' | 'finish' | 'wear_down' if rise('knock_outs'):
          ended.append((goal, 'achieved'))
        case 'knock_out' if rise('losses'):
          ended.append((goal, 'failed'))
        case 'hit' if rise('super_effective') or rise('knock_outs'):
          ended.append((goal, 'achieved'))
        case 'bring_in' | 'draft' | 'improve' if game.phase == 'battle':
          ended.append((goal, 'achieved'))
    if rise('battles') and now['streak'] % BATTLES == 0:
      ended.append((ROOT, 'achieved'))
    return ended


def _inside(env: Any) -> Game:
  """The game inside an environment, through its wrappers."""
  while hasattr(env, 'env'):
    env = env.env
  game: Game = env
  return game
