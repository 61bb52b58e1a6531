"""Model states: as the replay stores them, and filtered from its steps."""

import functools
import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.dream import posterior
from ponderdream.world import rssm
from tests.helpers import tiny

DYN = types.SimpleNamespace(deter=4, stoch=2, classes=3, dtype=jnp.float32)
STEPS = {'is_first': np.zeros((3, 5), bool)}
# As a replay gives them: of the first step alone.
LATENTS = {
  'dyn/deter': np.arange(1, 13, dtype=np.float16).reshape(3, 1, 4),
  'dyn/stoch': np.array([[[0, 1]], [[2, 0]], [[0, 0]]], np.uint8),
}


@pytest.fixture(scope='module')
def kit():
  return tiny()


def test_latents_survive_packing(kit):
  dyn = kit.models.dyn
  deter = jax.random.normal(jax.random.key(0), (3, dyn.deter))
  index = jax.random.randint(jax.random.key(1), (3, dyn.stoch), 0, dyn.classes)
  state = rssm.State(deter, jax.nn.one_hot(index, dyn.classes))
  packed = posterior.pack(state)
  assert packed['dyn/deter'].dtype == jnp.float16
  assert packed['dyn/stoch'].dtype == jnp.uint8
  back = posterior.unpack(dyn, packed)
  np.testing.assert_allclose(back.deter, deter, rtol=1e-3)
  np.testing.assert_array_equal(back.stoch, state.stoch)


def test_a_flipped_bit_in_a_latent_is_forgotten(kit):
  dyn, deter = kit.models.dyn, kit.batch['dyn/deter'][:, 0].copy()
  deter[0, 3], deter[1, 5], deter[2, 0] = np.inf, np.nan, -np.inf
  packed = {'dyn/deter': deter, 'dyn/stoch': kit.batch['dyn/stoch'][:, 0]}
  back = posterior.unpack(dyn, jax.tree.map(jnp.asarray, packed)).deter
  assert (back[:3] == 0).all()
  np.testing.assert_array_equal(back[3], deter[3])


def test_the_context_step_gives_state_and_action(kit):
  # Filtering from the stored state of step 0, by hand for the first step.
  models, data = kit.models, kit.agent.select_keys(kit.batch)
  params, key = kit.agent.state.params, jax.random.key(0)
  post, *_ = posterior.filtered(models, params, data, key)
  start = posterior.unpack(
    models.dyn, {k: data[k][:, 0] for k in posterior.LATENTS}
  )
  tokens = models.encode(params, {k: data[k][:, 1] for k in models.obs_space})
  action = jax.nn.one_hot(data['action'][:, 0], 5)
  action = action * (1 - data['is_first'][:, 1, None])
  variables = {'params': params['dyn']}
  apply = functools.partial(models.dyn.apply, variables)
  state, _ = rssm.observe_step(
    models.dyn,
    variables,
    start,
    apply(tokens, method='embed_tokens'),
    apply(action, method='embed_action'),
    data['is_first'][:, 1],
    key,
  )
  np.testing.assert_allclose(post.deter[:, 0], state.deter, atol=1e-5)


def test_acting_and_filtering_see_the_same(kit):
  # Three steps with an episode that begins anew: the agent acts on them, and
  # then filters what it has stored. Its states are stochastic, so that both
  # begin each step from what acting stored.
  agent, models = kit.agent, kit.models
  params = agent.state.params
  carry, stored = agent.init_policy(4), []
  for t in range(4):
    obs = {k: kit.batch[k][:, t] for k in (*models.obs_space, 'is_first')}
    obs['is_first'] = np.full(4, t in (0, 2))
    carry, acts, outs = agent.policy(carry, obs)
    stored.append({**obs, **acts, **outs})
  for before, after in itertools.pairwise(stored):
    pair = {k: np.stack([before[k], after[k]], 1) for k in before}
    post, *_ = posterior.filtered(models, params, pair, jax.random.key(0))
    # Half floats are stored.
    np.testing.assert_allclose(
      post.deter[:, 0], after['dyn/deter'], rtol=2e-3, atol=2e-3
    )
  moving = [x['dyn/deter'] for x in stored]
  assert abs(moving[1] - moving[0]).max() > 0.01


def test_data_of_another_network_starts_from_zeros():
  state = posterior.stored(DYN, STEPS)
  assert state.deter.shape == (3, 4) and state.stoch.shape == (3, 2, 3)
  assert not state.deter.any() and not state.stoch.any()


def test_in_a_mixture_the_rows_without_states_start_from_zeros():
  whole = posterior.stored(DYN, STEPS | LATENTS)
  np.testing.assert_array_equal(whole.deter, LATENTS['dyn/deter'][:, 0])
  np.testing.assert_array_equal(whole.stoch[0], [[1, 0, 0], [0, 1, 0]])
  has = np.array([True, False, True])[:, None]
  masks = {f'has/{k}': has for k in LATENTS}
  state = posterior.stored(DYN, STEPS | LATENTS | masks)
  np.testing.assert_array_equal(state.deter, whole.deter * has)
  np.testing.assert_array_equal(state.stoch, whole.stoch * has[..., None])
  assert state.deter[1].sum() == 0 == state.stoch[1].sum()
