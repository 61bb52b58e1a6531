"""However many devices share a batch, the update is the same."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax import random

from embodied import errors
from embodied.config import Config, resolve
from embodied.errors import UsageError
from ponderdream import settings
from ponderdream.distributed import console, devices, hosts, keys
from tests.naming import naming, says

ROOT = pathlib.Path(__file__).parent.parent


def start(out, devices, *address):
  """Starts `tests/updates.py` in a process with so many devices."""
  count = f'--xla_force_host_platform_device_count={devices}'
  flags = os.environ['XLA_FLAGS'].split()
  flags = [x for x in flags if 'device_count' not in x]
  return subprocess.Popen(
    [sys.executable, 'tests/updates.py', out, *map(str, address)],
    cwd=ROOT,
    env=os.environ
    | {'XLA_FLAGS': ' '.join([*flags, count]), 'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def finish(process, out):
  text, _ = process.communicate(timeout=500)
  assert process.returncode == 0, text
  return [json.loads(x) for x in out.read_text().splitlines()]


def assert_same(one, many):
  assert len(one) == len(many) == 20
  for number, (a, b) in enumerate(zip(one, many, strict=True)):
    for key in a:
      # The mean over devices of a deviation is another number.
      if key.startswith('loss/'):
        assert b[key] == pytest.approx(a[key], rel=1e-4), (number, key)
  # What the levels do, those too that one device alone reaches.
  first, other = one[0], many[0]
  assert first.keys() == other.keys()
  assert other['ponder/depth'] == first['ponder/depth']
  for key in (x for x in first if x.startswith('level/')):
    assert other[key] == pytest.approx(first[key], rel=1e-3, abs=1e-3), key
  # They did learn, and did not repeat themselves.
  assert len({x['loss/policy'] for x in one}) == 20


@pytest.fixture(scope='module')
def one_device(tmp_path_factory):
  out = tmp_path_factory.mktemp('one') / 'metrics.jsonl'
  return finish(start(out, 1), out)


def test_eight_devices_learn_what_one_does(one_device, tmp_path):
  out = tmp_path / 'metrics.jsonl'
  eight = finish(start(out, 8), out)
  # Loops of different lengths, side by side.
  depths = eight[0]['depths']
  assert len(depths) == 8 and len(set(depths)) > 1
  assert max(depths) == one_device[0]['depths'][0]
  assert_same(one_device, eight)


@pytest.mark.slow
def test_two_hosts_learn_what_one_device_does(one_device, tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
  address = f'127.0.0.1:{port}'
  outs = [tmp_path / '0', tmp_path / '1']
  hosts = [start(out, 2, address, 2, i) for i, out in enumerate(outs)]
  found = [finish(x, out) for x, out in zip(hosts, outs, strict=True)]
  for lines in found:
    assert_same(one_device, lines)


@pytest.mark.slow
def test_one_device_becomes_eight_and_one_again(tmp_path):
  def train(devices, steps):
    flags = [x for x in os.environ['XLA_FLAGS'].split() if 'count' not in x]
    flags += [f'--xla_force_host_platform_device_count={devices}']
    done = subprocess.run(
      [
        sys.executable, '-m', 'ponderdream.train', '--configs', 'dummy',
        'pondernet', 'debug', '--batch.size', '8', '--run.steps', str(steps),
        '--logdir', str(tmp_path),
      ],
      cwd=ROOT, env=os.environ | {'XLA_FLAGS': ' '.join(flags)},
      capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    metrics = (tmp_path / 'metrics.jsonl').read_text().splitlines()
    return done.stdout, json.loads(metrics[-1])['run/updates']

  _, first = train(1, 200)
  out, second = train(8, 300)
  assert says(out, 'resum*', 200)
  out, third = train(1, 400)
  assert says(out, 'resum*', 300)
  assert 0 < first < second < third


def test_the_policy_reads_the_parameters_where_they_are():
  tree = devices.replicate({'kernel': np.ones((8, 8), np.float32)})
  mine = devices.local(tree)['kernel']
  assert mine.devices() == {jax.local_devices()[0]}
  copies = tree['kernel'].addressable_shards
  where = [x.data.unsafe_buffer_pointer() for x in copies]
  assert mine.unsafe_buffer_pointer() in where


def draws(key, size):
  """What a step may ask of a key, for `size` examples."""
  first, second, third = random.split(key, 3)
  keys = random.split(first, 3)
  scanned = jax.lax.scan(
    lambda c, k: (c, random.uniform(k, (size,))), 0, keys
  )[1]
  coins = random.bernoulli(random.fold_in(second, 7), 0.4, (size,))
  return [
    random.uniform(first, (size, 4, 1)),
    coins,
    random.normal(third, (size, 5)),
    random.categorical(second, np.zeros((size, 6))),
    random.bits(third, (size, 3), 'uint8'),
    scanned.T,
  ]


def test_a_key_gives_every_example_its_own_numbers():
  # Two devices with four examples each draw what one draws for eight.
  key = random.key(3)
  split = jax.pmap(
    lambda key, _: draws(keys.fold(key), 4),
    axis_name=devices.AXIS,
    in_axes=(None, 0),
  )
  for want, got in zip(draws(key, 8), split(key, np.zeros(2)), strict=True):
    np.testing.assert_array_equal(
      np.asarray(got).reshape(np.shape(want)), want
    )
    assert len(np.unique(want)) > 1


@pytest.mark.parametrize(
  'argv, words',
  [
    (('10.0.0.1:1234', 2, 2), ['--jax.process_id', '2']),
    (('10.0.0.1:1234', 0, 0), ['--jax.num_processes']),
    (('10.0.0.1:1234', 2, -1), ['--jax.process_id']),
    (('10.0.0.1', 2, 0), ['host:port', "'10.0.0.1'"]),
  ],
)
def test_hosts_that_make_no_sense(argv, words):
  with pytest.raises(UsageError) as error:
    hosts.connect(*argv)
  assert says(str(error.value), *words)


def test_a_forgotten_number_makes_no_host_of_its_own():
  given = resolve(settings.blocks(), []).jax
  for changes in ({}, {'num_processes': 2}, {'process_id': 0}):
    jax_ = given.update({'distributed': '10.0.0.1:1234', **changes})
    with pytest.raises(UsageError, match=naming('--jax.num_processes')):
      hosts.connect(*[
        jax_[x] for x in ('distributed', 'num_processes', 'process_id')
      ])  # fmt: skip


def test_alone_unless_something_speaks_of_others(monkeypatch):
  monkeypatch.setattr(jax.distributed, 'initialize', lambda *_: 1 / 0)
  for name in ('JAX_COORDINATOR_ADDRESS', 'SLURM_NTASKS'):
    monkeypatch.delenv(name, raising=False)
  hosts.connect('auto', 1, 0)
  monkeypatch.setenv('SLURM_NTASKS', '1')
  hosts.connect('auto', 1, 0)
  monkeypatch.setenv('SLURM_NTASKS', '2')
  hosts.connect('off', 1, 0)
  with pytest.raises(ZeroDivisionError):
    hosts.connect('auto', 1, 0)
  monkeypatch.delenv('SLURM_NTASKS')
  monkeypatch.setenv('JAX_COORDINATOR_ADDRESS', '10.0.0.1:1234')
  with pytest.raises(ZeroDivisionError):
    hosts.connect('auto', 1, 0)


def test_a_batch_is_shared_by_all_devices_of_all_hosts(monkeypatch):
  assert devices.share(16) == 16
  monkeypatch.setattr(jax, 'process_count', lambda: 4)
  monkeypatch.setattr(jax, 'device_count', lambda: 8)
  assert devices.share(16) == 4
  with pytest.raises(UsageError, match=naming(12, 8, 'devices', 4, 'hosts')):
    devices.share(12)


def told(config):
  """What a host with these settings tells the others."""
  rows = []

  def exchange(values):
    rows.append(values)
    return np.array([values])

  settings.check_alike(config, exchange)
  return rows


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'logdir': '/b', 'jax.process_id': 1, 'run.timeout': 5.0}, None),
    ({'run.train_ratio': 4.0}, ['run.train_ratio']),
    ({'run.steps': 7, 'batch.length': 9}, ['run.steps', 'batch.length']),
    ({'jax.dtype': 'bfloat16'}, ['jax.dtype']),
  ],
)
def test_hosts_with_other_settings_are_refused(changes, words):
  one = resolve(settings.blocks(), ['dummy', 'debug'])
  other = one.update(changes)
  for own, rest in ((one, other), (other, one)):
    rows = iter(told(rest))
    exchange = lambda values, rows=rows: np.array([values, next(rows)])
    if words is None:
      settings.check_alike(own, exchange)
      continue
    with pytest.raises(UsageError, match=naming(*words)) as error:
      settings.check_alike(own, exchange)
    assert errors.is_shared(error.value)


def test_hosts_of_another_version_are_refused():
  one = resolve(settings.blocks(), [])
  other = Config({k: v for k, v in one.flat.items() if k != 'seed'})
  rows = iter(told(other))
  with pytest.raises(UsageError, match=naming('version*')):
    settings.check_alike(one, lambda x: np.array([x, next(rows)]))


class Left(BaseException):
  """Instead of the end of the process."""


@pytest.mark.parametrize(
  'error, code, words',
  [
    (OSError('disk full'), 1, 'Error: disk full'),
    (UsageError('no checkpoint'), 2, 'Error: no checkpoint'),
    (KeyError('mistake'), 1, 'Traceback'),
  ],
)
def test_what_one_host_alone_knows_of_ends_it_at_once(
  error, code, words, monkeypatch, capsys
):
  def leave(code):
    raise Left(code)

  monkeypatch.setattr(os, '_exit', leave)
  # A run of one host ends in order, and so does one whose hosts all know.
  with pytest.raises(type(error)), console.exit_alone():
    raise error
  monkeypatch.setattr(hosts, 'connected', lambda: True)
  with pytest.raises(Left, match=str(code)), console.exit_alone():
    raise error
  assert words in capsys.readouterr().err
  with pytest.raises(type(error)), console.exit_alone():
    raise errors.mark_shared(error)


def test_what_fails_on_one_host_is_told_to_all(monkeypatch):
  told = []
  others = np.zeros(3)

  def exchange(values):
    told.append(float(values[0]))
    rows = others.copy()
    rows[0] = values[0]
    return rows[:, None]

  monkeypatch.setattr(hosts, 'exchange', exchange)
  assert hosts.together(lambda: 7) == 7
  with pytest.raises(KeyError) as error:
    hosts.together(lambda: {}['gone'])
  assert errors.is_shared(error.value)
  assert told == [0, 1]
  others[2] = 1
  with pytest.raises(UsageError, match=naming('host', 2)):
    hosts.together(lambda: 7)
