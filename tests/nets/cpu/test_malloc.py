"""Freed memory is there for the next step."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from ponderdream.nets.cpu import malloc

if sys.argv[1] == 'keep':
  malloc.keep()
for _ in range(5):
  before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
  np.ones(2**23)
  after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(after - before)
"""


COMMAND = """
import resource, sys
from ponderdream import train

def faults():
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def compute(*_):
  import jax
  import jax.numpy as jnp
  run = jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x[::-1]))
  x = jnp.ones(2**24)
  run(x).block_until_ready()
  before = faults()
  for _ in range(30):
    run(x).block_until_ready()
  print(faults() - before)
  return 0

train.train = compute
train.main(['--logdir', sys.argv[1]])
"""


def run(*args):
  """The last line that a script printed, as a number."""
  out = subprocess.run(
    [sys.executable, '-c', *args], check=True, capture_output=True, text=True
  )
  return int(out.stdout.split()[-1])


linux = pytest.mark.skipif(sys.platform != 'linux', reason='the GNU C library')


@linux
def test_the_same_block_faults_once():
  # 64 MiB are 16384 pages of 4 KiB, or 32 huge ones of 2 MiB: each of them
  # faults anew, or hardly any does.
  assert 2 * run(SCRIPT, 'keep') < run(SCRIPT, 'leave')


@linux
def test_a_training_keeps_what_a_step_frees(tmp_path):
  # Without it, every one of 30 runs has 32768 faults. With it, the place of
  # the block may change some times.
  assert run(COMMAND, str(tmp_path)) < 15 * 32768
