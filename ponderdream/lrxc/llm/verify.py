"""Parts of a transcript, and what is wrong with answers about them."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ponderdream.lrxc.branch import Branch
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import Goal
from ponderdream.lrxc.llm.prompts import Goals, Links
from ponderdream.lrxc.rules import grammar
from ponderdream.lrxc.schema import CONTROL, DEEPEST, LONGEST

PART = 90.0  # seconds of a part of the transcript
OVERLAP = 10.0  # seconds that two parts share
LINE = 12  # words of a line, at most
SLACK = 1.0  # seconds by which a span may miss its part


class Part(NamedTuple):
  """Words that the model reads at once; `span` lasts to the next words."""

  words: Sequence[Word]
  span: tuple[float, float]

  @property
  def text(self) -> str:
    """Lines that begin with their time: '[12.5] so we need wood'."""
    lines = []
    for sentence in grammar.sentences(self.words):
      words = [
        word for word, token in zip(*sentence, strict=True) if token != ','
      ]
      for i in range(0, len(words), LINE):
        text = ' '.join(x.text for x in words[i : i + LINE])
        lines.append(f'[{words[i].t0:.1f}] {text}')
    return '\n'.join(lines)


def parts(words: Sequence[Word], end: float) -> list[Part]:
  """The words in parts of `PART` seconds that overlap; the last one lasts to
  `end`."""
  found = []
  start = 0
  while start < len(words):
    begin = words[start].t0
    stop = start + 1
    while stop < len(words) and words[stop].t1 <= begin + PART:
      stop += 1
    last = stop == len(words)
    span = begin, end if last else words[stop].t0
    found.append(Part(words[start:stop], span))
    if last:
      break
    after = start + 1
    while after < stop and words[after].t0 < words[stop].t0 - OVERLAP:
      after += 1
    start = after
  return found


def wrong(goals: Goals, part: Part) -> list[tuple[int, str]]:
  """What is wrong with goals of a part: their places, and sentences."""
  t0, t1 = part.span
  found = []
  for i, goal in enumerate(goals.goals):
    inside = t0 - SLACK <= goal.t0 < goal.t1 <= t1 + SLACK
    if not short(goal.text) or not name(goal.verb):
      found.append((i, f'Goal {i} has no text or no verb.'))
    elif not inside:
      found.append((i, f'Goal {i} does not last within {t0:.1f} to {t1:.1f}.'))
    elif quoted(goal.quote, part) is None:
      found.append((i, f'The quote of goal {i} is not in the transcript.'))
  return found


def quoted(quote: str, part: Part) -> tuple[float, float] | None:
  """From when to when a quote is said in a part; None if it is not there.

  Small letters, marks and white space do not count.
  """
  wanted = [x for x in map(grammar.plain, quote.split()) if x]
  said = [(grammar.plain(x.text), x) for x in part.words]
  said = [(token, word) for token, word in said if token]
  tokens = [token for token, _ in said]
  for i in range(len(tokens) - len(wanted) + 1):
    if wanted and tokens[i : i + len(wanted)] == wanted:
      return said[i][1].t0, said[i + len(wanted) - 1][1].t1
  return None


def circles(links: Links, count: int) -> list[tuple[int, str]]:
  """What is wrong with the parents of `count` goals."""
  parents = {x.id: x.parent for x in links.links}
  found = []
  for i, parent in parents.items():
    if not 0 <= i < count or not -1 <= parent < count:
      found.append((i, f'There is no goal {i} with the parent {parent}.'))
      continue
    seen = {i}
    while parent >= 0 and parent not in seen:
      seen.add(parent)
      parent = parents.get(parent, -1)
    if parent >= 0:
      found.append((i, f'Goal {i} serves itself.'))
    elif len(seen) > DEEPEST:
      found.append((i, f'Goal {i} lies under {len(seen)} others.'))
  return found


def joined(branches: Sequence[Branch]) -> list[Branch]:
  """Goals in order of time; one that two parts share is one goal."""
  found: list[Branch] = []
  last: dict[Goal, Branch] = {}
  for branch in sorted(branches, key=lambda x: x.t0):
    before = last.get(branch.goal)
    if before is not None and branch.t0 < before.t1:
      before.t1 = max(before.t1, branch.t1)
      before.status = branch.status
      before.evidence += branch.evidence
      continue
    found.append(branch)
    last[branch.goal] = branch
  return found


def short(text: str) -> str:
  """A text as nodes have it: one line of at most 200 characters."""
  return ' '.join(CONTROL.sub(' ', text).split())[:LONGEST].strip()


def name(text: str) -> str:
  """A word of the game as nodes have it: 'Wood Pickaxe' -> wood_pickaxe."""
  parts = re.split(r'[\s_-]+', text)
  words = [x for x in map(grammar.plain, parts) if x]
  return '_'.join(words).replace("'", '')[:100]
