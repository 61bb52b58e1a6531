"""Functions of a few pictures at a time."""

import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets.cpu import pictures

# Pictures of 3 numbers.
X = jnp.arange(36.0).reshape((12, 3))


@pytest.mark.parametrize(
  ('batch', 'fitting', 'want'), [(12, 5, 4), (7, 5, 1), (3, 9, 3), (4, 0, 1)]
)
def test_as_many_pictures_as_fit(batch, fitting, want, monkeypatch):
  monkeypatch.setattr(pictures, 'CACHE_BYTES', 40 * fitting)
  x = X[:batch]
  got = pictures.split(x, 10)
  assert got.shape == (batch // want, want, 3)
  np.testing.assert_array_equal(got.reshape(x.shape), x)


@pytest.mark.parametrize('fitting', [1, 4, 12])
def test_mapped_and_summed(fitting, monkeypatch):
  monkeypatch.setattr(pictures, 'CACHE_BYTES', 40 * fitting)
  sizes = []

  def double(x):
    sizes.append(len(x))
    return 2 * x

  np.testing.assert_array_equal(pictures.mapped(double, X, 10), 2 * X)
  assert set(sizes) == {fitting}
  outer = lambda x, dy: x.T @ dy
  got = pictures.summed(outer, X, X + 1, 10)
  np.testing.assert_allclose(got, outer(X, X + 1), rtol=1e-6)
