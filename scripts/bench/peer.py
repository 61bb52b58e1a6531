"""The train step of danijar/dreamerv3, for bench/train.py.

    python -m scripts.bench.peer CHECKOUT SIZE BATCH LENGTH DTYPE

Runs in the Python environment of that project, so it imports only modules of
this project that need neither JAX nor the environments.
"""

import pathlib
import sys
import tempfile

import numpy as np

from scripts import results
from scripts.bench import serve


class Case:
  """DreamerV3's agent on random pictures; the methods are requests."""

  def __init__(self, settings):
    import elements

    self.settings = settings
    space = elements.Space
    flags = 'is_first', 'is_last', 'is_terminal'
    self.obs_space = {
      'image': space(np.uint8, (64, 64, 3)),
      'reward': space(np.float32),
      **{key: space(bool) for key in flags},
    }
    self.act_space = {'action': space(np.int32, (), 0, 17)}
    self.carries = {}  # of the policy, by the number of environments

  def construct(self):
    from dreamerv3 import agent

    with results.clock() as took:
      spaces = self.obs_space, self.act_space
      self.agent = agent.Agent(*spaces, self.settings)
      self.carry = self.agent.init_train(self.settings.batch_size)
    return took

  def batch(self):
    rng = np.random.default_rng(0)
    length = self.settings.batch_length + self.settings.replay_context
    shape = self.settings.batch_size, length
    out = {
      key: np.zeros((*shape, *space.shape), space.dtype)
      for key, space in self.agent.spaces.items()
    }
    out['image'] = rng.integers(0, 256, out['image'].shape, np.uint8)
    out['consec'][:] = 0
    return {**out, 'seed': np.array([0, 1], np.uint32)}

  def step(self):
    import jax

    feed = jax.device_put(self.batch(), self.agent.train_sharded)
    jax.block_until_ready(feed)
    with results.clock() as took:
      self.carry, _, _ = self.agent.train(self.carry, feed)
      jax.block_until_ready(self.agent.params)
    return took

  def policy(self, count):
    if count not in self.carries:
      self.carries[count] = self.agent.init_policy(count)
    obs = {
      k: np.zeros((count, *v.shape), v.dtype)
      for k, v in self.obs_space.items()
    }
    with results.clock() as took:
      self.carries[count], *_ = self.agent.policy(self.carries[count], obs)
    return took


def load(checkout, size, batch, length, dtype):
  """The settings of an agent of a size, from the project's own file."""
  import elements
  import jax
  import ruamel.yaml

  text = pathlib.Path(checkout, 'dreamerv3', 'configs.yaml').read_text()
  blocks = ruamel.yaml.YAML(typ='safe').load(text)
  config = elements.Config(blocks['defaults']).update(blocks[size])
  config = config.update(
    {
      'jax.platform': jax.default_backend().replace('gpu', 'cuda'),
      'jax.compute_dtype': dtype,
      'logdir': tempfile.gettempdir(),
    }
  )
  keys = 'seed', 'replay_context', 'report_length', 'replica', 'replicas'
  return elements.Config(
    **config.agent,
    **{k: config[k] for k in keys},
    jax={**config.jax, 'profiler': False, 'precompile': False},
    logdir=config.logdir,
    batch_size=int(batch),
    batch_length=int(length),
  )


def main(checkout, *shape):
  sys.path.insert(0, checkout)  # before this project's `embodied`
  case = Case(load(checkout, *shape))
  names = 'construct', 'step', 'policy'
  requests = {name: getattr(case, name) for name in names}
  serve.serve(requests | {'memory': results.peak_memory})


if __name__ == '__main__':
  main(*sys.argv[1:])
