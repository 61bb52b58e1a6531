"""Counts of a data set: episodes, nodes by level, endings, words."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from embodied.config import Config
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.schema import Node

# Texts that are listed, of each level.
MOST = 5


def stats(options: Config) -> int:
  """Prints the tables; returns the exit code."""
  data = Data(options.data)
  found = gather(data)
  console = Console()
  console.print(_pairs(str(data.folder), found['episodes']))
  console.print(_pairs('trees', found['trees']))
  console.print(_levels(found['levels']))
  return 0


def gather(data: Data) -> dict[str, Any]:
  """The numbers of a data set, by table and then by label."""
  episodes = [data.episode(x) for x in range(len(data))]
  plans = [data.nodes(x) for x in range(len(data))]
  nodes = [x for plan in plans for x in plan]
  returns = [x.return_ for x in episodes if x.return_ is not None]
  spent = [x.p_good for x in (y.quality for y in episodes) if x]
  texts = Counter(x.text for x in nodes)
  return {
    'episodes': {
      'episodes': len(episodes),
      'steps': sum(x.n_steps for x in episodes),
      'steps of an episode': _range([x.n_steps for x in episodes]),
      'return': _range(returns),
      'p_good': _range(spent),
      'privileged': sum(x.privileged for x in episodes),
      **{
        name: _counts(values)
        for name, values in (
          ('kinds', (x.source.kind for x in episodes)),
          ('worlds', (x.env_id or '-' for x in episodes)),
          ('splits', (x.split for x in episodes)),
          ('outcomes', (x.outcome for x in episodes)),
        )
      },
    },
    'trees': {
      'nodes': len(nodes),
      'nodes of an episode': _range([len(x) for x in plans]),
      'depth of an episode': _range([_depth(x) for x in plans]),
      'children of a node that has some': _range(_children(plans)),
      'different texts': len(texts),
      'words of a text': _range([len(x.split()) for x in texts]),
      'with a reason': _share(x.why for x in nodes),
      'with evidence': _share(x.evidence for x in nodes),
    },
    'levels': {
      level: _of_level([x for x in nodes if x.level == level])
      for level in sorted({x.level for x in nodes})
    },
  }


def _of_level(nodes: list[Node]) -> dict[str, str]:
  """What the columns of the last table say of the nodes of one level."""
  lasted = [x.t1 - x.t0 for x in nodes]
  common = Counter(x.text for x in nodes).most_common(MOST)
  return {
    'nodes': f'{len(nodes):,}',
    'last': _range(lasted),
    'end as': _counts(x.status for x in nodes),
    'most often': ', '.join(f'{k} {v}' for k, v in common),
  }


def _depth(plan: list[Node]) -> int:
  return 1 + max((x.level for x in plan), default=-1)


def _children(plans: Iterable[list[Node]]) -> list[int]:
  return [
    n
    for plan in plans
    for parent, n in Counter(x.parent_id for x in plan).items()
    if parent is not None
  ]


def _range(values: list[Any]) -> str:
  """Mean, and least and greatest."""
  if not values:
    return '-'
  low, high = min(values), max(values)
  return f'{np.mean(values):,.1f} ({low:,.4g} to {high:,.4g})'


def _counts(values: Iterable[str]) -> str:
  return ', '.join(f'{k} {v:,}' for k, v in Counter(values).most_common())


def _share(values: Iterable[Any]) -> str:
  found = [bool(x) for x in values]
  return f'{100 * np.mean(found):.0f}%' if found else '-'


def _pairs(title: str, rows: Mapping[str, Any]) -> Table:
  table = Table(title=Text(title), show_header=False)
  for label, value in rows.items():
    shown = f'{value:,}' if isinstance(value, int) else value
    table.add_row(label, Text(shown))
  return table


def _levels(rows: Mapping[int, Mapping[str, str]]) -> Table:
  table = Table(title='levels', show_lines=True)
  for i, (level, row) in enumerate(rows.items()):
    if not i:
      for name in ('level', *row):
        table.add_column(name)
    table.add_row(str(level), *(Text(x) for x in row.values()))
  return table
