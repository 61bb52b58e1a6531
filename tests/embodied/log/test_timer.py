"""The timer by a clock that is set by hand."""

import time

import pytest

from embodied.log.timer import Timer


@pytest.fixture
def clock(monkeypatch):
  now = [1000.0]
  monkeypatch.setattr(time, 'perf_counter', lambda: now[0])
  return now


def test_shares_by_hand(clock):
  timer = Timer()
  with timer('act'):
    clock[0] += 3
    with timer('log'):
      clock[0] += 1
  clock[0] += 4  # nobody's
  with timer('log'):
    clock[0] += 2
  assert timer.seconds == {'act': 3, 'log': 3}
  assert timer.result() == {'act': 0.3, 'log': 0.3}
  # What has been shared out does not come again.
  with timer('log'):
    clock[0] += 5
  assert timer.result() == {'act': 0, 'log': 1}
  assert timer.seconds == {'act': 3, 'log': 8}


def test_a_part_that_fails_is_counted_too(clock):
  timer = Timer()
  with pytest.raises(KeyError), timer('act'):
    clock[0] += 1
    with timer('log'):
      clock[0] += 1
      raise KeyError
  with timer('act'):
    clock[0] += 2
  assert timer.result() == {'act': 0.75, 'log': 0.25}
