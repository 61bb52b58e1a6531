"""Steps of a dream."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config as config_
from embodied import space
from ponderdream import models, settings
from ponderdream.dream import rollout as imagine
from ponderdream.world import rssm

OBS = {'vector': space.Space(np.float32, (2,))}


@pytest.mark.parametrize('batch', [2, 9])
@pytest.mark.parametrize(
  'action',
  [
    space.Space(np.int32, (), 0, 3),
    space.Space(np.int32, (2,), 0, 3),
    space.Space(np.float32, (2,), -1, 1),
  ],
)
def test_a_move_embeds_every_action(action, batch):
  # 9 states share the embeddings of 3 actions, if there are only so many.
  config = config_.resolve(settings.blocks(), ['debug'])
  config = config.update({'jax.dtype': 'float32'})
  act = {'action': action, 'reset': space.Space(bool)}
  built = models.build(config, OBS, act)
  params, key = built.init(jax.random.key(0)), jax.random.key(1)
  flat = jnp.arange(batch * built.action.variables) % 3
  flat = flat.reshape((batch, -1)).astype(action.dtype)
  state = jax.tree.map(
    lambda x: jax.random.normal(key, x.shape), rssm.initial(built.dyn, batch)
  )
  got = imagine.move(built, params, state, flat, key)
  dyn, hot = {'params': params['dyn']}, built.action.encode(flat)
  embedded = built.dyn.apply(dyn, hot, method='embed_action')
  want = built.dyn.apply(dyn, state, embedded, method='advance')
  np.testing.assert_allclose(got.deter, want, atol=1e-6)
  traced = jax.make_jaxpr(
    lambda x: imagine.move(built, params, state, x, key)
  )(flat)
  shared = batch > 3 and action.shape == ()
  assert (f'f32[3,{built.dyn.deter}]' in str(traced)) == shared
