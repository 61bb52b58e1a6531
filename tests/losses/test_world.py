"""World model losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from embodied.space import Space
from ponderdream.losses import combine, critic
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


class TestValue:
  # Probabilities 1/8, 2/8, 1/8, 1/8 and 3/8 of five bins, the middle one of
  # value 0. The first target is that bin, its slow value the second bin; the
  # second target lies half way between these two, its slow value is the last
  # bin.
  LOGITS = jnp.tile(jnp.log(jnp.array([1.0, 2.0, 1.0, 1.0, 3.0])), (1, 2, 1))
  BINS = dists.symexp_bins(5)
  TARGET = jnp.array([[0.0, BINS[1] / 2]])
  SLOW = jnp.array([[BINS[1], BINS[4]]])

  def loss(self, logits, slow, target):
    return critic.value(dists.TwoHot(logits), slow, target, 0.5)

  def test_by_hand(self):
    got = self.loss(self.LOGITS, self.SLOW, self.TARGET)
    # log 8 + log(4) / 2, and (log 4 + log 8) / 2 + log(8 / 3) / 2.
    want = [[np.log(16), np.log(32 * 8 / 3) / 2]]
    np.testing.assert_allclose(got, want, rtol=1e-5)

  def test_only_the_critic_learns(self):
    total = lambda *args: self.loss(*args).sum()
    arguments = self.LOGITS, self.SLOW, self.TARGET
    logits, slow, target = jax.grad(total, (0, 1, 2))(*arguments)
    assert (slow == 0).all() and (target == 0).all()
    # 1.5 softmax, less the two-hot target and half of the slow one.
    soft = 1.5 / 8 * np.array([1, 2, 1, 1, 3])
    want = soft - [[0, 0.5, 1, 0, 0], [0, 0.5, 0.5, 0, 0.5]]
    np.testing.assert_allclose(logits[0], want, atol=1e-6)


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


def test_odd_pictures_in_patches_count_no_padding():
  space = Space(np.uint8, (5, 6, 1))
  raw = jnp.zeros((1, 2, 2, 16))
  target = np.full((1, 5, 6, 1), 255, np.uint8)
  got = model.reconstruction(space, raw, target, 4)
  # 30 pixels with an error of 1 each; the patches have 64.
  np.testing.assert_allclose(got, [30.0])
