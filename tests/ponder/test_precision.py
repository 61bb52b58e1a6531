"""Saturated probabilities, halted examples, and sums in float32."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import halting, loop

IMPLS = {
  'scan': {'impl': 'scan'},
  'while': {'impl': 'while'},
  'compact': {'impl': 'while', 'compact': True},
}


def test_halted_examples_grow_no_garbage():
  # Left running, the first example would reach exp(exp(5)) = inf, and
  # the derivative of that times a cotangent of 0 is NaN, in the gradient of
  # the parameter that all examples share.
  def step(params, x, h, n):
    h = jnp.exp(params * h)
    return h, h, jax.lax.dynamic_index_in_dim(x, n, 1, keepdims=False)

  x = jnp.full((2, 4), -9.0).at[0].set(50.0)
  for kind in IMPLS.values():
    grad = jax.grad(
      lambda w, h, kind=kind: loop.unroll(
        step, w, x, h, max_steps=4, eps=0.05, **kind
      ).out.sum(),
      (0, 1),
    )(jnp.float32(1), jnp.array([5.0, -3.0]))
    assert np.isfinite(grad[0]) and np.isfinite(grad[1]).all()


@pytest.mark.parametrize('size', [1e2, 1e30])
def test_saturated_halting_stays_finite(size):
  # lambda is 0 or 1 to the last bit: one example halts at once, one at level
  # 2, one never.
  signs = jnp.array([[1, 1, 1, 1], [-1, -1, 1, 1], [-1, -1, -1, -1.0]])

  def step(params, x, h, n):
    h = jnp.tanh(params * h)
    push = jax.lax.dynamic_index_in_dim(x, n, 1, keepdims=False)
    return h, h**2, size * push + h

  @functools.partial(jax.jit, static_argnums=0)
  def solve(impl, params):
    def loss(params):
      done = loop.unroll(
        *(step, params, signs, jnp.array([1.0, 2.0, 3.0])),
        max_steps=4, eps=0.05, **IMPLS[impl],
      )  # fmt: skip
      log_p = halting.log_distribution(done.logit, done.active)
      p = halting.distribution(done.logit, done.active)
      kl = halting.kl_geometric(done.logit, done.active, 0.3) / size
      mixture = jax.nn.logsumexp(log_p + done.out, 0)
      steps = halting.expected_steps(p)
      return (mixture + kl + steps).sum(), done.active.sum(0)

    return jax.value_and_grad(loss, has_aux=True)(params)

  want = solve('scan', jnp.float32(0.7))
  np.testing.assert_array_equal(want[0][1], [1, 3, 4])
  for impl in ('while', 'compact'):
    got = solve(impl, jnp.float32(0.7))
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
      assert np.isfinite(a).all()
      np.testing.assert_allclose(a, b, rtol=1e-5)


def test_bfloat16_with_parameters_in_float32():
  # The step computes in bfloat16, from float32 parameters: their gradient is
  # float32, and the sum 9 * 1 + 256 = 265 of 10 levels, which bfloat16 would
  # round to 264, is exact.
  def step(params, x, h, n):
    weight = jnp.where(n == 9, 256, 1).astype(jnp.bfloat16)
    return h, params.astype(jnp.bfloat16) * weight * x, jnp.full(1, -9.0)

  one = jnp.ones(1, jnp.bfloat16)
  grad = jax.grad(
    lambda w: (
      loop.unroll(step, w, one, one, max_steps=10, eps=0.05)
      .out.astype(jnp.float32)
      .sum()
    )
  )(jnp.ones(1))
  assert grad.dtype == jnp.float32 and grad[0] == 265


def test_gradients_are_summed_in_float32():
  # d/dw of w * (1 + ... + 1 + 256) = 264 over 9 levels, which bfloat16 holds.
  # Summed in bfloat16 from the last level on, 256 + 1 rounds to 256 each time.
  def step(params, x, h, n):
    weight = jnp.where(n == 8, 256, 1).astype(jnp.bfloat16)
    return h, (params + x) * weight, jnp.full(1, -9.0)

  one = jnp.ones(1, jnp.bfloat16)
  grad = jax.grad(
    lambda w, x: (
      loop.unroll(step, w, x, one, max_steps=9, eps=0.05)
      .out.astype(jnp.float32)
      .sum()
    ),
    (0, 1),
  )(one, one)
  assert [float(g[0]) for g in grad] == [264, 264]
