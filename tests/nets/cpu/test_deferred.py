"""The deferred gradients against those of `jax.lax.scan`."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import deferred

LENGTH, BATCH, BLOCKS, WIDTH = 5, 3, 2, 4


def draw(seed, *shape):
  return jax.random.normal(jax.random.key(seed), shape)


PARAMS = {
  'kernel': draw(0, 2 * WIDTH, WIDTH),
  'blocks': draw(1, BLOCKS, WIDTH // 2, WIDTH // 2),
  'bias': draw(2, 1, WIDTH),
  'unused': draw(3, 2),
}


def body(params, carry, xs):
  """A slice of a kernel, a block-diagonal one, a bias, and noise."""
  x, key = xs
  noise = jax.random.normal(key, carry.shape)
  y = deferred.product(carry + noise, params['kernel'][:WIDTH])
  y = jnp.tanh(y + deferred.product(x, params['kernel'][WIDTH:]))
  y = y.reshape((BATCH, BLOCKS, -1)).transpose((1, 0, 2))
  y = deferred.product(y, params['blocks']).transpose((1, 0, 2))
  carry = jnp.tanh(y.reshape(carry.shape) + params['bias'])
  return carry, carry.sum(-1)


def inputs():
  keys = jax.random.split(jax.random.key(9), LENGTH)
  return draw(4, BATCH, WIDTH), (draw(5, LENGTH, BATCH, WIDTH), keys)


def loss(scan, params, init, x, keys):
  last, ys = scan(body, params, init, (x, keys))
  return (last**2).sum() + jnp.sin(ys).sum()


def plain(body, params, init, xs):
  return jax.lax.scan(functools.partial(body, params), init, xs)


@pytest.mark.parametrize('wrap', [lambda f: f, jax.jit])
def test_values_and_gradients_are_those_of_the_scan(wrap):
  init, (x, keys) = inputs()
  run = lambda scan: wrap(
    jax.value_and_grad(functools.partial(loss, scan), argnums=(0, 1, 2))
  )(PARAMS, init, x, keys)
  got, want = run(deferred.scan), run(plain)
  np.testing.assert_allclose(got[0], want[0], rtol=1e-6)
  for a, b in zip(*map(jax.tree.leaves, (got[1], want[1])), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * max(1e-6, abs(b).max()))
  assert (got[1][0]['unused'] == 0).all()


@pytest.mark.parametrize('source', ['carry', 'x'])
def test_a_kernel_that_changes_from_step_to_step_is_refused(source):
  def body(params, carry, x):
    kernel = params['kernel'] * {'carry': carry, 'x': x}[source].sum()
    carry = carry + deferred.product(x, kernel)
    return carry, carry

  params = {'kernel': draw(0, WIDTH, WIDTH)}
  init, (x, _) = inputs()
  run = lambda params: deferred.scan(body, params, init, x)[1].sum()
  with pytest.raises(ValueError, match='kernel.*depends.*carry'):
    jax.grad(run)(params)


def test_the_backward_scan_carries_no_kernels():
  init, (x, keys) = inputs()
  # Plainly, four gradients are summed up from step to step: of the two parts
  # of the kernel, of the blocks and of the bias; here that of the bias alone.
  shapes = lambda scan: sizes(scan, init, x, keys)
  kernel = PARAMS['kernel'].shape
  assert kernel in shapes(plain)
  assert kernel not in shapes(deferred.scan)


def sizes(scan, init, x, keys):
  """Shapes that the scans of the gradient carry."""
  grad = jax.grad(functools.partial(loss, scan))
  jaxpr = jax.make_jaxpr(grad)(PARAMS, init, x, keys)
  out = set()
  for eqn in jaxpr.eqns:
    if eqn.primitive.name == 'scan':
      start, count = eqn.params['num_consts'], eqn.params['num_carry']
      out |= {v.aval.shape for v in eqn.invars[start : start + count]}
  return out


def test_kernel_gradient_equals_a_sum_over_steps():
  x, dy = draw(0, 5, 2, 3, 4), draw(1, 5, 2, 3, 6)
  want = sum(x[t].swapaxes(-1, -2) @ dy[t] for t in range(5))
  np.testing.assert_allclose(deferred.kernel_gradient(x, dy), want, atol=1e-5)
