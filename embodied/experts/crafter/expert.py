"""An expert for Crafter that says what it wants at every step."""

from collections.abc import Mapping
from typing import Any

from crafter import constants

from embodied.base import Env
from embodied.experts.crafter import aims, plants
from embodied.experts.crafter.asked import Asked
from embodied.experts.crafter.body import Body, Habits, Skill
from embodied.experts.crafter.memory import Memory
from embodied.experts.plan import Goal, Plan

ROOT = Goal('survive and unlock everything', 'survive', 'everything')
WORDS = {'noop': 'wait', 'do': 'interact'}
ACTIONS = tuple(constants.actions)


class CrafterExpert:
  """Plays `crafter_reward`; see `embodied.experts` for its calls.

  It knows what a player sees: the 9 x 7 cells around it, the inventory, what
  it remembers, and what it has achieved.

  Some variants play worse, for data of different quality. `p_good` is about
  the share of the plain expert's achievements that they unlock, see
  scripts/results/experts.json.

  Args:
    privileged: sees the whole map.
    noise: share of its actions that are random, from 0 to 1.
    disorder: wants achievements in an order that makes no sense.
    forgetful: does not eat when it is hungry.
    asked: is asked for one achievement after another, in a random order, as an
      agent may be; see `asked`.
  """

  task = 'crafter_reward'
  settings: Mapping[str, Any] = {}
  actions = tuple(WORDS.get(x, x.replace('_', ' ')) for x in ACTIONS)

  def __init__(
    self,
    privileged: bool = False,
    noise: float = 0.0,
    disorder: bool = False,
    forgetful: bool = False,
    asked: bool = False,
  ) -> None:
    self.privileged = privileged
    self.p_good = (1 - noise) * 0.95**disorder * 0.9**forgetful * 0.7**asked
    self.stack: tuple[Goal, ...] = ()
    self.intended = 0
    self._noise, self._asks = noise, asked
    self._habits = Habits(disorder, forgetful)

  def reset(self, seed: int) -> None:
    """Starts an episode."""
    self._body = Body(Memory(self.privileged), self._habits, seed)
    self._plan = Plan()
    self._asked = Asked(self._body)
    self._time = 0
    self._rank = -1
    self._skill: Skill | None = None
    self._before: tuple[str, dict[str, int]] = ('', {})
    self._disturbed = False
    self._game: Any = None

  def act(self, env: Env) -> int:
    """The next action in the game that `env` holds."""
    self._game = _game(env)
    self._body.memory.look(self._game, self._time)
    plants.grow(self._body)
    ended = self._in_vain() + self._turned()
    action = self.intended = ACTIONS.index(self._next())
    if self._noise and self._body.random.random() < self._noise:
      action = int(self._body.random.integers(len(ACTIONS)))
    verb, _, thing = ACTIONS[self.intended].partition('_')
    last = Goal(self.actions[self.intended], verb, thing)
    self.stack = (*self._wanted(), last)
    self._plan.tell(self._time, self.stack, [*self._body.ended, *ended])
    self._body.ended = []
    self._disturbed = action != self.intended
    self._before = ACTIONS[action], self._body.memory.has
    self._time += 1
    return action

  def nodes(self, length: int) -> list[dict[str, Any]]:
    """The plan of the episode of `length` steps, after its last step."""
    player = self._game._player
    endings = {}
    if player.health <= 0:
      endings = dict.fromkeys(self.stack[:-1], 'failed')
    if all(player.achievements.values()):
      endings[ROOT] = 'achieved'
    return self._plan.nodes(length, endings)

  def _turned(self) -> list[tuple[Goal, str]]:
    """The goal that was asked for with its ending, if it ended."""
    root = self._asked.root
    ending = self._asked.turn() if self._asks else ''
    self._body.asked = self._asked.name
    if ending and self._rank == aims.PROGRESS and self._skill is not None:
      self._skill.close()
      self._skill, self._rank = None, -1
    return [(root, ending)] if root and ending else []

  def _wanted(self) -> tuple[Goal, ...]:
    """The goals in force. What is asked for is the first of them: a skill that
    has the same goal adds what is below it."""
    root, goals = self._asked.root or ROOT, self._body.stack
    same = bool(goals) and goals[0].text == root.text
    return (root, *goals[same:])

  def _in_vain(self) -> list[tuple[Goal, str]]:
    """The last action as abandoned if noise replaced it, and as failed if it
    was to make or place something, and the inventory shows that it did not."""
    if self._disturbed:
      return [(self.stack[-1], 'abandoned')]
    name, before = self._before
    verb, _, thing = name.partition('_')
    now = self._body.memory.has
    if verb == 'make':
      done = now[thing] > before[thing]
    elif verb == 'place':
      uses = constants.place[thing]['uses']
      done = all(now[x] < before[x] for x in uses)
    else:
      done = True
    return [] if done else [(self.stack[-1], 'failed')]

  def _next(self) -> str:
    """The next action of the most urgent skill."""
    for _ in range(20):
      aim = aims.choose(self._body, self._rank)
      if aim is not None:
        if self._skill is not None:
          self._skill.close()
        self._skill, self._rank, self._aim = aim.skill, aim.rank, aim
      if self._skill is None:
        break
      try:
        return next(self._skill)
      except StopIteration as end:
        if not end.value:
          aims.refuse(self._body, self._aim)
        self._skill, self._rank = None, -1
    return 'noop'


def _game(env: Any) -> Any:
  """The game inside an environment, through its wrappers."""
  while hasattr(env, 'env'):
    env = env.env
  return env._env
