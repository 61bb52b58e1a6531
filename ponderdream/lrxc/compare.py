"""How alike two trees of one episode are: one true, one found."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ponderdream.lrxc.schema import Canonical, Node
from ponderdream.lrxc.score import key

OVERLAP = 0.0  # intersection over union that two spans of a goal exceed


class Span(NamedTuple):
  """A node as it is compared. Its level is that of its parent and 1."""

  goal: tuple[str, str]
  t0: float
  t1: float
  parent: int | None
  level: int
  status: str


@dataclasses.dataclass
class Score:
  """Counts over one or more episodes; `+` adds them."""

  true: int = 0
  found: int = 0
  matched: int = 0
  levels: int = 0  # matched nodes at the true level
  endings: int = 0  # matched nodes with the true status
  overlap: float = 0.0  # sum of intersection over union of matched nodes
  edits: int = 0  # tree edit distance

  def __add__(self, other: 'Score') -> 'Score':
    pairs = zip(
      dataclasses.astuple(self), dataclasses.astuple(other), strict=True
    )
    return Score(*(a + b for a, b in pairs))

  def summary(self) -> dict[str, float]:
    """Precision, recall, F1; and of matched nodes the share of right levels
    and endings and the mean overlap. `edits` is the edit distance over the
    number of nodes in both trees: 0 for equal ones, 1 for the worst."""
    both = self.true + self.found
    share = lambda x, n: round(x / n, 4) if n else 0.0
    return {
      'true': self.true,
      'found': self.found,
      'precision': share(self.matched, self.found),
      'recall': share(self.matched, self.true),
      'f1': share(2 * self.matched, both),
      'level': share(self.levels, self.matched),
      'status': share(self.endings, self.matched),
      'iou': share(self.overlap, self.matched),
      'edits': share(self.edits, both),
    }


def spans(nodes: Sequence[Node]) -> list[Span]:
  """Nodes as they are compared."""
  return [
    Span(key(x.canonical), x.t0, x.t1, x.parent_id, x.level, x.status)
    for x in nodes
  ]


def score(
  true: Sequence[Span],
  found: Sequence[Span],
  overlap: float = OVERLAP,
  named: bool = True,
  edits: bool = True,
) -> Score:
  """Compares two trees.

  Nodes match if they mean the same goal and their spans overlap, by at least
  `overlap` (intersection over union); the best pairs come first.
  Without `named`, spans alone count. The edit distance takes by far the
  longest; without `edits` it is left out.
  """
  pairs = match(true, found, overlap, named)
  return Score(
    len(true),
    len(found),
    len(pairs),
    sum(true[i].level == found[j].level for i, j in pairs),
    sum(true[i].status == found[j].status for i, j in pairs),
    sum(iou(true[i], found[j]) for i, j in pairs),
    edit_distance(true, found, named) if edits else 0,
  )


def match(
  true: Sequence[Span], found: Sequence[Span], overlap: float, named: bool
) -> list[tuple[int, int]]:
  """Pairs of places of nodes that match, each node in one pair at most."""
  pairs = [
    (iou(a, b), -i, -j)
    for i, a in enumerate(true)
    for j, b in enumerate(found)
    if a.goal == b.goal or not named
  ]
  matched: dict[int, int] = {}
  used: set[int] = set()
  for common, i, j in sorted(pairs, reverse=True):
    if common > 0 and common >= overlap and -i not in matched:
      if -j not in used:
        matched[-i] = -j
        used.add(-j)
  return sorted(matched.items())


def iou(a: Span, b: Span) -> float:
  """Intersection over union of two spans."""
  common = min(a.t1, b.t1) - max(a.t0, b.t0)
  return max(common, 0.0) / (max(a.t1, b.t1) - min(a.t0, b.t0))


def edit_distance(
  true: Sequence[Span], found: Sequence[Span], named: bool = True
) -> int:
  """Nodes to insert, remove or rename to make one tree of the other.

  The distance of Zhang and Shasha (1989) between ordered trees, whose labels
  are goals. Several roots count as children of one more node.
  """
  (names_a, left_a, keys_a), (names_b, left_b, keys_b) = (
    _postorder(true, named),
    _postorder(found, named),
  )
  trees = np.zeros((len(names_a), len(names_b)), np.int64)
  for i in keys_a:
    for j in keys_b:
      _forests(i, j, names_a, names_b, left_a, left_b, trees)
  return int(trees[-1, -1])


def _forests(
  i: int,
  j: int,
  names_a: Sequence[Any],
  names_b: Sequence[Any],
  left_a: Sequence[int],
  left_b: Sequence[int],
  trees: NDArray[np.int64],
) -> None:
  """Fills `trees` for all pairs of subtrees on the left edges of i and j."""
  i0, j0 = left_a[i], left_b[j]
  costs = np.zeros((i - i0 + 2, j - j0 + 2), np.int64)
  costs[1:, 0] = np.arange(1, i - i0 + 2)
  costs[0, 1:] = np.arange(1, j - j0 + 2)
  for x in range(i0, i + 1):
    for y in range(j0, j + 1):
      row, column = x - i0 + 1, y - j0 + 1
      edit = min(costs[row - 1, column], costs[row, column - 1]) + 1
      if left_a[x] == i0 and left_b[y] == j0:
        rename = costs[row - 1, column - 1] + (names_a[x] != names_b[y])
        costs[row, column] = trees[x, y] = min(edit, rename)
      else:
        before = costs[left_a[x] - i0, left_b[y] - j0]
        costs[row, column] = min(edit, before + trees[x, y])


def _postorder(
  nodes: Sequence[Span], named: bool
) -> tuple[list[Any], list[int], list[int]]:
  """Labels in postorder, the leftmost leaf below each node, and the nodes
  that have a left sibling, or are the root."""
  children: dict[int, list[int]] = {}
  for i, node in enumerate(nodes):
    children.setdefault(-1 if node.parent is None else node.parent, []).append(
      i
    )
  names: list[Any] = []
  left: list[int] = []

  def visit(i: int) -> int:
    first = [visit(x) for x in children.get(i, [])]
    names.append((nodes[i].goal if named else ()) if i >= 0 else None)
    left.append(first[0] if first else len(names) - 1)
    return left[-1]

  visit(-1)
  keys = {first: i for i, first in enumerate(left)}  # the last one counts
  return names, left, sorted(keys.values())


def shape(nodes: Sequence[Span]) -> dict[str, float]:
  """Depth of a tree, and how many children a node with children has."""
  parents = [x.parent for x in nodes if x.parent is not None]
  return {
    'depth': max((x.level + 1 for x in nodes), default=0),
    'branching': len(parents) / max(len(set(parents)), 1),
  }


def outline(nodes: Sequence[Span]) -> tuple[Any, ...]:
  """Levels and goals in order: equal for trees that differ only in time."""
  return tuple((x.level, x.goal) for x in nodes)


def without(
  nodes: Sequence[Span], verbs: frozenset[str], shortest: float
) -> list[Span]:
  """The tree without some goals: of these verbs, shorter than `shortest`, or
  the same as their parent's. Their children move up."""
  kept: list[Span] = []
  place: dict[int | None, int | None] = {None: None}  # in `kept`
  for i, node in enumerate(nodes):
    parent = place[node.parent]
    above = kept[parent] if parent is not None else None
    drop = node.goal[0] in verbs or node.t1 - node.t0 < shortest
    if drop or (above is not None and above.goal == node.goal):
      place[i] = parent
      continue
    level = above.level + 1 if above else 0
    place[i] = len(kept)
    kept.append(node._replace(parent=parent, level=level))
  return kept


def goal(verb: str, thing: str | None) -> tuple[str, str]:
  """A goal as it is compared."""
  return key(Canonical(verb=verb, object=thing or None))
