"""How probable it is that a node says what the player wanted (p_good)."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ponderdream.lrxc.schema import Canonical, Episode, Node, Quality

METHOD = 'logistic-1'
NEWTON_STEPS = 50
# Weights of a logistic model, fitted by scripts/experiments/extraction.py to
# the nodes of 72 commentaries whose truth was known. All of those were
# automatic captions with one extractor: `manual` and `agrees` are set by hand.
WEIGHTS = {
  'bias': 0.0,
  'said': 0.43,
  'quotes': 0.47,
  'seconds': 0.39,
  'ended': -0.03,
  'serves': -0.02,
  'manual': 0.0,
  'agrees': 1.0,
}


def features(
  episode: Episode, node: Node, others: Sequence[Sequence[Node]]
) -> NDArray[np.float64]:
  """What p_good is computed from, in the order of `WEIGHTS`.

  Args:
    others: nodes of other trees of the same video, by other extractors.
  """
  agreeing = [any(same(node, x) for x in nodes) for nodes in others]
  return np.array([
    1.0,
    node.source == 'narrated',
    math.log1p(len(node.evidence)),
    math.log1p(node.t1 - node.t0),
    node.status in ('achieved', 'failed', 'abandoned'),
    node.parent_id is not None,
    episode.source.caption_kind == 'manual',
    2 * np.mean(agreeing) - 1 if agreeing else 0.0,
  ], np.float64)  # fmt: skip


def same(a: Node, b: Node) -> bool:
  """Whether two nodes mean the same goal at the same time."""
  overlap = min(a.t1, b.t1) - max(a.t0, b.t0)
  return key(a.canonical) == key(b.canonical) and overlap > 0


def key(goal: Canonical | None) -> tuple[str, str]:
  """Verb and object, whatever the count."""
  return (goal.verb, goal.object or '') if goal else ('', '')


def score(
  episode: Episode, nodes: Sequence[Node], others: Sequence[Sequence[Node]]
) -> tuple[Episode, list[Node]]:
  """The same with `p_good` of every node, and of the episode their mean,
  weighted by how long they last; 0 if there are none."""
  weights = np.array(list(WEIGHTS.values()))
  rows = [features(episode, x, others) for x in nodes]
  p = [round(float(1 / (1 + np.exp(-row @ weights))), 4) for row in rows]
  scored = [
    x.model_copy(update={'p_good': each})
    for x, each in zip(nodes, p, strict=True)
  ]
  lengths = [x.t1 - x.t0 for x in nodes]
  mean = round(float(np.average(p, weights=lengths)), 4) if nodes else 0.0
  quality = Quality(p_good=mean, method=METHOD)
  return episode.model_copy(update={'quality': quality}), scored


def fit(
  rows: NDArray[np.float64],
  good: NDArray[np.bool_],
  decay: float = 1e-2,
) -> NDArray[np.float64]:
  """Weights of the logistic model by Newton's method.

  Args:
    rows: features `[N, F]`.
    good: `[N]`, whether each node was right.
    decay: of the squared weights, so that they stay finite.
  """
  weights = np.zeros(rows.shape[1])
  ridge = decay * np.eye(len(weights))
  for _ in range(NEWTON_STEPS):
    p = 1 / (1 + np.exp(-rows @ weights))
    slope = rows.T @ (p - good) / len(rows) + ridge @ weights
    curve = (rows * (p * (1 - p))[:, None]).T @ rows / len(rows) + ridge
    weights -= np.linalg.solve(curve, slope)
  return weights
