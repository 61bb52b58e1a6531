"""A goal with its span, before it becomes a node."""

import dataclasses
import itertools
from collections.abc import Sequence

from ponderdream.lrxc.lexicons import Goal
from ponderdream.lrxc.schema import Status

TINY = 0.05  # seconds: a goal that lasts less was never in force


@dataclasses.dataclass
class Branch:
  """A goal that is or was open; `parent` is its place in the list."""

  goal: Goal
  t0: float
  parent: int | None
  said: bool
  count: int | None = None
  group: float = -1.0  # goals of one group were named in one breath
  why: str = ''
  words: str = ''  # of the goal, if somebody put it into words
  t1: float = -1.0
  status: Status = 'ongoing'
  evidence: list[tuple[float, float, str]] = dataclasses.field(
    default_factory=list
  )

  @property
  def text(self) -> str:
    """The goal in words, such as 'collect 5 wood'."""
    if self.words:
      return self.words
    many = self.count is not None and self.count > 1
    number = f'{self.count} ' if many else ''
    thing = self.goal.object.replace('_', ' ')
    return f'{self.goal.verb} {number}{thing}'.strip()


def share(branches: Sequence[Branch]) -> None:
  """Divides the time of goals that were named in one breath.

  'Wooden pickaxe, wooden sword' takes a second to say and longer to do.
  """
  key = lambda i: (branches[i].parent, branches[i].group)
  parents = {x.parent for x in branches}
  for _, each in itertools.groupby(range(len(branches)), key):
    places = list(each)
    same = [branches[i] for i in places]
    # A goal with children keeps its time.
    if same[0].group >= 0 and len(same) > 1 and places[-1] not in parents:
      _divide(same)


def _divide(same: Sequence[Branch]) -> None:
  start, end = same[0].t0, same[-1].t1
  for i, branch in enumerate(same):
    branch.t0 = start + (end - start) * i / len(same)
    branch.t1 = start + (end - start) * (i + 1) / len(same)
