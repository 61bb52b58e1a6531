"""Processes of environments: they end when they should, and leave nothing."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from embodied.driver import Driver
from embodied.driver.worker import ProcessWorker
from tests.embodied.driver.playing import idle, record

HERE = pathlib.Path(__file__).parent.parent


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
