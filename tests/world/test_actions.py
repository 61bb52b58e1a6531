"""Actions of several keys: their flat form and their distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.space import Space
from ponderdream.nets import dists
from ponderdream.world import actions

SPACES = {
  'action.push': Space(np.float32, (2,), -1, 1),
  'action.move': Space(np.int32, (), 0, 3),
  'reset': Space(bool),
  'action.flags': Space(np.int32, (2, 1), 0, 2),
}
SPEC = actions.spec(SPACES, 0.0)
MASK = jnp.array([[True, False, True, True, True, False, True]] * 5)


def test_sizes():
  # Discrete first, in their order: move (3), flags (2, 2); then two numbers.
  assert SPEC.keys == ('action.move', 'action.flags', 'action.push')
  assert SPEC.classes == (3, 2, 2) and SPEC.numbers == 2
  assert (SPEC.variables, SPEC.width, SPEC.outputs) == (5, 9, 11)


def test_flat_actions_are_split_again():
  rng = np.random.default_rng(0)
  draw = lambda space: np.stack(
    [[space.sample(rng) for _ in range(3)] for _ in range(4)]
  )
  given = {k: draw(SPACES[k]) for k in SPEC.keys}
  flat = SPEC.flatten(given, 2)
  assert flat.shape == (4, 3, 5)
  found = SPEC.split(flat)
  assert found.keys() == given.keys()
  for key, value in given.items():
    np.testing.assert_array_equal(found[key], value)
  # One-hot vectors and numbers, side by side.
  encoded = np.asarray(SPEC.encode(flat))
  np.testing.assert_array_equal(
    encoded[..., :3].argmax(-1), given['action.move']
  )
  np.testing.assert_array_equal(encoded[..., 7:], given['action.push'])
  assert (encoded[..., :7].sum(-1) == 3).all()


def test_a_product_is_the_sum_of_its_parts():
  raw = jax.random.normal(jax.random.key(0), (5, SPEC.outputs))
  dist = SPEC.dist(raw, MASK)
  discrete = dists.Discrete(raw[:, :7], (3, 2, 2), 0.0, MASK)
  normal = dists.BoundedNormal(raw[:, 7:])
  drawn = dist.sample(jax.random.key(1))
  assert drawn.shape == (5, 5) and drawn.dtype == jnp.float32
  classes = drawn[:, :3].astype(jnp.int32)
  # What the mask forbids is never drawn.
  assert (classes[:, 0] != 1).all() and (classes[:, 2] == 1).all()
  np.testing.assert_allclose(
    dist.log_prob(drawn),
    discrete.log_prob(classes) + normal.log_prob(drawn[:, 3:]),
    rtol=1e-6,
  )
  np.testing.assert_allclose(
    dist.entropy(), discrete.entropy() + normal.entropy(), rtol=1e-6
  )
  np.testing.assert_array_equal(dist.mode()[:, :3], discrete.mode())
  np.testing.assert_array_equal(dist.mode()[:, 3:], normal.mode())


@pytest.mark.parametrize('keys', [['action.move'], ['action.push']])
def test_actions_of_one_kind_have_a_plain_distribution(keys):
  spec = actions.spec({k: SPACES[k] for k in keys}, 0.0)
  dist = spec.dist(jnp.zeros((2, spec.outputs)), None)
  assert isinstance(dist, dists.Discrete) == (keys == ['action.move'])
  assert not isinstance(dist, dists.Product)
