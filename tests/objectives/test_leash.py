"""The leash: divergences by hand, and what holds the actor back."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream import state
from ponderdream.dream import posterior
from ponderdream.losses import policy_gradient
from ponderdream.nets import dists
from ponderdream.objectives import leash, ppo
from tests.helpers import moved, tiny
from tests.objectives.test_ppo import REAL, acted

HELD = REAL | {
  'loss_scales.leash_halt': 2.0, 'loss_scales.leash_act': 3.0,
  'leash.delta': 0.0,
}  # fmt: skip


@pytest.fixture(scope='module')
def kit():
  return tiny('pondernet', **HELD)


def test_divergence_of_halting_by_hand():
  p, ref = np.array([0.5, 0.3, 0.2]), np.array([0.25, 0.25, 0.5])
  want = sum(p * np.log(p / ref))
  column = lambda x: jnp.log(jnp.asarray(x))[:, None]
  assert float(leash.halting(column(p), column(ref))[0]) == pytest.approx(want)
  # Levels that are not reached count for nothing, and what the reference
  # never does costs much, but not infinitely much.
  cut = column([0.6, 0.4, 0.0])
  low = leash.halting(cut, column([0.5, 0.5, 0.0]))
  assert float(low[0]) == pytest.approx(
    0.6 * np.log(1.2) + 0.4 * np.log(0.8), rel=1e-5
  )
  high = leash.halting(cut, column([1.0, 0.0, 0.0]))
  assert float(high[0]) == pytest.approx(
    0.6 * np.log(0.6) + 0.4 * (np.log(0.4) + 12), rel=1e-5
  )
  slope = jax.grad(lambda x: leash.halting(x, cut).sum())(cut)
  assert np.isfinite(slope).all()


def mixture(seed):
  rng = np.random.default_rng(seed)
  logits = jnp.asarray(rng.normal(size=(3, 2, 4)), jnp.float32)
  p = rng.dirichlet(np.ones(3), 2).T
  return dists.Discrete(logits, (4,), 0.0, None), jnp.log(jnp.asarray(p))


def test_divergence_of_policies_by_enumeration():
  now, before = mixture(0), mixture(1)

  def probabilities(dist, log_p):
    pi = np.exp(np.stack([
      dist.log_prob(jnp.full((1, 1, 1), a, jnp.float32)) for a in range(4)
    ], -1))  # fmt: skip
    return (np.exp(log_p)[..., None] * pi).sum(0)

  mu, ref = probabilities(*now), probabilities(*before)
  np.testing.assert_allclose(mu.sum(-1), 1, rtol=1e-5)
  want = (mu * np.log(mu / ref)).sum(-1)
  action = jnp.zeros((2, 1))
  found = policy_gradient.divergence(now, before, action)
  np.testing.assert_allclose(found, want, rtol=1e-4)


def test_the_estimate_has_the_divergence_as_its_mean():
  # Two normal policies of one level: many draws against the integral.
  def make(mean):
    raw = jnp.full((1, 20000, 1), mean), jnp.zeros((1, 20000, 1))
    return dists.BoundedNormal(jnp.concatenate(raw, -1))

  now, before = make(0.0), make(0.2)
  draws = now.sample(jax.random.key(0))[0]
  one = jnp.zeros((1, 20000))
  found = policy_gradient.divergence((now, one), (before, one), draws)
  grid = jnp.linspace(-8, 8, 20000)[:, None]
  log, ref = (x.log_prob(grid[None])[0] for x in (now, before))
  want = float((jnp.exp(log) * (log - ref)).sum() * 16 / 20000)
  assert float(found.mean()) == pytest.approx(want, rel=0.1)
  assert (found >= 0).all()


def test_the_reference_is_the_actor_of_the_start(kit):
  before = kit.agent.save()
  assert before.slow[state.REFERENCE].keys() == set(state.ACTOR)
  other = jax.tree.map(lambda x: x + 1, before.params)
  kit.agent.adopt(jax.tree.map(np.asarray, other))
  slow = kit.agent.save().slow[state.REFERENCE]
  for part in state.ACTOR:
    jax.tree.map(np.testing.assert_array_equal, slow[part], other[part])
  kit.agent.load(before)


def test_an_update_keeps_it_and_pulls_back(kit):
  start = jax.tree.map(np.array, kit.agent.save())
  data = kit.agent.place(acted(kit), fresh=True)
  kit.agent.train(data)
  _, metrics = kit.agent.flush()
  # The actor is the reference, so there is nothing to hold.
  assert metrics['ppo/leash_halt'] == pytest.approx(0, abs=1e-5)
  assert metrics['ppo/leash_act'] == pytest.approx(0, abs=1e-5)
  now = kit.agent.save()
  reference = now.slow[state.REFERENCE]
  jax.tree.map(
    np.testing.assert_array_equal, reference, start.slow[state.REFERENCE]
  )
  assert moved(jax.tree.map(
    lambda a, b: a - b, now.params['actdec'], reference['actdec']
  ))  # fmt: skip
  # An actor that has moved is charged for it.
  far = jax.tree.map(lambda x: x + 0.3 * np.sign(x), start.params)
  kit.agent.load(start._replace(params=far))
  kit.agent.train(data)
  _, metrics = kit.agent.flush()
  assert metrics['ppo/leash_act'] > 1e-3
  halt, act = divergences_of(kit, far, start)
  assert metrics['ppo/leash_halt'] == pytest.approx(halt, rel=2e-2)
  assert metrics['ppo/leash_act'] == pytest.approx(act, rel=2e-2)
  assert metrics['loss/leash_act'] == pytest.approx(metrics['ppo/leash_act'])
  kit.agent.load(start)


def divergences_of(kit, far, start):
  """Mean divergences of the actor `far` from the one of the start, over the
  steps that count, by probabilities."""
  models, batch = kit.models, acted(kit)
  data = kit.agent.select_keys(batch, fresh=True)
  seen = []
  for params in (far, start.params):
    post, tokens, _ = posterior.acted(models, params, data)
    view = models.view(params, post, tokens)
    view = jax.tree.map(lambda x: x[:, :-1].reshape(-1, *x.shape[2:]), view)
    every = models.levels(params, view)
    dist, shape = models.policy(every.raw, view), every.log_p.shape
    pi = [np.exp(dist.log_prob(jnp.full((*shape, 1), a))) for a in range(5)]
    seen.append((np.exp(every.log_p), np.stack(pi, -1)))
  (p, pi), (p_ref, pi_ref) = seen
  counts = np.asarray(ppo.followed(data)).ravel()
  safe = np.maximum(p_ref, np.exp(-12.0))
  halt = np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / safe), 0).sum(0)
  mu, was = ((a[..., None] * b).sum(0) for a, b in ((p, pi), (p_ref, pi_ref)))
  act = (mu * np.log(mu / was)).sum(-1)
  return halt[counts].mean(), act[counts].mean()


def test_what_is_free():
  # Below delta nothing is charged; above it the rest is.
  def charged(nats, delta):
    p = types.SimpleNamespace(
      config=types.SimpleNamespace(leash=types.SimpleNamespace(delta=delta))
    )
    nats = jnp.asarray(nats)
    run = jax.pmap(
      lambda x: ppo.charged(p, x, jnp.ones_like(x, bool)), axis_name='data',
      devices=jax.devices()[:1],
    )  # fmt: skip
    return np.asarray(run(nats[None]))[0]

  np.testing.assert_allclose(
    charged([[0.1, 0.4]], 0.2), [[-0.1, 0.2]], rtol=1e-5
  )
  np.testing.assert_allclose(charged([[0.1, 0.4]], 0.3), [[0, 0]])
