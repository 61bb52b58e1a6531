"""An agent that is asked for one of several goals while it learns."""

import types

import jax
import numpy as np
import pytest

from embodied.base import ASKED
from embodied.config import resolve
from embodied.envs import make_env
from embodied.errors import UsageError
from embodied.space import Space
from ponderdream import settings
from ponderdream.agent import Agent
from ponderdream.dream import posterior
from ponderdream.objectives import leash, ppo
from ponderdream.state import REFERENCE
from tests import helpers
from tests.naming import naming

GOALS = np.array([[5, 6, 1, 0], [7, 1, 0, 0], [8, 9, 5, 1]], np.int32)
FLAGS = {
  'jax.dtype': 'float32', 'text.length': 4, 'val.bins': 1, 'run.ask': 0.5,
  'run.envs': helpers.BATCH, 'ppo.batch': helpers.BATCH,
}  # fmt: skip


@pytest.fixture(scope='module')
def kit():
  config = resolve(
    settings.blocks(), ['debug', 'pondernet', 'words', 'phase4']
  ).update(FLAGS)
  env = make_env('dummy_disc', 0, seed=0, length=6)
  spaces = env.obs_space | {ASKED: Space(np.int32, (), 0, 3, 'hidden')}
  agent = Agent(spaces, env.act_space, config, task=GOALS)
  state = agent.save()
  agent.load(state._replace(params=helpers.disturbed(state.params)))
  rng = np.random.default_rng(0)
  data = helpers.batch(env, agent)
  shape = data['is_first'].shape
  data |= {
    ASKED: rng.integers(0, 3, shape).astype(np.int32),
    ppo.LOG_MU: rng.normal(-1.6, 0.1, shape).astype(np.float32),
  }
  return types.SimpleNamespace(
    agent=agent, models=agent.models, config=config, batch=data
  )


def state_of(kit):
  return jax.tree.map(np.asarray, kit.agent.save())


def goals(kit, params, asked):
  """The goals `[..., G]`, one text at a time."""
  each = [kit.models.goals(params, GOALS[i : i + 1])[0] for i in range(3)]
  return np.stack(each)[asked]


def pass_of(kit, data):
  """A pass over a batch of newest steps."""
  state = state_of(kit)
  seen = posterior.acted(kit.models, state.params, data)
  frozen = jax.lax.stop_gradient(state.params)
  return ppo.Pass(
    kit.models, state.params, frozen, state, data, *seen, None, kit.config
  )


def run(kit, function, data):
  """Calls `function(p, ...)` as an update does."""
  data = kit.agent.select_keys(data, fresh=True)
  wrapped = jax.pmap(
    lambda data: function(pass_of(kit, data)),
    axis_name='data',
    devices=jax.devices()[:1],
  )
  return jax.tree.map(
    lambda x: np.asarray(x[0]), wrapped(jax.tree.map(lambda x: x[None], data))
  )


def test_actor_and_critic_see_the_goal_that_was_asked_for(kit):
  params = state_of(kit).params
  want = goals(kit, params, kit.batch[ASKED])

  def both(p):
    models = p.models
    right = models.view(p.params, p.post, p.tokens, None, want)
    wrong = models.view(p.params, p.post, p.tokens)
    counts = ppo.followed(p.batch)
    both = [ppo.judge(p, x, counts) for x in (right, wrong)]
    judged, values = [x.adv for x in both], [x.loss for x in both]
    found = ppo.losses(p).losses
    means = [(x * counts).sum() / counts.sum() for x in values]
    return judged, found['ppo/value'].value, means

  (adv, other), loss, (mean, far) = run(kit, both, kit.batch)
  assert abs(adv - other).max() > 1e-3
  scale = kit.config.ppo.value
  assert loss == pytest.approx(scale * mean, rel=1e-5)
  assert abs(loss - scale * far) > 1e-4


def test_acting_and_learning_see_the_same(kit):
  # Right after acting, the ratio of the policies is 1 at every step.
  agent = kit.agent
  spaces = [*kit.models.obs_space, 'is_first', ASKED]
  carry, logs = agent.init_policy(helpers.BATCH), []
  data = {k: np.array(v) for k, v in kit.batch.items()}
  for t in range(helpers.TIME + 1):
    obs = {k: data[k][:, t] for k in spaces}
    carry, acts, outs = agent.policy(carry, obs, mode='train')
    data['action'][:, t] = acts['action']
    logs.append(outs)
  for key in logs[0]:
    if key in data:
      data[key] = np.stack([x[key] for x in logs], 1)
  metrics = run(kit, lambda p: ppo.losses(p).metrics['ppo/kl'], data)
  assert metrics < 1e-5
  asked_other = data | {ASKED: (data[ASKED] + 1) % 3}
  assert run(kit, lambda p: ppo.losses(p).metrics['ppo/kl'], asked_other) > (
    1e-3
  )


def test_the_reference_is_asked_for_the_same(kit):
  def reference(p):
    seen = ppo.flat_tree(p.models.view(p.params, p.post, p.tokens))
    params = p.frozen | p.state.slow[REFERENCE]
    asked = p.models.goal_of(params, p.batch)
    return leash.reference_view(p, params, p.tokens, seen, asked).goal

  state = state_of(kit)
  params = state.params | state.slow[REFERENCE]
  want = goals(kit, params, kit.batch[ASKED].reshape(-1))
  np.testing.assert_allclose(
    run(kit, reference, kit.batch), want, rtol=1e-5, atol=1e-6
  )


def test_what_cannot_be_asked(tmp_path):
  def parsed(*names, **flags):
    config = resolve(settings.blocks(), ['debug', *names])
    settings.check(config.update({'run.ask': 0.5} | flags))

  with pytest.raises(UsageError, match=naming('run.ask', 'words')):
    parsed('pondernet')
  with pytest.raises(UsageError, match=naming('run.ask', 'words')):
    parsed(**{'goalenc.kind': 'text'})
  with pytest.raises(UsageError, match=naming('run.ask', 'loss_scales.ppo')):
    parsed('pondernet', 'words')
  with pytest.raises(UsageError, match=naming('loss_scales.policy')):
    parsed('pondernet', 'words', **{'loss_scales.ppo': 1.0})
  parsed('pondernet', 'words', 'phase4')
