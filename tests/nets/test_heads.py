"""Heads whose output has a scale of its own."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets import dists, heads

HEAD = heads.ScaledHead(2, 8, 1.0, jnp.float32)
X = jax.random.normal(jax.random.key(0), (5, 3))


def test_another_scale_says_the_same():
  params = HEAD.init(jax.random.key(1), X)['params']
  before = HEAD.apply({'params': params}, X)
  after = heads.rescaled(params, jnp.float32(40))
  assert after['scale'] == 40 and params['scale'] == 1
  kernel = params['head']['out']['kernel']
  np.testing.assert_allclose(after['head']['out']['kernel'], kernel / 40)
  np.testing.assert_allclose(
    HEAD.apply({'params': after}, X), before, rtol=1e-5, atol=1e-6
  )


def test_errors_are_divided_by_the_scale_which_has_no_gradient():
  params = HEAD.init(jax.random.key(1), X)['params']
  large = heads.rescaled(params, jnp.float32(40))

  def loss(params, target):
    out = HEAD.apply({'params': params}, X)
    return -dists.scalar(out, params['scale']).log_prob(target).mean()

  # Returns 40 times as large, with outputs 40 times as large.
  large['head']['out'] = params['head']['out']
  value, grad = jax.value_and_grad(loss)(params, jnp.ones(5))
  again, other = jax.value_and_grad(loss)(large, jnp.full(5, 40.0))
  np.testing.assert_allclose(value, again, rtol=1e-5)
  assert value > 0.1
  for a, b in zip(jax.tree.leaves(grad), jax.tree.leaves(other), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
  out = lambda params: HEAD.apply({'params': params}, X).sum()
  assert jax.grad(out)(params)['scale'] == 0
