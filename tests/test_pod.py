"""Several processes on one machine train like the hosts of a pod."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from embodied.replay import Replay
from tests.naming import says

ROOT = pathlib.Path(__file__).parent.parent
CRAFTER = ('--configs', 'crafter', 'pondernet', 'debug')


def start(*args):
  """Starts `scripts/pod.sh`, or a module, with its output in a pipe."""
  command = ['bash', 'scripts/pod.sh'] if args[0] != '-m' else [sys.executable]
  # The number of devices is the script's to set.
  flags = [x for x in os.environ['XLA_FLAGS'].split() if 'count' not in x]
  return subprocess.Popen(
    [*command, *map(str, args)],
    cwd=ROOT,
    env=os.environ | {'PYTHON': sys.executable, 'XLA_FLAGS': ' '.join(flags)},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def finish(process, code=0):
  out, _ = process.communicate(timeout=900)
  assert process.returncode == code, out
  return out


def lines(path):
  text = path.read_text() if path.exists() else ''
  return [json.loads(x) for x in text.splitlines()]


def trained(logdir):
  """Whether an update was logged."""
  return any('train/loss/rew' in x for x in lines(logdir / 'metrics.jsonl'))


def held(folder):
  replay = Replay(9, 10000, folder / 'replay')
  total = replay.total
  replay.close()
  return total


def hosts(process, count):
  """Process numbers by host, as the script says them first."""
  said = [process.stdout.readline() for _ in range(count)]
  return [int(re.search(r'is process (\d+)', x)[1]) for x in said]


def wait_for(condition, process, seconds=1200):
  end = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.stdout.read()
    if time.monotonic() > end:
      process.terminate()
      pytest.fail(f'It took too long: {process.communicate()[0]}')
    time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hosts_train_stop_and_become_one(tmp_path):
  logdir = tmp_path / 'run'
  args = (*CRAFTER, '--logdir', logdir, '--run.steps')
  pod = start(2, 2, *args, '1e6')
  pids = hosts(pod, 2)
  wait_for(lambda: trained(logdir), pod)
  # To one host only, and not the one that writes.
  os.kill(pids[1], signal.SIGTERM)
  out = finish(pod, 0)
  (step,) = map(int, re.findall(r'Stopped at step (\d+)', out))
  first, second = held(logdir), held(logdir / 'hosts' / '1')
  assert first + second == step and first == second
  assert (logdir / 'checkpoints' / str(step)).is_dir()
  # What the first host writes, it alone writes.
  assert {x.name for x in (logdir / 'hosts' / '1').iterdir()} == {
    'lock', 'replay',
  }  # fmt: skip
  records = lines(logdir / 'metrics.jsonl')
  assert records[-1]['run/updates'] > 0
  # One process with one device goes on, and counts on.
  out = finish(start(1, 1, *args, step + 40))
  assert says(out, 'resum*', step)
  assert says(out, 'finish*', step + 40)
  assert held(logdir) == first + 40
  before, after = records[-1], lines(logdir / 'metrics.jsonl')[-1]
  assert after['run/updates'] > before['run/updates']
  out = finish(
    start('-m', 'ponderdream.evaluate', '--logdir', logdir, '--episodes', 1)
  )
  assert says(out, 1, 'episode*', step + 40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_one_becomes_two(tmp_path):
  args = ('--configs', 'dummy', 'pondernet', 'debug', '--logdir', tmp_path)
  finish(start(1, 1, *args, '--run.steps', 100))
  out = finish(start(2, 2, *args, '--run.steps', 160))
  assert says(out, 'resum*', 100)
  assert says(out, 'finish*', 160)
  assert held(tmp_path) + held(tmp_path / 'hosts' / '1') == 160


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_host_that_cannot_start_keeps_no_one_waiting(tmp_path):
  # A folder stands where the second host wants to write.
  (tmp_path / 'hosts').mkdir()
  (tmp_path / 'hosts' / '1').write_text('a file')
  args = ('--configs', 'dummy', 'pondernet', 'debug', '--logdir', tmp_path)
  # The script ends with the code of the second host, which met an OSError.
  out = finish(start(2, 1, *args), 1)
  assert says(out, '[0]', 'Error:', 'host 1')
  assert not (tmp_path / 'config.yaml').exists()


def host(index, port, *args, before=':'):
  """One of two hosts, started by hand, after a line of bash."""
  flags = [x for x in os.environ['XLA_FLAGS'].split() if 'count' not in x]
  args += ('--jax.distributed', f'127.0.0.1:{port}', '--jax.num_processes')
  args += (2, '--jax.process_id', index)
  return subprocess.Popen(
    [
      'bash', '-c', f'{before}; exec {sys.executable} -m "$@"', 'bash',
      'ponderdream.train', *map(str, args),
    ],
    cwd=ROOT,
    env=os.environ | {'XLA_FLAGS': ' '.join(flags)},
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
  )  # fmt: skip


def free_port():
  with socket.create_server(('127.0.0.1', 0)) as server:
    return server.getsockname()[1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_hosts_with_other_flags_are_refused(tmp_path):
  port = free_port()
  args = ('--configs', 'dummy', 'pondernet', 'debug', '--logdir', tmp_path)
  pair = [
    host(0, port, *args),
    host(1, port, *args, '--run.train_ratio', 4, '--run.timeout', 9),
  ]
  for process in pair:
    out = finish(process, 2).strip().splitlines()
    assert out[-1].startswith('Error: ')
    assert says(out[-1], 'hosts', 'run.train_ratio')
    assert 'run.timeout' not in out[-1]
  assert os.listdir(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_host_that_cannot_save_keeps_no_one_waiting(tmp_path):
  # No file of the first host, which writes the checkpoints, may be larger
  # than 256 KiB: enough for a chunk, and not for the networks.
  port = free_port()
  args = ('--configs', 'dummy', 'debug', '--logdir', tmp_path)
  args += ('--replay.chunk', 16, '--dyn.deter', 1024, '--run.steps', 1e6)
  args += ('--run.save_every', 1)
  pair = [host(0, port, *args, before='ulimit -f 256'), host(1, port, *args)]
  out = finish(pair[0], 1)
  assert says(out, 'Error:', 'checkpoint')
  ended = time.monotonic()
  pair[1].communicate(timeout=900)
  assert pair[1].returncode and time.monotonic() - ended < 150


def test_the_script_explains_itself():
  for args in ((), ('2',), ('2', 'x'), ('0', '1')):
    done = subprocess.run(
      ['bash', 'scripts/pod.sh', *args], cwd=ROOT, capture_output=True
    )
    assert done.returncode == 2 and done.stderr.startswith(b'usage: ')
