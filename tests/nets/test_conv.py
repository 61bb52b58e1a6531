"""Stages on the grid of cells against convolutions of the pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import conv
from ponderdream.nets.cpu import convolution

MANY = conv.GRID_MAX_CHANNELS + 1


def plain_pooled(x, kernel):
  """Convolves the pixels, then pools."""
  y = convolution.plain_conv2d(x, kernel)
  b, h, w, c = y.shape
  return y.reshape((b, h // 2, 2, w // 2, 2, c)).max((2, 4))


def plain_upsampled(x, kernel):
  """Repeats the pixels, then convolves."""
  x = jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)
  return convolution.plain_conv2d(x, kernel)


def upsampled(x, kernel):
  y = conv.upsampled(x, kernel)
  b, h, w, _, c = y.shape
  return conv.from_patches(y.reshape((b, h, w, 4 * c)), 2, 2 * h, 2 * w)


def run(form, x, kernel):
  """Output and gradients of a weighted sum of it, in one program."""

  def loss(x, kernel):
    y = form(x, kernel)
    weights = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
    return (weights * y).sum(), y

  grads, y = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(x, kernel)
  return y, *grads


@pytest.mark.parametrize('size', [1, 3, 5, 7])
@pytest.mark.parametrize(
  ('form', 'plain', 'inputs'),
  [
    (conv.pooled, plain_pooled, 3),
    (conv.pooled, plain_pooled, MANY),
    (upsampled, plain_upsampled, 3),
  ],
)
@pytest.mark.parametrize(
  ('dtype', 'tolerance'), [(np.float32, 1e-5), (np.float64, 1e-12)]
)
def test_stages_are_those_of_the_pixels(
  form, plain, inputs, size, dtype, tolerance
):
  rng = np.random.default_rng(0)
  with jax.enable_x64(dtype == np.float64):
    x = jnp.asarray(rng.normal(size=(3, 8, 6, inputs)), dtype)
    kernel = rng.normal(size=(size, size, inputs, 5)) / (size * inputs**0.5)
    got = run(form, x, jnp.asarray(kernel, dtype))
    want = run(plain, x, jnp.asarray(kernel, dtype))
    for a, b in zip(got, want, strict=True):
      assert a.dtype == dtype
      np.testing.assert_allclose(a, b, atol=tolerance * abs(b).max())


def test_taps_by_cell_by_hand():
  taps = conv.taps_by_cell(5)
  # Five taps around each of two pixels, each on one pixel of three cells.
  assert taps.shape == (2, 3, 2, 5)
  np.testing.assert_array_equal(taps.sum((1, 2)), np.ones((2, 5)))
  # From the left pixel, tap 0 is two to the left: the left one there.
  assert taps[0, 0, 0, 0] == 1
  # From the right pixel, tap 4 is two to the right: the right one there.
  assert taps[1, 2, 1, 4] == 1
  with pytest.raises(ValueError, match='odd.* 4'):
    conv.taps_by_cell(4)


def test_gradient_of_the_largest_phase_by_hand():
  # Four phases of two channels. In the first channel phases 0 and 2 are the
  # largest, in the second phase 3.
  x = jnp.array([5.0, 1.0, 4.0, 2.0, 5.0, 3.0, 0.0, 4.0])
  top, back = jax.vjp(conv.max_phase, x)
  np.testing.assert_array_equal(top, [5, 4])
  got = back(jnp.array([6.0, 7.0]))[0]
  np.testing.assert_array_equal(got, [3, 0, 0, 0, 3, 0, 0, 7])


def test_patches_come_back_whole():
  x = jax.random.normal(jax.random.key(0), (2, 10, 9, 3))
  patches = conv.to_patches(x, 4)
  assert patches.shape == (2, 3, 3, 48)
  # The second patch of the first row holds columns 4 to 7.
  np.testing.assert_array_equal(
    patches[0, 0, 1].reshape((4, 4, 3)), x[0, :4, 4:8]
  )
  np.testing.assert_array_equal(conv.from_patches(patches, 4, 10, 9), x)


@pytest.mark.parametrize(
  ('form', 'shape'),
  [(conv.pooled, (1, 8, 8, 3)), (conv.upsampled, (1, 4, 4, 3))],
)
def test_the_layer_adds_its_bias_and_halves_or_doubles(form, shape):
  layer = conv.Conv(form, 2, 5, jnp.float32)
  variables = layer.init(jax.random.key(0), jnp.zeros(shape))
  assert variables['params']['kernel'].shape == (5, 5, 3, 2)
  variables['params']['bias'] = jnp.array([1.0, 2.0])
  out = layer.apply(variables, jnp.zeros(shape))
  assert out.shape[1:3] == (4, 4)
  np.testing.assert_array_equal(out.reshape((-1, 2))[0], [1, 2])
