"""A goal with its span, before it becomes a node."""

import dataclasses

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
