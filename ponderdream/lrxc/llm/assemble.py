"""A valid tree from goals whose spans and parents somebody made up."""

import dataclasses
from collections.abc import Mapping, Sequence

from ponderdream.lrxc.branch import TINY, Branch


def assemble(
  root: Branch, branches: Sequence[Branch], parents: Mapping[int, int]
) -> list[Branch]:
  """Branches in order of time, the root first, as a valid tree.

  A parent is made longer where its children need it, if it can be; siblings
  that overlap are cut where the later one begins. What has no time left is
  left out, with all that serves it.

  Args:
    root: lasts for the whole video.
    branches: their `parent` is not looked at.
    parents: index of a branch -> index of its parent; others serve the root.
      There is no circle in it.
  """
  children: dict[int, list[int]] = {}
  for i in range(len(branches)):
    children.setdefault(parents.get(i, -1), []).append(i)
  copies = [dataclasses.replace(x) for x in branches]
  _widen(-1, copies, children)
  found = [dataclasses.replace(root, parent=None)]
  _place(-1, 0, copies, children, found)
  return found


def _widen(
  i: int, branches: list[Branch], children: Mapping[int, list[int]]
) -> None:
  """Makes branch `i` and all below it as long as what serves them."""
  for child in children.get(i, []):
    _widen(child, branches, children)
    if i >= 0:
      branches[i].t0 = min(branches[i].t0, branches[child].t0)
      branches[i].t1 = max(branches[i].t1, branches[child].t1)


def _place(
  i: int,
  parent: int,
  branches: list[Branch],
  children: Mapping[int, list[int]],
  found: list[Branch],
) -> None:
  """Appends the children of `i` to `found`, whose `parent` they get."""
  t0, end = found[parent].t0, found[parent].t1
  row = sorted(children.get(i, []), key=lambda x: branches[x].t0)
  starts = [branches[x].t0 for x in row[1:]]
  for child, after in zip(row, [*starts, end], strict=False):
    branch = branches[child]
    limit = min(end, after)
    branch.t0, branch.t1 = max(branch.t0, t0), min(branch.t1, limit)
    if branch.t1 - branch.t0 < TINY:
      continue
    branch.parent = parent
    found.append(branch)
    _place(child, len(found) - 1, branches, children, found)
