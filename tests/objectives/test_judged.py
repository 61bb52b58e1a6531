"""How dreams and replayed steps are judged: returns, advantages, values."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.distributed import devices
from ponderdream.dream import branch, rollout
from ponderdream.losses import returns
from ponderdream.objectives import behaviour
from ponderdream.world import rssm
from tests.helpers import opinionated
from tests.objectives.test_behaviour import make_pass


@pytest.fixture(scope='module')
def kit():
  return opinionated(4, 3)


def on_one_device(function, *args):
  """What a function of arrays gives inside of `pmap`, on one device."""
  one = jax.vmap(function, axis_name=devices.AXIS)
  found = one(*jax.tree.map(lambda x: x[None], args))
  return jax.tree.map(lambda x: np.asarray(x[0], float), found)


def moving(kit):
  """A pass whose slow critic is another one, and a dream of three steps from
  five states."""
  built, params, config = kit
  start = rssm.initial(built.dyn, 5)
  noise = jax.random.normal(jax.random.key(4), start.deter.shape)
  act = rollout.policy(built, params)
  dream = rollout.rollout(
    built, params, act, start._replace(deter=noise), None, 3,
    jax.random.key(5),
  )  # fmt: skip
  slow = jax.tree.map(lambda x: 0.5 * x, params['val'])
  running = {'behaviour': returns.initial_range()}
  state = types.SimpleNamespace(slow={'val': slow}, running=running)
  p = make_pass(kit, jax.random.key(6), **{'imag.lam': 0.7})
  return p._replace(state=state), dream


def test_a_dream_is_judged_by_its_rewards_and_the_critic(kit):
  p, dream = moving(kit)
  built, params, config = kit
  judged, loss, _ = on_one_device(lambda x: behaviour.judge(p, x), dream)
  view = built.view(params, dream.state)
  reward, cont, value = (
    np.asarray(x, float)
    for x in (
      built.reward(params, view).pred(),
      built.cont(params, view).prob(),
      built.value(params, view).pred(),
    )
  )
  assert reward.std() > 0.1 and value.std() > 0.1 and cont.std() > 0.01
  # Returns as weighted sums of n-step returns.
  ret = np.zeros((3, 5))
  for t in range(3):
    reached, total, weight = 1.0, 0.0, 1.0
    for n in range(t + 1, 4):
      total = total + reached * reward[n]
      reached = reached * cont[n]
      share = weight * (1 if n == 3 else 1 - 0.7)
      ret[t] += share * (total + reached * value[n])
      weight *= 0.7
  np.testing.assert_allclose(judged.ret, ret, rtol=1e-4)
  # The range of a first batch is its own; below the limit of 1 it is 1.
  low, high = np.percentile(ret, [5, 95])
  scale = max(1.0, config.retnorm.rate * (high - low))
  np.testing.assert_allclose(judged.scale, scale, rtol=1e-4)
  np.testing.assert_allclose(
    judged.adv, (ret - value[:-1]) / scale, rtol=1e-3, atol=1e-4
  )
  np.testing.assert_allclose(judged.value, value[0], rtol=1e-5)
  weight = np.stack([cont[0], cont[0] * cont[1], cont[0] * cont[1] * cont[2]])
  np.testing.assert_allclose(judged.weight, weight, rtol=1e-5)
  # The critic learns the returns, and to be like its slow copy.
  slow = built.value(p.state.slow, view).pred()[:-1]
  critic_of = built.value(params, view)[:-1]
  want = -critic_of.log_prob(ret) - config.imag.slowreg * critic_of.log_prob(
    slow
  )
  np.testing.assert_allclose(loss, want, rtol=1e-3)


def test_steps_of_a_dream_count_as_far_as_it_gets(kit, monkeypatch):
  p, dream = moving(kit)
  size = {'policy': jnp.full((3, 5), 2.0), 'ponder': jnp.full((3, 5), 3.0)}
  judged, _, _ = on_one_device(lambda x: behaviour.judge(p, x), dream)
  monkeypatch.setattr(behaviour, 'last_states', lambda p: p)
  monkeypatch.setattr(behaviour.rollout, 'rollout', lambda *args: dream)
  monkeypatch.setattr(behaviour, 'actor_losses', lambda *args: (size, {}))
  monkeypatch.setattr(
    behaviour, 'replayed_value_loss', lambda *args: jnp.ones(1)
  )
  monkeypatch.setattr(behaviour.foresight, 'earned', lambda p: 0.5)
  start = jax.tree.map(lambda x: x[None, 0], dream.state)
  q = p._replace(post=start, batch={'is_first': jnp.zeros((1, 5), bool)})
  _, value_loss, _ = on_one_device(lambda x: behaviour.judge(p, x), dream)
  run = lambda key: behaviour.losses(q._replace(key=key)).losses
  found = on_one_device(run, jax.random.key(0))
  np.testing.assert_allclose(found['policy'], judged.weight, rtol=1e-5)
  np.testing.assert_allclose(found['ponder'], 1.5 * judged.weight, rtol=1e-5)
  want = 0.5 * judged.weight * value_loss
  np.testing.assert_allclose(found['value'], want, rtol=1e-4)


def test_values_of_replayed_steps_by_hand(kit):
  built, params, config = kit
  rng, shape = np.random.default_rng(0), (2, 4)
  dyn = built.dyn
  normal = lambda *x: jnp.asarray(rng.normal(size=(*shape, *x)), jnp.float32)
  last = np.array([[0, 1, 0, 0], [0, 0, 0, 0]], bool)
  known = np.array([[1, 1, 1, 1], [1, 1, 0, 1]], bool)
  reward = rng.normal(size=shape).astype(np.float32)
  boot = rng.normal(size=shape).astype(np.float32)
  p, _ = moving(kit)
  p = p._replace(
    post=rssm.State(normal(dyn.deter), normal(dyn.stoch, dyn.classes)),
    tokens=jnp.zeros((*shape, built.shapes.tokens)),
    batch={
      'is_last': jnp.asarray(last), 'is_terminal': jnp.asarray(last),
      'reward': jnp.asarray(reward), 'known/reward': jnp.asarray(known),
    },
  )  # fmt: skip
  found = behaviour.replayed_value_loss(p, jnp.asarray(boot.ravel()))
  view = built.view(params, p.post, p.tokens)
  pred, slow = (built.value(x, view) for x in (params, p.state.slow))
  # Returns end with an episode, and before a reward that is not known.
  ends = last | np.pad(~known[:, 1:], ((0, 0), (0, 1)))
  cont = (1 - 1 / config.loss.horizon) * ~last
  want = np.zeros((3, 2))
  for b in range(2):
    ret = boot[b, 3]
    for t in (2, 1, 0):
      lam = 0.7 * (not ends[b, t + 1])
      after = (1 - lam) * boot[b, t + 1] + lam * ret
      ret = reward[b, t + 1] + cont[b, t + 1] * after
      target = jnp.full(shape, ret)
      nats = -pred.log_prob(target) - pred.log_prob(slow.pred())
      want[t, b] = 0 if ends[b, t] else nats[b, t]
  np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4)


def test_a_long_branch_is_the_sum_of_its_rewards(kit, monkeypatch):
  built, params, _ = kit
  _, dream = moving(kit)
  monkeypatch.setattr(branch.rollout, 'rollout', lambda *args: dream)
  start = jax.tree.map(lambda x: x[0], dream.state)
  found = branch.value_on_arrival(built, params, start, 3, jax.random.key(0))
  view = built.view(params, dream.state)
  reward, value = built.reward(params, view).pred(), built.value(params, view)
  cont, value = built.cont(params, view).prob(), value.pred()
  want, reached = np.zeros(5), np.ones(5)
  for i in range(4):
    want += reached * np.asarray(reward[i])
    reached = reached * np.asarray(cont[i])
  want += reached * np.asarray(value[3])
  np.testing.assert_allclose(found, want, rtol=1e-4)
