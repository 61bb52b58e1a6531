"""What the tables and bars of a page show, from the lines of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ponderdream.page import intervals
from ponderdream.page.columns import Columns, Numbers
from ponderdream.page.intervals import Interval

# Episodes that a return is the mean of, and steps at which it is told.
RECENT = 100
STEPS = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000)
# Different values of a key that are told one by one.
VALUES = 24
RETURN, THOUGHT = 'episode/score', 'episode/ponder_steps'
REACHED, LOGGED = 'episode/achievement_', 'episode/log/'
# Keys of the metrics that tell when the agent halted, and what they are.
HALTED = {
  'acted/halted/': 'Shares of the actions since the last line.',
  'train/level/p/': 'Mean probabilities in updates: an earlier version did not'
  ' write the shares of actions.',
}
# Crafter's achievements from the roots of its tree to the leaves: each comes
# after those that it needs.
TREE = (
  'collect_drink', 'wake_up', 'eat_cow', 'defeat_zombie', 'defeat_skeleton',
  'collect_sapling', 'place_plant', 'eat_plant', 'collect_wood',
  'place_table', 'make_wood_pickaxe', 'make_wood_sword', 'collect_stone',
  'place_stone', 'collect_coal', 'place_furnace', 'make_stone_pickaxe',
  'make_stone_sword', 'collect_iron', 'make_iron_pickaxe', 'make_iron_sword',
  'collect_diamond',
)  # fmt: skip


def returns(scores: Columns) -> tuple[Numbers, Numbers]:
  """Steps and returns of the episodes whose return is a number, `[E]`."""
  found = scores[RETURN]
  there = np.isfinite(found)
  return scores.step[there], found[there]


def reached(scores: Columns) -> list[dict[str, Any]]:
  """Success rates with intervals, of the newest episodes and of all."""
  names = [k for k in scores.keys if k.startswith(REACHED)]
  names.sort(key=lambda k: (place(k[len(REACHED) :]), k))
  found = []
  for what, first in ((f'last {RECENT} episodes', -RECENT), ('all', 0)):
    if what == 'all':
      what = 'all episodes of training'
    rows = {}
    for key in names:
      values = scores[key][first:]
      values = values[np.isfinite(values)]
      if len(values):
        rate = intervals.wilson(float((values > 0).sum()), len(values))
        rows[key[len(REACHED) :]] = percent(rate)
    if rows:
      found.append({'of': what, 'rates': rows})
  return found


def evaluated(found: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Success rates of an evaluation, with intervals."""
  rates, count = found.get('success') or {}, found.get('episodes') or 0
  if not rates or not count:
    return []
  # In several worlds not every episode can unlock all.
  counts = found.get('success_episodes') or {}
  rows = {}
  for key in sorted(rates, key=lambda k: (place(k), k)):
    own = counts.get(key, count)
    rows[key] = percent(intervals.wilson(rates[key] * own / 100, own))
  note = f'step {found.get("step", "?")}, {count} episodes'
  return [{'of': 'newest evaluation', 'rates': rows, 'note': note}]


def percent(x: Interval) -> list[float]:
  """Value, lowest and highest, in percent."""
  return [round(100 * v, 2) for v in x]


def place(name: str) -> int:
  """Of an achievement in Crafter's tree; others come after it."""
  return TREE.index(name) if name in TREE else len(TREE)


def logged(scores: Columns) -> list[dict[str, Any]]:
  """Which share of the episodes had each of an environment's own values, and
  their returns and ponder steps, with intervals."""
  found = []
  for key in scores.keys:
    if key.startswith(LOGGED):
      groups = by_value(scores[key])
      known = sum(int(x.sum()) for x in groups.values())
      rows = [
        {
          'value': k,
          'share': percent(intervals.wilson(int(x.sum()), known)),
          'return': mean(scores[RETURN][x]),
          'steps': mean(scores[THOUGHT][x]),
        }
        for k, x in groups.items()
        if x.any()
      ]
      found.append({'key': key[len(LOGGED) :], 'rows': rows})
  return found


def by_value(values: Numbers) -> dict[str, Any]:
  """Which rows `[N]` have which value; ranges of values if there are many."""
  known = np.isfinite(values)
  each = np.unique(values[known])
  if len(each) <= VALUES:
    return {f'{x:g}': values == x for x in each}
  ends = np.linspace(each[0], each[-1], VALUES + 1)
  where = np.clip(np.searchsorted(ends, values, 'right') - 1, 0, VALUES - 1)
  spans = zip(ends[:-1], ends[1:], strict=True)
  found = {f'{a:.3g} to {b:.3g}': i for i, (a, b) in enumerate(spans)}
  return {k: known & (where == i) for k, i in found.items()}


def with_and_without(scores: Columns) -> list[dict[str, Any]]:
  """Ponder steps of the episodes that reached an achievement, and of the
  others; without achievements that no episode reached."""
  found, steps = [], scores[THOUGHT]
  names = [k for k in scores.keys if k.startswith(REACHED)]
  for key in sorted(names, key=lambda k: (place(k[len(REACHED) :]), k)):
    values = scores[key]
    row: dict[str, Any] = {'name': key[len(REACHED) :]}
    for label, which in (('with', values > 0), ('without', values == 0)):
      row[label] = mean(steps[which])
    if row['with']:
      found.append(row)
  return found


def mean(values: Numbers) -> list[float] | None:
  """The mean with a 95% interval, and the number of values; None without
  values."""
  values = values[np.isfinite(values)]
  if not len(values):
    return None
  return [round(x, 4) for x in intervals.of_mean(values)] + [len(values)]


def halting(metrics: Columns) -> dict[str, Any] | None:
  """The shares of actions by ponder steps, over training; the probabilities
  in updates, if a run tells only them; None if it does not."""
  for start in HALTED:
    names = [k[len(start) :] for k in metrics.keys if k.startswith(start)]
    levels = sorted(int(x) for x in names if x.isdigit())
    if levels:
      break
  else:
    return None
  rows = np.array([metrics[f'{start}{n}'] for n in levels])
  # A level at which nothing halted is not written.
  there = np.isfinite(rows).any(0)
  return {
    'levels': levels,
    'shares': np.nan_to_num(rows[:, there]),
    'step': metrics.step[there],
    'note': HALTED[start],
  }


def at(scores: tuple[Numbers, Numbers], step: float) -> Numbers | None:
  """The returns of the last episodes up to a step; None if the run has not
  come there or no episode has ended."""
  steps, found = scores
  count = int(np.searchsorted(steps, step, 'right'))
  if not count or steps[-1] < step:
    return None
  return found[max(0, count - RECENT) : count]


def best(scores: tuple[Numbers, Numbers]) -> Numbers | None:
  """The returns of the neighbouring episodes whose mean is highest."""
  _, found = scores
  count = min(RECENT, len(found))
  if not count:
    return None
  sums = np.cumsum([0.0, *found])
  first = int((sums[count:] - sums[:-count]).argmax())
  return found[first : first + count]


def interval(seeds: Sequence[Numbers | None]) -> list[float] | None:
  """Value, lowest, highest and number of seeds; of the episodes if there is
  one seed. None if a seed has none."""
  if not seeds or any(x is None for x in seeds):
    return None
  each = [x.tolist() for x in seeds if x is not None]
  if len(each) == 1:
    found = intervals.over_episodes(each[0])
  else:
    found = intervals.over_seeds([float(np.mean(x)) for x in each])
  return [round(v, 3) for v in found] + [len(each)]
