"""What goes wrong on a real machine, made to go wrong."""

import functools
import itertools
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied.envs import make_env, wrap
from embodied.log import logger, services
from embodied.replay import Replay
from ponderdream import checkpoint, settings, train
from ponderdream.distributed import devices
from ponderdream.page import data
from ponderdream.settings import processes
from tests.embodied.run import checking as loop
from tests.naming import naming, says

ROOT = pathlib.Path(__file__).parent.parent
DUMMY = ('--configs', 'dummy', 'debug', '--run.parallel', 'False')


def tree(value):
  return devices.replicate({'kernel': jnp.full((300, 400), value)})


def shell(command, *args):
  """Starts a line of bash, with arguments."""
  return subprocess.Popen(
    ['bash', '-c', command, 'bash', *map(str, args)],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def halve(folder):
  """Deletes every second file, and half of each that is left."""
  files = sorted(x for x in folder.rglob('*') if x.is_file())
  for path in files[::2]:
    path.unlink()
  for path in files[1::2]:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


class TestCheckpoints:
  def test_a_directory_cut_in_half(self, tmp_path, caplog):
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    for step in (1, 2, 3):
      store.save(step, tree(step), {'updates': step})
    store.close()
    halve(tmp_path / '3')
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    step, state, meta = store.load(tree(0))
    assert (step, meta) == (2, {'updates': 2})
    assert (np.asarray(state['kernel']) == 2).all()
    # And training goes on over it.
    store.save(4, tree(4), {'updates': 4})
    store.close()
    assert checkpoint.Checkpoint(tmp_path).load(tree(0))[0] == 4

  def test_a_process_killed_while_it_wrote(self, tmp_path):
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    store.save(1, tree(1), {'updates': 0})
    store.close()
    half = tmp_path / '2.orbax-checkpoint-tmp'
    shutil.copytree(tmp_path / '1', half)
    (half / 'commit_success.txt').unlink(missing_ok=True)
    assert checkpoint.Checkpoint(tmp_path).steps() == [1]
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    store.save(2, tree(2), {'updates': 0})
    store.close()
    assert checkpoint.Checkpoint(tmp_path).load(tree(0))[0] == 2
    assert not half.exists()

  def test_a_full_disk(self, tmp_path):
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    store.save(1, tree(1), {'updates': 0})
    store.close()
    store = checkpoint.Checkpoint(tmp_path, keep=3)
    noise = jax.random.normal(jax.random.key(0), (300, 400))
    # No file may grow beyond 64 KiB; the kernel answers EFBIG.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    try:
      with pytest.raises(
        checkpoint.NotWritten, match=naming('checkpoint', 'disk')
      ):
        store.save(2, devices.replicate({'kernel': noise}), {'updates': 0})
        store.wait()
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    step, state, _ = checkpoint.Checkpoint(tmp_path).load(tree(0))
    assert step == 1 and (np.asarray(state['kernel']) == 1).all()

  def test_the_best_one_stays(self, tmp_path):
    store = checkpoint.Checkpoint(tmp_path, keep=2)
    scores = {1: None, 2: 3.0, 3: 7.5, 4: 1.0, 5: None, 6: 2.0}
    for step, score in scores.items():
      store.save(step, tree(step), {'updates': 0}, score)
    store.close()
    store = checkpoint.Checkpoint(tmp_path)
    assert store.best() == 3
    assert store.steps() == [3, 5, 6]
    assert store.load(tree(0), 3)[0] == 3
    # What an earlier process thought of its checkpoints is not forgotten.
    store = checkpoint.Checkpoint(tmp_path, keep=2)
    for step in (7, 8):
      store.save(step, tree(step), {'updates': 0}, 6.0)
    store.close()
    assert checkpoint.Checkpoint(tmp_path).steps() == [3, 7, 8]

  def test_where_they_are(self, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(checkpoint.place('run/x')) == str(tmp_path / 'run' / 'x')
    assert str(checkpoint.place('gs://bucket/run')) == 'gs://bucket/run'


@pytest.mark.slow
def test_a_full_disk_ends_the_training_with_a_sentence(tmp_path):
  # Chunks of 16 steps are below 256 KiB, the networks are above it.
  args = (*DUMMY, '--replay.chunk', 16, '--dyn.deter', 512, '--logdir')
  plain = f'exec {sys.executable} -m ponderdream.train "$@"'
  first = shell(plain, *args, tmp_path, '--run.steps', 60)
  out = first.communicate(timeout=300)[0]
  assert first.returncode == 0, out
  full = shell(f'ulimit -f 256; {plain}', *args, tmp_path, '--run.steps', 90)
  out = full.communicate(timeout=300)[0]
  assert full.returncode == 1, out
  # Orbax's own tracebacks may come later: asyncio tells of futures when they
  # are collected.
  assert says(out, 'Error:', 'checkpoint')
  # There is room again.
  again = shell(plain, *args, tmp_path, '--run.steps', 100)
  out = again.communicate(timeout=300)[0]
  assert again.returncode == 0, out
  assert says(out, 'resum*', 60)


@pytest.mark.slow
def test_a_disk_without_room_for_the_replay_ends_it_too(tmp_path):
  # A chunk of 1024 steps is above 4 MiB, all other files are below.
  args = (*DUMMY, '--replay.chunk', 1024, '--logdir')
  plain = f'exec {sys.executable} -m ponderdream.train "$@"'
  first = shell(plain, *args, tmp_path, '--run.steps', 60)
  out = first.communicate(timeout=300)[0]
  assert first.returncode == 0, out
  before = {x: x.read_bytes() for x in (tmp_path / 'replay').glob('*.chunk')}
  full = shell(f'ulimit -f 4096; {plain}', *args, tmp_path, '--run.steps', 90)
  out = full.communicate(timeout=300)[0]
  assert full.returncode == 1, out
  last = out.strip().splitlines()[-1]
  assert last.startswith('Error: ')
  assert says(last, 'replay', 'disk', '--replay.capacity')
  # No half of a chunk, and those that were there as they were.
  after = {x: x.read_bytes() for x in (tmp_path / 'replay').glob('*.chunk')}
  assert before == after
  again = shell(plain, *args, tmp_path, '--run.steps', 100)
  out = again.communicate(timeout=300)[0]
  assert again.returncode == 0, out
  assert says(out, 'resum*', 60)
  assert 'skips' not in out
  store = Replay(9, 10000, tmp_path / 'replay')
  assert store.total == store.stats()['steps'] == 100
  store.close()


# Of the logdir, and of checkpoints that another logdir shares.
@pytest.mark.parametrize('flag', ['--logdir', '--checkpoints'])
def test_a_second_trainer_is_refused(flag, tmp_path, capsys):
  hold = (
    'import sys; from embodied import files, lock\n'
    'with lock.hold(files.Folder(sys.argv[1])):\n'
    '  print("held", flush=True); sys.stdin.read()'
  )
  first = subprocess.Popen(
    [sys.executable, '-c', hold, tmp_path],
    cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
  )  # fmt: skip
  first.stdout.readline()
  try:
    flags = {'--logdir': str(tmp_path.with_name('other')), flag: str(tmp_path)}
    assert train.main([*DUMMY, *itertools.chain(*flags.items())]) == 2
  finally:
    first.kill()
    first.communicate()
  error = capsys.readouterr().err
  assert says(error, tmp_path, 'process', first.pid)
  assert os.listdir(tmp_path) == ['lock']


class Odd(embodied.Wrapper):
  """Shows something odd once, at its 30th step."""

  calls = 0

  def __init__(self, env, key, value):
    super().__init__(env)
    self.odd = {key: value}

  def step(self, action):
    obs = self.env.step(action)
    Odd.calls += 1
    return obs | self.odd if Odd.calls == 30 else obs


def odd(key, value):
  return wrap(Odd(make_env('dummy_count', 0, seed=0, length=13), key, value))


ODDS = {
  'wrong shape': ('acted', np.zeros(3, np.int32), ['(3,)']),
  'NaN reward': ('reward', np.float32(np.nan), ['nan']),
  'infinite reward': ('reward', np.float32(np.inf), ['inf']),
}


@pytest.mark.parametrize('name', ODDS)
def test_an_odd_observation_restarts_the_environment(name, tmp_path):
  key, value, words = ODDS[name]
  Odd.calls = 0
  driver = embodied.Driver(
    [functools.partial(odd, key, value)], parallel=False
  )
  store = Replay(5, 1000, tmp_path)
  driver.on_step(store.add)
  agent = embodied.RandomAgent(driver.obs_space, driver.act_space)
  driver(agent.policy, steps=100)
  driver.close()
  assert driver.restarts == 1
  assert says(driver.last_error, f"'{key}'", *words)
  data = store.sample(200)
  assert np.isfinite(data['reward']).all() and data['acted'].ndim == 2
  assert store.total == 100
  store.close()


def test_clock_jumps_change_nothing(tmp_path, monkeypatch):
  # Every look at the clock of the wall finds another decade.
  looks, real = iter(range(10**9)), time.time
  monkeypatch.setattr(time, 'time', lambda: real() + (-1) ** next(looks) * 3e8)
  assert abs(time.time() - time.time()) > 1e8
  memory = loop.Memory()
  rare = dict.fromkeys(('save_every', 'log_every', 'report_every'), 1e6)
  run = loop.make(tmp_path, memory, **rare)
  run.run()
  loop.close(run)
  # One at the start and one at the end; no timer rang.
  assert run.step == 200 and memory.steps() == [0, 200]
  # A line of means and one of the report, at the end.
  assert len((tmp_path / 'metrics.jsonl').read_text().splitlines()) == 2


def test_the_program_asks_no_clock_that_jumps():
  # But for the name of a logdir, and dates that TensorBoard, MLflow and pages
  # show.
  modules = logger, services, processes, data
  files = settings.parse.__code__.co_filename, *(x.__file__ for x in modules)
  dated = [pathlib.Path(x) for x in files]
  for folder in ('embodied', 'ponderdream'):
    for path in (ROOT / folder).rglob('*.py'):
      text = path.read_text()
      assert 'time.time' not in text, path
      assert 'datetime.now' not in text or path in dated, path
