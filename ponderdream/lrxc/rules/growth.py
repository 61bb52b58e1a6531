"""A tree of goals that grows as they are spoken of.

The open goals are a stack, the most abstract first. A goal that is mentioned
joins the stack where the game says that it helps; what lay above that place is
closed. So spans are in order, siblings do not overlap, and children lie inside
their parents, whatever is said.
"""

import itertools
from collections.abc import Sequence

from ponderdream.lrxc.branch import TINY, Branch, share
from ponderdream.lrxc.lexicons import Goal, Lexicon
from ponderdream.lrxc.schema import Status

AFTER = 3.0  # seconds in which the reason for a goal is told
URGENT = 30.0  # the same, if the reason is an urgent one
NEW = 8.0  # seconds in which a goal was just named
BACK = 15.0  # seconds: how long ago something unannounced may have begun


class Tree:
  """Goals from `t0` on, in seconds; `finish` gives all of them."""

  def __init__(self, lexicon: Lexicon, t0: float) -> None:
    self.lexicon = lexicon
    self.branches: list[Branch] = []
    self.stack: list[int] = []
    self.reached: set[Goal] = set()
    self.told = False  # whether somebody said what it is all about
    self._again = False  # whether the root alone was mentioned last
    self._supposed: Branch | None = None  # what nobody said
    self._breath = t0  # since when somebody speaks without a pause
    self._last = t0  # when a goal was opened or closed
    self._cut: list[Branch] = []  # what was closed last
    self._left: list[Goal] = []  # what an urgent goal interrupted
    self._push(lexicon.root, t0, said=False)

  @property
  def open(self) -> list[Goal]:
    return [self.branches[i].goal for i in self.stack]

  @property
  def top(self) -> Goal | None:
    """The open goal that is deepest. What all is about counts only if it
    was just mentioned again."""
    alone = len(self.stack) == 1 and not self._again
    return self.open[-1] if self.stack and not alone else None

  def aim(self, goal: Goal, t: float) -> Branch:
    """`goal` is what all is about. Later ones are like any other goal."""
    if self.told or len(self.branches) > 1:
      return self.want(goal, t)
    self.told = True
    self.branches[0].goal = goal
    self.branches[0].said = True
    self.branches[0].t0 = self._last = t
    return self.branches[0]

  def want(
    self,
    goal: Goal,
    t: float,
    parents: Sequence[Goal] = (),
    count: int | None = None,
  ) -> Branch:
    """`goal` is in force from `t` on, for the first of `parents`; `count` of
    it, if that was said."""
    self._again = goal in self.open[:1]
    outer = next((x for x in parents[:1] if x != goal), None)
    if outer:
      self.want(outer, t)
    self._correct(goal)
    if goal in self.open:
      return self._mention(goal, t)
    served = self._served(goal, t)
    if served:
      return served
    if not outer:
      self._resume(goal, t)
    place = self._place(goal, outer, t, count or 1)
    if self._is_fresh(place + 1, t, goal):
      part = self.branches[self.stack[place + 1]]
      if self.helps(part.goal, goal):
        return self._insert(goal, place)
    self._close(place + 1, t, goal)
    self._suppose(goal, t)
    return self._push(goal, t)

  def _suppose(self, goal: Goal, t: float) -> None:
    """Opens what `goal` is usually for, if it serves nothing open."""
    usual = self.lexicon.purposes.get(goal)
    if usual and not any(self.helps(goal, x) for x in self.open):
      self._supposed = self._push(usual, t, said=False)

  def _correct(self, goal: Goal) -> None:
    """`goal` is what was only supposed before."""
    for i in self.stack[:-1]:
      if self.branches[i] is self._supposed:
        if self.helps(self.branches[i + 1].goal, goal):
          self._supposed.goal = goal

  def breathe(self, t: float) -> None:
    """Somebody begins to speak after a pause."""
    self._breath = t

  def _mention(self, goal: Goal, t: float) -> Branch:
    """An open goal is named again: what served it is over, unless that was
    named in the same breath."""
    place = self.open.index(goal)
    if not self._is_fresh(place + 1, t, goal):
      self._close(place + 1, t, goal)
    branch = self.branches[self.stack[place]]
    branch.said = True
    return branch

  def _is_fresh(self, place: int, t: float, goal: Goal) -> bool:
    """Whether the open goals from `place` on were just opened, so that
    `goal` may be what they are for: 'wood first; I want a table'."""
    if place >= len(self.stack):
      return False
    after = AFTER if goal.verb not in self.lexicon.urgent else URGENT
    opened = self.branches[self.stack[place]].t0
    return opened >= self._breath or t - opened < after

  def _served(self, goal: Goal, t: float) -> Branch | None:
    """An urgent open goal that `goal` is a part of, if something for both
    was just opened."""
    for i, place in enumerate(self.stack):
      above = self.branches[place]
      if above.goal.verb in self.lexicon.urgent:
        if self.helps(goal, above.goal) and self._is_fresh(i + 1, t, goal):
          if self.helps(self.branches[self.stack[i + 1]].goal, goal):
            return above
    return None

  def _place(
    self, goal: Goal, outer: Goal | None, t: float, count: int = 1
  ) -> int:
    """The place of the open goal that `goal` is to be a child of."""
    open_ = self.open
    if outer:
      return open_.index(outer) if outer in open_ else len(open_) - 1
    if goal.verb == 'go':
      return self._stay(goal)
    helped = [
      i
      for i, x in enumerate(open_)
      if self.helps(goal, x) and self._takes(i, goal, t, count)
    ]
    return helped[-1] if helped else 0

  def _takes(self, place: int, goal: Goal, t: float, count: int) -> bool:
    """Whether `count` of `goal` may be for the open goal at `place`. If that
    was named just before, a player may well collect more than it needs."""
    above = self.branches[self.stack[place]]
    new = t - above.t0 < NEW
    return new or count <= self.lexicon.most(goal, above.goal)

  def _insert(self, goal: Goal, place: int) -> Branch:
    """Opens `goal` between the goals at `place` and at the one after it."""
    i = self.stack[place + 1]
    for branch in self.branches[i:]:
      if branch.parent is not None and branch.parent >= i:
        branch.parent += 1
    self.branches[i].parent = i
    new = Branch(goal, self.branches[i].t0, self.stack[place], True)
    self.branches.insert(i, new)
    self.stack = [x + (x >= i) for x in self.stack]
    self.stack.insert(place + 1, i)
    return new

  def alone(self, branch: Branch) -> None:
    """A goal that was just wanted has its own reason, and does not serve what
    was left before."""
    if len(self.stack) < 3 or self.branches[-1] is not branch:
      return
    above = self.branches[self.stack[-2]]
    if above.said and branch.t0 - above.t0 < AFTER:
      return
    last = self.stack.pop()
    self._close(1, branch.t0, branch.goal)
    branch.parent = self.stack[0]
    self.stack.append(last)

  def retract(self, branch: Branch) -> None:
    """The last goal that was wanted was a slip of the tongue."""
    if self.stack and self.branches[self.stack[-1]] is branch:
      if self.branches[-1] is branch and len(self.stack) > 1:
        self.branches.pop()
        self.stack.pop()

  def done(self, goal: Goal, t: float) -> Branch | None:
    """`goal` was reached; if nobody spoke of it before, just now."""
    self.reached.add(goal)
    open_ = self.open
    if goal == self.lexicon.root:
      return None
    if goal not in open_:
      start = max(self._last, t - BACK)
      if len(self.stack) > 1 and self.branches[-1].t1 < 0:
        start = (start + t) / 2  # the goal before lasted for a while, too
      self._resume(goal, start)
      self._close(self._place(goal, None, start) + 1, start, goal)
      self._push(goal, start)
    return self._end(goal, t, 'achieved')

  def end(self, goal: Goal, t: float, status: Status) -> Branch | None:
    """An open goal failed or was given up."""
    return self._end(goal, t, status) if goal in self.open else None

  def belated(self, status: Status) -> Branch | None:
    """What was closed last had this ending."""
    for branch in self._cut:
      branch.status = status
    return self._cut[0] if self._cut else None

  def die(self, t: float) -> None:
    """Everything that was wanted failed."""
    self._close(0, t, None, 'failed')
    self._left = []

  def finish(self, t: float) -> list[Branch]:
    """All goals that lasted, in order of time, parents before children."""
    self._close(0, t, None, 'ongoing')
    share(self.branches)
    keep = [x.t1 - x.t0 >= TINY for x in self.branches]
    place = list(itertools.accumulate(keep, initial=0))
    for branch in self.branches:
      if branch.parent is not None:
        branch.parent = place[branch.parent]
    return [x for x, kept in zip(self.branches, keep, strict=True) if kept]

  def _resume(self, goal: Goal, t: float) -> None:
    """Goes back to what was left, if `goal` serves nothing else."""
    if goal.verb == 'go' or any(self.helps(goal, x) for x in self.open[1:]):
      return
    chain = self._resumed(goal)
    if chain:
      self._close(1, t, goal)
      for each in chain:
        self._push(each, t, said=False)
    if chain or goal.verb not in self.lexicon.urgent:
      self._left = []

  def _stay(self, goal: Goal) -> int:
    """The place of the deepest goal that is not fetched elsewhere."""
    place = len(self.stack) - 1
    for other in self.open[:0:-1]:
      if other.verb not in ('collect', 'go') or other.object == goal.object:
        break
      place -= 1
    return place

  def helps(self, goal: Goal, other: Goal) -> bool:
    """Whether `goal` leads to `other`."""
    return goal in self.lexicon.closure(other)

  def _resumed(self, goal: Goal) -> list[Goal]:
    """The goals for which `goal` was wanted when it was left."""
    place = self._left.index(goal) if goal in self._left else 0
    return self._left[:place]

  def _push(self, goal: Goal, t: float, said: bool = True) -> Branch:
    parent = self.stack[-1] if self.stack else None
    t = max(t, self._last)  # a goal begins after the end of the one before
    self.stack.append(len(self.branches))
    self.branches.append(Branch(goal, t, parent, said))
    self._last = t
    return self.branches[-1]

  def _end(self, goal: Goal, t: float, status: Status) -> Branch:
    place = self.open.index(goal)
    branch = self.branches[self.stack[place]]
    self._close(place + 1, t, goal if status == 'achieved' else None, status)
    self._close(place, t, None, status)
    return branch

  def _led(self, branch: Branch, by: Goal | None) -> bool:
    """Whether `by` shows that the goal of `branch` was reached."""
    return by is not None and self.helps(branch.goal, by)

  def _close(
    self, place: int, t: float, by: Goal | None, status: Status | None = None
  ) -> None:
    """Closes the goals from `place` on, because `by` came up."""
    ended = self.open[place:]
    urgent = by is not None and by.verb in self.lexicon.urgent
    danger = by is not None and by.verb in self.lexicon.dangers
    needs = self.lexicon.dangers if danger else self.lexicon.urgent
    stays = [x for x in ended if x.verb not in needs]
    if urgent and stays:
      self._left = stays
    for i in reversed(self.stack[place:]):
      branch = self.branches[i]
      branch.t1 = max(t, self._last)
      left = urgent and branch.goal in stays and not self._led(branch, by)
      branch.status = status or ('abandoned' if left else 'achieved')
      if branch.status == 'achieved':
        self.reached.add(branch.goal)
    if self.stack[place:]:
      self._last = max(t, self._last)
      self._cut = [self.branches[i] for i in self.stack[place:]]
    del self.stack[place:]
