import io
import os

import pytest
from rich.text import Text

from embodied import when
from embodied.log.logger import Logger
from embodied.log.terminal import Terminal, _duration, _short

PONDER = {'ponder': 'train/ponder/steps'}


@pytest.fixture
def clock(monkeypatch):
  now = [1000.0]
  monkeypatch.setattr(when.time, 'monotonic', lambda: now[0])
  return now


def run(clock, terminal, seconds, step=0, updates=0):
  """A second is 50 steps and 25 updates."""
  for _ in range(seconds * 10):
    terminal.update(step, updates)
    clock[0] += 0.1
    step, updates = step + 5, updates + 2.5
  return step, updates


def test_plain_lines_by_hand(clock, capsys):
  terminal = Terminal(total=1_000_000, every=10.0, fields=PONDER)
  logger = Logger([terminal], lambda: 0)
  step, updates = run(clock, terminal, 11, step=12_000)
  logger.add({'score': 3.25}, 'episode')
  logger.add({'train/ponder/steps': 2.93})
  logger.write()
  logger.add({'score': -1.0}, 'episode')
  logger.write()
  run(clock, terminal, 10, step, updates)
  logger.close()
  # 987,500 steps at 50 a second are 19,750 s: 5 h, 29 min and 10 s.
  first, second, last = capsys.readouterr().out.splitlines()
  assert first == (
    '12,500 of 1,000,000  50 steps/s  25 train steps/s  5h29m left'
  )
  assert second == (
    '13,000 of 1,000,000  50 steps/s  25 train steps/s  5h29m left'
    '  return -1.0 best 3.2  ponder 2.9'
  )
  assert last.startswith('13,045 of')


def test_rates_are_those_of_the_last_minute(clock, capsys):
  terminal = Terminal(total=10**6, every=1e6)
  for _ in range(300):  # compiling: no step at all
    terminal.update(0, 0)
    clock[0] += 0.2
  run(clock, terminal, 70)
  terminal.close()
  assert '  50 steps/s  25 train steps/s' in capsys.readouterr().out
  assert len(terminal._marks) < 70


def test_where_updates_are_the_steps_their_rate_is_shown_once(clock, capsys):
  terminal = Terminal(total=1000, every=1e6, unit='train steps')
  for step in range(100):
    terminal.update(step, step)
    clock[0] += 0.5
  terminal.close()
  line = capsys.readouterr().out
  assert line.startswith('99 of 1,000  2.0 train steps/s  7m30s left')


def test_before_the_first_updates_the_time_left_is_not_known(clock, capsys):
  terminal = Terminal(total=1000, every=1e6)
  for step in range(20):
    terminal.update(step, 0)
    clock[0] += 0.5
  terminal.close()
  line = capsys.readouterr().out
  assert '2.0 steps/s' in line and 'left' not in line


def test_says_nothing_before_it_knows(clock, capsys):
  terminal = Terminal(total=100)
  terminal.close()
  assert capsys.readouterr().out == ''
  terminal = Terminal(total=100)
  terminal.update(40, 0)
  terminal.close()
  assert capsys.readouterr().out == '40 of 100\n'


def test_best_return_of_earlier_processes(capsys):
  terminal = Terminal(total=100, best=7.0)
  logger = Logger([terminal], lambda: 0)
  terminal.update(40, 0)
  terminal._show()
  for score in (3.0, 9.0, 8.0):
    logger.add({'score': score}, 'episode')
    logger.write()
    terminal._show()
  assert capsys.readouterr().out.splitlines() == [
    '40 of 100  best 7.0',
    '40 of 100  return 3.0 best 7.0',
    '40 of 100  return 9.0 best 9.0',
    '40 of 100  return 8.0 best 9.0',
  ]


def show(clock, width, monkeypatch, encoding='utf-8', more=None):
  """What a terminal of that width is sent."""
  raw = io.BytesIO()
  stdout = io.TextIOWrapper(raw, encoding=encoding)
  stdout.isatty = lambda: True
  monkeypatch.setattr('sys.stdout', stdout)
  monkeypatch.setenv('TERM', 'xterm')
  monkeypatch.setenv('COLUMNS', str(width))
  for name in ('NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE'):
    monkeypatch.delenv(name, raising=False)
  terminal = Terminal(total=1_000_000, fields=PONDER, more=more)
  logger = Logger([terminal], lambda: 0)
  logger.add({'score': 12.5}, 'episode')
  logger.add({'train/ponder/steps': 2.93})
  logger.write()
  run(clock, terminal, 2, step=250_000)
  logger.close()
  stdout.flush()
  line = terminal._line()
  monkeypatch.undo()
  return line, raw.getvalue().decode(encoding)


@pytest.mark.skipif(os.name != 'posix', reason='a POSIX terminal')
@pytest.mark.parametrize('width', [20, 40, 60, 80, 100, 120, 200])
def test_live_line_fits(clock, width, monkeypatch):
  line, sent = show(clock, width, monkeypatch)
  assert line.cell_len <= width
  assert '250' in line.plain
  assert '\x1b[?25l' in sent and '\x1b[?25h' in sent  # hides, shows cursor
  assert sent.count('\n') == 1  # one line in the end
  if width >= 80:
    for word in ('steps/s', 'left', 'return 12.5 best 12.5', 'ponder 2.9'):
      assert word in line.plain
  if width >= 120:
    bar = line.plain.count('━')
    # A quarter done; the bar is coloured up to there.
    assert line.spans[0].end == round(bar / 4)
    assert '250,095 of 1,000,000' in line.plain


def test_live_line_in_a_terminal_without_the_bar_sign(clock, monkeypatch):
  line, sent = show(clock, 120, monkeypatch, encoding='ascii')
  assert '----' in line.plain
  assert sent.isascii()


@pytest.mark.parametrize(
  'width, encoding, shown',
  [(120, 'utf-8', True), (99, 'utf-8', False), (120, 'ascii', False)],
)
def test_a_wide_terminal_shows_more(
  clock, monkeypatch, width, encoding, shown, capsys
):
  more = lambda columns: [Text(f'{columns} columns'), Text('to watch')]
  _, sent = show(clock, width, monkeypatch, encoding, more)
  assert ('119 columns' in sent and 'to watch' in sent) == shown
  # A pipe gets plain lines.
  terminal = Terminal(total=100, more=more)
  terminal.update(40, 0)
  terminal.close()
  assert capsys.readouterr().out == '40 of 100\n'


@pytest.mark.parametrize(
  'seconds, text',
  [
    (0, '0s'),
    (59.6, '1m0s'),
    (727, '12m7s'),
    (5 * 3600 + 12 * 60 + 40, '5h12m'),
    (3 * 86400, '3d0h'),
  ],
)
def test_duration(seconds, text):
  assert _duration(seconds) == text


@pytest.mark.parametrize(
  'number, text',
  [
    (999, '999'),
    (1000, '1.0k'),
    (12_340, '12.3k'),
    (999_999, '1000k'),
    (5_000_000, '5.0M'),
    (123_456_789, '123M'),
  ],
)
def test_short(number, text):
  assert _short(number) == text
