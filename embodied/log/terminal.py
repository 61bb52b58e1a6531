"""The progress line."""

import time
from collections import deque
from collections.abc import Callable, Mapping

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from embodied.log.logger import Record
from embodied.when import Every

# Key of the returns, and unit of updates.
SCORE = 'episode/score'
TRAIN = 'train steps'

# Columns from which on a terminal is wide enough to watch more.
WIDE = 100

# Lines of at most so many columns.
Lines = Callable[[int], list[Text]]


class Terminal:
  """Shows the progress of the run in one line.

  In a terminal the line is live; otherwise a plain line is printed every
  `every` seconds and at the end. Call `update` often. Rates are over the last
  minute. A value that is not known yet is left out.

  Args:
    total: step at which the run ends.
    every: seconds between plain lines.
    unit: of the steps; 'steps' of the environment, or 'train steps', whose
      rate is shown once.
    fields: labels of further numbers and the keys of their metrics.
    best: best return of earlier processes, None if there were none.
    silent: shows nothing.
    more: lines below the live one, if the terminal has `WIDE` columns; a
      narrow one, a pipe and a terminal of few signs do without.
  """

  def __init__(
    self,
    total: int,
    *,
    every: float = 30.0,
    unit: str = 'steps',
    fields: Mapping[str, str] | None = None,
    best: float | None = None,
    silent: bool = False,
    more: Lines | None = None,
  ) -> None:
    self._more = more
    self._total = total
    self._silent = silent
    self._unit = unit
    self._fields = dict(fields or {})
    self._values: dict[str, float] = {}  # of these fields
    self._return: float | None = None  # the last
    self._best = best
    self._marks: deque[tuple[float, int, int]] = deque()
    self._console = Console(highlight=False)
    self._live: Live | None = None
    able = self._console.is_terminal and not self._console.is_dumb_terminal
    if able and not silent:
      self._live = Live(console=self._console, auto_refresh=False)
    self._due = Every(0.2 if self._live else every)

  def write(self, record: Record) -> None:
    score = record.scalars.get(SCORE)
    if score is not None:
      self._return = score
      self._best = score if self._best is None else max(self._best, score)
    for label, key in self._fields.items():
      if key in record.scalars:
        self._values[label] = record.scalars[key]

  def update(self, step: int, updates: int) -> None:
    """Shows the run at step `step` after `updates` train steps."""
    now = time.monotonic()
    if len(self._marks) > 1 and now - self._marks[-2][0] < 1.0:
      self._marks.pop()  # a mark per second is enough
    self._marks.append((now, step, updates))
    while now - self._marks[0][0] > 60.0 and len(self._marks) > 2:
      self._marks.popleft()
    if self._due():
      self._show()

  def close(self) -> None:
    if self._marks:
      self._show()
    if self._live is not None:
      self._live.stop()

  def _show(self) -> None:
    if self._silent:
      return
    if self._live is None:
      print(_join(self._parts()).plain, flush=True)
    else:
      self._live.start()
      below = self._below()
      shown = Group(self._line(), *below) if below else self._line()
      self._live.update(shown, refresh=True)

  def _below(self) -> list[Text]:
    """The lines below the live one."""
    width = self._console.width
    if not self._more or width < WIDE or self._console.options.ascii_only:
      return []
    return self._more(width - 1)

  def _line(self) -> Text:
    """The line at the width of the terminal: in short words if there is
    little room, without its last pieces if there is less."""
    width = self._console.width
    bar = 8  # columns, at least
    parts = self._parts()
    if _join(parts).cell_len + bar + 2 > width:
      parts = self._parts(short=True)
    while _join(parts).cell_len > width and len(parts) > 1:
      parts.pop()
    text = _join(parts)
    room = min(40, width - text.cell_len - 2)
    if room < bar:
      return text
    done = round(room * min(1.0, self._marks[-1][1] / self._total))
    sign = '-' if self._console.options.ascii_only else '━'
    rest = (sign * (room - done), 'bright_black')
    return Text.assemble((sign * done, 'cyan'), rest, '  ', text)

  def _parts(self, short: bool = False) -> list[str]:
    """Pieces of the line in markup, what counts in bold."""
    then, step0, updates0 = self._marks[0]
    now, step, updates = self._marks[-1]
    count = _short if short else '{:,}'.format
    of = '/' if short else ' of '
    parts = [f'[b]{count(step)}[/b]{of}{count(self._total)}']
    if now > then:
      rate = (step - step0) / (now - then)
      train = (updates - updates0) / (now - then)
      rates = {self._unit: rate, TRAIN: train}
      for unit, each in rates.items():
        unit = 'train' if short and unit == TRAIN else unit
        parts.append(f'[b]{_rate(each)}[/b] {unit}/s')
      # Before the first updates, programs are compiled.
      if rate > 0 and train > 0:
        left = max(0, self._total - step) / rate
        parts.append(f'[b]{_duration(left)}[/b] left')
    returns = {'return': self._return, 'best': self._best}
    known = {k: v for k, v in returns.items() if v is not None}
    if known:
      parts.append(' '.join(f'{k} [b]{v:.1f}[/b]' for k, v in known.items()))
    parts += [f'{k} [b]{v:.1f}[/b]' for k, v in self._values.items()]
    return parts


def _join(parts: list[str]) -> Text:
  return Text.from_markup('  '.join(parts))


def _rate(value: float) -> str:
  return f'{value:.1f}' if value < 10 else f'{value:,.0f}'


def _short(count: int) -> str:
  """12340 as '12.3k'."""
  for size, sign in ((10**6, 'M'), (10**3, 'k')):
    if count >= size:
      value = count / size
      return f'{value:.1f}{sign}' if value < 100 else f'{value:.0f}{sign}'
  return str(count)


def _duration(seconds: float) -> str:
  """Two units: '3d4h', '5h12m', '12m7s', '7s'."""
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  days, hours = divmod(hours, 24)
  units = [(days, 'd'), (hours, 'h'), (minutes, 'm'), (seconds, 's')]
  first = next((i for i, (n, _) in enumerate(units) if n), 3)
  return ''.join(f'{n}{u}' for n, u in units[first : first + 2])
