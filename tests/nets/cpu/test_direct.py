"""Convolution and the gradient of its kernel, against sums and JAX's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import direct


def draw(seed, *shape):
  return jax.random.normal(jax.random.key(seed), shape)


def test_convolve_equals_a_sum_over_shifts():
  x, kernel = draw(0, 1, 5, 5, 2), draw(1, 3, 3, 2, 4)
  padded = np.pad(np.asarray(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
  want = sum(
    padded[:, i : i + 5, j : j + 5] @ np.asarray(kernel[i, j])
    for i in range(3)
    for j in range(3)
  )
  np.testing.assert_allclose(direct.convolve(x, kernel), want, atol=1e-5)


@pytest.mark.parametrize('size', [1, 3, 5])
def test_a_product_with_patches_is_the_convolution(size):
  x, kernel = draw(0, 2, 5, 6, 3), draw(1, size, size, 3, 4)
  want = direct.convolve(x, kernel)
  np.testing.assert_allclose(direct.products(kernel)(x), want, atol=1e-4)


@pytest.mark.parametrize(('batch', 'few'), [(1, 1), (6, 3), (4, 2), (7, 1)])
def test_pictures_are_computed_a_few_at_a_time(batch, few, monkeypatch):
  # Room for three pictures of 10 numbers, if their number divides so.
  monkeypatch.setattr(direct, 'CACHE', 3 * 10 * 4)
  sizes = []

  def run(x, y):
    sizes.append(len(x))
    return {'sum': x + y['y'], 'twice': 2 * x}

  x, y = draw(0, batch, 2, 5), draw(1, batch, 2, 5)
  got = direct.in_few(run, (x, {'y': y}), 10)
  np.testing.assert_array_equal(got['sum'], x + y)
  np.testing.assert_array_equal(got['twice'], 2 * x)
  total = direct.summed(lambda x: x.sum(0), (x,), 10)
  np.testing.assert_allclose(total, x.sum(0), rtol=1e-5)
  assert set(sizes) == {few}


@pytest.mark.parametrize('batch', [1, 6, 7])
@pytest.mark.parametrize('outputs', [3, 4, 30])
def test_kernel_gradient_whatever_the_batch(batch, outputs, monkeypatch):
  # Neighbours along h are taken of dy for 3 outputs, of x for 4 and 30.
  # Room for three pictures at a time, if their number divides so.
  columns = 3 * (2 + 3) if outputs == 3 else 9 * 2 + outputs
  monkeypatch.setattr(direct, 'CACHE', 3 * 4 * 5 * columns * 4)
  x, dy = draw(0, batch, 4, 5, 2), draw(1, batch, 4, 5, outputs)
  kernel = jnp.zeros((3, 3, 2, outputs))
  _, back = jax.vjp(lambda k: direct.convolve(x, k), kernel)
  got = direct.kernel_gradient(x, dy, lambda dy: 2 * dy, kernel.shape)
  np.testing.assert_allclose(got, 2 * back(dy)[0], atol=2e-5)


def test_neighbours_by_hand():
  x = jnp.arange(1.0, 7.0).reshape((1, 3, 1, 2))
  want = [[0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [3, 4, 5, 6, 0, 0]]
  np.testing.assert_array_equal(direct.neighbours(x, 1, 3)[0, :, 0], want)
