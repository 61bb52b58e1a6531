"""What somebody wanted, written down as the nodes of a plan.

A stack is what is wanted at one step, the most abstract goal first and the
action in words last. Over an episode the stacks form a tree: a goal is the
child of the goal above it and lasts from the step at which it entered the
stack to the step at which it left.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

ENDINGS = ('achieved', 'failed', 'abandoned', 'ongoing', 'unknown')
LONGEST = 200  # characters of a goal


class Goal(NamedTuple):
  """Something that is wanted.

  Attributes:
    text: in words, such as 'collect 5 wood'; 1 to 200 characters.
    verb: the same for all goals of a kind, such as 'collect'.
    object: what it is about, one word such as 'wood', or ''.
    count: how many of it.
    why: the reason in words, or ''.
  """

  text: str
  verb: str
  object: str = ''
  # It hides `tuple.count`, which nobody needs of a goal.
  count: int = 1  # type: ignore[assignment]
  why: str = ''


class Plan:
  """Records the stacks of one episode and gives its nodes.

  A goal that stays at its place in the stack is one node, however long it
  lasts. When a goal ends, so do all goals below it.
  """

  def __init__(self) -> None:
    self._nodes: list[dict[str, Any]] = []
    self._open: list[tuple[Goal, dict[str, Any]]] = []
    self._time = -1

  def tell(
    self,
    t: int,
    stack: Sequence[Goal],
    ended: Iterable[tuple[Goal, str]] = (),
  ) -> None:
    """The stack in force at step `t`, and what ended since the step before.

    Args:
      t: steps since the start; 0 at the first call, then one more each time.
      stack: goals, the most abstract first, the action in words last.
      ended: goals of the last stack with their endings 'achieved', 'failed'
        or 'abandoned'. A goal that leaves the stack and is not named here was
        abandoned, or achieved if it is an action.

    Raises:
      ValueError: An empty stack, a step out of order, a text out of bounds,
        or an unknown ending.
    """
    how: dict[Goal, str] = {}
    for goal, ending in ended:
      # The first one is that of the last stack, later ones took no step.
      how.setdefault(goal, ending)
    self._check(t, stack, how)
    self._time = t
    same = 0
    for (old, _), new in zip(self._open, stack, strict=False):
      if old != new or old in how:
        break
      same += 1
    self._close(same, t, how)
    for goal in stack[same:]:
      self._begin(goal, t)

  def nodes(
    self, length: int, endings: Mapping[Goal, str] | None = None
  ) -> list[dict[str, Any]]:
    """The nodes of the episode as dicts with the field names of LRXC.

    They are ordered by `t0`, parents before children, and `node_id` counts
    them from 0. Spans are in steps. `goal_image_t` is the step at whose
    picture the goal is achieved, None for other endings.

    Args:
      length: steps of the episode, one more than the last told.
      endings: of goals in the last stack; the others are 'ongoing'.

    Raises:
      ValueError: Another length, or an unknown ending.
    """
    if length != self._time + 1:
      raise ValueError(
        f'The plan was told {self._time + 1} steps of an episode of {length}.'
      )
    how = dict(endings or {})
    _check_endings(how)
    last = {id(node): how.get(goal, 'ongoing') for goal, node in self._open}
    return [_finished(x, length, last.get(id(x))) for x in self._nodes]

  def _check(
    self, t: int, stack: Sequence[Goal], how: Mapping[Goal, str]
  ) -> None:
    if t != self._time + 1:
      raise ValueError(f'Step {t} was told after step {self._time}.')
    if not stack:
      raise ValueError(f'The stack of step {t} is empty.')
    for goal in stack:
      if not 1 <= len(goal.text) <= LONGEST:
        raise ValueError(
          f'A goal of step {t} has {len(goal.text)} characters; it can have 1'
          f' to {LONGEST}.'
        )
    _check_endings(how)

  def _close(self, keep: int, t: int, how: Mapping[Goal, str]) -> None:
    for level in range(len(self._open) - 1, keep - 1, -1):
      goal, node = self._open[level]
      action = level == len(self._open) - 1
      rest = 'achieved' if action else 'abandoned'
      node.update(t1=t, status=how.get(goal, rest))
    # After the loop, as its `action` needs the whole stack.
    del self._open[keep:]

  def _begin(self, goal: Goal, t: int) -> None:
    node: dict[str, Any] = {
      'node_id': len(self._nodes),
      'parent_id': self._open[-1][1]['node_id'] if self._open else None,
      'level': len(self._open),
      'text': goal.text,
      'canonical': {
        'verb': goal.verb,
        'object': goal.object or None,
        'count': goal.count,
      },
      't0': t,
      't1': t,
      'status': 'ongoing',
      'why': goal.why or None,
      'evidence': [],
      'source': 'scripted',
    }
    self._nodes.append(node)
    self._open.append((goal, node))


def _finished(
  node: dict[str, Any], length: int, ending: str | None
) -> dict[str, Any]:
  """A copy of a node; `ending` is that of a node in the last stack."""
  node = dict(node)
  if ending is not None:
    node.update(t1=length, status=ending)
  achieved = node['status'] == 'achieved' and node['t1'] < length
  return node | {'goal_image_t': node['t1'] if achieved else None}


def _check_endings(how: Mapping[Goal, str]) -> None:
  for goal, ending in how.items():
    if ending not in ENDINGS:
      raise ValueError(
        f"'{goal.text}' cannot end as '{ending}'; it can end as"
        f' {", ".join(ENDINGS)}.'
      )
