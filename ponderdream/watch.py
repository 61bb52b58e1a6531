"""What a wide terminal shows beside the progress line (`run.watch`)."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.text import Text

from embodied.run.tracker import Tracker
from ponderdream.trackers import STEPS

BLOCKS = '▁▂▃▄▅▆▇█'
# Episodes that are remembered, rows of success rates, and columns of a name.
EPISODES, ROWS, NAME = 2000, 4, 10


class Watch(Tracker):
  """Returns and ponder steps of the training so far, success rates, and the
  thoughts of the last episode of the first environment.

  Args:
    rates: gives success rates in percent, by name.
  """

  def __init__(self, rates: Callable[[], Mapping[str, float]]) -> None:
    self._rates = rates
    self._returns: deque[float] = deque(maxlen=EPISODES)
    self._steps: deque[float] = deque(maxlen=EPISODES)
    self._running: list[float] = []
    self._last: list[float] = []

  def load(self, scores: Sequence[Mapping[str, float]]) -> None:
    for line in scores[-EPISODES:]:
      self._add(line.get('episode/score'), line.get('episode/ponder_steps'))

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    if worker or STEPS not in transition:
      return
    if transition['is_last']:
      self._last, self._running = self._running, []
    else:
      self._running.append(float(transition[STEPS]))

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    steps = None
    if f'{STEPS}/sum' in episode and episode['length']:
      acted = episode[f'{STEPS}/sum'] - episode[f'{STEPS}/last']
      steps = acted / episode['length']
    self._add(episode['score'], steps)
    return {}

  def lines(self, width: int) -> list[Text]:
    """Lines of at most `width` columns; none of what is not known."""
    rows = {
      'return': list(self._returns),
      'ponder': list(self._steps),
      'thoughts': self._last,
    }
    found = []
    for name, values in rows.items():
      if values:
        ends = f'{min(values):7.1f} {max(values):7.1f} '
        text = Text(f'{name:{NAME}}', 'bright_black')
        line = sparkline(values, width - NAME - len(ends))
        found.append(text.append(ends).append(line, 'cyan'))
    return found + self._success(width)

  def _success(self, width: int) -> list[Text]:
    """The success rates in columns, the highest first."""
    rates = sorted(self._rates().items(), key=lambda x: -x[1])
    if not rates:
      return []
    wide = max(len(name) for name, _ in rates) + 7
    columns = max(1, (width - NAME) // wide)
    cells = [f'{k.replace("_", " "):{wide - 6}}{v:4.0f}% ' for k, v in rates]
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heads = ['success', *[''] * len(rows)]
    return [
      Text(f'{head:{NAME}}', 'bright_black').append(''.join(row), 'default')
      for head, row in zip(heads, rows[:ROWS], strict=False)
    ]

  def _add(self, score: float | None, steps: float | None) -> None:
    for kept, value in ((self._returns, score), (self._steps, steps)):
      if value is not None and math.isfinite(value):
        kept.append(value)


def sparkline(values: Sequence[float], width: int) -> str:
  """The values from the lowest to the highest block, as means if there are
  more of them than columns."""
  parts = np.array_split(np.asarray(values, float), min(width, len(values)))
  means = np.array([x.mean() for x in parts])
  low, high = means.min(), means.max()
  place = (means - low) / (high - low) if high > low else 0 * means
  return ''.join(BLOCKS[i] for i in (place * 7.999).astype(int))
