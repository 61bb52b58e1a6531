"""Table and figure of core_hour.py: returns by processor time and by steps.

Episodes are a dict of arrays over the E training episodes of a run, in the
order in which they ended: `cpu` `[E]`, the processor seconds that the run had
used; `step` `[E]`, its environment steps; `score` `[E]`, their returns; and
`unlocked` `[E, A]`, 1.0 for each achievement (A is 0 if nothing says so).
"""

import json
import pathlib

import numpy as np

from embodied.envs import achievements
from ponderdream.page import curves
from scripts import plots, results

RECENT = 100
MINUTES = (5, 15, 30, 60)
STEPS = (10_000, 30_000, 100_000, 300_000)
# Points of a curve, half of them spread evenly, half by equal factors, and the
# episodes that its first mean is of.
POINTS, FEW = 160, 10


def episodes(path, seconds):
  """Reads the episodes in `episodes.jsonl` up to `seconds` of processor
  time."""
  lines = results.read_lines(pathlib.Path(path))
  lines = [x for x in lines if x['cpu'] <= seconds]
  start = f'episode/{achievements.PREFIX}'
  names = sorted({k for x in lines for k in x if k.startswith(start)})
  unlocked = np.array([[x[k] for k in names] for x in lines])
  step = np.array([x['step'] for x in lines], int)
  return {
    'cpu': np.array([x['cpu'] for x in lines]),
    # DreamerV3's steps jump back when it resumes from a checkpoint.
    'step': np.maximum.accumulate(step),
    'score': np.array([x['episode/score'] for x in lines]),
    'unlocked': unlocked.reshape(len(lines), len(names)),
  }


def after(found, count):
  """The results after the first `count` episodes.

  Returns:
    `episodes`, `minutes` and `steps` so far; `return`, the mean of the last
    100 of them; `score`, Crafter's in percent, of all of them. None for
    values that are not known.
  """
  state = {'episodes': int(count), 'minutes': None, 'steps': None}
  state |= {'return': None, 'score': None}
  if not count:
    return state
  state['minutes'] = round(float(found['cpu'][count - 1]) / 60, 2)
  state['steps'] = int(found['step'][count - 1])
  recent = found['score'][max(0, count - RECENT) : count]
  state['return'] = round(float(recent.mean()), 3)
  if found['unlocked'].shape[1]:
    rates = 100 * found['unlocked'][:count].mean(0)
    state['score'] = round(achievements.score(rates), 3)
  return state


def at_minutes(found, minutes):
  """`after` the episodes of the first `minutes` of processor time."""
  return after(found, np.searchsorted(found['cpu'], 60 * minutes, 'right'))


def at_steps(found, steps):
  """`after` the episodes of the first `steps` environment steps; None if the
  run has fewer."""
  if not len(found['step']) or found['step'][-1] < steps:
    return None
  return after(found, np.searchsorted(found['step'], steps, 'right'))


def curve(found):
  """`after` some of the episodes, as lists."""
  total = len(found['cpu'])
  if not total:
    return {}
  first = min(FEW, total)
  spread = [f(first, total, POINTS // 2) for f in (np.linspace, np.geomspace)]
  counts = np.unique(np.concatenate(spread).round().astype(int))
  points = [after(found, count) for count in counts]
  keys = ('minutes', 'steps', 'return', 'score')
  return {k: [x[k] for x in points] for k in keys}


def summary(run):
  """The results of a finished run."""
  folder = pathlib.Path(run['folder'])
  begun = json.loads((folder / 'begun.json').read_text())
  done = json.loads((folder / 'finished.json').read_text())
  found = episodes(folder / 'episodes.jsonl', 60 * run['minutes'])
  minutes = sorted({x for x in MINUTES if x < run['minutes']})
  minutes.append(run['minutes'])
  # The run may have ended by itself at a number of steps.
  reached = lambda x: done['seconds'] >= 60 * x
  at = lambda x: at_minutes(found, x) if reached(x) else None
  about = {k: begun[k] for k in ('label', 'seed', 'flags', 'commit', 'load')}
  return about | {
    'minutes': {f'{x:g}': at(x) for x in minutes},
    'steps': {str(x): at_steps(found, x) for x in STEPS},
    'core_seconds': round(done['seconds']),
    'evaluated': done['evaluated'],
    'curve': curve(found),
  }


def grouped(runs):
  """`{label: its runs}`, in the order of their first appearance."""
  labels = dict.fromkeys(x['label'] for x in runs)
  return {k: [x for x in runs if x['label'] == k] for k in labels}


def cell(values, digits):
  """Mean over seeds, and each seed if there are several; a dash if a value is
  missing."""
  if None in values:
    return '-'
  show = lambda x: f'{x:,.{digits}f}'
  each = f' ({" ".join(map(show, values))})' if len(values) > 1 else ''
  return show(np.mean(values)) + each


def rows(runs):
  """The table: its head, and three rows for each agent."""
  minutes, steps = (
    sorted({x for run in runs for x in run[by]}, key=float)
    for by in ('minutes', 'steps')
  )
  head = [f'{x} min' for x in minutes] + [f'{int(x):,} steps' for x in steps]
  yield ['', '', *head, 'new episodes']
  for label, own in grouped(runs).items():

    def cells_of(by, marks, key, digits, own=own):
      get = lambda run, mark: (run[by].get(mark) or {}).get(key)
      return [cell([get(run, x) for run in own], digits) for x in marks]

    for key, final, digits in (
      ('return', 'return_mean', 2),
      ('score', 'crafter_score', 1),
    ):
      last = cell([x['evaluated'][final] for x in own], digits)
      cells = cells_of('minutes', minutes, key, digits)
      cells += cells_of('steps', steps, key, digits)
      yield [label, key, *cells, last]
    cells = cells_of('minutes', minutes, 'steps', 0)
    cells += cells_of('steps', steps, 'minutes', 1)
    yield [label, 'steps, minutes', *cells, '']


def table(runs):
  """Prints the table in Markdown."""
  for i, row in enumerate(rows(runs)):
    print(f'| {" | ".join(row)} |')
    if not i:
      print('|---' * len(row) + '|')


def draw(path, runs):
  """Returns by minutes and by steps, and Crafter's score by minutes: means
  over seeds, lowest to highest. Rings are new episodes at the end."""
  figure, axes = plots.figure(3)
  panels = (
    (f'Return of {RECENT} episodes (ring: new ones)', 'minutes', 'return'),
    ('Return by environment steps', 'steps', 'return'),
    ("Crafter's score so far, percent", 'minutes', 'score'),
  )
  for axis, (title, x, y) in zip(axes, panels, strict=True):
    for color, (label, own) in zip(
      [*plots.COLORS, plots.INK], grouped(runs).items(), strict=False
    ):
      found = [run['curve'] for run in own if run['curve']]
      if not found or None in found[0][y]:
        continue
      pairs = [(c[x], c[y]) for c in found]
      grid, values = curves.aligned(pairs, POINTS, log=x == 'steps')
      plots.band(axis, grid, values, color=color, label=label)
      if y == 'return':
        ends = [c[x][-1] for c in found]
        final = [run['evaluated']['return_mean'] for run in own]
        axis.plot(ends, final, 'o', color=color, ms=5, mfc='none')
    axis.set_title(title)
    axis.set_xlabel({'minutes': 'core-minutes', 'steps': 'steps'}[x])
    axis.set_ylim(bottom=0)
  axes[1].set_xscale('log')
  axes[0].legend()
  plots.save(figure, path)
