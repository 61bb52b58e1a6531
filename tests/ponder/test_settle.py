"""The rule of the Looped Actor: where it stops, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.ponder import loop, settle

HALF = jnp.float32(0.5)


def halve(params, x, h, n):
  """Outputs x, then h halved at each level; it would never halt itself."""
  h = jnp.where(n == 0, x, params * h)
  return h, h, jnp.full(h.shape, -9.0)


def apart(x, before, now):
  return jnp.abs(now - before)


def unroll(x, nats, params=HALF, first=1, **how):
  step = settle.settling(halve, apart, nats, first)
  h0 = settle.begin(halve, params, x, jnp.zeros_like(x))
  return loop.unroll(
    step, params, x, h0, max_steps=5, eps=0.05, stop=settle.settled_rule, **how
  )


# Halved at each level, 8 is 8 4 2 1 0.5, whose steps are 4 2 1 0.5, and 1 is
# 1 0.5 ..., with a step of 0.5: the first below 1.5 are 1, at the fourth
# level, and 0.5, at the second. A first output of 0.1 is nearer than that to
# nothing at all, and yet is not compared with it.
X = jnp.array([8.0, 1.0, 0.1])


def test_it_stops_at_the_first_level_that_changes_little():
  done = unroll(X, 1.5)
  np.testing.assert_array_equal(done.active.sum(0), [4, 2, 2])
  np.testing.assert_allclose(done.out[:4, 0], [8, 4, 2, 1])
  np.testing.assert_allclose(done.logit[:4, 0], [-1, -2.5, -0.5, 0.5])
  assert done.steps == 4
  # Never near enough: all five levels, and no more.
  np.testing.assert_array_equal(unroll(X, 0.0).active.sum(0), 5)
  # A difference of exactly so much is not less.
  np.testing.assert_array_equal(unroll(X[:1], 1.0).active.sum(0), 5)
  # Scan and loops agree.
  for how in ({'impl': 'scan'}, {'compact': True}):
    jax.tree.map(np.testing.assert_array_equal, done, unroll(X, 1.5, **how))


def test_it_stops_at_none_of_the_first_levels():
  done = unroll(X, 1.5, first=3)
  np.testing.assert_array_equal(done.active.sum(0), [4, 4, 4])


def test_the_last_level_is_trained_and_halting_is_not():
  # The last output of 8 is 8 w^3, whose slope at w = 1/2 is 24 w^2 = 6, and
  # that of 1 is w, whose slope is 1.
  def last(params):
    done = unroll(X[:2], 1.5, params)
    return done.out[3, 0] + done.out[1, 1]

  np.testing.assert_allclose(jax.grad(last)(HALF), 7)
