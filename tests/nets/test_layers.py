"""Initialisers and layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import layers
from tests.naming import naming

LIMIT = layers.SLICED_MEAN_MAX_CHANNELS


def test_initial_deviation_is_that_of_the_fan_in():
  draw = layers.fan_in(50, 0.5)(jax.random.key(0), (200, 500))
  # 1e5 numbers: the deviation is known to 0.3%.
  np.testing.assert_allclose(draw.std(), 0.5 / np.sqrt(50), rtol=0.01)
  bound = 2 * 0.5 / np.sqrt(50) / 0.87962566
  assert abs(draw).max() <= bound * 1.0001
  with pytest.raises(ValueError, match=naming(0, 'fan*')):
    layers.fan_in(0)


def test_rms_norm_by_hand():
  norm = layers.RMSNorm()
  # Mean square of (3, 4) is 12.5.
  got = norm.apply(
    {'params': {'scale': jnp.array([1.0, 2.0])}}, jnp.array([3.0, 4.0])
  )
  np.testing.assert_allclose(
    got, np.array([3.0, 8.0]) / np.sqrt(12.5 + 1e-4), rtol=1e-6
  )


@pytest.mark.parametrize('channels', [1, 3, LIMIT, LIMIT + 1])
def test_gradient_of_the_rms_norm_equals_the_automatic_one(channels):
  x = jax.random.normal(jax.random.key(0), (2, 5, channels))
  dy = jax.random.normal(jax.random.key(1), x.shape)

  def plain(x):
    square = (x**2).mean(-1, keepdims=True)
    return x / jnp.sqrt(square + layers.RMS_EPS)

  got, back = jax.vjp(layers.unit_rms, x)
  want, automatic = jax.vjp(plain, x)
  np.testing.assert_allclose(got, want, rtol=1e-5)
  np.testing.assert_allclose(back(dy)[0], automatic(dy)[0], atol=2e-6)


def test_parts_of_a_linear_layer_add_up():
  linear = layers.Linear((3, 2), 4, jnp.float32)
  a, b = jnp.ones((5, 3)), jnp.arange(10.0).reshape((5, 2))
  variables = linear.init(jax.random.key(0), a, b)
  whole = linear.apply(variables, a, b)
  parts = linear.apply(variables, a, 0, method='part') + linear.apply(
    variables, b, 1, method='part'
  )
  np.testing.assert_allclose(
    linear.apply(variables, parts, method='shift'), whole, rtol=1e-5
  )


def test_matmul_keeps_leading_axes():
  x = jax.random.normal(jax.random.key(0), (2, 3, 4))
  kernel = jax.random.normal(jax.random.key(1), (4, 5))
  np.testing.assert_allclose(
    layers.matmul(x, kernel), np.asarray(x) @ np.asarray(kernel), rtol=1e-5
  )


class TestBlockLinear:
  LAYER = layers.BlockLinear(2, 4, 6, jnp.float32, (3,))

  def variables(self):
    init = lambda layer, x, s: layer.diagonal(x) + layer.part(s, 0)
    return self.LAYER.init(
      jax.random.key(0), jnp.zeros((1, 4)), jnp.zeros((1, 3)), method=init
    )

  def test_equals_a_dense_layer_with_zeros(self):
    variables = self.variables()
    kernel = np.asarray(variables['params']['kernel'])  # [2, 2 + 3, 3]
    x = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    s = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
    want = np.concatenate(
      [
        np.concatenate([x[:, 2 * g : 2 * g + 2], s], 1) @ kernel[g]
        for g in range(2)
      ],
      1,
    )
    own = self.LAYER.apply(variables, x, method='diagonal')
    part = self.LAYER.apply(variables, s, 0, method='part')
    np.testing.assert_allclose(own + part, want, rtol=1e-5, atol=1e-6)

  def test_fan_in_is_the_whole_input(self):
    layer = layers.BlockLinear(8, 512, 512, jnp.float32, (64,) * 3)
    variables = jax.jit(
      lambda key: layer.init(key, jnp.zeros((1, 512)), method='diagonal')
    )(jax.random.key(0))
    # Blocks of 64 + 192 rows; the fan counts all eight of them: 2048.
    kernel = variables['params']['kernel']
    assert kernel.shape == (8, 256, 64)
    np.testing.assert_allclose(kernel.std(), 2048**-0.5, rtol=0.01)


def test_outscale_zero_is_neutral():
  linear = layers.Linear((3,), 4, jnp.float32, 0.0)
  variables = linear.init(jax.random.key(0), jnp.ones((1, 3)))
  assert (variables['params']['kernel'] == 0).all()
