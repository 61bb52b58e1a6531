"""The train step of a checkout of danijar/dreamerv3, for bench_train.py.

python scripts/bench_peer.py CHECKOUT SIZE BATCH LENGTH DTYPE
"""

import pathlib
import sys
import tempfile

import bench_serve
import numpy as np


def main(checkout, size, batch, length, dtype):
  batch, length = int(batch), int(length)
  sys.path.insert(0, checkout)
  import elements
  import jax
  import ruamel.yaml
  from dreamerv3 import agent as agent_

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
  keys = ('seed', 'replay_context', 'report_length', 'replica', 'replicas')
  settings = elements.Config(
    **config.agent,
    **{k: config[k] for k in keys},
    jax={**config.jax, 'profiler': False, 'precompile': False},
    logdir=config.logdir,
    batch_size=batch,
    batch_length=length,
  )
  obs_space = {
    'image': elements.Space(np.uint8, (64, 64, 3)),
    'reward': elements.Space(np.float32),
    'is_first': elements.Space(bool),
    'is_last': elements.Space(bool),
    'is_terminal': elements.Space(bool),
  }
  act_space = {'action': elements.Space(np.int32, (), 0, 17)}
  built = {}

  def construct():
    built['agent'] = agent_.Agent(obs_space, act_space, settings)
    built['carry'] = built['agent'].init_train(batch)

  def data():
    rng = np.random.default_rng(0)
    shape = (batch, length + settings.replay_context)
    out = {}
    for key, space in built['agent'].spaces.items():
      value = np.zeros((*shape, *space.shape), space.dtype)
      if key == 'image':
        value = rng.integers(0, 256, value.shape, np.uint8)
      out[key] = value
    out['consec'][:] = 0
    return {**out, 'seed': np.array([0, 1], np.uint32)}

  def step():
    agent = built['agent']
    feed = jax.device_put(data(), agent.train_sharded)
    jax.block_until_ready(feed)

    def run():
      built['carry'], _, _ = agent.train(built['carry'], feed)
      jax.block_until_ready(agent.params)

    return bench_serve.timed(run)

  def policy(count):
    agent = built['agent']
    if count not in built:
      built[count] = agent.init_policy(count)
    obs = {k: np.zeros((count, *v.shape), v.dtype) for k, v in
           obs_space.items()}  # fmt: skip

    def run():
      built[count], *_ = agent.policy(built[count], obs)

    return bench_serve.timed(run)

  bench_serve.serve(
    {
      'construct': lambda: bench_serve.timed(construct),
      'step': step,
      'policy': policy,
      'memory': bench_serve.peak_memory,
    }
  )


if __name__ == '__main__':
  main(*sys.argv[1:])
