"""Credit to levels: against the true gradient of an enumerated problem."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.losses import policy_gradient as ponder
from ponderdream.ponder import halting

N, K = 5, 4
JOINT = np.array(list(itertools.product(range(K), repeat=N))).T  # [N, K^N]
PAIRS = np.array(list(itertools.product(range(N), range(K)))).T  # [2, N K]
EVERY = jnp.ones((N, 1), bool)


def policy(theta):
  """log p [N] and log pi [N, K] of halting and policy logits."""
  log_p = halting.log_distribution(theta['halt'][:, None], EVERY)[:, 0]
  return log_p, jax.nn.log_softmax(theta['pi'])


def truth(theta, q):
  """J = sum_n p_n sum_a pi_n(a) Q(a)."""
  log_p, log_pi = policy(theta)
  return jnp.exp(log_p) @ (jnp.exp(log_pi) @ q)


# Every estimator lists all that can be drawn: how likely each outcome is (log
# probabilities `[O]`), and the loss that it gives `[O]`.


def mixture(theta, adv):
  """One action a ~ mu."""
  log_p, log_pi = policy(theta)
  log_mu = jax.nn.logsumexp(log_p[:, None] + log_pi, 0)
  return log_mu, ponder.mixture(log_p[:, None].repeat(K, 1), log_pi, adv)


def levels(theta, adv):
  """One action per level, a_n ~ pi_n."""
  log_p, log_pi = policy(theta)
  likely = log_pi[jnp.arange(N)[:, None], JOINT].sum(0)
  log_p = log_p[:, None].repeat(K**N, 1)
  return likely, ponder.levels(log_p, log_pi[:, JOINT], adv[JOINT])


def sampled(theta, adv):
  """One level n ~ p, one action a ~ pi_n."""
  log_p, log_pi = policy(theta)
  n, a = PAIRS
  loss = ponder.sampled(log_p[n], log_pi[n, a], adv[a])
  return log_p[n] + log_pi[n, a], loss


def ratio(theta, adv):
  """One action a ~ mu_old, where mu is still mu_old."""
  log_p, log_pi = policy(theta)
  log_mu = ponder.log_mu(log_p[:, None], log_pi)
  old = jax.lax.stop_gradient(log_mu)
  return log_mu, ponder.clipped(log_mu - old, adv, 0.2)[0]


def literal(theta, adv):
  """PonderNet's sum of p_n L_n, with REINFORCE surrogates as L_n: one action
  per level, a_n ~ pi_n."""
  log_p, log_pi = policy(theta)
  own = log_pi[jnp.arange(N)[:, None], JOINT]
  return own.sum(0), (jnp.exp(log_p)[:, None] * -adv[JOINT] * own).sum(0)


@functools.partial(jax.jit, static_argnums=0)
def gradients(estimator, theta, q):
  """grad J, and the descent direction of every outcome with how likely it
  is: `[O]` and a tree of `[O, ...]`."""
  want = jax.grad(truth)(theta, q)
  adv = q - truth(theta, q)
  likely = jnp.exp(estimator(theta, adv)[0])
  down = jax.jacrev(lambda t: -estimator(t, adv)[1])(theta)
  return want, likely, down


def problem(seed):
  rng = np.random.default_rng(seed)
  theta = {
    'halt': jnp.asarray(rng.normal(size=N) - 1, jnp.float32),
    'pi': jnp.asarray(rng.normal(size=(N, K)), jnp.float32),
  }
  return theta, jnp.asarray(rng.normal(size=K), jnp.float32)


def moments(estimator, seed):
  """For halting and policy: cosine of the expected descent direction to
  grad J, and the total variance around it."""
  want, likely, down = gradients(estimator, *problem(seed))
  np.testing.assert_allclose(likely.sum(), 1, rtol=1e-4)
  out = {}
  for key in ('halt', 'pi'):
    each = np.asarray(down[key], np.float64).reshape((len(likely), -1))
    mean = np.asarray(likely, np.float64) @ each
    true = np.asarray(want[key], np.float64).reshape(-1)
    cosine = mean @ true / np.linalg.norm(mean) / np.linalg.norm(true)
    spread = np.asarray(likely) @ np.square(each - mean).sum(-1)
    out[key] = float(cosine), float(spread)
  return out


RIGHT = (levels, mixture, sampled)
# On real steps; until the policy moves it is `mixture`.
SEEDS = range(4)


@pytest.mark.parametrize('estimator', (*RIGHT, ratio))
def test_follows_the_true_gradient(estimator):
  for seed in SEEDS:
    got = moments(estimator, seed)
    assert got['halt'][0] > 0.999 and got['pi'][0] > 0.999, (seed, got)


def test_the_literal_transplant_does_not():
  # It is what the losses are there to avoid: were this to pass the test
  # above, that test would prove nothing.
  for seed in SEEDS:
    got = moments(literal, seed)
    assert got['halt'][0] < 0 and got['pi'][0] > 0.999, (seed, got)


# Variances of halting and policy gradients that the design quotes, of another
# problem with 5 levels and 4 actions.
DESIGN = {
  'levels': (0.0015, 0.049),
  'mixture': (0.0036, 0.117),
  'sampled': (0.195, 0.340),
  'literal': (None, 0.114),
}


def test_crediting_every_level_has_the_least_variance():
  """Prints the table: `pytest -s -k variance`."""
  table = {}
  print('\n            cosine          variance        in the design')
  for estimator in (*RIGHT, literal):
    got = [moments(estimator, seed) for seed in SEEDS]
    halt, pi = (np.mean([x[k] for x in got], 0) for k in ('halt', 'pi'))
    table[estimator.__name__] = halt[1], pi[1]
    known = ' '.join(
      '     -' if x is None else f'{x:6.4f}'
      for x in DESIGN[estimator.__name__]
    )
    print(
      f'{estimator.__name__:8} {halt[0]:6.3f} {pi[0]:6.3f}'
      f'   {halt[1]:7.4f} {pi[1]:7.4f}   {known}'
    )
  for i in range(2):
    assert 1.5 * table['levels'][i] < table['mixture'][i]
    assert 1.5 * table['mixture'][i] < table['sampled'][i]


def test_mixture_by_hand():
  # mu = 1/4 * 1/2 + 3/4 * 1/6 = 1/4; loss = -2 log 1/4. Its derivative by
  # log p_n is -2 * p_n pi_n / mu = -1 for both levels, and none by adv.
  log_p = np.log(np.float32([[0.25], [0.75]]))
  log_pi = np.log(np.float32([[1 / 2], [1 / 6]]))
  adv = np.float32([2])
  loss = ponder.mixture(log_p, log_pi, adv)
  np.testing.assert_allclose(loss, [2 * np.log(4)], rtol=1e-6)
  grad = jax.jit(jax.grad(lambda *a: ponder.mixture(*a).sum(), (0, 1, 2)))
  d_log_p, d_log_pi, d_adv = grad(log_p, log_pi, adv)
  np.testing.assert_allclose(d_log_p, [[-1], [-1]], rtol=1e-6)
  np.testing.assert_allclose(d_log_pi, [[-1], [-1]], rtol=1e-6)
  np.testing.assert_array_equal(d_adv, [0])


def test_levels_by_hand():
  # Actions a_0, a_1 with pi_n(a_m) as below: mu(a_0) = 1/4 * 1/2 + 3/4 * 1/6
  # = 1/4, mu(a_1) = 1/4 * 1/4 + 3/4 * 3/4 = 5/8, p_m A_m = 1/4 * 2, 3/4 * -1.
  log_p = np.log(np.float32([[0.25], [0.75]]))
  log_pi = np.log(np.float32([[[1 / 2], [1 / 4]], [[1 / 6], [3 / 4]]]))
  args = log_p, log_pi, np.float32([[2], [-1]])
  want = -0.5 * np.log(1 / 4) + 0.75 * np.log(5 / 8)
  np.testing.assert_allclose(ponder.levels(*args), [want], rtol=1e-6)
  grad = jax.jit(jax.grad(lambda *a: ponder.levels(*a).sum(), (0, 2)))
  d_log_p, d_adv = grad(*args)
  # By log p_n: sum_m -p_m A_m p_n pi_n(a_m) / mu(a_m), as p_m A_m is constant.
  want = [-0.5 * 0.5 + 0.75 * 0.1, -0.5 * 0.5 + 0.75 * 0.9]
  np.testing.assert_allclose(d_log_p[:, 0], want, rtol=1e-5)
  np.testing.assert_array_equal(d_adv, np.zeros((2, 1)))


def test_sampled_by_hand():
  # -3 (log 1/2 + log 1/4) = 9 log 2, derivative -3 by either.
  args = (
    np.log(np.float32([0.5])),
    np.log(np.float32([0.25])),
    np.float32([3]),
  )
  np.testing.assert_allclose(ponder.sampled(*args), [9 * np.log(2)], rtol=1e-6)
  grad = jax.grad(lambda *a: ponder.sampled(*a).sum(), (0, 1, 2))(*args)
  assert [float(g[0]) for g in grad] == [-3, -3, 0]


def test_clipped_by_hand():
  # Ratios of 1/2, 1, 2 with bounds of 0.8 and 1.2, of good and bad actions.
  log_ratio = np.log(np.float32([[0.5, 1, 2]] * 2))
  adv = np.float32([[1, 1, 1], [-1, -1, -1]])
  run = lambda x: ponder.clipped(x, adv, 0.2)
  loss, outside = run(log_ratio)
  np.testing.assert_allclose(loss, [[-0.5, -1, -1.2], [0.8, 1, 2]], rtol=1e-6)
  np.testing.assert_array_equal(outside, [[1, 0, 1]] * 2)
  # What has moved far enough in the right direction is let alone.
  total = lambda x, adv: ponder.clipped(x, adv, 0.2)[0].sum()
  grad, d_adv = jax.grad(total, (0, 1))(log_ratio, adv)
  np.testing.assert_allclose(grad, [[-0.5, -1, 0], [0, 1, 2]], rtol=1e-6)
  np.testing.assert_array_equal(d_adv, np.zeros((2, 3)))


def test_levels_that_were_not_taken_do_not_enter():
  # The same two levels, with a third that holds nothing but junk, and with
  # only the first two branches handed in.
  rng = np.random.default_rng(0)
  logit = jnp.asarray(rng.normal(size=(2, 3)), jnp.float32)
  log_pi = jnp.log(jnp.asarray(rng.uniform(size=(2, 2, 3)), jnp.float32))
  adv = jnp.asarray(rng.normal(size=(2, 3)), jnp.float32)
  alone = total(logit, log_pi, adv)

  junk = jnp.full((3, 3, 3), jnp.nan).at[:2, :2].set(log_pi)
  junk_adv = jnp.full((3, 3), jnp.inf).at[:2].set(adv)
  longer = jnp.zeros((3, 3)).at[:2].set(logit)
  for m in (2, 3):
    value, (d_logit, d_log_pi) = total(longer, junk[:, :m], junk_adv[:m])
    np.testing.assert_allclose(value, alone[0], rtol=1e-6)
    np.testing.assert_allclose(d_logit[:2], alone[1][0], rtol=1e-5)
    np.testing.assert_allclose(d_log_pi[:2, :2], alone[1][1], rtol=1e-5)
    assert (d_logit[2] == 0).all() and (d_log_pi[2] == 0).all()


@jax.jit
@functools.partial(jax.value_and_grad, argnums=(0, 1))
def total(logit, log_pi, adv):
  """Both losses with a mask that ends after the second level."""
  active = jnp.arange(len(logit))[:, None] < jnp.full((1, 3), 2)
  log_p = halting.log_distribution(logit, active)
  first = ponder.mixture(log_p, log_pi[:, 0], adv[0])
  return (first + ponder.levels(log_p, log_pi, adv)).sum()


@pytest.mark.parametrize(
  'loss, shapes',
  [
    (ponder.mixture, [(2, 3), (2, 3), (2, 3)]),
    (ponder.mixture, [(2, 3), (3, 2), (3,)]),
    (ponder.levels, [(2, 3), (2, 3, 3), (3, 3)]),
    (ponder.levels, [(2, 3), (2, 2, 4), (2, 4)]),
    (ponder.sampled, [(3,), (3,), (1,)]),
  ],
)
def test_wrong_shapes_raise(loss, shapes):
  with pytest.raises(AssertionError):
    loss(*map(jnp.zeros, shapes))
