"""Texts among the observations."""

import jax
import jax.numpy as jnp
import numpy as np

import embodied
from embodied.config import resolve
from embodied.space import Space
from ponderdream import models, settings
from ponderdream.world import decoder, encoder, rssm

SPACES = {
  'mission': Space(np.uint8, (12,), role='text'),
  'speed': Space(np.float32, (2,)),
}
ENC = encoder.Encoder(
  SPACES, 'patch', 4, (1,), 5, 8, 1, 8, codes=2, dtype=jnp.float32
)


def observations(texts):
  rows = [np.frombuffer(x.encode().ljust(12, b'\0'), np.uint8) for x in texts]
  return {
    'mission': np.stack(rows),
    'speed': np.zeros((len(texts), 2), np.float32),
  }


def test_equal_texts_have_equal_tokens():
  obs = observations(['go left', 'go right', 'go left', ''])
  params = ENC.init(jax.random.key(0), obs)
  tokens = jax.jit(ENC.apply)(params, obs)
  assert tokens.shape == (4, 16)
  np.testing.assert_array_equal(tokens[0], tokens[2])
  assert abs(tokens[0] - tokens[1]).max() > 1e-3
  # More different ones than are encoded at a time.
  many = observations([f'go {i}' for i in range(encoder.DIFFERENT + 9)])
  together = jax.jit(ENC.apply)(params, many)
  alone = jnp.concatenate(
    [ENC.apply(params, {k: v[i : i + 1] for k, v in many.items()})
     for i in (0, 20, encoder.DIFFERENT + 8)]
  )  # fmt: skip
  np.testing.assert_allclose(
    together[jnp.array([0, 20, encoder.DIFFERENT + 8])], alone, atol=1e-5
  )


def test_the_transformer_learns():
  obs = observations(['go left', 'go right', 'go left', 'stop'])
  params = ENC.init(jax.random.key(0), obs)
  grad = jax.grad(lambda p: (ENC.apply(p, obs) ** 2).sum())(params)
  found = grad['params']['mission']['pieces']['embedding']
  used = np.unique([ord(x) for x in 'go leftrighstop'])
  moved = np.flatnonzero(abs(found).max(-1) > 0)
  np.testing.assert_array_equal(moved, used)


def test_texts_are_not_predicted():
  net = decoder.Decoder(
    SPACES, 'patch', 4, (1,), 5, 8, 1, 8, 2, 1.0, dtype=jnp.float32
  )
  deter, stoch = jnp.ones((2, 8)), jnp.ones((2, 3, 2))
  params = net.init(jax.random.key(0), deter, stoch)
  assert set(net.apply(params, deter, stoch)) == {'speed'}


def test_an_agent_that_sees_texts_alone_predicts_nothing():
  config = resolve(settings.blocks(), ['debug', 'pondernet'])
  config = config.update({'jax.dtype': 'float32'})
  seen = {'mission': SPACES['mission'], **embodied.SIGNALS}
  acts = {'action': Space(np.int32, (), 0, 2), 'reset': Space(bool)}
  built = models.build(config, seen, acts)
  params = jax.eval_shape(built.init, jax.random.key(0))
  assert 'imgdec' not in params and all(map(jax.tree.leaves, params.values()))
  assert built.decode(params, rssm.initial(built.dyn, 2)) == {}
