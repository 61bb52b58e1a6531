"""Hierarchies of actions without words: a grammar of what is done again.

Re-Pair (Larsson and Moffat 1999): the pair of symbols that follow each other
most often becomes a new symbol, until no pair is left that occurs `least`
times. Each use of a symbol is a span of actions, and those inside of each
other are a tree. It is the baseline without language that HiSD (arXiv
2601.23156) is compared with in spirit: that work learns a grammar of skills
from actions and observations.
"""

import collections
import itertools

from ponderdream.lrxc.compare import Span


def induce(episodes, least=4):
  """Pairs that are replaced, in order: symbol -> its two parts.

  Args:
    episodes: lists of actions, changed into lists of symbols and their
      lengths, `(symbol, steps)`.
    least: a pair that occurs less often is no skill.
  """
  rules = {}
  while True:
    counts = collections.Counter(
      pair
      for episode in episodes
      for pair in itertools.pairwise(x for x, _ in episode)
    )
    if not counts:
      return rules
    pair, count = max(counts.items(), key=lambda x: (x[1], repr(x[0])))
    if count < least:
      return rules
    symbol = len(rules)
    rules[symbol] = pair
    for i, episode in enumerate(episodes):
      episodes[i] = replaced(episode, pair, symbol)


def replaced(episode, pair, symbol):
  """An episode in which `symbol` stands for `pair`."""
  found, i = [], 0
  while i < len(episode):
    two = episode[i : i + 2]
    if tuple(x for x, _ in two) == pair:
      found.append((symbol, two[0][1] + two[1][1]))
      i += 2
    else:
      found.append(episode[i])
      i += 1
  return found


def runs(actions):
  """The same action several times is one symbol: `(action, steps)`."""
  return [(k, len(list(v))) for k, v in itertools.groupby(actions)]


def trees(episodes, seconds, least=4):
  """A tree of spans for each list of actions; `seconds` last a step."""
  parts = [runs(x) for x in episodes]
  lengths = [[n for _, n in x] for x in parts]
  rules = induce(parts, least)
  return [
    tree(x, y, rules, seconds) for x, y in zip(parts, lengths, strict=True)
  ]


def tree(symbols, lengths, rules, seconds):
  """Spans of an episode's symbols and of what they are made of."""
  nodes = [Span(('all', ''), 0, sum(lengths) * seconds, None, 0, 'unknown')]
  rest = iter(lengths)

  def visit(symbol, t, parent):
    if symbol not in rules:
      return t + next(rest) * seconds
    place = len(nodes)
    level = nodes[parent].level + 1
    nodes.append(Span(('skill', str(symbol)), t, t, parent, level, 'unknown'))
    end = t
    for part in rules[symbol]:
      end = visit(part, end, place)
    nodes[place] = nodes[place]._replace(t1=end)
    return end

  t = 0.0
  for symbol, _ in symbols:
    t = visit(symbol, t, 0)
  return nodes
