"""The driver loses no step, and adds none."""

import functools
import time

import numpy as np
import pytest

from embodied.driver import Driver
from tests.embodied.driver.playing import count_env, idle, record
from tests.naming import naming

ACTIONS = 5


class Checker:
  """An agent that checks and numbers every observation."""

  def __init__(self, lengths):
    self.lengths = np.array(lengths)
    self.calls = 0
    self.want = None

  def init(self, batch):
    assert batch == len(self.lengths)
    return np.zeros(batch, np.int32)

  def policy(self, carry, obs):
    np.testing.assert_array_equal(carry, np.full(len(carry), self.calls))
    assert not any(key.startswith('log/') for key in obs)
    if self.want is None:
      assert obs['is_first'].all()
      episode = obs['episode']
      step = acted = np.zeros_like(obs['step'])
    else:
      step, episode, acted = self.want
    np.testing.assert_array_equal(obs['step'], step)
    np.testing.assert_array_equal(obs['episode'], episode)
    np.testing.assert_array_equal(obs['acted'], acted)
    np.testing.assert_array_equal(obs['is_first'], step == 0)
    last = step == self.lengths
    np.testing.assert_array_equal(obs['is_last'], last)
    # The actions differ between steps and between environments.
    action = (self.calls + np.arange(len(carry), dtype=np.int32)) % ACTIONS
    self.want = (
      np.where(last, 0, step + 1),
      np.where(last, episode + 1, episode),
      np.where(last, 0, action),
    )
    self.calls += 1
    number = 100 * np.arange(len(carry)) + self.calls
    return carry + 1, {'action': action}, {'number': number}


@pytest.mark.parametrize('parallel', [False, True])
def test_no_step_is_dropped_repeated_or_reordered(drive, parallel):
  lengths = (3, 4, 7)
  driver = drive([count_env(x) for x in lengths], parallel=parallel)
  checker = Checker(lengths)
  order = []
  driver.on_step(lambda step, worker: order.append(worker))
  steps = record(driver)
  driver.reset(checker.init)
  # Rounds of three steps: 1, then 2, then until 3 episodes have ended.
  driver(checker.policy, steps=1)
  driver(checker.policy, steps=4)
  driver(checker.policy, episodes=3)
  # In round r (from 0) an environment of length L is at step r % (L + 1):
  # episodes end in rounds 3 (L = 3), 4 (L = 4), and 7 (L = 3 and L = 7).
  assert checker.calls == 8
  driver(checker.policy, steps=3 * 52)
  rounds = checker.calls
  assert rounds == 60 and order == [0, 1, 2] * rounds
  for worker, (length, stream) in enumerate(zip(lengths, steps, strict=True)):
    assert len(stream) == rounds
    for r, step in enumerate(stream):
      assert step['step'] == r % (length + 1)
      assert step['episode'] == r // (length + 1)
      assert step['number'] == 100 * worker + r + 1
      last = r % (length + 1) == length
      assert step['is_last'] == last and step['is_first'] == (
        r % (length + 1) == 0
      )
      assert step['action'] == (0 if last else (r + worker) % ACTIONS)
      assert 'reset' not in step and 'log/hits' in step
      assert step['action'].shape == () and step['action'].dtype == np.int32
  assert driver.restarts == 0 and driver.last_error == ''


def test_ended_episodes_are_reset(drive, make):
  # These environments start a new episode only if they are reset.
  driver = drive([make(0, length=2), make(1, length=3)], parallel=False)
  steps = record(driver)
  driver(idle, episodes=3)
  assert [int(x['count']) for x in steps[0]] == [0, 1, 2, 0, 1, 2]
  assert [int(x['count']) for x in steps[1]] == [0, 1, 2, 3, 0, 1]


def test_reset_begins_new_episodes_and_a_new_carry(drive):
  driver = drive([count_env(9)] * 2, parallel=False)
  for episode in range(3):
    checker = Checker((9, 9))
    steps = record(driver)
    driver.reset(checker.init)
    driver(checker.policy, steps=8)
    assert [int(x['episode']) for x in steps[0]] == [episode] * 4
    assert [int(x['step']) for x in steps[1]] == [0, 1, 2, 3]


def test_reset_keeps_an_episode_that_nobody_saw(drive):
  for parallel in (False, True):
    driver = drive([count_env(3)] * 2, parallel=parallel)
    driver.reset()
    driver.reset()
    steps = record(driver)
    driver(idle, steps=8)  # ends with the last step of an episode
    driver.reset()
    driver.reset()
    driver(idle, steps=2)
    assert [int(x['episode']) for x in steps[0]] == [0, 0, 0, 0, 1]


def wait_for(condition, seconds=120):
  end = time.monotonic() + seconds
  while not condition():
    assert time.monotonic() < end, 'Waited in vain.'
    time.sleep(0.001)


def test_environments_step_and_prepare_while_steps_are_reported(
  drive, faulty, tmp_path
):
  driver = drive([functools.partial(faulty.Telling, tmp_path / 'env')])
  told = tmp_path / 'env.prepared'
  reported = []

  def report(step, worker):
    # Before this returns, the worker has done the next step, and has called
    # `prepare` after it.
    reported.append(step)
    want = str(len(reported) + 1)
    wait_for(lambda: told.exists() and told.read_text() == want)

  driver.on_step(report)
  driver(idle, steps=6)
  assert [int(x['count']) for x in reported] == list(range(6))


def test_observations_are_copies(drive, make):
  driver = drive([make(0), make(1)])
  steps = record(driver)
  seen = []

  def policy(carry, obs):
    seen.append(obs['count'])
    return idle(carry, obs)

  driver(policy, steps=8)
  assert [x.tolist() for x in seen] == [[n, n] for n in range(4)]
  assert [int(x['count']) for x in steps[1]] == list(range(4))


def test_bad_arguments_are_refused(drive, make):
  with pytest.raises(ValueError, match=naming('Driver', 'environment')):
    Driver([])
  with pytest.raises(ValueError, match=naming('functools.partial', 'lambda*')):
    Driver([lambda: None])
  with pytest.raises(ValueError, match=naming('environment', 1, 'spaces')):
    drive([make(0), count_env(3)], parallel=False)
  driver = drive([make(0)], parallel=False)
  with pytest.raises(ValueError, match=naming('policy', '[]', "'action'")):
    driver(lambda carry, obs: (carry, {}, {}), steps=1)
