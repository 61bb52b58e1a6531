"""Winograd's form of a convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import convolution, winograd


def draw(seed, *shape):
  rng = np.random.default_rng(seed)
  return jnp.asarray(rng.normal(size=shape), np.float32)


@pytest.mark.parametrize('taps', [3, 5])
def test_the_matrices_multiply_polynomials(taps):
  rng = np.random.default_rng(0)
  a, g, b = winograd.matrices(taps)
  w, x = rng.normal(size=taps), rng.normal(size=taps + 3)
  want = [w @ x[i : i + taps] for i in range(4)]
  np.testing.assert_allclose(a.T @ ((g @ w) * (b @ x)), want, rtol=1e-12)


def test_evaluation_by_hand():
  # Of 3 + 5 z + 7 z^2 at 0, 1, -1, 2, -2, and the highest coefficient.
  _, g, _ = winograd.matrices(3)
  np.testing.assert_array_equal(g @ [3, 5, 7], [3, 15, 5, 41, 21, 7])


def test_pixels_by_hand():
  x = jnp.arange(1.0, 9.0).reshape((1, 1, 8, 1))
  got = np.stack(winograd.pixels(x, 6), -1)[0, 0, :, 0]
  np.testing.assert_array_equal(got, [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 0]])


@pytest.mark.parametrize('size', [3, 5])
def test_its_error_in_float32(size):
  # As wide as the widest stage of size12m.
  x, dy = draw(0, 16, 8, 8, 64), draw(2, 16, 8, 8, 64)
  kernel = draw(1, size, size, 64, 64) / (8 * size)
  got = winograd.conv2d(x, kernel), winograd.kernel_gradient(x, dy, size)
  with jax.enable_x64(True):
    x, dy, kernel = (v.astype(jnp.float64) for v in (x, dy, kernel))
    want, pull = jax.vjp(convolution.plain_conv2d, x, kernel)
    want = want, pull(dy)[1]
  for a, b in zip(got, want, strict=True):
    limit = 1e-5 * abs(np.asarray(b)).max()
    np.testing.assert_allclose(a, b, atol=limit)


@pytest.mark.parametrize(
  ('width', 'size', 'inputs', 'outputs', 'dtype', 'want'),
  [
    (8, 5, 12, 12, 'float32', True),
    (8, 3, 12, 12, 'float32', True),
    (6, 5, 12, 12, 'float32', False),
    (8, 7, 12, 12, 'float32', False),
    (8, 5, 11, 12, 'float32', False),
    (8, 5, 12, 11, 'float32', False),
    (8, 5, 12, 12, 'bfloat16', False),
  ],
)
def test_where_it_is_used(width, size, inputs, outputs, dtype, want):
  x = jnp.zeros((1, 4, width, inputs), dtype)
  kernel = jnp.zeros((size, size, inputs, outputs), dtype)
  assert winograd.suits(x, kernel) == want
  # On a CPU alone.
  traced = jax.jit(convolution.conv2d).trace(x, kernel)
  for platform, count in (('cpu', 0 if want else 1), ('cuda', 1)):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert text.count('stablehlo.convolution') == count
