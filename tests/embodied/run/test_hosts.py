"""The training loop on two hosts, which are threads here."""

import functools
import threading
import types

import numpy as np
import pytest

import embodied
from embodied import errors, replay, sources
from embodied.envs import make_env
from embodied.fresh import Fresh
from embodied.log import logger, terminal
from embodied.run import train
from embodied.run.learner import Diverged, Learner
from embodied.run.sync import OtherHostFailed
from tests.embodied.run.checking import (
  FRESH,
  LENGTH,
  Checking,
  Host,
  Memory,
  World,
)

BATCH = 3
SETTINGS = types.SimpleNamespace(
  steps=200, train_ratio=15.0, log_every=1e9, report_every=1e9, save_every=1e9
)


class Together(Checking):
  """Its updates wait for those of the other host, as a mean would."""

  def __init__(self, obs_space, act_space, host):
    super().__init__(obs_space, act_space)
    self.host = host

  def train(self, data):
    result = super().train(data)
    (updates,) = {x[0] for x in self.host.exchange([len(self.trained)])}
    assert updates == len(self.trained)
    return result


class Saved(Memory):
  """All hosts have to save the same step."""

  def __init__(self, host):
    super().__init__()
    self.host = host

  def save(self, step, state, meta, score=None):
    assert (self.host.exchange([step]) == step).all()
    super().save(step, state, meta, score)


class Broken(embodied.Driver):
  """Fails after so many calls."""

  left = 40

  def __call__(self, *args, **kwargs):
    self.left -= 1
    if not self.left:
      raise OSError('the emulator is gone')
    super().__call__(*args, **kwargs)


def make(
  folder,
  host,
  envs=1,
  stop=lambda: False,
  driver=embodied.Driver,
  newest=None,
):
  store = replay.Replay(LENGTH + 1, 10000, folder / 'replay', chunk_size=32)
  makers = [
    functools.partial(make_env, 'dummy_count', i, seed=0, length=13)
    for i in range(envs)
  ]
  driver = driver(makers, parallel=False)
  agent = Together(driver.obs_space, driver.act_space, host)
  source = sources.Mixture({'replay': (store, 1.0)})
  return train.Train(
    learner=Learner(agent, source, BATCH, LENGTH),
    driver=driver,
    replay=store,
    newest=newest,
    logger=logger.Logger([], lambda: 0),
    terminal=terminal.Terminal(200, silent=True),
    checkpoint=Saved(host),
    settings=SETTINGS,
    stop=stop,
    hosts=host,
  )


def play(runs):
  """Runs all of them together; returns what each raised, or None."""
  errors = [None] * len(runs)

  def body(i):
    try:
      runs[i].run()
    except Exception as error:
      errors[i] = error
    runs[i].replay.close()

  threads = [
    threading.Thread(target=body, args=(i,)) for i in range(len(runs))
  ]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join(120)
  assert not any(x.is_alive() for x in threads)
  return errors


@pytest.fixture
def pair(tmp_path):
  """Makes a run of two hosts; `changes` are those of the second one."""

  def pair(**changes):
    world = World(2)
    first = make(tmp_path / '0', Host(0, world))
    return first, make(tmp_path / '1', Host(1, world), **changes)

  return pair


def test_they_train_alike_and_count_together(pair):
  first, second = pair(envs=3)
  assert play([first, second]) == [None, None]
  # Four steps at a time, one of them on the first host.
  assert first.step == second.step == 200
  assert (first.replay.total, second.replay.total) == (50, 150)
  # 15 replayed steps per step and 30 per update: an update per two steps,
  # from the time that the first host, the slower one, has 15 windows of 6
  # steps: 20 rounds of 4 steps.
  assert first.learner.updates == second.learner.updates == (200 - 80) // 2
  assert first.checkpoint.steps() == second.checkpoint.steps() == [0, 200]
  meta = first.checkpoint.saved[200][1]
  assert meta['totals'] == {'0': 50, '1': 150}


@pytest.mark.parametrize('which', [0, 1])
def test_a_stop_of_one_is_a_stop_of_all(pair, which):
  runs = pair()
  calls = iter(range(1000))
  runs[which].sync.stop = lambda: next(calls) > 60
  assert play(runs) == [None, None]
  assert runs[0].step == runs[1].step < 200
  assert runs[0].checkpoint.steps()[-1] == runs[1].checkpoint.steps()[-1]


def test_a_failure_of_one_ends_all_after_a_checkpoint(pair):
  runs = pair(driver=Broken)
  first, second = play(runs)
  assert isinstance(first, OtherHostFailed)
  assert 'the emulator is gone' in str(second)
  assert errors.is_shared(first) and errors.is_shared(second)
  steps = runs[0].checkpoint.steps()
  assert steps == runs[1].checkpoint.steps() and steps[-1] == 40 + 39


# Windows are complete after the calls 6, 11, ..., 41 and 46.
@pytest.mark.parametrize('call', [40, 41, 42, 46])
def test_a_failure_before_windows_are_complete_ends_all(tmp_path, call):
  world = World(2)
  newest = [train.Newest(Fresh(2, LENGTH), FRESH, 2) for _ in range(2)]
  failing = type('Failing', (Broken,), {'left': call})
  runs = [
    make(tmp_path / '0', Host(0, world), 2, newest=newest[0]),
    make(tmp_path / '1', Host(1, world), 2, driver=failing, newest=newest[1]),
  ]
  first, second = play(runs)
  assert isinstance(first, OtherHostFailed)
  assert 'the emulator is gone' in str(second)
  steps = runs[0].checkpoint.steps()
  assert steps == runs[1].checkpoint.steps() and len(steps) == 2
  assert runs[0].learner.agent.newest


def test_a_loss_that_is_no_number_ends_all_in_order(pair):
  runs = pair()
  for run in runs:
    run.learner.agent.fail_at = 7
  for error in play(runs):
    assert isinstance(error, Diverged) and errors.is_shared(error)
  assert runs[0].checkpoint.steps() == runs[1].checkpoint.steps()


@pytest.mark.parametrize('failing', [False, True])
def test_who_cannot_save_knows_that_nobody_was_told(tmp_path, failing):
  run = make(
    tmp_path,
    Host(0, World(1)),
    driver=Broken if failing else embodied.Driver,
  )
  save = run.checkpoint.save

  def full(step, *args):
    if step:
      raise OSError('disk full')
    save(step, *args)

  run.checkpoint.save = full
  (error,) = play([run])
  assert ('emulator' if failing else 'disk full') in str(error)
  assert not errors.is_shared(error)


def test_a_checkpoint_is_as_good_as_the_episodes_of_all(pair):
  runs = pair(envs=3)
  assert play(runs) == [None, None]
  score = runs[0].checkpoint.scores
  assert score == runs[1].checkpoint.scores and score[0] is None
  recent = [*runs[0].recent, *runs[1].recent]
  assert score[200] == pytest.approx(np.mean(recent))


def test_hosts_that_leave_and_come_back_count_once(pair, tmp_path):
  runs = pair()
  assert play(runs) == [None, None]
  saved = runs[0].checkpoint.saved
  # One host goes on alone. It adds 60 steps to its own 100.
  alone = make(tmp_path / '0', Host(0, World(1)))
  alone.checkpoint.saved = dict(saved)
  alone.settings = types.SimpleNamespace(**{**vars(SETTINGS), 'steps': 260})
  alone.sync.totals = {}
  assert alone.resume() == 200 and alone.step == 200
  assert play([alone]) == [None]
  assert alone.replay.total == 160
  meta = alone.checkpoint.saved[260][1]
  assert meta['totals'] == {'0': 160, '1': 100} and meta['forgotten'] == 100
  # And both again: nothing is counted twice.
  again = pair()
  for run in again:
    run.checkpoint.saved = dict(alone.checkpoint.saved)
  both = [threading.Thread(target=x.resume) for x in again]
  for thread in both:
    thread.start()
  for thread in both:
    thread.join(20)
  assert [x.step for x in again] == [260, 260]
  assert again[0].forgotten == 0
  for run in again:
    run.replay.close()
