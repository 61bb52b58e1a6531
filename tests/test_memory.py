"""Freed memory is there for the next step."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from ponderdream import memory

if sys.argv[1] == 'keep':
  memory.keep()
for _ in range(5):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  np.ones(2**23)
  after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(after - before)
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='the GNU C library')
def test_the_same_block_faults_once():
  run = lambda how: subprocess.run(
    [sys.executable, '-c', SCRIPT, how],
    check=True,
    capture_output=True,
    text=True,
  )
  # 64 MiB are 16384 pages of 4 KiB, or 32 huge ones of 2 MiB.
  assert int(run('leave').stdout) >= 32
  assert int(run('keep').stdout) < 16
