"""The convolution and the gradient of its kernel on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import convolution, pictures, winograd


def draw(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def test_conv2d_equals_a_sum_over_shifts():
  x, kernel = draw(0, 1, 5, 5, 2), draw(1, 3, 3, 2, 4)
  padded = np.pad(np.asarray(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
  want = sum(
    padded[:, i : i + 5, j : j + 5] @ np.asarray(kernel[i, j])
    for i in range(3)
    for j in range(3)
  )
  np.testing.assert_allclose(convolution.conv2d(x, kernel), want, atol=1e-5)


@pytest.mark.parametrize(
  ('batch', 'size', 'width', 'inputs'),
  [
    (1, 5, 5, 2),
    (6, 3, 5, 2),
    (7, 3, 5, 2),
    (4, 1, 5, 2),
    (6, 3, 8, 12),
    (2, 5, 4, 13),
  ],
)
def test_gradients_are_those_of_the_plain_form(
  batch, size, width, inputs, monkeypatch
):
  with jax.enable_x64(True):
    x, dy = draw(0, batch, 4, width, inputs), draw(1, batch, 4, width, 12)
    kernel = draw(2, size, size, inputs, 12)
    assert winograd.suits(x, kernel) == (inputs >= 12)
    # Room for three pictures, if the batch is divisible so.
    copies = 4 * width * size * (inputs + 12) * 8
    monkeypatch.setattr(pictures, 'CACHE_BYTES', 3 * copies)
    got, pull = jax.vjp(convolution.conv2d, x, kernel)
    want, plain_pull = jax.vjp(convolution.plain_conv2d, x, kernel)
    pairs = zip((got, *pull(dy)), (want, *plain_pull(dy)), strict=True)
    for a, b in pairs:
      np.testing.assert_allclose(a, b, atol=1e-12 * abs(b).max())


@pytest.mark.parametrize(('own', 'inputs'), [(convolution, 2), (winograd, 12)])
def test_a_cpu_uses_its_own_kernel_gradient(own, inputs, monkeypatch):
  x, kernel = draw(0, 1, 4, 4, inputs), draw(1, 3, 3, inputs, 12)
  monkeypatch.setattr(own, 'kernel_gradient', lambda x, dy, size: 0 * kernel)
  grad = jax.grad(lambda k: convolution.conv2d(x, k).sum())(kernel)
  assert (grad == 0).all()


def test_neighbours_by_hand():
  x = jnp.arange(1.0, 7.0).reshape((1, 3, 1, 2))
  want = [[0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 0, 0]]
  np.testing.assert_array_equal(convolution.neighbours(x, 1, 3)[0, :, 0], want)
