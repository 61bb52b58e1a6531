"""ACT's weights and price, by hand and against PonderNet's buffers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import graves, loop

halt = jax.jit(graves.halt, static_argnames='eps')


def logits(p):
  p = np.array(p)
  return jnp.asarray(np.log(p / (1 - p)), jnp.float32)


def test_by_hand():
  # h = .3, .5, .4: sums .3, .8, 1.2 >= .99 at the third. R = 1 - .8 = .2,
  # n + R = 3.2. The second example passes at once: p = R = 1, cost 2. The
  # third, .2 each, is cut by its mask after two levels: .2, .8, cost 2.8.
  logit = logits(
    [[0.3, 0.995, 0.2], [0.5, 0.5, 0.2], [0.4, 0.5, 0.2], [0.4, 0.5, 0.2]]
  )
  active = jnp.ones((4, 3), bool).at[2:, 2].set(False)
  got = halt(logit, active, eps=0.01)
  want = [[0.3, 0.5, 0.2, 0], [1, 0, 0, 0], [0.2, 0.8, 0, 0]]
  np.testing.assert_allclose(got.p.T, want, atol=1e-6)
  np.testing.assert_allclose(got.remainder, [0.2, 1, 0.8], atol=1e-6)
  np.testing.assert_array_equal(got.steps, [3, 1, 2])
  np.testing.assert_allclose(graves.cost(got), [3.2, 2, 2.8], atol=1e-6)


def test_gradient_of_the_cost():
  # R = 1 - h_0 - h_1: -h (1 - h) for each logit before the last, else 0.
  h = np.array([0.3, 0.5, 0.4, 0.4])
  active = jnp.ones((4, 1), bool)
  grad = jax.grad(lambda a: graves.cost(halt(a, active, eps=0.01)).sum())(
    logits(h)[:, None]
  )
  np.testing.assert_allclose(grad[:, 0], [-0.21, -0.25, 0, 0], atol=1e-6)


def test_mean():
  p = jnp.array([[0.25], [0.75]])
  tree = {'a': jnp.array([[4.0], [8.0]]), 'b': jnp.ones((2, 1, 3))}
  half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), tree)
  for given in (tree, half):
    got = graves.mean(given, p)
    np.testing.assert_array_equal(got['a'], [7])
    np.testing.assert_array_equal(got['b'], np.ones((1, 3)))
    assert got['a'].dtype == given['a'].dtype


@pytest.mark.parametrize('eps', [0.01, 0.2])
def test_unroll_computes_all_that_act_needs(eps):
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(200, 9)) - 1, jnp.float32)

  def step(params, x, h, n):
    return h, h, x[:, n]

  done = loop.unroll(step, 0.0, x, x[:, 0], max_steps=9, eps=eps)
  got = halt(done.logit, done.active, eps=eps)
  np.testing.assert_allclose(got.p.sum(0), 1, atol=1e-6)
  total = (1 / (1 + np.exp(-np.float64(x)))).cumsum(1)
  want = 1 + (total[:, :-1] < 1 - eps).sum(1)
  np.testing.assert_array_equal(got.steps, want)
  assert len(set(want)) > 3 and (got.remainder > 0).all()
