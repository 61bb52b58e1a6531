"""Runs that belong together, and the table of them."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ponderdream.page import kinds, summary
from ponderdream.page.run import EPISODES, Run, load

# Settings that may differ between the seeds of one experiment.
SEEDS = re.compile(
  r'seed|logdir|checkpoints|jax\..*|logger\..*'
  r'|run\.(log_every|report_every|save_every|keep|parallel|timeout|watch)'
)


def grouped(
  runs: Sequence[Run], settings: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
  """Runs that differ only by their seed, in the order of their first one."""
  found: dict[Any, list[int]] = {}
  for i, values in enumerate(settings):
    kept = {k: v for k, v in values.items() if not SEEDS.fullmatch(k)}
    key = tuple(sorted(kept.items())) if kept else i
    found.setdefault(key, []).append(i)
  return [
    {'name': together([runs[i].name for i in which]), 'runs': which}
    for which in found.values()
  ]


def together(names: Sequence[str]) -> str:
  """What the names of several seeds have in common."""
  if len(names) == 1:
    return names[0]
  pairs = itertools.takewhile(
    lambda x: len(set(x)) == 1, zip(*names, strict=False)
  )
  common = ''.join(x[0] for x in pairs)
  return re.sub(r'[\W_]*(seed)?[\W_]*$', '', common) or ', '.join(names)


def differing(settings: Sequence[dict[str, Any]]) -> list[str]:
  """Settings that are not the same in all runs that have settings."""
  known = [x for x in settings if x]
  keys = dict.fromkeys(k for x in known for k in x)
  return [k for k in keys if len({str(x.get(k)) for x in known}) > 1]


def table(
  runs: Sequence[Run], groups: Sequence[dict[str, Any]]
) -> dict[str, Any]:
  """A row for each group: the columns, and the values of each row with their
  intervals."""
  scores = [summary.returns(run.scores) for run in runs]
  ends = [int(x[0][-1]) if len(x[0]) else 0 for x in scores]
  steps = [x for x in summary.STEPS if x <= max(ends, default=0)]
  columns = ['steps', 'last', 'best', *(f'at {x:,}' for x in steps)]
  columns += ['evaluated', 'success score']
  rows = []
  for group in groups:
    own = [scores[i] for i in group['runs']]
    finals = [summary.at(x, x[0][-1]) if len(x[0]) else None for x in own]
    cells = [
      [max(ends[i] for i in group['runs'])],
      summary.interval(finals),
      summary.interval([summary.best(x) for x in own]),
      *(summary.interval([summary.at(x, s) for x in own]) for s in steps),
      *evaluation([runs[i] for i in group['runs']]),
    ]
    rows.append({'name': group['name'], 'cells': cells})
  return {'columns': columns, 'rows': rows, 'recent': summary.RECENT}


def evaluation(runs: Sequence[Run]) -> list[list[float] | None]:
  """Return and Crafter's score in the newest evaluation of each run, of those
  in which the agent acts as it was trained to."""
  newest = []
  for run in runs:
    files = [x for x in run.of('.json') if not x.name.endswith(EPISODES)]
    found = [load(run.content(x)) for x in files]
    plain = [x for x in found if kinds.evaluates(x) and kinds.plain(x)]
    newest.append(plain[-1] if plain else {})
  cells = []
  for key in ('return_mean', 'crafter_score'):
    values = [x.get(key) for x in newest]
    known = [np.array([x], float) for x in values if kinds.number(x)]
    # Of one evaluation the file tells the interval.
    cell = summary.interval(known) if len(known) == len(values) else None
    width = newest[0].get('return_ci95')
    if cell and len(values) == 1:
      spread = width if key == 'return_mean' and kinds.number(width) else None
      low, high = (
        (cell[0] - spread, cell[0] + spread) if spread else (None, None)
      )
      cell = [cell[0], low, high, 1]  # type: ignore[list-item]
    cells.append(cell)
  return cells
