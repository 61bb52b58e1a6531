"""The driver loses no step, and restarts environments that fail."""

import functools
import logging
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from embodied import envs
from embodied.driver import Driver
from embodied.driver.worker import ProcessWorker
from embodied.errors import UsageError
from tests.naming import naming, says

HERE = pathlib.Path(__file__).parent.parent
ACTIONS = 5


@pytest.fixture
def faulty(monkeypatch):
  # Workers inherit the search path, so they can import this module.
  monkeypatch.syspath_prepend(HERE)
  import faulty_env

  return faulty_env


@pytest.fixture
def make(faulty, tmp_path):
  """`make(index, fault, ...)` returns a function that makes a Faulty."""

  def make(index, fault=None, **kwargs):
    fault = getattr(faulty, fault) if fault else None
    path = str(tmp_path / str(index))
    return functools.partial(faulty.Faulty, path, fault, **kwargs)

  return make


@pytest.fixture
def drive():
  """`drive(fns, **kwargs)` returns a Driver that is closed after the test."""
  drivers = []

  def drive(fns, **kwargs):
    drivers.append(Driver(fns, **kwargs))
    return drivers[-1]

  yield drive
  for driver in drivers:
    driver.close()


def idle(carry, obs):
  return carry, {'action': np.zeros(len(obs['is_first']), np.int32)}, {}


def record(driver):
  """A list of transitions per worker, filled while the driver steps."""
  steps = [[] for _ in range(len(driver))]
  driver.on_step(lambda step, worker: steps[worker].append(step))
  return steps


def count_env(length):
  return functools.partial(
    envs.make_env, 'dummy_count', 0, seed=0, length=length
  )


class Checker:
  """An agent that checks and numbers every observation."""

  def __init__(self, lengths):
    self.lengths = np.array(lengths)
    self.calls = 0
    self.want = None

  def init(self, batch):
    assert batch == len(self.lengths)
    return np.zeros(batch, np.int32)

  def policy(self, carry, obs):
    np.testing.assert_array_equal(carry, np.full(len(carry), self.calls))
    assert not any(key.startswith('log/') for key in obs)
    if self.want is None:
      assert obs['is_first'].all()
      episode = obs['episode']
      step = acted = np.zeros_like(obs['step'])
    else:
      step, episode, acted = self.want
    np.testing.assert_array_equal(obs['step'], step)
    np.testing.assert_array_equal(obs['episode'], episode)
    np.testing.assert_array_equal(obs['acted'], acted)
    np.testing.assert_array_equal(obs['is_first'], step == 0)
    last = step == self.lengths
    np.testing.assert_array_equal(obs['is_last'], last)
    # The actions differ between steps and between environments.
    action = (self.calls + np.arange(len(carry), dtype=np.int32)) % ACTIONS
    self.want = (
      np.where(last, 0, step + 1),
      np.where(last, episode + 1, episode),
      np.where(last, 0, action),
    )
    self.calls += 1
    number = 100 * np.arange(len(carry)) + self.calls
    return carry + 1, {'action': action}, {'number': number}


@pytest.mark.parametrize('parallel', [False, True])
def test_no_step_is_dropped_repeated_or_reordered(drive, parallel):
  lengths = (3, 4, 7)
  driver = drive([count_env(x) for x in lengths], parallel=parallel)
  checker = Checker(lengths)
  order = []
  driver.on_step(lambda step, worker: order.append(worker))
  steps = record(driver)
  driver.reset(checker.init)
  # Rounds of three steps: 1, then 2, then until 3 episodes have ended.
  driver(checker.policy, steps=1)
  driver(checker.policy, steps=4)
  driver(checker.policy, episodes=3)
  # In round r (from 0) an environment of length L is at step r % (L + 1):
  # episodes end in rounds 3 (L = 3), 4 (L = 4), and 7 (L = 3 and L = 7).
  assert checker.calls == 8
  driver(checker.policy, steps=3 * 52)
  rounds = checker.calls
  assert rounds == 60 and order == [0, 1, 2] * rounds
  for worker, (length, stream) in enumerate(zip(lengths, steps, strict=True)):
    assert len(stream) == rounds
    for r, step in enumerate(stream):
      assert step['step'] == r % (length + 1)
      assert step['episode'] == r // (length + 1)
      assert step['number'] == 100 * worker + r + 1
      last = r % (length + 1) == length
      assert step['is_last'] == last and step['is_first'] == (
        r % (length + 1) == 0
      )
      assert step['action'] == (0 if last else (r + worker) % ACTIONS)
      assert 'reset' not in step and 'log/hits' in step
      assert step['action'].shape == () and step['action'].dtype == np.int32
  assert driver.restarts == 0 and driver.last_error == ''


def test_ended_episodes_are_reset(drive, make):
  # These environments start a new episode only if they are reset.
  driver = drive([make(0, length=2), make(1, length=3)], parallel=False)
  steps = record(driver)
  driver(idle, episodes=3)
  assert [int(x['count']) for x in steps[0]] == [0, 1, 2, 0, 1, 2]
  assert [int(x['count']) for x in steps[1]] == [0, 1, 2, 3, 0, 1]


def test_reset_begins_new_episodes_and_a_new_carry(drive):
  driver = drive([count_env(9)] * 2, parallel=False)
  for episode in range(3):
    checker = Checker((9, 9))
    steps = record(driver)
    driver.reset(checker.init)
    driver(checker.policy, steps=8)
    assert [int(x['episode']) for x in steps[0]] == [episode] * 4
    assert [int(x['step']) for x in steps[1]] == [0, 1, 2, 3]


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


def wait_for(condition, seconds=120):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'Waited in vain.'
    time.sleep(0.001)


def test_environments_step_and_prepare_while_steps_are_reported(
  drive, faulty, tmp_path
):
  driver = drive([functools.partial(faulty.Telling, tmp_path / 'env')])
  told = tmp_path / 'env.prepared'
  reported = []

  def report(step, worker):
    # Before this returns, the worker has done the next step, and has called
    # `prepare` after it.
    reported.append(step)
    want = str(len(reported) + 1)
    wait_for(lambda: told.exists() and told.read_text() == want)

  driver.on_step(report)
  driver(idle, steps=6)
  assert [int(x['count']) for x in reported] == list(range(6))


def test_reset_keeps_an_episode_that_nobody_saw(drive):
  for parallel in (False, True):
    driver = drive([count_env(3)] * 2, parallel=parallel)
    driver.reset()
    driver.reset()
    steps = record(driver)
    driver(idle, steps=8)  # ends with the last step of an episode
    driver.reset()
    driver.reset()
    driver(idle, steps=2)
    assert [int(x['episode']) for x in steps[0]] == [0, 0, 0, 0, 1]


def test_observations_are_copies(drive, make):
  driver = drive([make(0), make(1)])
  steps = record(driver)
  seen = []

  def policy(carry, obs):
    seen.append(obs['count'])
    return idle(carry, obs)

  driver(policy, steps=8)
  assert [x.tolist() for x in seen] == [[n, n] for n in range(4)]
  assert [int(x['count']) for x in steps[1]] == list(range(4))


@pytest.mark.skipif(not os.path.exists('/proc/self/fd'), reason='no /proc')
def test_no_open_file_is_left(make):
  count = lambda: len(os.listdir('/proc/self/fd'))
  before = count()
  for _ in range(3):
    driver = Driver([make(0), make(1)])
    driver(idle, steps=2)
    driver.close()
    del driver
  assert count() <= before + 2  # files that multiprocessing keeps open


def test_ctrl_c_leaves_the_workers_alone(drive, make):
  driver = drive([make(0)])
  steps = record(driver)
  driver(idle, steps=2)
  os.kill(int(steps[0][0]['pid']), signal.SIGINT)
  driver(idle, steps=3)
  assert driver.restarts == 0
  assert [int(x['count']) for x in steps[0]] == [0, 1, 2, 3, 4]


PARENT = """
import functools, sys
sys.path.insert(0, sys.argv[1])
import faulty_env
from embodied.driver import Driver


def idle(carry, obs):
  return carry, {'action': [0]}, {}


if __name__ == '__main__':
  fn = functools.partial(
    faulty_env.Faulty, sys.argv[2], faulty_env.hang, at=1
  )
  Driver([fn])(idle, steps=2)
"""


def test_workers_leave_with_a_parent_that_is_killed(tmp_path):
  # The worker hangs in a step. It has the other end of this pipe, so reading
  # to the end of the pipe returns only after the worker has ended.
  script = tmp_path / 'parent.py'
  script.write_text(PARENT)
  parent = subprocess.Popen(
    [sys.executable, script, HERE, tmp_path / 'lives'],
    stdout=subprocess.PIPE,
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
  )
  try:
    assert parent.stdout.readline() == b'hangs\n'
  finally:
    parent.kill()
  rest, _ = parent.communicate(timeout=20)
  assert rest == b''


def test_close_ends_the_processes(make):
  driver = Driver([make(0), make(1)])
  steps = record(driver)
  driver(idle, steps=2)
  pids = [int(x[0]['pid']) for x in steps]
  driver.close()
  driver.close()
  for pid in pids:
    with pytest.raises(ProcessLookupError):
      os.kill(pid, 0)


def test_environments_that_hang_are_not_waited_for_one_by_one(
  make, drive, monkeypatch
):
  driver = drive([make(i, 'hang', at=0) for i in range(4)])
  given, stop = [], ProcessWorker.stop

  def record_stop(self, patience):
    given.append(patience)
    stop(self, patience)

  monkeypatch.setattr(ProcessWorker, 'stop', record_stop)
  driver.close()
  # The first one uses all of the common time limit.
  assert len(given) == 4 and given[0] > 0 and given[1:] == [0, 0, 0]


def test_bad_arguments_are_refused(drive, make):
  with pytest.raises(ValueError, match=naming('Driver', 'environment')):
    Driver([])
  with pytest.raises(ValueError, match=naming('functools.partial', 'lambda*')):
    Driver([lambda: None])
  with pytest.raises(ValueError, match=naming('environment', 1, 'spaces')):
    drive([make(0), count_env(3)], parallel=False)
  driver = drive([make(0)], parallel=False)
  with pytest.raises(ValueError, match=naming('policy', '[]', "'action'")):
    driver(lambda carry, obs: (carry, {}, {}), steps=1)
