"""Halting probabilities: by hand, by brute force, by chance."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import halting
from tests.naming import naming

N = 6

# Compiled once, instead of operation by operation.
distribution = jax.jit(halting.distribution)
log_distribution = jax.jit(halting.log_distribution)
kl_geometric = jax.jit(halting.kl_geometric)
kl = jax.jit(halting.kl)


def random_case(seed, batch=8, scale=3):
  """Logits and masks with every depth from 1 to N; junk where not active."""
  rng = np.random.default_rng(seed)
  logit = rng.normal(size=(N, batch)) * scale
  depth = np.arange(batch) % N + 1
  active = np.arange(N)[:, None] < depth
  return jnp.asarray(logit, jnp.float32), jnp.asarray(active)


def brute(logit, active):
  """p_n from its definition, one example and one level at a time."""
  lam = 1 / (1 + np.exp(-np.float64(logit)))
  p = np.zeros_like(lam)
  for b in range(lam.shape[1]):
    last = int(np.sum(active[:, b])) - 1
    for n in range(last + 1):
      reach = np.prod([1 - lam[j, b] for j in range(n)])
      p[n, b] = reach * (1 if n == last else lam[n, b])
  return p


def outcomes(logit, active):
  """Probabilities `[N, B]` to halt at each level by its own decision, and
  last to go on after all of them. Level N - 1 decides nothing."""
  found = np.zeros(logit.shape)
  left = np.ones(logit.shape[1])
  for n in range(len(logit) - 1):
    halts = np.where(active[n], 1 / (1 + np.exp(-logit[n])), 0)
    found[n] = left * halts
    left = left - found[n]
  found[-1] = left
  return found


def test_by_hand():
  # lambda = 1/4, 1/2, 3/4 | p = 1/4, 3/4 * 1/2, the rest 3/8. Cut after two
  # levels: 1/4, 3/4. Expected steps 1/4 + 2 * 3/8 + 3 * 3/8 = 17/8; 7/4.
  logit = np.log([[1 / 3] * 2, [1.0] * 2, [3.0] * 2])
  active = np.array([[1, 1], [1, 1], [1, 0]], bool)
  p = distribution(logit, active)
  want = [[1 / 4, 3 / 8, 3 / 8], [1 / 4, 3 / 4, 0]]
  np.testing.assert_allclose(p.T, want, rtol=1e-6)
  steps = halting.expected_steps(p)
  np.testing.assert_allclose(steps, [17 / 8, 7 / 4], rtol=1e-6)
  log_p = log_distribution(logit, active)
  assert log_p[2, 1] == -jnp.inf
  # KL to geometric(1/2): both decide twice, (1/4, 3/8, 3/8) to halt first, to
  # halt then, and to go on, against (1/2, 1/4, 1/4).
  want = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
  got = kl_geometric(logit, active, 0.5)
  np.testing.assert_allclose(got, [want] * 2, 1e-6)


@pytest.mark.parametrize('seed', range(3))
def test_against_brute_force(seed):
  logit, active = random_case(seed)
  p = distribution(logit, active)
  np.testing.assert_allclose(p, brute(logit, active), atol=1e-6)
  np.testing.assert_allclose(p.sum(0), 1, atol=1e-6)
  assert (p[~active] == 0).all()
  with np.errstate(divide='ignore'):
    want = np.log(brute(logit, active))
  got = log_distribution(logit, active)
  np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize('seed', range(3))
def test_kl_by_chain_rule_is_that_of_all_decisions(seed):
  logit, active = random_case(seed)
  other, _ = random_case(seed + 10)
  prior = np.full(logit.shape, np.log(0.2 / 0.8))
  for ref, got in (
    (other, kl(logit, other, active)),
    (prior, kl_geometric(logit, active, 0.2)),
  ):
    p, q = (outcomes(a, active) for a in (logit, ref))
    ratio = np.where(p > 0, p, 1) / np.where(q > 0, q, 1)
    direct = (p * np.log(ratio)).sum(0)
    np.testing.assert_allclose(got, direct, rtol=1e-4, atol=1e-5)
    assert (got >= 0).all()


def test_kl_pulls_back_an_example_that_halts_at_once():
  # Survival is below eps after the first level, so no other is active.
  active = jnp.array([[True], [False], [False]])
  slope = jax.grad(lambda x: halting.kl_geometric(x, active, 0.5).sum())
  for lam in (0.96, 0.99):
    logit = jnp.full((3, 1), np.log(lam / (1 - lam)), jnp.float32)
    want = lam * np.log(lam / 0.5) + (1 - lam) * np.log((1 - lam) / 0.5)
    got = kl_geometric(logit, active, 0.5)
    np.testing.assert_allclose(got, [want], rtol=1e-4)
    # d KL / d logit = lambda (1 - lambda) (logit - logit of the prior).
    want = lam * (1 - lam) * logit[0]
    np.testing.assert_allclose(slope(logit)[0], want, rtol=1e-4)


def test_kl_is_zero_and_flat_at_the_prior():
  _, active = random_case(0)
  logit = np.full(active.shape, np.log(0.2 / 0.8), np.float32)

  def loss(logit):
    return halting.kl_geometric(logit, active, 0.2).sum()

  value, grad = jax.jit(jax.value_and_grad(loss))(logit)
  np.testing.assert_allclose(value, 0, atol=1e-6)
  np.testing.assert_allclose(grad, 0, atol=1e-6)


@pytest.mark.parametrize(
  'prior',
  [
    0, 1, -0.5, np.float32(1.5), np.nan, np.array(0.0), jnp.float32(1),
    jnp.array(np.nan), jnp.array([0.3] * 7 + [2]),
  ],
)  # fmt: skip
def test_prior_outside_its_range(prior):
  logit, active = random_case(0)
  with pytest.raises(ValueError, match=naming('prior', 0, 1)):
    halting.kl_geometric(logit, active, prior)
  with pytest.raises(ValueError, match=naming('prior', 0, 1)):
    jax.jit(lambda a: halting.kl_geometric(a, active, prior))(logit)


def test_a_prior_may_be_a_number_an_array_or_traced():
  logit, active = random_case(0)
  want = kl_geometric(logit, active, 0.3)
  for prior in (0.3, np.array(0.3), jnp.float32(0.3), jnp.full(8, 0.3)):
    got = halting.kl_geometric(logit, active, prior)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_kl_of_infinite_logits():
  # Two levels, so the first decides. Certain to halt against 1/4: log 4;
  # certain not to: log 4/3; as certain as the reference: 0; a half against
  # certainty: beyond all bounds, but no NaN, nor in the gradients.
  inf, quarter = jnp.inf, np.log(1 / 3)
  logit = jnp.array([[inf, -inf, -inf, inf, 0.0], [inf, -inf, 0, 0, 0]])
  ref = jnp.array([[quarter, quarter, -inf, inf, inf]] * 2)
  active = jnp.ones((2, 5), bool)
  got = kl(logit, ref, active)
  want = [np.log(4), np.log(4 / 3), 0, 0]
  np.testing.assert_allclose(got[:4], want, rtol=1e-6)
  assert np.isfinite(got[4]) and got[4] > 1e37
  for argument in (0, 1):
    slope = jax.jacrev(halting.kl, argument)(logit, ref, active)
    assert np.isfinite(slope).all()


def test_gradient_against_differences():
  logit, active = random_case(0, batch=N, scale=1)
  value = jnp.asarray(np.random.default_rng(1).normal(size=logit.shape))

  def objective(logit):
    return (brute(logit, active) * np.asarray(value)).sum()

  grad = jax.jit(
    jax.grad(lambda a: (halting.distribution(a, active) * value).sum())
  )(logit)
  for n, b in itertools.product(range(N), range(N)):
    up, down = (np.array(logit, np.float64) for _ in range(2))
    up[n, b] += 1e-5
    down[n, b] -= 1e-5
    slope = (objective(up) - objective(down)) / 2e-5
    np.testing.assert_allclose(grad[n, b], slope, atol=1e-5)


def test_saturated_lambdas_stay_finite():
  rows = [[1, 1, 1], [-1, -1, -1], [1, -1, 1], [-1, 1, -1]]
  signs = jnp.array(rows, jnp.float32).T
  active = jnp.ones(signs.shape, bool).at[2, 3].set(False)

  def everything(logit):
    log_p = halting.log_distribution(logit, active)
    p = halting.distribution(logit, active)
    values = [
      jnp.where(active, log_p, 0) / jnp.abs(logit).max(),
      jax.nn.logsumexp(log_p - 1, 0),
      halting.expected_steps(p),
      halting.kl_geometric(logit, active, 0.3),
      halting.kl(logit, -signs, active),
    ]
    return jnp.stack([value.sum() for value in values]), p

  jacobian = jax.jit(jax.jacrev(everything, has_aux=True))
  values = jax.jit(everything)
  for size in (1e2, 1e4, 1e30):
    slope, p = jacobian(size * signs)
    assert np.isfinite(slope).all()
    assert np.isfinite(values(size * signs)[0]).all()
    np.testing.assert_array_equal(p.argmax(0), [0, 2, 0, 1])
    np.testing.assert_allclose(p.max(0), 1)


def test_bfloat16_logits_are_widened():
  logit, active = random_case(0)
  half = logit.astype(jnp.bfloat16)
  p = distribution(half, active)
  assert p.dtype == jnp.float32
  np.testing.assert_allclose(p.sum(0), 1, atol=1e-6)


def test_samples_follow_p():
  # 20,000 draws of each of two examples; chi-square of 5 and of 2 degrees of
  # freedom exceeds 20.5 and 13.8 once in a thousand.
  logit = jnp.array([[-1.0, -0.5, 0.3, -2.0, 0.0, 1.0], [0.5] * 6]).T
  active = jnp.ones((N, 2), bool).at[3:, 1].set(False)
  count = 20_000
  levels = jax.jit(halting.sample)(
    jax.random.key(0),
    jnp.repeat(logit, count, 1),
    jnp.repeat(active, count, 1),
  ).reshape(2, count)
  assert levels.dtype == jnp.int32
  for drawn, p, bound in zip(
    levels, brute(logit, active).T, (20.5, 13.8), strict=True
  ):
    seen = np.bincount(drawn, minlength=N)
    assert (seen[p == 0] == 0).all()
    want = count * p[p > 0]
    assert ((seen[p > 0] - want) ** 2 / want).sum() < bound


def test_select():
  tree = {'a': jnp.arange(12).reshape(3, 4), 'b': jnp.ones((3, 4, 2))}
  got = halting.select(tree, jnp.array([0, 2, 1, 0]))
  np.testing.assert_array_equal(got['a'], [0, 9, 6, 3])
  assert got['b'].shape == (4, 2)
