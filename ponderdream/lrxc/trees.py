"""Nodes as trees: their numbers, and the stacks that follow from them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ponderdream.lrxc.schema import Node

ACHIEVED = 'achieved'


class Spans(NamedTuple):
  """What stacks are made of: `level` int, `t0` and `t1` float64, and whether
  the goal was `achieved`, bool, all `[N]`, in the order of valid nodes."""

  level: NDArray[np.int32]
  t0: NDArray[np.float64]
  t1: NDArray[np.float64]
  achieved: NDArray[np.bool_]


def spans(nodes: Sequence[Node]) -> Spans:
  """The spans of nodes that are valid together."""
  return Spans(
    np.array([x.level for x in nodes], np.int32),
    np.array([x.t0 for x in nodes], np.float64),
    np.array([x.t1 for x in nodes], np.float64),
    np.array([x.status == ACHIEVED for x in nodes], bool),
  )


def stacks(spans: Spans, times: NDArray[Any], levels: int) -> NDArray[Any]:
  """The nodes in force: node_id int32 `[T, levels]`, -1 where there is none.

  Nodes of one level never overlap: siblings do not, and children lie inside
  their parents. So there is at most one node per level and time.

  Args:
    times: `[T]`, in units of the episode's clock.
    levels: number of columns; deeper nodes are left out.
  """
  found = np.full((len(times), levels), -1, np.int32)
  for level in range(levels):
    rows = np.flatnonzero(spans.level == level)
    if rows.size:
      last = np.searchsorted(spans.t0[rows], times, 'right') - 1
      node = rows[np.maximum(last, 0)]
      inside = (last >= 0) & (times < spans.t1[node])
      found[:, level] = np.where(inside, node, -1)
  return found


def numbered(nodes: Sequence[Node]) -> list[Node]:
  """The same nodes in the order that the format asks for, and with its ids.

  Raises:
    ValueError: two nodes with one id, or a parent that is not there.
  """
  order = sorted(nodes, key=lambda x: (x.t0, x.level))
  ids: dict[int | None, int | None]
  ids = {node.node_id: i for i, node in enumerate(order)}
  missing = {x.parent_id for x in nodes} - ids.keys() - {None}
  if len(ids) < len(nodes) or missing:
    raise ValueError(
      f'{len(nodes)} nodes have {len(ids)} ids, and {len(missing)} of the'
      ' parents are not among them.'
    )
  ids[None] = None
  return [
    x.model_copy(update={'node_id': i, 'parent_id': ids[x.parent_id]})
    for i, x in enumerate(order)
  ]
