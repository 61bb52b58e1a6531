"""The loops with a counting environment and an agent that checks its data."""

import functools
import pathlib
import threading
import time
import types

import numpy as np
import pytest

import embodied
from embodied import wrappers
from embodied.envs import make_env
from embodied.envs.achievements import Achievements
from embodied.fresh import Fresh
from embodied.run import evaluate, train
from embodied.run.learner import Diverged
from ponderdream.trackers import Film, PonderSteps
from tests.embodied.run.checking import (
  FRESH,
  LENGTH,
  Checking,
  Memory,
  close,
  env_makers,
  lines,
  make,
)
from tests.naming import naming


def test_every_step_arrives_and_updates_follow_the_ratio(tmp_path):
  run = make(tmp_path)
  run.run()
  assert run.step == run.replay.total == 200
  # 7.5 replayed steps per step and 15 per update: one update per two steps,
  # from the time there are 15 windows: with two streams of n steps there are
  # 2 (n - 5), so n = 13.
  learner = run.learner
  assert learner.updates == len(learner.agent.trained) == (200 - 26) // 2
  # What an update gave back was written into the replay.
  assert run.replay.sample(50)['seen'].max() > 0
  close(run)
  scores = lines(tmp_path / 'scores.jsonl')
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
  first = run.step, run.learner.updates
  assert 0 < first[0] < 200
  close(run)
  again = make(tmp_path, memory)
  assert again.resume() == first[0]
  assert (again.step, again.learner.updates) == first
  assert again.learner.agent.seen == again.replay.total == first[0]
  again.run()
  assert again.step == 200
  assert again.learner.updates == (200 - 26) // 2
  close(again)
  steps = [x['step'] for x in lines(tmp_path / 'metrics.jsonl')]
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
  driver = embodied.Driver([hanging], timeout=1e6, stop_requested=asked.is_set)
  run = make(tmp_path, memory, asked.is_set, driver)

  def ask():
    while run.replay.total < 12:
      time.sleep(0.05)
    time.sleep(0.5)  # so that it waits
    asked.set()

  threading.Thread(target=ask, daemon=True).start()
  # Without this stop it would wait for days.
  run.run()
  driver.close()
  assert run.step == run.replay.total == memory.steps()[-1] == 12
  close(run)


def test_many_environments_get_the_updates_that_they_owe(tmp_path):
  # 40 updates for the two steps of a round, each of 15 replayed steps.
  run = make(tmp_path, train_ratio=300.0, steps=60)
  run.run()
  assert run.learner.updates == (60 - 26) * 20
  close(run)


def test_the_newest_steps_are_learnt_from_in_windows(tmp_path):
  newest = train.Newest(Fresh(4, LENGTH), FRESH, epochs=3)
  driver = embodied.Driver(env_makers(4), parallel=False)
  run = make(
    tmp_path, driver=driver, newest=newest, train_ratio=0.0, steps=4 * 18
  )
  run.run()
  # Windows of five steps are complete after 6, 11 and 16 of the 18 rounds;
  # two batches of two windows each time, in each of three epochs.
  batches = run.learner.agent.newest
  assert len(batches) == run.learner.updates == 3 * 2 * 3
  starts = np.concatenate([x['step'][:, 0] for x in batches])
  np.testing.assert_array_equal(starts, np.repeat([0, 5, 10], 12))
  # Every epoch has the steps of all environments.
  acted = np.concatenate([x['acted'] for x in batches]).reshape((9, 4, -1))
  assert [len(np.unique(x, axis=0)) for x in acted] == [4] * 9
  close(run)


def test_the_first_steps_are_learnt_from_more_often(tmp_path):
  newest = train.Newest(Fresh(4, LENGTH), FRESH, epochs=2, more=4, steps=48.0)
  driver = embodied.Driver(env_makers(4), parallel=False)
  run = make(
    tmp_path, driver=driver, newest=newest, train_ratio=0.0, steps=4 * 18
  )
  run.run()
  # Windows are complete after 24, 44 and 64 steps, and 4 (1 - 24 / 48) = 2.
  starts = [x['step'][0, 0] for x in run.learner.agent.newest]
  assert starts == [0] * 2 * (2 + 2) + [5] * 2 * 2 + [10] * 2 * 2
  close(run)


def test_both_kinds_of_updates_side_by_side(tmp_path):
  newest = train.Newest(Fresh(2, LENGTH), FRESH, epochs=1)
  run = make(tmp_path, newest=newest)
  run.run()
  # 100 rounds: complete after 6, 11, ..., 96.
  assert len(run.learner.agent.newest) == 19
  assert run.learner.updates == 19 + (200 - 26) // 2
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
  run.learner.agent.fail_at = 7
  with pytest.raises(Diverged, match=naming(7, 'updates', 'loss/some')):
    run.run()
  assert run.learner.updates == 7
  assert memory.steps()[-1] == run.step
  close(run)


class Late(Checking):
  """Answers one update later, as an accelerator does."""

  answer = {}, {}

  def train(self, data):
    before, self.answer = self.answer, super().train(data)
    return before

  def flush(self):
    answer, self.answer = self.answer, ({}, {})
    return answer


def test_the_last_update_is_heard_of(tmp_path):
  run = make(tmp_path / 'sound', steps=100)
  run.run()
  close(run)
  late = make(tmp_path / 'late', steps=100)
  agent = Late(late.driver.obs_space, late.driver.act_space)
  late.learner.agent = agent
  agent.fail_at = run.learner.updates
  with pytest.raises(Diverged, match='opt/loss'):
    late.run()
  close(late)


def test_a_loss_that_no_step_of_a_batch_has_is_left_out(tmp_path):
  run = make(tmp_path, log_every=1e9)
  run.learner.agent.unknown_at = 7
  run.run()
  close(run)
  assert run.learner.updates > 7
  (record,) = (
    x for x in lines(tmp_path / 'metrics.jsonl') if 'run/updates' in x
  )
  assert record['train/loss/some'] == 0.5


def test_the_time_is_shared_out(tmp_path):
  run = make(tmp_path, log_every=1e9)
  run.run()
  close(run)
  (record,) = (
    x for x in lines(tmp_path / 'metrics.jsonl') if 'run/updates' in x
  )
  times = {k[5:]: v for k, v in record.items() if k.startswith('time/')}
  assert times.keys() >= {
    'add', 'env', 'policy', 'sample', 'update', 'write_back', 'save', 'log',
  }  # fmt: skip
  assert all(x > 0 for x in times.values())
  # All parts of the loop are timed.
  assert 0.5 < sum(times.values()) <= 1


def test_evaluation_counts_every_environment_alike():
  lengths = [3, 40]
  envs = [
    functools.partial(make_env, 'dummy_disc', i, seed=0, length=n)
    for i, n in enumerate(lengths)
  ]
  driver = embodied.Driver(envs, parallel=False)
  agent = Checking(driver.obs_space, driver.act_space)
  steps, film, modes, policy = (
    PonderSteps(),
    Film('image'),
    set(),
    agent.policy,
  )

  def heard(carry, obs, mode='train'):
    modes.add(mode)
    return policy(carry, obs, mode)

  agent.policy = heard
  result = evaluate.evaluate(agent, driver, 5, [steps, film])
  assert modes == {'eval'}
  # Three of the five from the first environment, however short.
  assert sorted(x['length'] for x in result) == [3, 3, 3, 40, 40]
  # One for every action.
  assert len(steps.steps) == 3 * 3 + 2 * 40
  assert len(film.frames) == len(film.steps) == 3 * 4
  assert film.frames[0].shape == (64, 64, 3)


def test_summary_by_hand():
  episodes = [
    {'score': s, 'length': n, 'log/achievement_a/max': a}
    for s, n, a in [(1.0, 10.0, 0.0), (3.0, 20.0, 1.0)]
  ]
  tracker = Achievements()
  for episode in episodes:
    tracker.episode(episode)
  found = evaluate.summary(episodes, [tracker])
  # The deviation of (1, 3) is sqrt 2; Student's t with one
  # degree of freedom is 12.706, and 12.706 sqrt 2 / sqrt 2 = 12.706.
  assert found['return_mean'] == 2 and found['length_mean'] == 15
  assert found['return_ci95'] == pytest.approx(12.706)
  assert found['success'] == {'a': 50.0}
  assert found['crafter_score'] == pytest.approx(50)


@pytest.mark.parametrize(
  'degrees, value',
  [(1, 12.706), (2, 4.303), (9, 2.262), (29, 2.045), (30, 2.042)]
  # Beyond the table, from the same tables.
  + [(40, 2.021), (60, 2.000), (120, 1.980), (10**6, 1.960)],
)
def test_students_quantile(degrees, value):
  assert evaluate.quantile(degrees) == pytest.approx(value, abs=6e-4)


def test_summary_of_one_episode_without_achievements():
  episodes = [{'score': 1.0, 'length': 2.0}]
  found = evaluate.summary(episodes, [Achievements()])
  assert found['return_ci95'] is None and found['crafter_score'] is None
  assert found['success'] == {}


class Both(wrappers.Wrapper):
  """Has the task and another goal, which is reached at the third step."""

  def __init__(self, env):
    super().__init__(env)
    self.goals = 'count', 'come to three'
    self.steps = 0

  def step(self, action):
    obs = super().step(action)
    self.steps = 0 if obs['is_first'] else self.steps + 1
    return obs

  def reached(self, goal):
    return self.steps == 3


def both(index, share):
  env = make_env('dummy_count', index, seed=0, length=13)
  return wrappers.Asked(Both(env), share, index)


def test_scores_are_those_of_the_task_alone(tmp_path):
  makers = [functools.partial(both, i, float(i)) for i in range(2)]
  run = make(tmp_path, driver=embodied.Driver(makers, parallel=False))
  run.run()
  close(run)
  # The first environment is never asked for the other goal, the second always.
  scores = lines(tmp_path / 'scores.jsonl')
  assert len(scores) == 7
  assert {x['episode/length'] for x in scores} == {13}
  asked = [
    x for x in lines(tmp_path / 'metrics.jsonl') if 'asked/reached' in x
  ]
  assert {(x['asked/reached'], x['asked/length']) for x in asked} == {(1, 3)}
