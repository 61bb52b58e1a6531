"""Evaluation when environments misbehave, and when it is stopped."""

import json
import os
import signal

import gymnasium
import numpy as np
import pytest

from embodied import wrappers
from embodied.config import resolve
from embodied.envs import make_env
from embodied.errors import UsageError
from ponderdream import evaluate, settings
from tests.naming import naming, says


class Odd(gymnasium.Env):
  """Episodes of 10 steps, with something odd at the third."""

  observation_space = gymnasium.spaces.Box(-1, 1, (2,))
  action_space = gymnasium.spaces.Discrete(2)
  made = 0

  def __init__(self, how):
    self.how = how
    Odd.made += 1

  def reset(self, seed=None, options=None):
    super().reset(seed=seed)
    self.count = 0
    return np.zeros(2, np.float32), {}

  def step(self, action):
    self.count += 1
    reward = 1.0
    if self.count == 3:
      reward = {'nan': np.nan, 'infinite': np.inf}.get(self.how, reward)
      if self.how == 'raise' or (self.how == 'once' and Odd.made == 1):
        raise OSError('the emulator lost its cable')
      if self.how == 'interrupt':
        os.kill(os.getpid(), signal.SIGINT)
    ends = self.count == 10 and self.how != 'endless'
    return np.zeros(2, np.float32), reward, ends, False, {}


@pytest.fixture
def measure(tmp_path, capsys):
  """Evaluates random actions; returns the exit code, the output, and the
  JSON that was written."""
  blocks = settings.blocks()

  def run(how, *flags):
    Odd.made = 0
    gymnasium.registry.pop('Odd-v0', None)
    gymnasium.register('Odd-v0', entry_point=lambda: Odd(how))
    config = resolve(blocks, ['gymnasium', 'debug']).update(
      {'task': 'gymnasium_Odd-v0', 'run.parallel': False}
    )
    config.save(tmp_path / 'config.yaml')
    argv = ['--logdir', str(tmp_path), '--random', '--envs', '1']
    code = evaluate.main([*argv, '--episodes', '2', *flags])
    said = capsys.readouterr()
    paths = list((tmp_path / 'eval').glob('random*.json'))
    found = json.loads(paths[0].read_text()) if paths else None
    return code, said.out, said.err, found

  return run


@pytest.mark.parametrize(
  'how, words',
  [
    ('nan', ['nan', "'reward'"]),
    ('infinite', ['inf', "'reward'"]),
    ('raise', ['10', 'restart*']),
  ],
)
def test_what_fails_always_ends_it_with_a_sentence(how, words, measure):
  code, _, error, found = measure(how)
  assert code == 1 and found is None
  assert error.startswith('Error: ') and says(error, *words)


def test_what_fails_once_is_restarted_and_said(measure):
  code, out, _, found = measure('once')
  assert code == 0 and says(out, 'restarts', 1)
  # Whole episodes only: ten steps of reward 1.
  assert (found['restarts'], found['cut']) == (1, 0)
  assert (found['return_mean'], found['length_mean']) == (10, 10)


def test_what_never_ends_is_cut_off_and_said(measure):
  code, out, _, found = measure('endless', '--limit', '25')
  assert code == 0 and says(out, 'cut', 25, 2)
  assert (found['cut'], found['limit'], found['length_mean']) == (2, 25, 25)
  assert found['return_mean'] == 25


def test_ctrl_c_is_no_error(measure):
  code, out, error, found = measure('interrupt')
  assert code == 130 and found is None
  assert says(out, 'stopped') and 'Traceback' not in error


def test_a_limit_cuts_episodes_and_nothing_else():
  env = wrappers.limited(make_env, 4, 'dummy_count', 0, seed=0, length=6)
  assert env.obs_space['log/cut'].dtype == np.float32
  act, seen = {'reset': np.True_, 'action': np.int32(0)}, []
  for _ in range(12):
    obs = env.step(act)
    seen.append([bool(obs[x]) for x in ('is_first', 'is_last', 'log/cut')])
    act = {'reset': obs['is_last'], 'action': np.int32(0)}
    assert not obs['is_terminal'] or obs['is_last']
  first, middle, cut = [True, False, False], [False] * 3, [False, True, True]
  # The episodes would have had 6 steps; dummy cuts none by itself before.
  assert seen[:10] == 2 * [first, middle, middle, middle, cut]


@pytest.mark.parametrize(
  'changes, words',
  [
    ({'ponder.mode': 'none'}, ['--suppress', 'ponder.mode', 'none']),
    ({'inner.tied': False}, ['--suppress', 'inner.tied', False]),
  ],
)
def test_not_every_agent_can_ponder_longer(changes, words):
  config = resolve(settings.blocks(), ['debug', 'pondernet'])
  options = evaluate.OPTIONS.update({'suppress': 2})
  with pytest.raises(UsageError, match=naming(*words)):
    evaluate.restore(None, config.update(changes), options)
