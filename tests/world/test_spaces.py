"""What of an observation the networks see, and as what."""

import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied.space import Space
from ponderdream.losses import world
from ponderdream.world import decoder, encoder, spaces

OBS = {
  'zeal': Space(np.float32, (2,)),
  'log/score': Space(np.float32),
  'mode': Space(np.int32, (2,), -1, [1, 2]),
  'count': Space(np.int32, (), 0, 300),
  'secret': Space(np.float32, (3,), role='hidden'),
  'mask': Space(bool, (4,), role='mask'),
  **embodied.SIGNALS,
}


def test_hidden_spaces_and_logs_are_not_visible():
  assert list(spaces.visible(OBS)) == ['count', 'mask', 'mode', 'zeal']


def test_every_role_is_encoded_in_its_way():
  enc = encoder.Encoder(
    OBS, 'conv', 4, (1,), 5, 8, 1, 8, codes=2, dtype=jnp.float32
  )
  code = lambda key, x: enc.vector(OBS[key], jnp.asarray(x)[None])[0].tolist()
  # Values -1 and 0 of at most 3 classes; the largest number counts.
  assert code('mode', np.int32([-1, 0])) == [1, 0, 0, 0, 1, 0]
  assert code('mask', np.array([1, 0, 0, 1], bool)) == [1, 0, 0, 1]
  # sign(x) ln(1 + |x|) of 99 and -3
  np.testing.assert_allclose(code('count', np.int32(99)), [np.log(100)], 1e-6)
  np.testing.assert_allclose(
    code('zeal', np.float32([99, -3])), [np.log(100), -np.log(4)], 1e-6
  )


@pytest.mark.parametrize(
  ('key', 'count', 'want'),
  [
    # ln 2 per flag, ln 3 per class, symlog(1)^2 per number.
    ('mask', 4, 4 * np.log(2)),
    ('mode', 6, 2 * np.log(3)),
    ('zeal', 2, 2 * np.log(2) ** 2),
  ],
)
def test_every_role_has_its_loss(key, count, want):
  space = OBS[key]
  assert decoder.outputs(space) == count
  target = jnp.ones((1, *space.shape), space.dtype)
  if space.role == 'class':
    target = target * 0
  got = world.reconstruction(space, jnp.zeros((1, count)), target, 2)
  np.testing.assert_allclose(got, [want], 1e-6)


def test_a_role_given_by_hand_changes_the_encoding():
  # 300 values are a number by themselves.
  count = Space(np.int32, (), 0, 300, role='class')
  hot = spaces.classes(count, jnp.int32([299]))
  assert hot.shape == (1, 300) and hot[0, 299] == 1 and hot.sum() == 1
  assert decoder.outputs(count) == 300
  assert decoder.outputs(OBS['count']) == 1
