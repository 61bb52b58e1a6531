"""World model losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.losses import combine
from ponderdream.losses import critic as imagine
from ponderdream.losses import world as model
from ponderdream.nets import dists


def kl(p, q):
  return sum(a * np.log(a / b) for a, b in zip(p, q, strict=True))


class TestDynamics:
  # One example, two steps, one variable of two classes.
  POST = np.array([[[[0.9, 0.1]], [[0.5, 0.5]]]])
  PRIOR = np.array([[[[0.2, 0.8]], [[0.4, 0.6]]]])

  def test_by_hand_with_free_nats(self):
    dyn, rep, raw = model.dynamics(
      jnp.log(self.POST), jnp.log(self.PRIOR), 0.5
    )
    # 0.9 ln 4.5 + 0.1 ln 0.125 = 1.146 is above the free nats; 0.5 ln 1.25 +
    # 0.5 ln 0.833 = 0.0204 is below them.
    first, second = kl([0.9, 0.1], [0.2, 0.8]), kl([0.5, 0.5], [0.4, 0.6])
    assert second < 0.5 < first
    np.testing.assert_allclose(raw, [[first, second]], rtol=1e-5)
    np.testing.assert_allclose(dyn, [[first, 0.5]], rtol=1e-5)
    np.testing.assert_allclose(rep, [[first, 0.5]], rtol=1e-5)

  def test_each_side_is_held_fixed_in_turn(self):
    post, prior = jnp.log(self.POST), jnp.log(self.PRIOR)
    pick = lambda i: (
      lambda post, prior: model.dynamics(post, prior, 0.5)[i].sum()
    )
    dyn_post, dyn_prior = jax.grad(pick(0), (0, 1))(post, prior)
    rep_post, rep_prior = jax.grad(pick(1), (0, 1))(post, prior)
    assert (dyn_post == 0).all() and (rep_prior == 0).all()
    assert (dyn_prior[0, 0] != 0).all() and (rep_post[0, 0] != 0).all()
    # Nothing is learnt below the free nats.
    assert (dyn_prior[0, 1] == 0).all() and (rep_post[0, 1] == 0).all()


def test_continuation_holds_the_discount():
  got = model.continuation_target(jnp.array([[False, True]]), 333)
  np.testing.assert_allclose(got, [[332 / 333, 0]], rtol=1e-6)


def test_value_loss_adds_the_slow_critic():
  logits = jax.random.normal(jax.random.key(0), (2, 3, 5))
  pred = dists.TwoHot(logits)
  target, slow = jnp.full((2, 3), 100.0), jnp.full((2, 3), -7.0)
  got = imagine.value(pred, slow, target, 0.5)
  want = -pred.log_prob(target) - 0.5 * pred.log_prob(slow)
  np.testing.assert_allclose(got, want, rtol=1e-6)


class TestCombine:
  def test_weighted_sum_of_means(self):
    losses = {'dyn': jnp.array([1.0, 3.0]), 'rec/image': jnp.array([[10.0]])}
    # 0.5 * 2 + 0.1 * 10.
    got = combine.total(losses, {'dyn': 0.5, 'rec': 0.1, 'con': 9.0})
    np.testing.assert_allclose(got, 2.0, rtol=1e-6)

  def test_a_loss_without_a_scale_is_named(self):
    try:
      combine.total({'new': jnp.zeros(())}, {'dyn': 1.0})
    except ValueError as error:
      assert "['new']" in str(error)
    else:
      raise AssertionError('No error.')
