"""The loops with a counting environment and an agent that checks its data."""

import functools
import json
import pathlib
import threading
import time
import types

import numpy as np
import pytest

import embodied
from embodied import replay, success
from embodied.envs import make_env
from embodied.log import logger, terminal
from embodied.run import evaluate, train
from tests.naming import naming

LENGTH, BATCH = 5, 3
SETTINGS = types.SimpleNamespace(
  steps=200, train_ratio=7.5, log_every=0.0, report_every=0.0, save_every=0.0
)


class Checking(embodied.RandomAgent):
  """Stores its own counter with every step, and checks all that it gets."""

  def __init__(self, obs_space, act_space):
    super().__init__(obs_space, act_space)
    self.trained = []
    self.asked = 0
    self.fail_at = None

  def policy(self, carry, obs, mode='train'):
    self.asked += 1
    assert mode in ('train', 'eval')
    assert not any(k.startswith('log/') for k in obs)
    carry, acts, _ = super().policy(carry, obs, mode)
    count = len(obs['is_first'])
    outs = {
      'seen': np.zeros(count, np.int32),
      'log/ponder_steps': np.full(count, 2.0, np.float32),
    }
    return carry, acts, outs

  def train(self, data):
    assert data['step'].shape == (BATCH, LENGTH + 1)
    follows = ~data['is_first'][:, 1:]
    steps = np.diff(data['step'], axis=1)
    # Within an episode the count goes up by one, and the action that was
    # stored with a step is the one that the next step echoes.
    assert (steps[follows] == 1).all()
    echoed = data['acted'][:, 1:][follows]
    np.testing.assert_array_equal(echoed, data['action'][:, :-1][follows])
    assert (data['step'][data['is_first']] == 0).all()
    self.trained.append(data['stepid'])
    value = np.nan if len(self.trained) == self.fail_at else 0.5
    outs = {'stepid': data['stepid'], 'seen': data['seen'] + 1}
    return outs, {'loss/some': value, 'other': 1.0}

  def report(self, data):
    return {'seen': float(data['seen'].max())}

  def save(self):
    return {'trained': np.array(len(self.trained))}

  def load(self, tree, seen=0):
    self.trained = [None] * int(tree['trained'])
    self.seen = seen


class Memory:
  """Checkpoints that stay in memory."""

  def __init__(self):
    self.saved = {}
    self.scores = {}

  def steps(self):
    return sorted(self.saved)

  def save(self, step, state, meta, score=None):
    self.saved[step] = state, json.loads(json.dumps(meta))
    self.scores[step] = score

  def load(self, like):
    step = self.steps()[-1]
    return step, *self.saved[step]


def make(folder, memory=None, stop=lambda: False, driver=None, **changes):
  settings = types.SimpleNamespace(**{**vars(SETTINGS), **changes})
  store = replay.Replay(LENGTH + 1, 10000, folder / 'replay', chunk_size=32)
  envs = [
    functools.partial(make_env, 'dummy_count', i, seed=0, length=13)
    for i in range(2)
  ]
  driver = driver or embodied.Driver(envs, parallel=False)
  log = logger.Logger(
    [
      logger.JsonLines(folder / 'metrics.jsonl', '(?!episode/).*'),
      logger.JsonLines(folder / 'scores.jsonl', 'episode/.*'),
    ],
    lambda: run.step,
  )
  run = train.Train(
    agent=Checking(driver.obs_space, driver.act_space),
    driver=driver,
    replay=store,
    logger=log,
    terminal=terminal.Terminal(settings.steps),
    checkpoint=memory or Memory(),
    success=success.Success(),
    settings=settings,
    batch=BATCH,
    length=LENGTH,
    stop=stop,
  )
  return run


def close(run):
  run.logger.close()
  run.replay.close()


def test_every_step_arrives_and_updates_follow_the_ratio(tmp_path):
  run = make(tmp_path)
  run.run()
  assert run.step == run.replay.total == 200
  # 7.5 replayed steps per step and 15 per update: one update per two steps,
  # from the time there are 15 windows: with two streams of n steps there are
  # 2 (n - 5), so n = 13.
  assert run.updates == len(run.agent.trained) == (200 - 26) // 2
  # What an update gave back was written into the replay.
  assert run.replay.sample(50)['seen'].max() > 0
  close(run)
  scores = [json.loads(x) for x in (tmp_path / 'scores.jsonl').open()]
  # 14 observations per episode, 100 per environment: seven episodes each.
  assert len(scores) == 14
  assert {x['episode/length'] for x in scores} == {13}
  assert {x['episode/ponder_steps'] for x in scores} == {2.0}


def test_every_depth_of_thought_reaches_the_histogram(tmp_path):
  run = make(tmp_path)
  records = []
  run.logger._outputs.append(
    types.SimpleNamespace(write=records.append, close=lambda: None)
  )
  run.run()
  close(run)
  depths = [x.histograms.get('acted/ponder_steps', []) for x in records]
  # One for every action, each once, whatever the log intervals were; 14 of
  # the 200 observations are the last ones of an episode.
  np.testing.assert_array_equal(np.concatenate(depths), np.full(186, 2.0))


def test_it_goes_on_where_it_stopped(tmp_path):
  memory, first = Memory(), None
  calls = iter(range(10**6))
  run = make(tmp_path, memory, stop=lambda: next(calls) > 100)
  run.run()
  first = run.step, run.updates
  assert 0 < first[0] < 200
  close(run)
  again = make(tmp_path, memory)
  assert again.resume() == first[0]
  assert (again.step, again.updates) == first
  assert again.agent.seen == again.replay.total == first[0]
  again.run()
  assert again.step == 200
  assert again.updates == (200 - 26) // 2
  close(again)
  steps = [json.loads(x)['step'] for x in (tmp_path / 'metrics.jsonl').open()]
  assert steps == sorted(steps)


def test_an_environment_that_hangs_does_not_keep_it_from_stopping(
  tmp_path, monkeypatch
):
  monkeypatch.syspath_prepend(pathlib.Path(__file__).parent.parent)
  import faulty_env

  asked = threading.Event()
  hanging = functools.partial(
    faulty_env.Faulty, tmp_path / 'lives', faulty_env.hang, at=12
  )
  memory = Memory()
  driver = embodied.Driver(
    [hanging], timeout=100.0, stop_requested=asked.is_set
  )
  run = make(tmp_path, memory, asked.is_set, driver)
  start = None

  def ask():
    nonlocal start
    while run.replay.total < 12:
      time.sleep(0.05)
    time.sleep(0.5)  # so that it waits
    start = time.monotonic()
    asked.set()

  threading.Thread(target=ask).start()
  run.run()
  assert time.monotonic() - start < 10
  driver.close()
  assert run.step == run.replay.total == memory.steps()[-1] == 12
  close(run)


def test_many_environments_get_the_updates_that_they_owe(tmp_path):
  # 40 updates for the two steps of a round, each of 15 replayed steps.
  run = make(tmp_path, train_ratio=300.0, steps=60)
  run.run()
  assert run.updates == (60 - 26) * 20
  close(run)


def test_steps_whose_replay_was_deleted_still_count(tmp_path):
  memory = Memory()
  run = make(tmp_path / 'one', memory, steps=60)
  run.run()
  close(run)
  again = make(tmp_path / 'two', memory, steps=100)
  assert again.resume() == 60
  assert again.step == 60 and again.replay.total == 0
  again.run()
  assert again.step == 100 and again.replay.total == 40
  close(again)


def test_a_loss_that_is_no_number_stops_and_saves(tmp_path):
  memory = Memory()
  run = make(tmp_path, memory)
  run.agent.fail_at = 7
  with pytest.raises(train.Diverged, match=naming('step', 'loss/some')):
    run.run()
  assert run.updates == 7
  assert memory.steps()[-1] == run.step
  close(run)


def test_evaluation_counts_every_environment_alike():
  lengths = [3, 40]
  envs = [
    functools.partial(make_env, 'dummy_disc', i, seed=0, length=n)
    for i, n in enumerate(lengths)
  ]
  driver = embodied.Driver(envs, parallel=False)
  agent = Checking(driver.obs_space, driver.act_space)
  result = evaluate.evaluate(agent, driver, 5, video=True)
  # Three of the five from the first environment, however short.
  assert sorted(x['length'] for x in result.episodes) == [3, 3, 3, 40, 40]
  # One for every action.
  assert len(result.thought) == 3 * 3 + 2 * 40
  assert len(result.frames) == len(result.shown) == 3 * 4
  assert result.frames[0].shape == (64, 64, 3)


def test_summary_by_hand():
  episodes = [
    {'score': s, 'length': n, 'log/achievement_a/max': a}
    for s, n, a in [(1.0, 10.0, 0.0), (3.0, 20.0, 1.0)]
  ]
  found = evaluate.summary(
    evaluate.Evaluation(episodes, [1.0, 1.0, 2.0, 4.0], [], [])
  )
  # The deviation of (1, 3) is sqrt 2; Student's t with one
  # degree of freedom is 12.706, and 12.706 sqrt 2 / sqrt 2 = 12.706.
  assert found['return_mean'] == 2 and found['length_mean'] == 15
  assert found['return_ci95'] == pytest.approx(12.706)
  assert found['success'] == {'a': 50.0}
  assert found['crafter_score'] == pytest.approx(50)
  assert found['ponder_steps_mean'] == 2
  assert found['ponder_steps_histogram'] == {'1': 0.5, '2': 0.25, '4': 0.25}


@pytest.mark.parametrize(
  'degrees, value',
  [(1, 12.706), (2, 4.303), (9, 2.262), (29, 2.045), (30, 2.042)]
  # Beyond the table, from the same tables.
  + [(40, 2.021), (60, 2.000), (120, 1.980), (10**6, 1.960)],
)
def test_students_quantile(degrees, value):
  assert evaluate.quantile(degrees) == pytest.approx(value, abs=6e-4)


def test_summary_of_one_episode_without_thought_or_achievements():
  one = evaluate.Evaluation([{'score': 1.0, 'length': 2.0}], [0.0], [], [])
  found = evaluate.summary(one)
  assert found['return_ci95'] is None and found['crafter_score'] is None
  assert found['ponder_steps_mean'] is None
  assert found['ponder_steps_histogram'] == {}
