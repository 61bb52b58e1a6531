"""Environments that fail are restarted, and their streams stay whole."""

import logging

import pytest

from embodied.driver import worker
from embodied.errors import UsageError
from tests.embodied.driver.playing import idle, record
from tests.naming import naming, says


def check_streams(steps, rounds):
  """Every environment returned one observation per round, in order."""
  for stream in steps:
    assert len(stream) == rounds
    assert stream[0]['is_first'] and stream[0]['life'] == 0
    for before, after in zip(stream, stream[1:], strict=False):
      if after['life'] == before['life']:
        assert after['count'] == before['count'] + 1
      else:
        assert after['life'] > before['life']
        assert after['is_first'] and after['count'] == 0


def test_raising_hanging_and_killed_environments_are_restarted(
  drive, make, caplog
):
  driver = drive(
    [
      make(0),
      make(1, 'raise_error', at=5),
      make(2, 'hang', at=8),
      make(3, 'die', at=8),
      make(4, 'raise_eof', at=11),
    ],
    timeout=3.0,
  )
  steps = record(driver)
  with caplog.at_level(logging.WARNING, 'embodied'):
    driver(idle, steps=5 * 20)
  check_streams(steps, 20)
  lives = [[int(x['life']) for x in stream] for stream in steps]
  assert lives == [
    [0] * 20,
    [0] * 5 + [1] * 15,
    [0] * 8 + [1] * 12,
    [0] * 8 + [1] * 12,
    [0] * 11 + [1] * 9,
  ]
  assert driver.restarts == 4
  assert says(driver.last_error, 'environment', 4)
  assert 'EOFError: the emulator hung up' in driver.last_error
  texts = [x.getMessage() for x in caplog.records if x.name == 'embodied']
  assert len(texts) == 4
  for text, want in zip(
    texts,
    ['lost its cable', 'time', -9, 'hung up'],
    strict=True,
  ):
    assert says(text, want)


def test_some_time_is_given_whatever_the_limit(drive, make, monkeypatch):
  # By default a second, which a busy machine may take.
  assert worker.GRACE_SECONDS >= 1
  monkeypatch.setattr(worker, 'GRACE_SECONDS', 20.0)
  driver = drive([make(0, 'doze', at=3)], timeout=0.1)
  steps = record(driver)
  driver(idle, steps=6)
  check_streams(steps, 6)
  assert driver.restarts == 0


@pytest.mark.parametrize('parallel', [False, True])
def test_a_broken_contract_needs_no_traceback(drive, make, parallel):
  driver = drive([make(0, 'raise_contract', at=2)], parallel=parallel)
  driver(idle, steps=5)
  assert driver.last_error == 'Environment 0: The speed is a banana.'


def test_an_environment_may_fail_again_and_again_between_steps(drive, make):
  # Each life answers two actions before it fails.
  driver = drive([make(0, 'raise_error', at=3, lives=99)], parallel=False)
  steps = record(driver)
  driver(idle, steps=20)
  check_streams(steps, 20)
  assert [int(x['count']) for x in steps[0]] == ([0, 1, 2] * 7)[:20]
  assert driver.restarts == 6


def test_starts_are_counted_anew_after_a_fault(drive, make):
  # The first life answers four actions. No other life can be made.
  fns = [make(0, 'raise_error', at=5, later=-1, lives=99)]
  driver = drive(fns, parallel=False)
  steps = record(driver)
  with pytest.raises(RuntimeError, match=naming('environment', 0, 3)):
    driver(idle, steps=20)
  check_streams(steps, 5)
  # One restart for the fault, and two for the first two starts that failed.
  assert driver.restarts == 3


@pytest.mark.parametrize('parallel', [False, True])
def test_two_failed_starts_are_forgiven(drive, make, parallel):
  fns = [make(0, 'raise_error', at=-1, lives=2), make(1)]
  driver = drive(fns, parallel=parallel)
  steps = record(driver)
  driver(idle, steps=6)
  assert driver.restarts == 2
  assert [int(x['life']) for x in steps[0]] == [2] * 3


@pytest.mark.parametrize(
  ('parallel', 'at'), [(False, -1), (False, 0), (False, 1), (True, -1)]
)
def test_three_failed_starts_end_the_run(drive, make, parallel, at):
  with pytest.raises(RuntimeError, match=naming('environment', 1, 3)) as info:
    driver = drive(
      [make(0), make(1, 'raise_error', at=at, lives=99)], parallel=parallel
    )
    driver(idle, steps=10)
  assert 'OSError: the emulator lost its cable' in str(info.value)


@pytest.mark.parametrize('parallel', [False, True])
def test_usage_errors_of_making_are_not_retried(
  drive, make, tmp_path, parallel
):
  with pytest.raises(UsageError, match='no such game'):
    drive([make(0, 'raise_usage', at=-1, lives=99)], parallel=parallel)
  assert (tmp_path / '0').read_text() == 'x'
