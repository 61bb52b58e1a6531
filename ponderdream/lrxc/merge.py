"""Trees of many videos as one data set: nothing is in it twice.

Goals of one tree that follow each other and are the same become one. Of videos
that are copies of each other, one stays.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence

from ponderdream.lrxc import trees
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.rules import grammar
from ponderdream.lrxc.schema import Node
from ponderdream.lrxc.score import key

GAP = 5.0  # seconds between two nodes of the same goal
SHINGLE = 5  # words that are compared at once
SKETCH = 128  # hashes that stand for a video
ALIKE = 0.5  # share of hashes that copies have in common


@dataclasses.dataclass
class Video:
  """What decides which of two copies stays."""

  name: str
  sketch: frozenset[int]
  manual: bool
  words: int


def join(nodes: Sequence[Node]) -> list[Node]:
  """Nodes in which siblings of the same goal that follow each other are one.

  The earlier one takes over the children, the quotes and the ending.
  """
  kept: list[Node] = []
  last: dict[int | None, int] = {}  # place of the last child, by parent
  became = {x.node_id: x.node_id for x in nodes}
  for node in nodes:
    parent = None if node.parent_id is None else became[node.parent_id]
    node = node.model_copy(update={'parent_id': parent})
    i = last.get(parent)
    if i is not None and _follows(kept[i], node):
      kept[i] = _united(kept[i], node)
      became[node.node_id] = kept[i].node_id
      continue
    last[parent] = len(kept)
    kept.append(node)
  return trees.numbered(kept)


def _follows(a: Node, b: Node) -> bool:
  known = a.canonical is not None and key(a.canonical) == key(b.canonical)
  return known and b.t0 - a.t1 <= GAP


def _united(a: Node, b: Node) -> Node:
  ending = {'t1': b.t1, 'status': b.status, 'goal_image_t': b.goal_image_t}
  quotes = {'evidence': (a.evidence + b.evidence)[:1000]}
  p = [x.p_good for x in (a, b) if x.p_good is not None]
  return a.model_copy(
    update={**ending, **quotes, 'p_good': max(p, default=None)}
  )


def video(name: str, words: Sequence[Word], manual: bool) -> Video:
  """A video as it is compared with others."""
  return Video(name, sketch(x.text for x in words), manual, len(words))


def sketch(texts: Iterable[str]) -> frozenset[int]:
  """The smallest hashes of all runs of `SHINGLE` words (Broder 1997)."""
  tokens = [x for x in map(grammar.plain, texts) if x]
  runs = {
    ' '.join(tokens[i : i + SHINGLE])
    for i in range(max(len(tokens) - SHINGLE + 1, 1))
  }
  return frozenset(sorted(map(_hash, runs))[:SKETCH])


def _hash(text: str) -> int:
  data = hashlib.blake2b(text.encode(), digest_size=8).digest()
  return int.from_bytes(data, 'big')


def resemblance(a: frozenset[int], b: frozenset[int]) -> float:
  """Estimate of the share of runs that two videos have in common."""
  smallest = sorted(a | b)[:SKETCH]
  return len(a & b & set(smallest)) / max(len(smallest), 1)


def copies(videos: Sequence[Video]) -> Mapping[str, str]:
  """Names of videos that are copies, and of those that stay instead.

  Captions by hand stay before automatic ones, long ones before short ones.
  """
  order = sorted(videos, key=lambda x: (not x.manual, -x.words, x.name))
  seen: dict[int, list[Video]] = {}
  found: dict[str, str] = {}
  for each in order:
    near = {x.name: x for h in each.sketch for x in seen.get(h, ())}
    alike = [
      x for x in near.values() if resemblance(each.sketch, x.sketch) >= ALIKE
    ]
    if alike:
      found[each.name] = alike[0].name
      continue
    for h in each.sketch:
      seen.setdefault(h, []).append(each)
  return found
