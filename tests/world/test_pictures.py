"""Encoder and decoder against the same networks with plain convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.space import Space
from ponderdream.losses import world
from ponderdream.nets import conv
from ponderdream.nets.cpu import convolution
from ponderdream.world import decoder, encoder

SPACE = Space(np.uint8, (16, 16, 3))
SPACES = {'image': SPACE}
ENC = encoder.Encoder(
  SPACES, 'conv', 4, (1, 2), 5, 8, 1, 8, codes=2, dtype=jnp.float32
)
DEC = decoder.Decoder(
  SPACES, 'conv', 4, (1, 2), 5, 8, 1, 8, 2, 1.0, dtype=jnp.float32
)


def plain_pooled(x, kernel):
  """Convolve the pixels, then pool."""
  b, h, w, _ = x.shape
  y = convolution.plain_conv2d(x, kernel)
  return y.reshape((b, h // 2, 2, w // 2, 2, y.shape[-1])).max((2, 4))


def plain_upsampled(x, kernel):
  """Double the pixels, then convolve."""
  y = convolution.plain_conv2d(jnp.repeat(jnp.repeat(x, 2, 1), 2, 2), kernel)
  b, h, w, _ = x.shape
  return conv.to_patches(y, 2).reshape((b, h, w, 4, -1))


@pytest.mark.parametrize('depth', [4, conv.GRID_MAX_CHANNELS + 1])
def test_losses_and_gradients_are_those_of_the_plain_form(depth, monkeypatch):
  net = ENC.clone(depth=depth)
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (5, 16, 16, 3), np.uint8)
  deter = jnp.asarray(rng.normal(size=(5, 8)), jnp.float32)
  enc = jax.jit(net.init)(jax.random.key(0), {'image': image})
  width = jax.eval_shape(net.apply, enc, {'image': image}).shape[-1]
  link = jnp.asarray(rng.normal(size=(width, 6)), jnp.float32)
  stoch = lambda enc: (net.apply(enc, {'image': image}) @ link)[..., None]
  dec = jax.jit(DEC.init)(jax.random.key(1), deter, jnp.zeros((5, 6, 1)))

  def loss(params):
    enc, dec = params
    raw = DEC.apply(dec, deter, stoch(enc))['image']
    return world.reconstruction(SPACE, raw, image, DEC.cut).mean()

  fast = jax.jit(jax.value_and_grad(loss))((enc, dec))
  monkeypatch.setattr(conv, 'pooled', plain_pooled)
  monkeypatch.setattr(conv, 'upsampled', plain_upsampled)
  plain = jax.jit(lambda p: jax.value_and_grad(loss)(p))((enc, dec))
  np.testing.assert_allclose(fast[0], plain[0], rtol=1e-5)
  for a, b in zip(*map(jax.tree.leaves, (fast[1], plain[1])), strict=True):
    assert abs(b).max() > 0
    # Sums in another order; how they differ depends on the processor.
    np.testing.assert_allclose(a, b, atol=3e-5 * abs(b).max())


@pytest.mark.parametrize('kind', ['conv', 'patch'])
def test_the_scale_of_the_output_reaches_pictures(kind):
  spaces = SPACES | {'vector': Space(np.float32, (3,))}
  fields = spaces, kind, 4, (1, 2), 5, 8, 1, 8, 2
  zero = decoder.Decoder(*fields, 0.0, dtype=jnp.float32)
  deter, stoch = jnp.ones((2, 8)), jnp.ones((2, 3, 2))
  out = zero.apply(zero.init(jax.random.key(0), deter, stoch), deter, stoch)
  # No opinion: grey pictures, and vectors of zeros.
  np.testing.assert_array_equal(out['image'], 0.5 + 0 * out['image'])
  np.testing.assert_array_equal(out['vector'], 0 * out['vector'])


def test_pictures_of_any_size_are_padded_and_cropped():
  # Black in the encoder's numbers is -0.5; the padding is 0, a grey of 127.5.
  odd = Space(np.uint8, (13, 7, 3))
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (2, *odd.shape), np.uint8)
  net = ENC.clone(obs_space={'image': odd})
  params = net.init(jax.random.key(0), {'image': image})
  tokens = net.apply(params, {'image': image})
  scaled = np.full((2, 16, 8, 3), 0.0, np.float32)
  scaled[:, :13, :7] = image / np.float32(255) - 0.5
  wide = ENC.clone(obs_space={'image': Space(np.uint8, (16, 8, 3))})
  as_is = lambda self, x: x
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(encoder.Encoder, 'scaled', as_is)
    wanted = wide.apply(params, {'image': jnp.asarray(scaled)})
  np.testing.assert_allclose(tokens, wanted, atol=1e-5)
  # The decoder predicts ceil(13 / 2) x ceil(7 / 2) squares of 2x2 pixels.
  net = DEC.clone(obs_space={'image': odd})
  deter, stoch = jnp.ones((2, 8)), jnp.ones((2, 3, 2))
  dec = net.init(jax.random.key(0), deter, stoch)
  raw = net.apply(dec, deter, stoch)['image']
  assert raw.shape == (2, 7, 4, 12)
  loss = world.reconstruction(odd, raw, image, net.cut)
  assert loss.shape == (2,) and np.isfinite(loss).all()
