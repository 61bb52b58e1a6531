"""What a page shows, as one object for JSON."""

import base64
import datetime
import math
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ponderdream.page import curves, kinds, summary, table
from ponderdream.page.columns import Columns, Numbers
from ponderdream.page.run import EPISODES, Run, load

# Numbers of all curves of a page, points of one curve, columns of a heat map,
# and bytes of a video that is put into the page.
NUMBERS, POINTS, COLUMNS, VIDEO = 250_000, 1000, 120, 32 * 2**20
FEWEST = 60
# Of the episodes, these are curves.
EPISODE = (summary.RETURN, 'episode/length', summary.THOUGHT)
RATE = 'run/steps_per_second'


def page(runs: Sequence[Run]) -> dict[str, Any]:
  """The data of a page of runs that have been read."""
  settings = [run.settings for run in runs]
  groups = table.grouped(runs, settings)
  most = room(runs)
  return {
    'made': datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
    'colors': curves.COLORS,
    'runs': [
      one(run, i, found, most)
      for i, (run, found) in enumerate(zip(runs, settings, strict=True))
    ],
    'groups': groups,
    'differ': table.differing(settings),
    'table': table.table(runs, groups),
  }


def one(
  run: Run, index: int, settings: dict[str, Any], most: int
) -> dict[str, Any]:
  """The data of one run."""
  # Evaluations, episodes, videos.
  evals, players, videos, notes = [], [], newest_videos(run), []
  for file in run.of('.json'):
    found = load(run.content(file))
    played = file.name.endswith(EPISODES)
    if not (kinds.playable if played else kinds.evaluates)(found):
      notes.append(f'{file.name} cannot be read.')
    elif played:
      players = [found]
    else:
      evals.append(found)
  rates = summary.evaluated(evals[-1]) if evals else []
  return {
    'name': run.name,
    'id': index,
    'notes': run.missing()
    + notes
    + [x['note'] for x in videos if 'note' in x],
    'episodes': series(run, run.scores, EPISODE, most),
    'metrics': series(run, run.metrics, run.metrics.keys, most),
    'reached': summary.reached(run.scores) + rates,
    'logged': summary.logged(run.scores),
    'thought': summary.with_and_without(run.scores),
    'halting': halting(run),
    'settings': {k: shown(v) for k, v in settings.items()},
    'processes': run.processes,
    'players': players,
    'videos': [x for x in videos if 'data' in x],
  }


def room(runs: Sequence[Run]) -> int:
  """How many points a curve may have, so that the page stays small."""
  curves_ = sum(len(x.metrics.keys) + 2 * len(EPISODE) for x in runs)
  return min(POINTS, max(FEWEST, NUMBERS // max(1, curves_)))


def series(
  run: Run, columns: Columns, keys: Iterable[str], most: int
) -> dict[str, Any]:
  """Curves over all axes, thinned to means of neighbouring lines, and lines
  as they are, every `every`-th of them."""
  keys = [k for k in keys if k in columns]
  axes = run.axes(columns.step)
  rows = {k: columns[k] for k in keys}
  if columns is run.metrics:
    rows |= speed(axes)
  whole = np.array([*axes.values(), *rows.values()])
  means, weight = curves.thinned(whole, most)
  found: dict[str, Any] = {'lines': columns.rows, 'weight': plain(weight)}
  names = [*axes, *rows]
  # A group of lines stands where its last one does.
  ends = np.cumsum(weight).astype(int) - 1
  means[: len(axes)] = whole[: len(axes), ends]
  found['axes'] = {k: plain(means[i], 9) for i, k in enumerate(axes)}
  found['means'] = {
    k: plain(means[i]) for i, k in enumerate(names) if k not in axes
  }
  every = math.ceil(columns.rows / most) if most else 1
  found['every'] = every
  if every > 1 and columns is run.scores:
    kept = whole[:, ::every]
    found['sample'] = {
      k: plain(x, 9) for k, x in zip(names, kept, strict=True)
    }
  return found


def speed(axes: dict[str, Numbers]) -> dict[str, Numbers]:
  """Environment steps per second between two lines of the metrics."""
  wall, step = axes['wall'], axes['step']
  if len(wall) < 2 or not np.isfinite(wall).any():
    return {}
  took = np.diff(wall)
  rate = np.divide(
    np.diff(step), took, where=took > 1e-3, out=np.full(len(took), np.nan)
  )
  return {RATE: np.concatenate([[np.nan], rate])}


def plain(values: Numbers, digits: int = 5) -> list[float | int | None]:
  """For JSON: with so many significant digits, and None for NaN."""
  rounded = (float(f'{x:.{digits}g}') for x in values.tolist())
  return [
    None if not math.isfinite(x) else int(x) if x.is_integer() else x
    for x in rounded
  ]


def halting(run: Run) -> dict[str, Any] | None:
  """The heat map of `summary.halting`, and the run's axes below it."""
  found = summary.halting(run.metrics)
  if found is None:
    return None
  axes = run.axes(found['step'])
  means, weight = curves.thinned(found['shares'], COLUMNS)
  ends = np.cumsum(weight).astype(int) - 1
  return {
    'levels': found['levels'],
    'note': found['note'],
    'shares': [plain(x, 3) for x in means],
    'axes': {k: plain(x[ends], 9) for k, x in axes.items()},
  }


def newest_videos(run: Run) -> list[dict[str, Any]]:
  """The newest video of each kind, or a note why it is not shown."""
  newest = {}
  for file in run.of('.mp4'):
    newest[file.folder.path, re.sub(r'\d+', '', file.stem)] = file
  found = []
  for file in newest.values():
    size = file.stamp()[1]
    if size > VIDEO:
      note = f'{file.name} is too large to be shown here ({size >> 20} MB).'
      found.append({'note': note})
    elif content := run.content(file):
      data = base64.b64encode(content).decode()
      found.append({'name': file.name, 'data': data})
  return found


def shown(value: Any) -> str:
  """A setting as text."""
  if isinstance(value, tuple):
    return ', '.join(map(str, value))
  return str(value)


def names_of(paths: Sequence[pathlib.Path]) -> list[str]:
  """A name for each run: the end of its path that tells it from the others."""
  whole = [x.resolve().parts for x in paths]
  for count in range(1, max(map(len, whole), default=1) + 1):
    names = ['/'.join(x[-count:]) for x in whole]
    if len(set(names)) == len(set(whole)):
      return names
  return [str(x) for x in paths]
