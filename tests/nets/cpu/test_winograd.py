"""Winograd's form of a convolution against the plain one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import conv
from ponderdream.nets.cpu import direct, winograd


def draw(seed, *shape, dtype=np.float32):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)


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


def forms(own, x, kernel, dy):
  """A convolution and both of its gradients."""
  back = own.products(direct.flipped(kernel))(dy)
  last = own.kernel_gradient(x, dy, lambda dy: dy, kernel.shape)
  return own.products(kernel)(x), back, last


@pytest.mark.parametrize('size', [3, 5])
@pytest.mark.parametrize('width', [4, 8, 12])
def test_it_is_the_plain_convolution(width, size):
  with jax.enable_x64(True):
    x = draw(0, 3, 5, width, 6, dtype=np.float64)
    kernel = draw(1, size, size, 6, 7, dtype=np.float64)
    dy = draw(2, 3, 5, width, 7, dtype=np.float64)
    got = forms(winograd, x, kernel, dy)
    want, back = jax.vjp(direct.convolve, x, kernel)
    for one, other in zip(got, (want, *back(dy)), strict=True):
      np.testing.assert_allclose(one, other, atol=1e-12 * abs(other).max())


def test_columns_by_hand():
  # One row of four pixels, and three taps: zeros above and below.
  x = jnp.arange(1.0, 5.0).reshape((1, 1, 4, 1))
  _, _, b = winograd.matrices(3)
  got = winograd.columns(x, 3)
  assert got.shape == (6, 1, 3)
  np.testing.assert_array_equal(got[:, 0, [0, 2]], np.zeros((6, 2)))
  want = b @ [0, 1, 2, 3, 4, 0]
  np.testing.assert_allclose(got[:, 0, 1], want, atol=1e-5)


@pytest.mark.parametrize('size', [3, 5])
def test_its_error_in_float32(size):
  # As large as the widest stage of size12m.
  x, dy = draw(0, 64, 8, 8, 64), draw(2, 64, 8, 8, 64)
  kernel = draw(1, size, size, 64, 64) / (8 * size)
  got = forms(winograd, x, kernel, dy)
  with jax.enable_x64(True):
    wide = (np.float64(v) for v in (x, kernel, dy))
    want = [np.asarray(v) for v in forms(direct, *wide)]
  assert want[0].dtype == np.float64
  for one, other in zip(got, want, strict=True):
    np.testing.assert_allclose(one, other, atol=1e-5 * abs(other).max())


@pytest.mark.parametrize(
  ('width', 'size', 'inputs', 'outputs', 'dtype', 'want'),
  [
    (8, 5, 24, 24, 'float32', True),
    (8, 3, 24, 24, 'float32', True),
    (6, 5, 24, 24, 'float32', False),
    (8, 7, 24, 24, 'float32', False),
    (8, 5, 23, 24, 'float32', False),
    (8, 5, 24, 23, 'float32', False),
    (8, 5, 24, 24, 'bfloat16', False),
    (8, 5, 24, 24, 'float16', False),
  ],
)
def test_where_it_is_used(width, size, inputs, outputs, dtype, want):
  shape = (size, size, inputs, outputs)
  assert conv.suits_winograd(width, shape, jnp.dtype(dtype)) == want
  # Products for six or eight points, and on a CPU alone.
  x, kernel = jnp.zeros((1, 4, width, inputs), dtype), jnp.zeros(shape, dtype)
  traced = jax.jit(conv.same).trace(x, kernel)
  for platform, count in (('cpu', 0 if want else 1), ('cuda', 1)):
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert text.count('stablehlo.convolution') == count


def test_whose_kernel_gradient_is_used(monkeypatch):
  used = []
  for own in (direct, winograd):
    form = own.kernel_gradient
    monkeypatch.setattr(
      own, 'kernel_gradient',
      lambda *args, own=own, form=form: used.append(own) or form(*args),
    )  # fmt: skip
  for width in (6, 8):
    x, kernel = draw(0, 2, 4, width, 24), draw(1, 5, 5, 24, 24)
    conv.kernel_gradient(x, kernel, x, lambda dy: dy)
  assert used == [direct, winograd]
