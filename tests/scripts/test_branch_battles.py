"""The judge on forks of battles."""

import copy

import numpy as np
import pytest

from embodied.config import resolve
from embodied.envs import make_env
from embodied.errors import UsageError
from ponderdream import settings
from ponderdream.agent import Acting, Agent
from ponderdream.dream import foreseen
from scripts.experiments import branch, branching
from tests import helpers
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming

DISCOUNT = 1 - 1 / 100
GO = {'reset': np.False_}


def make(index=0):
  # Against a foe that plays at random, battles are won and lost.
  return make_env('battlefactory_battle', index, seed=0, round=1, foe='random')


@pytest.fixture(scope='module')
def agent():
  """Untrained, with levels that want different things."""
  names = ['pondernet', 'cpu', 'battlefactory', 'debug']
  config = resolve(settings.blocks(), names)
  config = config.update({'jax.dtype': 'float32'})
  env = make()
  acting = {'eval': Acting(foresees=True)}
  agent = Agent(env.obs_space, env.act_space, config, acting)
  params = dict(agent.state.params)
  for name in ('inner', 'actdec', 'val', 'enc'):
    params[name] = helpers.disturbed(params[name])
  agent.load(agent.state._replace(params=params))
  return agent


@needs.ENGINE
@pytest.mark.slow
def test_a_start_is_what_the_policy_sees(agent):
  judge, env = branching.Judge(agent), make()
  obs = env.step(GO | {'action': np.int32(0), 'reset': np.True_})
  obs = {k: v[None] for k, v in obs.items() if not k.startswith('log/')}
  (state, _), _, outs = agent.policy(agent.init_policy(1), obs, 'eval')
  start = judge.start(env, state, obs, 0)
  np.testing.assert_allclose(start.value, outs[foreseen.VALUE][0], rtol=1e-4)
  halts = np.exp(outs[foreseen.HALTS][0])
  np.testing.assert_allclose(start.p, halts, rtol=1e-4)
  np.testing.assert_array_equal(start.mask, obs['mask'])


@needs.ENGINE
@pytest.mark.slow
def test_real_branches_are_worth_what_battles_pay(agent):
  judge = branching.Judge(agent)
  starts = judge.collect([make(i) for i in range(3)], 36, 1)
  first, ends = starts[0], []
  before = copy.deepcopy(first.env)
  for start in starts:
    actions, values = judge.real(start, 1, 2, 0)
    for r, n in np.ndindex(2, len(start.p)):
      fork = copy.deepcopy(start.env)
      fork.reseed((0, r))
      obs = fork.step(GO | {'action': actions[r, n, 0]})
      if start.p[n] and obs['is_terminal']:
        assert values[r, n] == obs['reward']
        ends.append(values[r, n])
  assert ends and {*ends} <= {1, -1}
  # To the end the critic has no say: 1 or -1, discounted once for each step.
  values = judge.real(first, 300, 2, 0)[1][:, first.p > 0]
  steps = np.log(abs(values)) / np.log(DISCOUNT)
  np.testing.assert_allclose(steps, steps.round(), atol=1e-4)
  assert (steps > 1).all()
  # The battle itself has not moved.
  act = GO | {'action': np.int32(np.argmax(first.mask))}
  left, right = first.env.step(act), before.step(act)
  assert all(np.array_equal(left[k], right[k]) for k in left)


def test_a_model_that_was_not_trained_is_refused(tmp_path):
  names = ['pondernet', 'cpu', 'battlefactory']
  config = resolve(settings.blocks(), names)
  config.save(tmp_path / 'config.yaml')
  with pytest.raises(UsageError, match=naming('run.train_ratio', 'dreams')):
    branch.main(['--logdir', str(tmp_path)])
