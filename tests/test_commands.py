"""The README's commands, as a user types them, at debug size."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from embodied.replay import Replay
from tests.naming import says
from tests.page import browser

ROOT = pathlib.Path(__file__).parent.parent
DUMMY = ('--configs', 'dummy', 'pondernet', 'debug')


def start(*args):
  """Starts `python -m ...` with what it prints in a pipe."""
  return subprocess.Popen(
    [sys.executable, '-m', *map(str, args)],
    cwd=ROOT,
    env=os.environ | {'PYTHONPATH': str(ROOT / 'tests' / 'embodied')},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )


def finish(process, code=0):
  out, _ = process.communicate(timeout=300)
  assert process.returncode == code, out
  return out


def lines(path):
  return [json.loads(x) for x in path.read_text().splitlines()]


def wait_for(condition, process, seconds=240):
  end = time.monotonic() + seconds
  while not condition():
    assert process.poll() is None, process.stdout.read()
    assert time.monotonic() < end, 'It took too long.'
    time.sleep(0.1)


def checkpoints(logdir):
  names = (x.name for x in (logdir / 'checkpoints').iterdir())
  return sorted(int(x) for x in names if x.isdigit())


def held(logdir, length=9):
  """Steps that the replay of a finished process holds."""
  replay = Replay(length, 10000, logdir / 'replay')
  total = replay.total
  replay.close()
  return total


CRAFTER = ('--configs', 'crafter', 'pondernet', 'debug', '--logdir')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A finished training on the real game, to be copied, and its output."""
  logdir = tmp_path_factory.mktemp('crafter') / 'run'
  args = (*CRAFTER, logdir, '--run.steps', 250)
  return logdir, finish(start('ponderdream.train', *args))


@pytest.fixture
def crafter(trained, tmp_path):
  """A test's copy of that training, and its output."""
  logdir, out = trained
  return shutil.copytree(logdir, tmp_path / 'run'), out


class TestTrain:
  def test_it_writes_what_the_readme_says(self, crafter):
    logdir, out = crafter
    assert says(out, 'finish*', 250)
    assert {x.name for x in logdir.iterdir()} >= {
      'config.yaml', 'metrics.jsonl', 'scores.jsonl', 'checkpoints',
      'replay', 'videos',
    }  # fmt: skip
    assert list(logdir.glob('events.*'))
    assert list((logdir / 'videos').glob('report-openloop-image-*.mp4'))
    assert checkpoints(logdir)[-1] == 250
    assert held(logdir) == 250

  def test_metrics_are_finite_and_complete(self, crafter):
    records = lines(crafter[0] / 'metrics.jsonl')
    for record in records:
      for key, value in record.items():
        assert isinstance(value, int | float) and np.isfinite(value), key
    last = records[-1]
    assert last['step'] == 250
    assert {
      'train/loss/rec/image', 'train/loss/ponder', 'train/ponder/steps',
      'train/ponder/depth', 'replay/total', 'run/updates',
    } <= last.keys()  # fmt: skip
    # 8 replayed steps per step, 4 x 8 in a batch: an update every 4 steps,
    # from the time that there were 32 windows of 9 steps.
    assert last['run/updates'] == (250 - 40) // 4

  def test_scores_have_the_22_achievements(self, crafter):
    scores = lines(crafter[0] / 'scores.jsonl')
    for score in scores:
      named = [k for k in score if k.startswith('episode/achievement_')]
      assert len(named) == 22
      assert 1 <= score['episode/ponder_steps'] <= 4

  @pytest.mark.slow
  def test_the_same_command_resumes(self, crafter):
    logdir, _ = crafter
    args = (*CRAFTER, logdir, '--run.steps', 300)
    out = finish(start('ponderdream.train', *args))
    assert says(out, 'resum*', 250)
    assert checkpoints(logdir)[-1] == 300
    steps = [x['step'] for x in lines(logdir / 'metrics.jsonl')]
    assert steps == sorted(steps) and steps[-1] == 300
    updates = lines(logdir / 'metrics.jsonl')[-1]['run/updates']
    assert updates == (300 - 40) // 4

  @pytest.mark.parametrize(
    'number',
    [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)],
  )
  def test_a_signal_saves_and_exits_with_zero(self, number, tmp_path):
    logdir = tmp_path / 'run'
    process = start(
      'ponderdream.train', *DUMMY, '--logdir', logdir, '--run.steps', '1e6'
    )
    metrics = logdir / 'metrics.jsonl'
    wait_for(
      lambda: metrics.exists() and 'loss' in metrics.read_text(), process
    )
    process.send_signal(number)
    out = finish(process)
    assert says(out, 'stop*', checkpoints(logdir)[-1])
    assert checkpoints(logdir)[-1] == held(logdir)

  def test_kill_loses_no_step(self, tmp_path):
    logdir = tmp_path / 'run'
    command = ('ponderdream.train', *DUMMY, '--logdir', logdir)
    process = start(*command, '--run.steps', '1e6', '--run.save_every', 1)
    metrics = logdir / 'metrics.jsonl'
    wait_for(
      lambda: metrics.exists() and len(metrics.read_text().splitlines()) > 3,
      process,
    )
    process.send_signal(signal.SIGKILL)
    process.communicate()
    saved, before = checkpoints(logdir)[-1], held(logdir)
    logged = lines(metrics)[-1]['step']
    assert before >= logged and before >= saved
    out = finish(start(*command, '--run.steps', before + 40))
    assert says(out, 'resum*', before, saved)
    assert held(logdir) == before + 40
    steps = [x['step'] for x in lines(metrics)]
    assert steps == sorted(steps)

  # Parameters that are too large to square, and ones that only their losses
  # are too large for.
  @pytest.mark.slow
  @pytest.mark.parametrize(
    'rate, name', [('1e30', 'opt/param_norm'), ('1e15', 'loss/*')]
  )
  def test_what_is_no_number_ends_it(self, rate, name, tmp_path):
    logdir = tmp_path / 'run'
    out = finish(
      start(
        'ponderdream.train', *DUMMY, '--logdir', logdir, '--opt.lr', rate,
        '--opt.warmup', 0,
      ),
      code=1,
    )  # fmt: skip
    assert says(out, 'Error:', name, 'updates')
    assert checkpoints(logdir)[-1] == held(logdir) > 0
    if rate == '1e30':  # the state before was that of the beginning
      finish(
        start('ponderdream.evaluate', '--logdir', logdir, '--episodes', 1)
      )


class TestEvaluate:
  def test_it_measures_a_checkpoint(self, crafter):
    logdir = crafter[0]
    out = finish(
      start(
        'ponderdream.evaluate', '--logdir', logdir, '--episodes', 2,
        '--halt', 'median', '--video',
      )
    )  # fmt: skip
    step = checkpoints(logdir)[-1]
    where = logdir / 'eval' / f'{step}-median.json'
    found = json.loads(where.read_text())
    assert found.keys() >= {
      'step', 'episodes', 'return_mean', 'return_ci95', 'length_mean',
      'success', 'crafter_score', 'ponder_steps_mean',
    }  # fmt: skip
    assert found['step'] == step and found['episodes'] == 2
    assert len(found['success']) == 22
    assert 1 <= found['ponder_steps_mean'] <= 4
    assert sum(found['ponder_steps_histogram'].values()) == pytest.approx(1)
    assert says(out, 'wake up') and says(out, 'Crafter')
    assert where.with_suffix('.mp4').stat().st_size > 1000

  @pytest.mark.slow
  @pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
  def test_the_page_of_a_training(self, crafter):
    logdir = crafter[0]
    out = finish(
      start(
        'ponderdream.evaluate', '--logdir', logdir, '--episodes', 1,
        '--page',
      )
    )  # fmt: skip
    assert says(out, logdir / 'page.html')
    address = (logdir / 'page.html').as_uri()
    with browser.started() as chromium:
      with browser.opened(chromium, address) as page:
        assert page.errors == [] and not page.is_visible('#notes')
        scores = lines(logdir / 'scores.jsonl')
        page.select_option('#window', '0')
        (found,) = browser.lines(page, 'return')
        assert found['x'] == [x['step'] for x in scores]
        for name in ('length', 'score', 'ponder', 'loss', 'speed', 'any'):
          assert browser.lines(page, name), name
        assert len(browser.chart(page, 'chart-rates')[0]['y']) == 22
        assert browser.chart(page, 'chart-halting')[0]['z']
        assert browser.chart(page, 'chart-situation')[0]['x']
        assert len(browser.chart(page, 'timeline')) == 4
        # The world model was trained: each level imagines a picture.
        assert page.locator('#levels img').count() >= 2

  @pytest.mark.slow
  def test_a_damaged_checkpoint_falls_back_to_the_one_before(self, crafter):
    logdir = crafter[0]
    before, newest = checkpoints(logdir)[-2:]
    for path in (logdir / 'checkpoints' / str(newest)).rglob('*'):
      if path.is_file() and path.parent.name == 'd':
        path.write_bytes(path.read_bytes()[:10])
    out = finish(
      start('ponderdream.evaluate', '--logdir', logdir, '--episodes', 1)
    )
    assert says(out, 'checkpoint', newest)
    assert says(out, 1, 'episode*', before)


def test_a_replay_is_learnt_from_offline(crafter, tmp_path):
  old, logdir = crafter[0], tmp_path / 'offline'
  before = {x: x.read_bytes() for x in (old / 'replay').glob('*.chunk')}
  command = ('ponderdream.train', '--configs', 'crafter', 'pondernet', 'debug')
  command += ('--run.script', 'offline', '--data', old, '--logdir', logdir)
  process = start(
    *command, '--run.steps', '1e6', '--run.save_every', 1, '--run.log_every', 1
  )
  saved = lambda: (logdir / 'config.yaml').exists() and checkpoints(logdir)
  wait_for(lambda: max(saved() or [0]) > 40, process)
  process.send_signal(signal.SIGKILL)
  process.communicate()
  saved = checkpoints(logdir)[-1]
  out = finish(start(*command, '--run.steps', saved + 200))
  assert says(out, 'resum*', saved)
  assert says(out, 'finish*', saved + 200)
  assert checkpoints(logdir)[-1] == saved + 200
  records = [
    x for x in lines(logdir / 'metrics.jsonl') if 'train/loss/rew' in x
  ]
  assert records[-1]['run/updates'] == records[-1]['step'] == saved + 200
  losses = [x['train/loss/rec/image'] for x in records]
  assert losses[-1] < 0.5 * losses[0]
  assert {x: x.read_bytes() for x in before} == before
  assert not (logdir / 'replay').exists()
  finish(start('ponderdream.evaluate', '--logdir', logdir, '--episodes', 1))
  found = json.loads((logdir / 'eval' / f'{saved + 200}.json').read_text())
  assert found['episodes'] == 1


def test_a_platform_that_is_not_there(tmp_path):
  args = ('--configs', 'dummy', 'debug', '--jax.platform', 'cuda')
  out = finish(start('ponderdream.train', *args, '--logdir', tmp_path), 2)
  error = out.strip().splitlines()[-1]
  assert says(error, 'Error:', "'cuda'", "pip install -e '.[cuda]'")


# The last one has Dict observations, four channels, masked actions.
TASKS = {
  'CartPole-v1': ['vector'],
  'Pendulum-v1': ['vector'],
  'menu:Menu-v0': ['camera', 'body.mode', 'body.pos'],
}


@pytest.mark.slow
@pytest.mark.parametrize('task', TASKS)
def test_gymnasium_environments_train(task, tmp_path):
  args = ('--configs', 'gymnasium', 'pondernet', 'debug', '--task')
  args += (f'gymnasium_{task}', '--run.steps', 120, '--logdir', tmp_path)
  args += ('--run.report_every', 1, '--enc.patch', 4, '--imgdec.patch', 4)
  out = finish(start('ponderdream.train', *args))
  assert says(out, 'finish*', 120)
  last = lines(tmp_path / 'metrics.jsonl')[-1]
  for key in TASKS[task]:
    assert np.isfinite(last[f'train/loss/rec/{key}'])


@pytest.mark.slow
def test_a_dict_of_observations_is_resumed_and_evaluated(tmp_path):
  task = 'gymnasium_menu:Menu-v0'
  args = ('--configs', 'gymnasium', 'pondernet', 'debug', '--task', task)
  args += ('--enc.patch', 4, '--imgdec.patch', 4, '--logdir', tmp_path)
  args += ('--run.envs', 2)
  finish(start('ponderdream.train', *args, '--run.steps', 60))
  out = finish(start('ponderdream.train', *args, '--run.steps', 100))
  assert says(out, 'resum*', 60) and says(out, 'finish*', 100)
  out = finish(
    start(
      'ponderdream.evaluate', '--logdir', tmp_path, '--episodes', 4, '--video',
      '--task', task,
    )
  )  # fmt: skip
  # Three rewards of 0.5, as long as every action is an allowed one.
  assert re.search(r'return[^\n]*1\.50', out)
  assert (tmp_path / 'eval' / '100.mp4').stat().st_size


OTHERS = """
import signal, time
from embodied import signals
signals.PATIENCE = 0.2
signal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True))
with signals.stop_requested() as stop:
  signal.raise_signal(signal.SIGUSR1)
  time.sleep(1)
  print('goes on', stop.is_set(), flush=True)
"""


def test_signals_for_others_do_not_end_it():
  command = [sys.executable, '-c', OTHERS]
  done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
  assert done.stdout.split() == ['heard', 'goes', 'on', 'False']


LONG = """
import hashlib
from embodied import signals
signals.PATIENCE = 1.0
with signals.stop_requested():
  print('begins', flush=True)
  hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)  # does not hear of signals
"""


def test_a_signal_ends_what_does_not_hear_of_it():
  process = subprocess.Popen(
    [sys.executable, '-c', LONG], cwd=ROOT, text=True,
    stdout=subprocess.PIPE,
  )  # fmt: skip
  assert process.stdout.readline() == 'begins\n'
  time.sleep(0.2)
  process.send_signal(signal.SIGTERM)
  assert says(finish(process), 'checkpoint')
