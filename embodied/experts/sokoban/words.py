"""The words for boxes and targets, and for what is done with a box."""

from collections.abc import Sequence
from typing import NamedTuple

from embodied.envs.fast_sokoban import rules
from embodied.experts.plan import Goal
from embodied.experts.sokoban.search import Push
from embodied.experts.sokoban.tables import Tables

ROOT = Goal('solve the room', 'solve', 'room')
GO = Goal('go behind it', 'go', 'box')
LOST = Goal('try something', 'try', 'something')
WAYS = ('up', 'down', 'left', 'right')
# Word -> what is least, of row and column, at the place that it means.
SIDES = {
  'left': (0, 1),
  'right': (0, -1),
  'upper': (1, 0),
  'lower': (-1, 0),
  'upper left': (1, 1),
  'upper right': (1, -1),
  'lower left': (-1, 1),
  'lower right': (-1, -1),
}
ORDER = ('first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh')


class Stage(NamedTuple):
  """A part of a plan in which one box is pushed without a break.

  Attributes:
    goal: in words.
    pushes: of the box.
    runs: for each push, in words, the run of pushes in one direction that it
      belongs to.
    last: for each push, whether it is the last one of its run.
  """

  goal: Goal
  pushes: list[Push]
  runs: list[Goal]
  last: list[bool]


def names(places: Sequence[int], width: int) -> dict[int, str]:
  """A word for each cell of a flat room that tells it from the others, such as
  'upper'; '' if it is the only one.

  A side is used if one cell is farther on that side than all others. A cell
  for which there is no such word is counted, row by row: 'second'.
  """
  if len(places) == 1:
    return {places[0]: ''}
  found: dict[int, str] = {}
  for word, (down, right) in SIDES.items():
    ranks = [down * (x // width) + right * (x % width) for x in places]
    if ranks.count(min(ranks)) == 1:
      found.setdefault(places[ranks.index(min(ranks))], word)
  for i, place in enumerate(sorted(places)):
    word = ORDER[i] if i < len(ORDER) else f'{i + 1}th'
    found.setdefault(place, word)
  return found


def stages(
  plan: Sequence[Push],
  boxes: Sequence[int],
  targets: Sequence[int],
  width: int,
  known: Tables,
) -> list[Stage]:
  """A plan in words.

  Args:
    plan: the pushes.
    boxes, targets: their cells at its start.
    width: of the room.
    known: the tables of the room.
  """
  where, found = list(boxes), list[Stage]()
  ends = _ends(plan, width)
  aims = names(targets, width)
  begin = 0
  while begin < len(plan):
    end = begin + 1
    while end < len(plan) and plan[end].box == _after(plan[end - 1], width):
      end += 1
    pushes = list(plan[begin:end])
    start, stop = pushes[0].box, _after(pushes[-1], width)
    box = _thing(names(where, width)[start], 'box')
    target = _thing(aims[ends[begin]], 'target')
    how = f'to the {target}'
    if stop != ends[begin] or any(x.box == stop for x in plan[end:]):
      far = known.far[list(known.places[known.goals]).index(ends[begin])]
      cells = list(known.places)
      nearer = far[cells.index(stop)] < far[cells.index(start)]
      how = f'towards the {target}' if nearer else 'out of the way'
    goal = Goal(f'push the {box} {how}', 'push', box.replace(' ', '_'))
    found.append(Stage(goal, pushes, *_runs(pushes)))
    where[where.index(start)] = stop
    begin = end
  return found


def _ends(plan: Sequence[Push], width: int) -> list[int]:
  """For each push, the cell where the plan leaves its box."""
  ends: list[int] = [0] * len(plan)
  last: dict[int, int] = {}
  for i in range(len(plan) - 1, -1, -1):
    there = _after(plan[i], width)
    ends[i] = last.pop(there, there)
    last[plan[i].box] = ends[i]
  return ends


def _runs(pushes: Sequence[Push]) -> tuple[list[Goal], list[bool]]:
  """The runs of `Stage`, and which pushes end one."""
  ways = [x.way for x in pushes]
  last = [a != b for a, b in zip(ways, [*ways[1:], -1], strict=True)]
  runs, count = list[Goal](), 0
  for way, ends in zip(ways, last, strict=True):
    count += 1
    if ends:
      times = f' {count} times' if count > 1 else ''
      goal = Goal(f'push it {WAYS[way]}{times}', 'push', WAYS[way], count)
      runs += [goal] * count
      count = 0
  return runs, last


def _after(push: Push, width: int) -> int:
  """The cell of a box after a push."""
  return push.box + int(rules.offset(width, push.way))


def _thing(word: str, noun: str) -> str:
  return f'{word} {noun}' if word else noun
