"""Convolutions on the grid of cells against the plain ones on pixels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import conv
from ponderdream.nets.cpu import direct
from tests.naming import naming


def draw(seed, *shape):
  return jax.random.normal(jax.random.key(seed), shape)


def plain_pooled(x, kernel):
  y = direct.convolve(x, kernel)
  b, h, w, c = y.shape
  return y.reshape((b, h // 2, 2, w // 2, 2, c)).max((2, 4))


def plain_upsampled(x, kernel):
  return direct.convolve(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), kernel)


def whole(x):
  b, h, w, _, c = x.shape
  return conv.from_patches(x.reshape((b, h, w, 4 * c)), 2, 2 * h, 2 * w)


def test_patches_come_back_whole():
  x = draw(0, 2, 10, 9, 3)
  patches = conv.to_patches(x, 4)
  assert patches.shape == (2, 3, 3, 48)
  # The second patch of the first row holds columns 4 to 7.
  np.testing.assert_array_equal(
    patches[0, 0, 1].reshape((4, 4, 3)), x[0, :4, 4:8]
  )
  np.testing.assert_array_equal(conv.from_patches(patches, 4, 10, 9), x)


def test_taps_by_cell_by_hand():
  taps = conv.taps_by_cell(5)
  # Five taps around each of two pixels, each on one pixel of three cells.
  assert taps.shape == (2, 3, 2, 5)
  np.testing.assert_array_equal(taps.sum((1, 2)), np.ones((2, 5)))
  # From the left pixel, tap 0 is two to the left: the left one there.
  assert taps[0, 0, 0, 0] == 1
  # From the right pixel, tap 4 is two to the right: the right one there.
  assert taps[1, 2, 1, 4] == 1
  with pytest.raises(ValueError, match=naming(4, 'odd')):
    conv.taps_by_cell(4)


@pytest.mark.parametrize('size', [1, 3, 5, 7])
@pytest.mark.parametrize(
  ('inputs', 'width'),
  [(3, 8), (conv.MANY - 1, 6), (conv.MANY, 6), (conv.MANY, 8)],
)
def test_pooled_equals_convolve_then_pool(inputs, width, size):
  x = draw(0, 3, 8, width, inputs)
  kernel = draw(1, size, size, inputs, conv.MANY) / (size * inputs**0.5)
  got, back = jax.vjp(conv.pooled, x, kernel)
  want, plain = jax.vjp(plain_pooled, x, kernel)
  np.testing.assert_allclose(got, want, atol=1e-5)
  dy = draw(2, *want.shape)
  for a, b in zip(back(dy), plain(dy), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * abs(b).max())


@pytest.mark.parametrize('size', [1, 3, 5, 7])
@pytest.mark.parametrize(('width', 'inputs'), [(3, 3), (4, conv.MANY)])
def test_upsampled_equals_double_then_convolve(width, inputs, size):
  x = draw(0, 3, 4, width, inputs)
  kernel = draw(1, size, size, inputs, 6) / (size * inputs**0.5)
  got, back = jax.vjp(lambda x, k: whole(conv.upsampled(x, k)), x, kernel)
  want, plain = jax.vjp(plain_upsampled, x, kernel)
  np.testing.assert_allclose(got, want, atol=1e-5)
  dy = draw(2, *want.shape)
  for a, b in zip(back(dy), plain(dy), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * abs(b).max())


def test_wide_outcomes_are_products_on_a_cpu():
  for outputs, count in ((conv.WIDE - 4, 1), (conv.WIDE, 0)):
    x, kernel = draw(0, 2, 4, 4, 3), draw(1, 3, 3, 3, outputs)
    got = conv.same(x, kernel)
    np.testing.assert_allclose(got, direct.convolve(x, kernel), atol=1e-4)
    text = jax.jit(conv.same).lower(x, kernel).as_text()
    assert text.count('stablehlo.convolution') == count


@pytest.mark.parametrize('inputs', [3, conv.MANY])
def test_pictures_are_pooled_a_few_at_a_time(inputs, monkeypatch):
  monkeypatch.setattr(direct, 'CACHE', 1)
  x, kernel = draw(0, 5, 8, 8, inputs), draw(1, 5, 5, inputs, conv.MANY)
  got, back = jax.vjp(conv.pooled, x, kernel)
  want, plain = jax.vjp(plain_pooled, x, kernel)
  np.testing.assert_allclose(got, want, atol=1e-5 * abs(want).max())
  dy = draw(2, *want.shape)
  for a, b in zip(back(dy), plain(dy), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * abs(b).max())


def test_equal_phases_share_the_gradient():
  # A picture of one colour: away from the border all four phases are equal.
  # At the border zeros are convolved too, so the largest phase is inside.
  x, kernel = jnp.ones((1, 8, 8, 1)), jnp.ones((3, 3, 1, 1))
  _, back = jax.vjp(lambda k: conv.pooled(x, k), kernel)
  # Each of the 16 outcomes passes on 1 to every tap, as all pixels are 1.
  np.testing.assert_allclose(back(jnp.ones((1, 4, 4, 1)))[0], 16 + 0 * kernel)


def test_gradient_of_all_phases_by_hand():
  # Phases 0 and 2 are the largest of the first outcome, 3 of the second.
  won = jnp.array([0b0101, 0b1000], jnp.uint8)
  got = conv._all_phases((won, jnp.array([6.0, 7.0])))
  np.testing.assert_array_equal(got, [3, 0, 0, 0, 3, 0, 0, 7])


def test_the_layer_adds_its_bias_and_halves_or_doubles():
  make = lambda form: conv.Conv(form, 2, 5, jnp.float32)
  for form, shape in (
    (conv.pooled, (1, 8, 8, 3)),
    (conv.upsampled, (1, 4, 4, 3)),
  ):
    layer = make(form)
    variables = layer.init(jax.random.key(0), jnp.zeros(shape))
    assert variables['params']['kernel'].shape == (5, 5, 3, 2)
    variables['params']['bias'] = jnp.array([1.0, 2.0])
    out = layer.apply(variables, jnp.zeros(shape))
    assert out.shape[1:3] == (4, 4)
    np.testing.assert_array_equal(out.reshape((-1, 2))[0], [1, 2])
