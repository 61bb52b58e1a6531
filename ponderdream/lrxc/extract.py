"""Trees of goals from records of captions, by rules or by a language model."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embodied.errors import UsageError, suggest
from ponderdream.lrxc import ingest, rules, stages, trees, validate
from ponderdream.lrxc.branch import Branch
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import LEXICONS, Lexicon
from ponderdream.lrxc.schema import (
  Canonical,
  Episode,
  Evidence,
  Node,
  Source,
  plain,
)

# Words by which English is known, and the share of them that it has at least.
ENGLISH = frozenset(
  'the a an and to of in is it i you we that this so for on my with have do'
  ' be now okay just not but here there what some get go'.split()
)
SHARE = 0.12
FEW = 30  # words, too few to tell
QUOTES = 20  # of a node, at most


class Tree(NamedTuple):
  """An episode with its nodes, and answers that were refused."""

  episode: Episode
  nodes: list[Node]
  rejected: Sequence[Any] = ()


def lexicon(game: str) -> Lexicon:
  """The words of a game. Raises UsageError if there are none."""
  if game not in LEXICONS:
    raise UsageError(
      f"There are no words for the game '{game}'. {suggest(game, LEXICONS)}"
    )
  return LEXICONS[game]


def jobs(
  folder: Path, version: str, make: Callable[[str, stages.Record], Tree]
) -> dict[str, stages.Job]:
  """A job for each record of captions in a folder.

  Args:
    version: of all that `make` depends on but the record.
    make: a tree from the key and the record.
  """
  found = {}
  for name, path in stages.records(folder, 'ingest'):
    made_from = stages.digest(version, path.read_bytes())
    job = functools.partial(_record, name, path, make)
    found[name] = stages.Job(made_from, job)
  return found


def _record(
  name: str, path: Path, make: Callable[[str, stages.Record], Tree]
) -> stages.Record:
  tree = make(name, stages.read(path))
  validate.check_episode(tree.episode, tree.nodes)
  return dump(tree)


def dump(tree: Tree) -> stages.Record:
  """A tree as a record."""
  return {
    'episode': plain(tree.episode),
    'nodes': [plain(x) for x in tree.nodes],
    'rejected': list(tree.rejected),
  }


def load(record: stages.Record) -> Tree:
  """The tree of a record. Raises UsageError if it is not valid."""
  episode = validate.record(Episode, record.get('episode'))
  nodes = [validate.record(Node, x) for x in record.get('nodes', ())]
  validate.check_episode(episode, nodes)
  return Tree(episode, nodes, record.get('rejected', ()))


def by_rules(game: str, name: str, record: stages.Record) -> Tree:
  """The tree of a record of captions, by rules.

  Raises:
    UsageError: The words are not English.
  """
  words = ingest.unpack(record)
  if not is_english(words):
    raise UsageError(
      'The captions do not look like English, which is all that the rules'
      ' read; use --with llm.'
    )
  known = lexicon(game)
  end = max(record['video']['duration'], words[-1].t1)
  branches = rules.extract(words, known, 0.0, end)
  made = episode(game, name, record, end, 'rules', rules.VERSION)
  goal = next((x for x in branches if x.parent is None and x.said), None)
  made = made.model_copy(
    update={
      'goal': goal.goal.text if goal else known.root.text,
      'outcome': branches[0].status if branches else 'unknown',
    }
  )
  return Tree(made, nodes(name, branches))


def is_english(words: Sequence[Word]) -> bool:
  """Whether enough of the words are frequent English ones."""
  tokens = [x.text.lower().strip('.,!?') for x in words]
  count = sum(x in ENGLISH for x in tokens)
  return count >= SHARE * len(tokens) or len(tokens) < FEW


def episode(
  game: str,
  name: str,
  record: stages.Record,
  end: float,
  extractor: str,
  version: str,
  prompt: str | None = None,
) -> Episode:
  """An episode of a video that lasts to `end` (seconds), without a goal."""
  video: dict[str, Any] = record['video']
  source = Source(
    kind='youtube',
    video_id=video['video_id'],
    url=video['url'],
    channel=video['channel'],
    licence=video['licence'],
    t_start_s=0.0,
    t_end_s=end,
    fps=video['fps'],
    retrieved_at=video['retrieved_at'],
    caption_kind=video['caption_kind'],
    extractor=extractor,
    extractor_version=version,
    prompt_sha256=prompt,
  )
  known = {'episode_id': name, 'env_id': game, 'source': source}
  fixed = {'schema_version': 1, 'n_steps': 0, 'clock': 'seconds'}
  return validate.record(Episode, known | fixed)


def nodes(name: str, branches: Sequence[Branch]) -> list[Node]:
  """The nodes of an episode from the branches of a tree."""
  levels: list[int] = []
  for each in branches:
    levels.append(0 if each.parent is None else levels[each.parent] + 1)
  made = [
    Node(
      episode_id=name,
      node_id=i,
      parent_id=x.parent,
      level=levels[i],
      text=x.text,
      canonical=Canonical(
        verb=x.goal.verb, object=x.goal.object or None, count=x.count
      ),
      t0=round(x.t0, 3),
      t1=round(x.t1, 3),
      status=x.status,
      why=x.why[:200] or None,
      evidence=_evidence(x),
      goal_image_t=round(x.t1, 3) if x.status == 'achieved' else None,
      source='narrated' if x.said else 'inferred',
    )
    for i, x in enumerate(branches)
  ]
  return trees.numbered(made)


def _evidence(branch: Branch) -> tuple[Evidence, ...]:
  return tuple(
    Evidence(t0=round(t0, 3), t1=round(t1, 3), quote=quote[:2000])
    for t0, t1, quote in branch.evidence[:QUOTES]
  )
