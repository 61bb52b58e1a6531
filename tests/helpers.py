"""Tiny agents and models, and batches of what a random policy saw."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np

from embodied import config, space
from embodied.envs import make_env
from ponderdream import models, settings
from ponderdream.agent import Agent

BATCH, TIME = 4, 8


def tiny(*names, task='dummy_disc', **overrides):
  """A tiny agent: `agent`, `models`, `config`, and a `batch` for it."""
  settled = config.resolve(settings.blocks(), ['debug', *names])
  settled = settled.update({'jax.dtype': 'float32', **overrides})
  env = make_env(task, 0, seed=0, length=6)
  agent = Agent(env.obs_space, env.act_space, settled)
  return types.SimpleNamespace(
    agent=agent, models=agent.models, config=settled, batch=batch(env, agent)
  )


def batch(env, agent):
  """`[B, T + 1, ...]` of random steps, with random latents."""
  rng = np.random.default_rng(0)
  dyn = agent.models.dyn
  steps = []
  action = {'reset': True, 'action': env.act_space['action'].sample(rng)}
  for _ in range(BATCH * (TIME + 1)):
    obs = env.step(action)
    action = {
      'reset': obs['is_last'], 'action': env.act_space['action'].sample(rng)
    }  # fmt: skip
    latents = {
      'dyn/deter': rng.normal(size=dyn.deter).astype(np.float16),
      'dyn/stoch': rng.integers(0, dyn.classes, dyn.stoch).astype(np.uint8),
    }
    steps.append({**obs, 'action': action['action'], **latents})
  data = {
    k: np.stack([x[k] for x in steps]).reshape(
      (BATCH, TIME + 1, *np.shape(steps[0][k]))
    )
    for k in steps[0]
  }
  return data | {'stepid': np.zeros((BATCH, TIME + 1), np.int64)}


def update(kit, data=None):
  """One update; returns what it gave."""
  kit.agent.train(data or kit.batch)
  return kit.agent.flush()


def with_mask(models):
  """Models whose environment has a mask of its five actions."""
  mask = space.Space(bool, (5,), role='mask')
  obs = {**models.obs_space, 'mask': mask}
  shapes = dataclasses.replace(models.shapes, obs_space=obs)
  return dataclasses.replace(models, shapes=shapes)


def compiled(losses, p):
  """The terms of an objective for a pass, as one program: it is made faster
  than all its parts."""
  names = ('params', 'frozen', 'batch', 'post', 'tokens', 'key')
  arrays = {k: getattr(p, k) for k in names}
  return jax.jit(lambda arrays: losses(p._replace(**arrays)))(arrays)


def moved(tree):
  """Whether a tree has a number other than 0."""
  return any((x != 0).any() for x in jax.tree.leaves(tree))


def disturbed(params):
  """Parameters with normal noise on each."""
  leaves, tree = jax.tree.flatten(params)
  keys = jax.random.split(jax.random.key(1), len(leaves))
  pairs = zip(leaves, keys, strict=True)
  return tree.unflatten([x + jax.random.normal(k, x.shape) for x, k in pairs])


def opinionated(levels, actions):
  """Models, parameters and settings of a tiny pondering agent whose model
  tells the actions apart."""
  settled = config.resolve(settings.blocks(), ['debug', 'pondernet'])
  settled = settled.update(
    {'jax.dtype': 'float32', 'ponder.max_steps': levels}
  )
  obs = {'vector': space.Space(np.float32, (2,))}
  act = {
    'action': space.Space(np.int32, (), 0, actions),
    'reset': space.Space(bool),
  }
  built = models.build(settled, obs, act)
  params = jax.jit(lambda: disturbed(built.init(jax.random.key(0))))()
  # Only the middle bins, of the values -16, 0 and 16: the outer ones are of
  # millions.
  for head in ('rew', 'val'):
    bias = params[head]['out']['bias']
    middle = abs(jnp.arange(bias.size) - bias.size // 2) <= 1
    params[head]['out']['bias'] = jnp.where(middle, 0, -1e3)
  return built, params, settled
