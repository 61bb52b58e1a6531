"""Crediting the levels, in the agent itself: gradients, cost and metrics."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.distributed import devices
from ponderdream.dream import branch, levels, rollout
from ponderdream.learn import step
from ponderdream.losses import policy_gradient
from ponderdream.nets import dists
from ponderdream.objectives import Pass, behaviour
from ponderdream.ponder import halting
from ponderdream.world import rssm
from tests.helpers import moved, opinionated

N, ACTIONS = 4, 3


@pytest.fixture(scope='module')
def kit():
  return opinionated(N, ACTIONS)


def test_halting_starts_at_the_prior(kit):
  # Of 1/2, with four levels: 1/2, 1/4, 1/8 and the rest, whatever the state.
  built = kit[0]
  params = jax.jit(built.init)(jax.random.key(0))
  state = rssm.initial(built.dyn, 32)
  deter = jax.random.normal(jax.random.key(1), state.deter.shape)
  state = state._replace(deter=deter)
  run = lambda params, state: built.levels(params, built.view(params, state))
  every = jax.jit(run)(params, state)
  want = np.tile([1 / 2, 1 / 4, 1 / 8, 1 / 8], (32, 1)).T
  np.testing.assert_allclose(jnp.exp(every.log_p), want, atol=0.015)
  np.testing.assert_allclose(every.kl, 0, atol=3e-4)


def branch_loss(kit, raw, log_p, key, start=None, **changes):
  """`behaviour.branch_loss` for start states that are all alike, of the
  value 7."""
  built, params, config = kit
  size = raw.shape[1]
  start = rssm.initial(built.dyn, size) if start is None else start
  judged = judgement(value=jnp.full(size, 7.0))
  return behaviour.branch_loss(
    make_pass(kit, key, **changes), start, None, raw, log_p, judged, key
  )


def make_pass(kit, key, **changes):
  """A pass without a batch, for what happens in dreams."""
  built, params, config = kit
  frozen = jax.lax.stop_gradient(params)
  none = (None,) * 5
  return Pass(built, params, frozen, *none, key, config.update(changes))


def judgement(**values):
  """A `Judged` with a scale of 1 where nothing else is said."""
  fields = dict.fromkeys(behaviour.Judged._fields) | {'scale': jnp.ones(())}
  return behaviour.Judged(**(fields | values))


@pytest.mark.parametrize('length', [1, 3])
def test_branches_follow_the_gradient_of_what_the_model_believes(kit, length):
  # As many copies of one state stand for the expectation; the value Q(a) of
  # each action is measured with other random numbers.
  built, params, _ = kit
  copies = 8000
  rng = np.random.default_rng(0)
  theta = {
    'halt': jnp.asarray(rng.normal(size=N), jnp.float32),
    'pi': jnp.asarray(2 * rng.normal(size=(N, ACTIONS)), jnp.float32),
  }

  def policy(theta):
    log_p = halting.log_distribution(
      theta['halt'][:, None], jnp.ones((N, 1), bool)
    )
    return log_p, theta['pi'][:, None]

  def loss(theta, key):
    many = lambda x: jnp.broadcast_to(x, (N, copies, *x.shape[2:]))
    log_p, raw = map(many, policy(theta))
    changes = {'ponder.branch_length': length}
    return branch_loss(kit, raw, log_p, key, **changes)[0].mean()

  def worth(key):
    start = rssm.initial(built.dyn, copies)
    sure = 1e6 * jnp.eye(ACTIONS)[:, None]
    raw = jnp.broadcast_to(sure, (ACTIONS, copies, ACTIONS))
    actions, values = branch.branch(
      built, params, start, raw, None, jnp.int32(ACTIONS), length, key
    )
    # One in a hundred is another action, by the uniform share.
    hit = actions[..., 0] == jnp.arange(ACTIONS)[:, None]
    return levels.over_states(values, hit).value

  def truth(theta, q):
    log_p, raw = policy(theta)
    log_pi = built.action.dist(raw, None).logps[0]
    return (jnp.exp(log_p[:, 0]) * (jnp.exp(log_pi[:, 0]) @ q)).sum()

  got = jax.jit(jax.grad(loss))(theta, jax.random.key(2))
  q = jax.jit(worth)(jax.random.key(3))
  want = jax.grad(truth)(theta, q)
  assert q.max() - q.min() > 3  # there is something to learn
  for key in ('halt', 'pi'):
    down, up = -got[key].ravel(), want[key].ravel()
    cosine = down @ up / jnp.linalg.norm(down) / jnp.linalg.norm(up)
    assert cosine > 0.99, (key, cosine)


@pytest.mark.parametrize('reached, length', [(1, 1), (3, 1), (2, 3)])
def test_model_steps_are_as_many_as_levels_were_reached(
  kit, monkeypatch, reached, length
):
  calls = []
  move = rollout.move

  def counted(*args):
    jax.debug.callback(lambda: calls.append(1))
    return move(*args)

  monkeypatch.setattr(rollout, 'move', counted)
  raw = jnp.zeros((N, 5, ACTIONS))
  # Of five states, only the last one reaches so many levels.
  depth = jnp.array([1, 1, 1, 1, reached])
  active = jnp.arange(N)[:, None] < depth[None]
  log_p = halting.log_distribution(jnp.zeros((N, 5)), active)
  changes = {'ponder.branch_length': length}
  loss, _ = branch_loss(kit, raw, log_p, jax.random.key(0), **changes)
  jax.block_until_ready(loss)
  jax.effects_barrier()
  assert len(calls) == reached * length < N * 3


def test_branches_carry_no_gradient_into_the_model(kit):
  built, params, config = kit
  log_p = jnp.log(jnp.full((N, 5), 1 / N))
  raw = jax.random.normal(jax.random.key(0), (N, 5, ACTIONS))

  @jax.jit
  @functools.partial(jax.grad, argnums=(0, 1, 2, 3))
  def grad(params, raw, log_p, deter):
    start = rssm.initial(built.dyn, 5)._replace(deter=deter)
    key = jax.random.key(1)
    loss, _ = branch_loss((built, params, config), raw, log_p, key, start)
    return loss.sum()

  deter = rssm.initial(built.dyn, 5).deter
  model, policy, halt, state = grad(params, raw, log_p, deter)
  assert not moved((model, state))
  assert moved(policy) and moved(halt)


def test_entropy_of_the_behaviour_by_hand():
  # mu = 1/4 (1/2, 1/2) + 3/4 (1/6, 5/6) = (1/4, 3/4), and a third level that
  # was not reached holds junk.
  log_p = jnp.log(jnp.array([[0.25], [0.75], [0.0]]))
  raw = jnp.log(jnp.array([[[1 / 2, 1 / 2]], [[1 / 6, 5 / 6]], [[1, 1e-30]]]))
  dist = dists.Discrete(raw, (2,), 0.0, None)
  want = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
  got = policy_gradient.entropy(dist, log_p)
  np.testing.assert_allclose(got, [want], rtol=1e-5)


def test_entropy_of_several_variables_does_not_move_halting():
  raw = jnp.array([[[0.0, 0, 0, 0]], [[1.0, 0, 2, 0]]])
  dist = dists.Discrete(raw, (2, 2), 0.0, None)
  run = lambda x: policy_gradient.entropy(dist, x).sum()
  got, slope = jax.value_and_grad(run)(jnp.log(jnp.array([[0.25], [0.75]])))
  np.testing.assert_allclose(
    got, np.array([0.25, 0.75]) @ dist.entropy()[:, 0], rtol=1e-6
  )
  np.testing.assert_array_equal(slope, 0)


def test_the_numbers_of_the_levels_by_hand():
  # Two states: the first reaches two levels, the second one.
  log_p = jnp.log(jnp.array([[0.25, 1.0], [0.75, 0.0], [0.0, 0.0]]))
  probs = jnp.array([
    [[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]],
    [[0.2, 0.6, 0.2], [0.0, 0.0, 1.0]],
    [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
  ])  # fmt: skip
  dist = dists.Discrete(jnp.log(probs + 1e-20), (3,), 0.0, None)
  got = levels.means(levels.policies(dist, log_p))
  np.testing.assert_allclose(got['level/p'], [0.625, 0.375, 0], rtol=1e-6)
  h = lambda *p: -sum(x * np.log(x) for x in p)
  first, second = h(0.5, 0.3, 0.2), h(0.2, 0.6, 0.2)
  want = [first / 2, second, np.nan]
  np.testing.assert_allclose(got['level/entropy'], want, rtol=1e-4)
  # The first state's levels prefer 0 and 1, so only the deeper one agrees
  # with the deepest; it acts with probability 3/4.
  np.testing.assert_allclose(got['level/agree'], [0.5, 1, np.nan])
  np.testing.assert_allclose(got['ponder/agree'], (0.75 + 1) / 2)
  worth = levels.means(levels.branches(
    jnp.array([[1.0, 2.0], [4.0, 9.0], [9.0, 9.0]]),
    jnp.array([1.0, 0.0]), jnp.float32(2.0), log_p,
  ))  # fmt: skip
  np.testing.assert_allclose(worth['level/value'], [1.5, 4, np.nan])
  np.testing.assert_allclose(worth['level/adv'], [(0 + 1) / 2, 1.5, np.nan])


def test_devices_put_their_states_together():
  # Three states of the first device stop at level 1; of the second device one
  # does not count at all, one goes on to level 2.
  reached = np.zeros((2, 3, 3), bool)
  reached[0, 0], reached[1, :2, 0] = True, True
  x = np.zeros((2, 3, 3), np.float32)
  x[0, 0], x[1, 0, 0], x[1, 1, 0] = (1, 2, 3), 6, 4
  depth = np.array([1.0, 2.0], np.float32)
  each = lambda x, reached, depth: step.over_devices({
    'level/x': levels.over_states(x, reached),
    'ponder/depth': depth,
    'other': depth,
  })  # fmt: skip
  every = jax.pmap(each, axis_name=devices.AXIS, out_axes=None)
  got = every(x, reached, depth)
  # (1 + 2 + 3 + 6) / 4, and 4 / 1.
  np.testing.assert_allclose(got['level/x'], [3, 4, np.nan])
  assert (float(got['ponder/depth']), float(got['other'])) == (2, 1.5)


def test_metrics_of_levels_are_logged_apart():
  got = levels.by_name({
    'loss/some': np.float32(np.nan),
    'level/p': np.float32([0.5, np.nan, 0.25]),
  })  # fmt: skip
  assert np.isnan(got.pop('loss/some'))
  assert got == {'level/p/1': 0.5, 'level/p/3': 0.25}


@pytest.fixture(scope='module')
def dreamt(kit):
  """Losses of a dream of three steps from five states, `losses(**changes)`,
  and what they are made of."""
  built, params, config = kit
  start = rssm.initial(built.dyn, 5)
  noise = jax.random.normal(jax.random.key(4), start.deter.shape)
  start = start._replace(deter=noise)
  act = rollout.policy(built, params)
  dream = rollout.rollout(
    built, params, act, start, None, 3, jax.random.key(5)
  )
  flat = lambda x: x.reshape((-1, *x.shape[2:]))
  before = jax.tree.map(lambda x: flat(x[:-1]), dream.state)
  every = built.levels(params, built.view(params, before))
  dist = built.action.dist(every.raw, None)
  rng = np.random.default_rng(0)
  judged = judgement(
    value=jnp.asarray(rng.normal(size=5), jnp.float32),
    adv=jnp.asarray(rng.normal(size=(3, 5)), jnp.float32),
    scale=jnp.float32(4.0),
  )
  parts = {
    'judged': judged,
    'adv': judged.adv,
    'start': start,
    'every': every,
    'dist': dist,
    'steps': np.asarray(flat(dream.steps)).astype(int),
    'p': np.exp(every.log_p),
    'pi': np.exp(dist.log_prob(flat(dream.action)[None])),
  }

  def losses(**changes):
    nothing = {'ponder.cost': 0.0, 'ponder.beta': 0.0, 'imag.entropy': 0.0}
    key = jax.random.key(6)
    p = make_pass(kit, key, **(nothing | changes))
    return behaviour.actor_losses(p, dream, judged, key)[0]

  return losses, parts


class TestLosses:
  def behaviour(self, parts):
    """-A log mu(a), by probabilities instead of their logarithms."""
    mu = (parts['p'] * parts['pi']).sum(0).reshape((3, 5))
    return -parts['adv'] * np.log(mu)

  def test_mixture_is_the_log_probability_of_the_behaviour(self, dreamt):
    losses, parts = dreamt
    assert (parts['p'] > 0.01).sum() > 30  # several levels do count
    got = losses(**{'ponder.credit': 'mixture'})
    np.testing.assert_allclose(
      got['policy'], self.behaviour(parts), rtol=1e-4, atol=1e-5
    )
    assert not got['ponder'].any()

  def test_sampled_credits_the_level_that_acted(self, dreamt):
    losses, parts = dreamt
    got = losses(**{'ponder.credit': 'sampled'})['policy']
    n, rows = parts['steps'] - 1, np.arange(15)
    assert set(n) > {0}
    both = np.log(parts['p'][n, rows] * parts['pi'][n, rows]).reshape((3, 5))
    np.testing.assert_allclose(got, -parts['adv'] * both, rtol=1e-4, atol=1e-5)

  def test_levels_credits_all_branches_of_the_start_states(self, kit, dreamt):
    losses, parts = dreamt
    got = losses(**{'ponder.credit': 'levels'})['policy']
    every, key = parts['every'], jax.random.key(6)
    want, _ = behaviour.branch_loss(
      make_pass(kit, key), parts['start'], None, every.raw[:, :5],
      every.log_p[:, :5], parts['judged'], key,
    )  # fmt: skip
    np.testing.assert_allclose(got[0], want, rtol=1e-5)
    np.testing.assert_allclose(
      got[1:], self.behaviour(parts)[1:], rtol=1e-4, atol=1e-5
    )
    assert abs(got[0] - self.behaviour(parts)[0]).max() > 0.01

  def test_a_step_has_its_price_and_the_prior_draws(self, dreamt):
    losses, parts = dreamt
    steps = (parts['p'] * np.arange(1, N + 1)[:, None]).sum(0)
    # In units of return; losses are in normalised ones.
    price = losses(**{'ponder.cost': 0.6})['ponder']
    np.testing.assert_allclose(
      price, 0.6 / 4 * steps.reshape((3, 5)), rtol=1e-5
    )
    drawn = losses(**{'ponder.beta': 0.5})['ponder']
    want = 0.5 * parts['every'].kl.reshape((3, 5))
    np.testing.assert_allclose(drawn, want, rtol=1e-5)

  def test_entropy_is_rewarded(self, dreamt):
    losses, parts = dreamt
    with_it = losses(**{'ponder.credit': 'mixture', 'imag.entropy': 0.7})
    mu = np.exp(parts['every'].log_p)[..., None] * np.exp(
      parts['dist'].logps[0]
    )
    mu = mu.sum(0)
    entropy = -(mu * np.log(mu)).sum(-1).reshape((3, 5))
    np.testing.assert_allclose(
      with_it['policy'], self.behaviour(parts) - 0.7 * entropy, rtol=1e-4,
      atol=1e-5,
    )  # fmt: skip
