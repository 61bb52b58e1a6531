"""The table of patches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from ponderdream.nets import conv
from ponderdream.world import encoder, table


def plane(*points):
  return jnp.array(points, jnp.float32)


def test_nearest_is_that_of_all_distances():
  rng = np.random.default_rng(0)
  codes, patches = rng.random((7, 12)), rng.random((50, 12))
  far = np.linalg.norm(patches[:, None] - codes[None], axis=2)
  got = table.nearest(jnp.asarray(codes), jnp.asarray(patches))
  np.testing.assert_array_equal(got, far.argmin(1))


def test_free_codes_are_never_nearest():
  # The largest distance between two patches, black and white.
  codes = table.initial(3, 147).at[0].set(0.0)
  assert table.nearest(codes, jnp.ones((1, 147)))[0] == 0


def test_the_farthest_patches_by_hand():
  # From the code (0, 0): (4, 0) is furthest, then (0, 3); (4, 1) is near to
  # the first of them.
  codes = plane([0, 0])
  patches = plane([1, 0], [4, 0], [4, 1], [0, 3])[jnp.array([0, 1, 3])]
  got = table.farthest(codes, patches, 2)
  np.testing.assert_array_equal(got, [[4, 0], [0, 3]])
  got = table.farthest(codes, plane([1, 0], [4, 1], [4, 0], [0, 3]), 2)
  np.testing.assert_array_equal(got, [[4, 1], [0, 3]])


def test_only_patches_that_are_far_become_codes_until_it_is_full():
  codes = table.initial(3, 2)
  patches = plane([0, 0], [0, 0.5], [0, 2], [0, 2.5], [2, 0], [2, 2])
  got = table.grow(codes, patches, 1.0)
  np.testing.assert_array_equal(got, [[0, 0], [0, 2], [2, 0]])
  np.testing.assert_array_equal(table.grow(got, patches, 1.0), got)


@pytest.fixture(scope='module')
def enc():
  space = {'image': embodied.Space(np.uint8, (8, 8, 3))}
  return encoder.Encoder(
    space, 'table', 6, (), 5, 4, 1, 10, codes=5, dtype=jnp.float32
  )


@pytest.fixture(scope='module')
def pictures():
  """Of four patches each, every patch in one of three greys."""
  rng = np.random.default_rng(0)
  greys = np.array([0, 100, 255], np.uint8)[rng.integers(3, size=(9, 2, 2))]
  image = greys.repeat(4, 1).repeat(4, 2)[..., None].repeat(3, 3)
  return {'image': jnp.asarray(image)}


def grown(enc, pictures):
  codes = table.initial(5, 48)
  return enc.grown(codes, pictures, lambda x: x[None])


def test_the_table_learns_the_greys(enc, pictures):
  codes = grown(enc, pictures)
  used = np.asarray(codes)[np.asarray(codes)[:, 0] != table.FREE]
  assert sorted(used[:, 0] * 255) == pytest.approx([0, 100, 255])
  assert (used == used[:, :1]).all()


def test_codes_are_those_of_the_patches(enc, pictures):
  codes = grown(enc, pictures)
  found = enc.perceive(codes, pictures)[encoder.CODES]
  assert found.shape == (9, 4) and found.dtype == jnp.uint8
  squares = conv.to_patches(pictures['image'], 4).reshape((9, 4, 48))
  np.testing.assert_allclose(codes[found] * 255, squares, atol=1e-3)


def test_stored_codes_give_the_same_tokens(enc, pictures):
  params = enc.init(jax.random.key(0), pictures)['params']
  params = params | {'codes': grown(enc, pictures)}
  found = enc.perceive(params['codes'], pictures)
  tokens = enc.apply({'params': params}, pictures)
  again = enc.apply({'params': params}, {**pictures, **found})
  assert tokens.shape == (9, 10)
  np.testing.assert_array_equal(tokens, again)
  # It is what is stored that counts.
  other = {encoder.CODES: (found[encoder.CODES] + 1) % 3}
  assert (enc.apply({'params': params}, {**pictures, **other}) != tokens).any()
