"""Jobs in processes of their own."""

import os
import signal
import subprocess
import sys
import time

import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import workers
from tests.naming import naming


def double(job):
  return 2 * job


def work(job):
  """What a job asks for: an error, its process's end, or its number."""
  if job == 'usage':
    raise UsageError('Do that instead.')
  if job == 'error':
    raise ValueError('inside')
  if job == 'die':
    os.kill(os.getpid(), signal.SIGKILL)
  if job == 'sleep':
    time.sleep(600)
  return os.getpid()


def test_every_job_is_done_once():
  assert sorted(workers.spread(double, range(7), 2)) == [*range(0, 14, 2)]
  assert list(workers.spread(double, [], 2)) == []


@pytest.mark.parametrize(
  'job, error, words',
  [
    ('error', workers.WorkerFailed, ['ValueError', 'inside']),
    ('die', workers.WorkerFailed, ['died', '-9', 'again']),
  ],
)
def test_failures_are_said_and_end_the_others(job, error, words):
  found = workers.spread(work, ['pid', 'sleep', job], 2)
  pid = next(found)
  with pytest.raises(error, match=naming(*words)):
    list(found)
  with pytest.raises(ProcessLookupError):
    os.kill(pid, 0)


def test_mistakes_of_the_user_stay_what_they_are():
  with pytest.raises(UsageError, match=naming('Do that instead.')):
    list(workers.spread(work, ['usage'], 1))


def test_stops_when_it_is_asked_to():
  found = []
  stopped = lambda: bool(found)
  for result in workers.spread(work, ['pid', 'sleep'], 1, stopped):
    found.append(result)
  assert len(found) == 1


PARENT = """
import sys
from ponderdream.lrxc import workers
from tests.lrxc.test_workers import work
if __name__ == '__main__':
  for pid in workers.spread(work, ['pid', 'sleep'], 1):
    print(pid, flush=True)
"""


def test_workers_end_with_a_killed_parent(tmp_path):
  script = tmp_path / 'parent.py'
  script.write_text(PARENT)
  with subprocess.Popen(
    [sys.executable, script], stdout=subprocess.PIPE,
    env={**os.environ, 'PYTHONPATH': os.getcwd()},
  ) as parent:  # fmt: skip
    pid = int(parent.stdout.readline())
    parent.kill()
  for _ in range(200):
    try:
      os.kill(pid, 0)
    except ProcessLookupError:
      return
    if gone(pid):
      return
    time.sleep(0.05)
  raise AssertionError('The worker outlived its parent.')


def gone(pid):
  """Whether a process has ended, though nobody has asked how."""
  with open(f'/proc/{pid}/stat') as file:
    return file.read().rpartition(')')[2].split()[0] == 'Z'
