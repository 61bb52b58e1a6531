"""The convolution and the gradient of its kernel on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import convolution


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


@pytest.mark.parametrize(('batch', 'size'), [(1, 5), (6, 3), (7, 3), (4, 1)])
def test_gradients_are_those_of_the_plain_form(batch, size, monkeypatch):
  with jax.enable_x64(True):
    x, dy = draw(0, batch, 4, 5, 2), draw(1, batch, 4, 5, 3)
    kernel = draw(2, size, size, 2, 3)
    # Room for three pictures of 4x5 pixels, if the batch is divisible so.
    monkeypatch.setattr(
      convolution, 'CACHE_BYTES', 3 * 4 * 5 * size * (2 + 3) * 8
    )
    got = jax.vjp(convolution.conv2d, x, kernel)[1](dy)
    want = jax.vjp(convolution.plain_conv2d, x, kernel)[1](dy)
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(a, b, atol=1e-12 * abs(b).max())


def test_a_cpu_uses_its_own_kernel_gradient(monkeypatch):
  x, kernel = draw(0, 1, 4, 4, 2), draw(1, 3, 3, 2, 4)
  monkeypatch.setattr(
    convolution, 'kernel_gradient', lambda x, dy, size: 0 * kernel
  )
  grad = jax.grad(lambda k: convolution.conv2d(x, k).sum())(kernel)
  assert (grad == 0).all()


@pytest.mark.parametrize(
  ('batch', 'fitting', 'want'), [(12, 5, 4), (7, 5, 1), (3, 9, 3), (4, 0, 1)]
)
def test_as_many_pictures_as_fit(batch, fitting, want, monkeypatch):
  monkeypatch.setattr(convolution, 'CACHE_BYTES', 10 * fitting)
  assert convolution.pictures_at_a_time(batch, 10) == want


def test_neighbours_by_hand():
  x = jnp.arange(1.0, 7.0).reshape((1, 3, 1, 2))
  want = [[0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 0, 0]]
  np.testing.assert_array_equal(convolution.neighbours(x, 1, 3)[0, :, 0], want)
