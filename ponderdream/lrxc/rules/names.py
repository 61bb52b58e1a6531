"""Which goals the deeds and things of a clause stand for."""

from collections.abc import Sequence

from ponderdream.lrxc.lexicons import Goal, Lexicon
from ponderdream.lrxc.rules.clause import Clause, Found
from ponderdream.lrxc.rules.growth import Tree

MEMORY = 20.0  # seconds after which 'it' no longer stands for a thing
# Deeds that are said without the thing: 'chop chop'.
ALONE = {'mine', 'kill', 'hit', 'flee'}

Goals = list[tuple[Goal, Found]]


class Names:
  """Knows what was named last, and what is wanted in `tree`."""

  def __init__(self, lexicon: Lexicon, tree: Tree) -> None:
    self._lexicon = lexicon
    self._tree = tree
    self._things: dict[str, float] = {}  # when each was last named

  def goals(
    self, clause: Clause, found: Sequence[Found], near: Sequence[Goal]
  ) -> Goals:
    """The goals of what was found, as far as the game knows them; a sword is
    the one that has to do with the goals `near`."""
    goals: Goals = []
    for each in found:
      goal = self._goal(each, clause.time(each.i), near)
      if goal and goal not in [x for x, _ in goals]:
        goals.append((goal, each))
    return goals

  def _goal(self, found: Found, t: float, near: Sequence[Goal]) -> Goal | None:
    if found.thing in self._lexicon.kinds:
      found = found._replace(thing=self._kind(found.thing, near))
    if not found.way:
      return self._lexicon.usual.get(found.thing)
    goal = None
    if found.thing != 'it':
      goal = self._lexicon.goal(found.way, found.thing)
    if goal is None and found.thing in ('', 'it'):
      goal = self._lexicon.goal(found.way, '')
      if goal is None and (found.thing or found.way in ALONE):
        goal = self._recall(found.way, t)
    if goal is None and found.thing != 'it':
      goal = self._lexicon.goal(found.way, '')  # 'a nap in my shelter'
    return goal

  def _recall(self, way: str, t: float) -> Goal | None:
    """What `way` aims at, done to the last thing that was named."""
    for thing, when in reversed(self._things.items()):
      goal = self._lexicon.goal(way, thing)
      if goal and goal.verb != 'go' and t - when < MEMORY:
        return goal
    return None

  def _kind(self, shape: str, near: Sequence[Goal]) -> str:
    """Which pickaxe 'the pickaxe' is: one that is wanted, one that what is
    wanted needs, or the next that was not made."""
    kinds = self._lexicon.kinds[shape]
    open_ = self._tree.open[::-1]
    wanted = [x.object for x in open_ if x.object in kinds]
    if wanted and not near:
      return wanted[0]
    reached = {x.object for x in self._tree.reached}
    rest = [x for x in kinds if x not in reached] or kinds[:1]
    for kind in rest:
      made = self._lexicon.usual[kind]
      if any(made in self._lexicon.needs(x) for x in near):
        return kind
      if any(x in self._special(made) for x in near):
        return kind
    for goal in open_:
      for kind in rest:
        if self._lexicon.usual[kind] in self._lexicon.closure(goal):
          return kind
    return rest[0]

  def _special(self, goal: Goal) -> list[Goal]:
    """What `goal` needs, and not all that is like it."""
    return [x for x in self._lexicon.needs(goal) if x.verb == 'collect'][1:]

  def remember(self, clause: Clause) -> None:
    """The things of a clause were named."""
    for part in clause.parts:
      if part.kind == 'thing':
        self._things.pop(part.value, None)
        self._things[part.value] = clause.time(part.i)
