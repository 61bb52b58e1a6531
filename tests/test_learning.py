"""Learning, for real: minutes each. Run with `-m slow`."""

import functools

import jax
import numpy as np
import optax
import pytest

from embodied import config as config_
from embodied.envs import make_env
from ponderdream import agent as agent_
from ponderdream import optim, settings, train_step

LENGTH = 32


@pytest.mark.slow
def test_the_cpu_block_learns_what_pays():
  # On dummy_disc the reward is 1 where the action equals the class just seen,
  # one time in five. Without that conjunction no prediction is better than
  # 0.5 nats (the entropy of 0.2) and 0.13 of the two-hot target.
  config = config_.resolve(settings.blocks(), ['dummy', 'cpu'])
  config = config.update({'jax.dtype': 'float32'})
  env = make_env('dummy_disc', 0, seed=0, length=50)
  agent = agent_.Agent(env.obs_space, env.act_space, config)
  data = agent.seen(record(env, agent.models.dyn, 3000))
  rng = np.random.default_rng(0)
  optimizer = optim.make(**config.opt)

  def loss(params, batch, key):
    _, losses, _ = train_step.world_model(
      agent.models, params, batch, key, config
    )
    scales = config.loss_scales
    total = sum(scales[k.split('/')[0]] * v.mean() for k, v in losses.items())
    return total, losses['rew'].mean()

  @functools.partial(jax.jit, donate_argnums=(0, 1))
  def step(params, state, batch, key):
    grads, reward = jax.grad(loss, has_aux=True)(params, batch, key)
    updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state, reward

  params = agent.state.params
  state = optimizer.init(params)
  rewards = []
  for i in range(1500):
    starts = rng.integers(0, 3000 - LENGTH - 1, config.batch.size)
    batch = {
      k: np.stack([v[j : j + LENGTH + 1] for j in starts])
      for k, v in data.items()
    }
    params, state, reward = step(params, state, batch, jax.random.key(i))
    rewards.append(float(reward))
  assert np.mean(rewards[400:600]) > 0.5
  assert np.mean(rewards[-100:]) < 0.3


def record(env, dyn, count):
  """What a uniformly random policy sees, `[count, ...]`."""
  rng = np.random.default_rng(0)
  action = {'reset': np.bool_(True), 'action': np.int32(0)}
  steps = []
  for _ in range(count):
    obs = env.step(action)
    choice = np.int32(0 if obs['is_last'] else rng.integers(5))
    action = {'reset': obs['is_last'], 'action': choice}
    latents = {
      'dyn/deter': np.zeros(dyn.deter, np.float16),
      'dyn/stoch': np.zeros(dyn.stoch, np.uint8),
    }
    steps.append({**obs, 'action': choice, **latents})
  return {k: np.stack([x[k] for x in steps]) for k in steps[0]}
