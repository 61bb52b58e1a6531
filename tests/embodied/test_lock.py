"""Locks let one process use a folder."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from tests.naming import naming

HOLD = """
import sys
from embodied import files, lock
with lock.hold(files.Folder(sys.argv[1])):
  print('held', flush=True)
  sys.stdin.read()
"""


def test_the_second_is_refused_and_told_who_the_first_is(tmp_path):
  path = tmp_path / 'run' / 'lock'
  folder = Folder(path.parent)
  with subprocess.Popen(
    [sys.executable, '-c', HOLD, path.parent],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
  ) as first:  # fmt: skip
    assert first.stdout.readline() == b'held\n'
    said = naming('process', first.pid, socket.gethostname())
    with pytest.raises(UsageError, match=said):
      with lock.hold(folder):
        pass
    # The kernel releases the lock when the first process is killed. Its text
    # in the file does not matter then.
    first.send_signal(signal.SIGKILL)
  assert str(first.pid) in path.read_text()
  with lock.hold(folder):
    assert path.read_text() == (
      f'process {os.getpid()} on {socket.gethostname()}\n'
    )
    with pytest.raises(UsageError, match=naming(os.getpid())):
      with lock.hold(folder):
        pass
  with lock.hold(folder):
    pass
