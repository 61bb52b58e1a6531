"""Rollouts: one step by hand, masks, and actions that are given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config, space
from embodied.base import SIGNALS
from ponderdream import models, settings
from ponderdream.dream import rollout
from ponderdream.world import rssm

OBS = {'vector': space.Space(np.float32, (2,))}
MASKED = {'allowed': space.Space(bool, (4,), role='mask'), **SIGNALS}


def build(obs, action, *names):
  settled = config.resolve(settings.blocks(), ['debug', *names])
  settled = settled.update({'jax.dtype': 'float32'})
  act = {'action': action, 'reset': space.Space(bool)}
  built = models.build(settled, obs, act)
  return built, jax.jit(built.init)(jax.random.key(0))


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
  built, params = build(OBS, action)
  key = jax.random.key(1)
  flat = jnp.arange(batch * built.action.variables) % 3
  flat = flat.reshape((batch, -1)).astype(action.dtype)
  state = jax.tree.map(
    lambda x: jax.random.normal(key, x.shape), rssm.initial(built.dyn, batch)
  )
  got = rollout.move(built, params, state, flat, key)
  dyn, hot = {'params': params['dyn']}, built.action.encode(flat)
  embedded = built.dyn.apply(dyn, hot, method='embed_action')
  want = built.dyn.apply(dyn, state, embedded, method='advance')
  np.testing.assert_allclose(got.deter, want, atol=1e-6)


def test_recorded_actions_are_followed():
  built, params = build(OBS, space.Space(np.int32, (), 0, 3))
  actions = jnp.array([[[0], [2]], [[1], [1]], [[2], [0]]])
  start = rssm.initial(built.dyn, 2)
  key = jax.random.key(1)
  act = rollout.recorded(actions)
  dream = rollout.rollout(built, params, act, start, None, 3, key)
  np.testing.assert_array_equal(dream.action, actions)
  assert dream.state.deter.shape[:2] == (4, 2)
  # The second step by hand, from the state that the first one gave.
  second = jax.random.split(jax.random.split(key, 3)[1], 3)[2]
  before = jax.tree.map(lambda x: x[1], dream.state)
  want = rollout.move(built, params, before, actions[1], second)
  np.testing.assert_allclose(dream.state.deter[2], want.deter, atol=1e-6)
  np.testing.assert_array_equal(dream.state.stoch[2], want.stoch)


def test_masked_actions_are_never_dreamt():
  built, params = build(MASKED, space.Space(np.int32, (), 0, 4), 'pondernet')
  start = rssm.initial(built.dyn, 64)
  mask = jnp.arange(4)[None] < jnp.arange(64)[:, None] % 2 + 1
  act = rollout.policy(built, params)
  dream = rollout.rollout(
    built, params, act, start, mask, 5, jax.random.key(0)
  )
  # The start's own mask first, then what the model believes.
  np.testing.assert_array_equal(dream.mask[0], mask)
  for t in range(1, 5):
    state = jax.tree.map(lambda x, t=t: x[t], dream.state)
    believed = built.mask(params, state)
    np.testing.assert_array_equal(dream.mask[t], believed)
  allowed = jnp.take_along_axis(dream.mask, dream.action, -1)[..., 0]
  nothing = ~dream.mask.any(-1)
  assert (allowed | nothing).all()
