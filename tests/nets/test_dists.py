"""Distributions against numbers worked out by hand, and against TFP."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import dists
from tests.naming import naming


def test_symlog_by_hand():
  x = jnp.array([-np.e + 1, 0.0, np.e - 1, 1000.0])
  # ln(1 + (e - 1)) = 1.
  np.testing.assert_allclose(
    dists.symlog(x), [-1, 0, 1, np.log(1001)], rtol=1e-6
  )


def test_bins_are_symmetric_and_span_symexp_20():
  bins = dists.symexp_bins(5)
  # A grid of -20, -10, 0 and its mirror, through e^x - 1.
  want = [-np.expm1(20), -np.expm1(10), 0, np.expm1(10), np.expm1(20)]
  np.testing.assert_allclose(bins, want, rtol=1e-6)
  wide = dists.symexp_bins(255)
  assert len(wide) == 255
  assert (np.diff(wide) > 0).all()
  assert (wide == -wide[::-1]).all()
  with pytest.raises(ValueError, match=naming(4, 'odd')):
    dists.symexp_bins(4)


class TestTwoHot:
  def test_equal_logits_predict_exactly_zero(self):
    assert dists.TwoHot(jnp.zeros((2, 255))).pred().tolist() == [0, 0]

  def test_prediction_is_the_mean_of_the_bins(self):
    logits = jax.random.normal(jax.random.key(0), (3, 5))
    bins = dists.symexp_bins(5).astype(np.float64)
    probs = np.exp(np.asarray(logits, np.float64))
    probs /= probs.sum(-1, keepdims=True)
    got = dists.TwoHot(logits).pred()
    np.testing.assert_allclose(got, probs @ bins, rtol=1e-4)

  def test_loss_by_hand(self):
    # Bins are +-(e^20 - 1), +-(e^10 - 1), 0. A quarter of the way from 0 to
    # e^10 - 1: three quarters of the weight on bin 2, a quarter on bin 3.
    # Logits 0, 0, 1, 2, 0 have the normaliser ln(3 + e + e^2), so that
    # -log_prob = ln(3 + e + e^2) - (0.75 * 1 + 0.25 * 2).
    logits = jnp.array([[0.0, 0.0, 1.0, 2.0, 0.0]])
    target = jnp.array([0.25 * np.expm1(10)])
    want = np.log(3 + np.e + np.e**2) - 1.25
    got = -dists.TwoHot(logits).log_prob(target)
    np.testing.assert_allclose(got, [want], rtol=1e-6)

  @pytest.mark.parametrize('value, index', [(1e12, 4), (-1e12, 0), (0.0, 2)])
  def test_targets_on_and_beyond_the_bins(self, value, index):
    logits = jax.random.normal(jax.random.key(1), (1, 5))
    want = jax.nn.log_softmax(logits)[0, index]
    got = dists.TwoHot(logits).log_prob(jnp.array([value]))
    np.testing.assert_allclose(got, [want], rtol=1e-6)

  def test_no_gradient_into_the_target(self):
    logits = jax.random.normal(jax.random.key(1), (1, 5))
    grad = jax.grad(lambda x: dists.TwoHot(logits).log_prob(x).sum())
    assert grad(jnp.array([3.0])).tolist() == [0]


class TestPoint:
  def test_is_learnt_by_its_squared_error(self):
    logits, target = jnp.array([[0.5], [-2.0]]), jnp.array([1.5, 1.0])
    point = dists.scalar(logits)
    np.testing.assert_array_equal(point.pred(), [0.5, -2.0])
    np.testing.assert_allclose(point.log_prob(target), [-0.5, -4.5])
    grad = jax.grad(lambda x: -dists.scalar(x).log_prob(target).sum())(logits)
    np.testing.assert_allclose(grad, [[-1.0], [-3.0]])

  def test_several_outputs_are_bins(self):
    assert isinstance(dists.scalar(jnp.zeros((2, 3))), dists.TwoHot)


class TestOneHot:
  def test_unimix_by_hand(self):
    # Softmax of (ln 3, 0) is (3/4, 1/4); 0.9 of it plus 0.1 / 2.
    logp = dists.unimix(jnp.array([np.log(3.0), 0.0]), 0.1)
    np.testing.assert_allclose(jnp.exp(logp), [0.725, 0.275], rtol=1e-6)

  @pytest.mark.parametrize('mask', [None, jnp.array([True, True, False])])
  def test_without_a_mix_there_is_no_infinity(self, mask):
    def entropy(logits):
      logp = dists.masked_unimix(logits, mask, 0.0)
      return -(jnp.exp(logp) * logp).sum(), logp

    logits = jnp.array([110.0, 0.0, -5.0])
    grad, logp = jax.grad(entropy, has_aux=True)(logits)
    assert np.isfinite(logp).all() and np.isfinite(grad).all()
    np.testing.assert_allclose(logp[:2], [0, -110], atol=1e-5)

  def test_samples_follow_the_probabilities(self):
    probs = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]])
    logp = jnp.broadcast_to(jnp.log(probs), (20000, 2, 3))
    draws = dists.sample_onehot(jax.random.key(0), logp)
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert (draws.sum(-1) == 1).all()
    # Deviation of a frequency: at most sqrt(.25 / 20000) = 0.0035.
    np.testing.assert_allclose(draws.mean(0), probs, atol=0.015)

  def test_gradient_passes_straight_through(self):
    weights = jnp.array([1.0, 2.0, 4.0])
    logits = jnp.array([0.3, -0.2, 0.1])

    def drawn(x):
      onehot = dists.sample_onehot(jax.random.key(3), jax.nn.log_softmax(x))
      return (onehot * weights).sum()

    def mean(x):
      return (jax.nn.softmax(x) * weights).sum()

    np.testing.assert_allclose(
      jax.grad(drawn)(logits), jax.grad(mean)(logits), rtol=1e-6
    )

  def test_kl_by_hand(self):
    # 3/4 ln(3/4 / 1/2) + 1/4 ln(1/4 / 1/2), twice over.
    logp = jnp.log(jnp.array([[0.75, 0.25], [0.25, 0.75]]))
    logq = jnp.log(jnp.full((2, 2), 0.5))
    want = 2 * (0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    np.testing.assert_allclose(dists.kl_onehot(logp, logq), want, rtol=1e-6)


class TestDiscrete:
  RAW = jnp.array([[np.log(3.0), 0.0, 0.0, 1.0, 2.0]])

  def test_log_prob_and_entropy_by_hand(self):
    # First variable: (3/4, 1/4). Second: softmax of (0, 1, 2).
    dist = dists.Discrete(self.RAW, (2, 3), 0.0, None)
    z = 1 + np.e + np.e**2
    want = np.log(0.75) + np.log(np.e / z)
    got = dist.log_prob(jnp.array([[0, 1]]))
    np.testing.assert_allclose(got, [want], rtol=1e-6)
    p = np.array([1, np.e, np.e**2]) / z
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) - p @ np.log(p)
    np.testing.assert_allclose(dist.entropy(), [entropy], rtol=1e-6)
    assert dist.mode().tolist() == [[0, 2]]

  def test_unimix_is_applied(self):
    dist = dists.Discrete(self.RAW, (2, 3), 0.1, None)
    got = jnp.exp(dist.log_prob(jnp.array([[0, 2]])))
    p = np.exp(2) / (1 + np.e + np.e**2)
    want = (0.9 * 0.75 + 0.05) * (0.9 * p + 0.1 / 3)
    np.testing.assert_allclose(got, [want], rtol=1e-6)

  def test_masked_actions_are_never_drawn(self):
    mask = jnp.array([[True, False, False, True, True]])
    raw = jnp.broadcast_to(self.RAW, (5000, 5))
    dist = dists.Discrete(raw, (2, 3), 0.5, mask)
    draws = dist.sample(jax.random.key(0))
    assert set(np.unique(draws[:, 0])) == {0}
    assert set(np.unique(draws[:, 1])) == {1, 2}
    # The noise is spread over what is allowed: one half each, mixed evenly
    # with softmax of (1, 2).
    p = 0.5 / (1 + np.e) + 0.25
    np.testing.assert_allclose((draws[:, 1] == 1).mean(), p, atol=0.03)
    assert jnp.isfinite(dist.entropy()).all()

  def test_gradients_are_finite_under_a_mask(self):
    mask = jnp.array([[True, False, False, True, False]])

    def loss(raw):
      dist = dists.Discrete(raw, (2, 3), 0.01, mask)
      return (dist.log_prob(jnp.array([[0, 1]])) + dist.entropy()).sum()

    grad = jax.grad(loss)(self.RAW)
    assert jnp.isfinite(grad).all()
    # Nothing can change where one action alone is allowed.
    np.testing.assert_allclose(grad, 0, atol=1e-6)

  def test_nothing_allowed_counts_as_everything(self):
    none = jnp.zeros((1, 5), bool)
    masked = dists.Discrete(self.RAW, (2, 3), 0.1, none)
    free = dists.Discrete(self.RAW, (2, 3), 0.1, None)
    action = jnp.array([[1, 2]])
    np.testing.assert_allclose(
      masked.log_prob(action), free.log_prob(action), rtol=1e-6
    )


def test_bounded_normal_by_hand():
  # Mean tanh(0.5); deviation 0.9 sigmoid(1 + 2) + 0.1.
  dist = dists.BoundedNormal(jnp.array([[0.5, 1.0]]))
  mean, std = np.tanh(0.5), 0.9 / (1 + np.exp(-3)) + 0.1
  want = -0.5 * ((0.2 - mean) / std) ** 2 - np.log(std * np.sqrt(2 * np.pi))
  got = dist.log_prob(jnp.array([[0.2]]))
  np.testing.assert_allclose(got, [want], rtol=1e-5)
  np.testing.assert_allclose(dist.mode(), [[mean]], rtol=1e-6)


def test_binary_takes_soft_targets():
  # -(0.9 ln s(1) + 0.1 ln s(-1)) with s the logistic function.
  got = dists.Binary(jnp.array([1.0])).log_prob(jnp.array([0.9]))
  want = -0.9 * np.log1p(np.exp(-1)) - 0.1 * np.log1p(np.exp(1))
  np.testing.assert_allclose(got, [want], rtol=1e-6)
