"""Updates of an agent whose environment forbids some actions."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied import config
from ponderdream import settings
from ponderdream.agent import Agent
from tests import helpers
from tests.helpers import BATCH, TIME, update
from tests.learn.test_step import actor_gradient


class Masked(embodied.Env):
  """Two of four actions are allowed, and which ones changes every step."""

  def __init__(self):
    self.rng = np.random.default_rng(0)

  @property
  def obs_space(self):
    mask = embodied.Space(bool, (4,), role='mask')
    return {'action_mask': mask, **embodied.SIGNALS}

  @property
  def act_space(self):
    return {
      'action': embodied.Space(np.int32, (), 0, 4),
      'reset': embodied.Space(bool),
    }

  def step(self, action):
    mask = np.zeros(4, bool)
    mask[self.rng.permutation(4)[:2]] = True
    flags = {k: np.bool_(False) for k in ('is_last', 'is_terminal')}
    return {
      'reward': np.float32(0),
      'action_mask': mask,
      'is_first': np.bool_(action['reset']),
      **flags,
    }


def masked():
  """A tiny agent for `Masked`, and a batch."""
  settled = config.resolve(settings.blocks(), ['debug', 'pondernet'])
  settled = settled.update({'jax.dtype': 'float32'})
  env = Masked()
  agent = Agent(env.obs_space, env.act_space, settled)
  return types.SimpleNamespace(
    agent=agent, models=agent.models, config=settled,
    batch=helpers.batch(env, agent),
  )  # fmt: skip


def test_masked_actions_are_never_taken():
  kit = masked()
  agent, data = kit.agent, kit.batch
  carry = agent.init_policy(BATCH)
  for t in range(TIME):
    obs = {k: v[:, t] for k, v in data.items()}
    carry, acts, _ = agent.policy(carry, obs)
    assert obs['action_mask'][np.arange(BATCH), acts['action']].all()
  grads = actor_gradient(kit)
  assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(grads))


@pytest.mark.slow
def test_an_update_with_masked_actions():
  _, metrics = update(masked())
  assert np.isfinite(list(metrics.values())).all(), metrics
