"""The train step of one configuration, for bench_train.py.

python scripts/bench_child.py BLOCK [BLOCK ...] [--key.sub value ...]
"""

import sys

import bench_serve
import jax
import jax.numpy as jnp
import numpy as np

from embodied.base import SIGNALS
from embodied.config import flags as flags_
from embodied.config import resolve
from embodied.space import Space
from ponderdream import agent as agent_
from ponderdream import factories, settings
from ponderdream.distributed import devices
from ponderdream.dream import rollout as imagine
from ponderdream.losses import returns
from ponderdream.objectives import behaviour as actor
from ponderdream.world import decoder, rssm

OBS = {
  'image': Space(np.uint8, (64, 64, 3)),
  **SIGNALS,
}
ACT = {'action': Space(np.int32, (), 0, 17), 'reset': Space(bool)}
GEMM = 2048


class Case:
  """An agent on random pictures; every method is a request."""

  def __init__(self, config):
    self.config = config

  def construct(self):
    def run():
      self.agent = agent_.Agent(OBS, ACT, self.config)
      jax.block_until_ready(self.agent.state)

    out = bench_serve.timed(run)
    params = self.agent.state.params
    return out | {'params': sum(x.size for x in jax.tree.leaves(params))}

  def compile(self):
    """Compiles the train step."""
    agent = self.agent
    self.data = devices.place(agent.seen(self.batch()))
    jax.block_until_ready(self.data)

    def run():
      args = (agent.state, self.data, agent.train_key)
      self.compiled = agent._train.lower(*args).compile()

    out = bench_serve.timed(run)
    cost = self.compiled.cost_analysis()
    memory = self.compiled.memory_analysis()
    return out | {
      'gflop': cost['flops'] / 1e9,
      'temporary_mb': memory.temp_size_in_bytes / 2**20,
    }

  def batch(self):
    rng = np.random.default_rng(0)
    size, length = self.config.batch.size, self.config.batch.length + 1
    dyn = self.agent.models.dyn
    zeros = lambda space: np.zeros((size, length, *space.shape), space.dtype)
    out = {k: zeros(v) for k, v in {**OBS, **ACT}.items()}
    out['image'] = rng.integers(0, 256, out['image'].shape, np.uint8)
    out['dyn/deter'] = np.zeros((size, length, dyn.deter), np.float16)
    out['dyn/stoch'] = np.zeros((size, length, dyn.stoch), np.uint8)
    return out

  def step(self):
    agent = self.agent

    def run():
      args = (agent.state, self.data, agent.train_key)
      agent.state, *_ = jax.block_until_ready(self.compiled(*args))

    return bench_serve.timed(run)

  def policy(self, count):
    carry = self.agent.init_policy(count)
    obs = {k: np.zeros((count, *v.shape), v.dtype) for k, v in OBS.items()}
    return bench_serve.timed(lambda: self.agent.policy(carry, obs))

  def gemm(self):
    """GFLOP/s of a product of two matrices, by wall and by CPU time."""
    x = jnp.ones((GEMM, GEMM), self.config.jax.dtype)
    product = jax.jit(lambda x: x @ x)
    run = lambda: jax.block_until_ready([product(x) for _ in range(4)])
    run()
    took = bench_serve.spread([bench_serve.timed(run) for _ in range(5)])
    return {k: 4 * 2 * GEMM**3 / v[0] / 1e9 for k, v in took.items()}

  def parts(self, repeats):
    """Median times of the parts, forward and with their gradient."""
    out = {}
    for name, (run, args) in parts(self.agent, self.data).items():
      forms = {'forward': run, 'gradient': gradient(run)}
      for form, call in forms.items():
        if form == 'gradient' and name in FORWARD_ONLY:
          continue
        compiled = jax.jit(call)
        once = lambda: jax.block_until_ready(compiled(*args))  # noqa: B023
        once()
        times = [bench_serve.timed(once) for _ in range(repeats)]
        out[f'{name}/{form}'] = bench_serve.spread(times)
    return out


FORWARD_ONLY = ('imagination', 'branches', 'optimiser')


def gradient(run):
  """Gradient of a part's sum, by its first argument."""
  total = lambda *args: sum(x.sum() for x in jax.tree.leaves(run(*args)))
  return jax.grad(total)


def parts(agent, data):
  """`{name: (function, arguments)}`: the parts of a train step, by itself
  each; what one needs of another is zeros of the right shape."""
  models, config, state = agent.models, agent.config, agent.state
  state = devices.local(state)
  params, key = state.params, jax.random.key(0)
  data = {k: jnp.asarray(v[0]) for k, v in data.items()}
  size, length = data['is_first'].shape
  length -= 1
  count = size * min(config.imag.last or length, length)
  image = data['image'][:, 1:].reshape((-1, *OBS['image'].shape))
  zeros = lambda *shape: jnp.zeros(shape, agent.models.dyn.dtype)
  initial = lambda n: rssm.initial(models.dyn, n)
  many, start = initial(size * length), initial(count)
  feat = zeros(config.imag.length + 1, count, rssm.features(start).shape[-1])
  dream = imagine.Dream(
    feat,
    zeros(config.imag.length, count, models.action.variables),
    None,
    zeros(config.imag.length, count),
  )
  zero = jnp.zeros((config.imag.length, count))

  def encode(params, image):
    return models.encode(params, {'image': image})

  def scan(params, tokens, action, resets):
    dyn = {'params': params['dyn']}
    return rssm.observe(
      models.dyn, dyn, initial(size), tokens, action, resets, key
    )

  def decode(params, state, image):
    raw = models.decode(params, state)['image']
    space = OBS['image']
    return decoder.log_prob(space, raw, image, models.imgdec.cut)

  def heads(params, feat):
    """What a dream is judged by."""
    reward = models.reward(params, feat).pred()
    cont = models.cont(params, feat).prob()
    critic = models.value(params['val'], feat)
    ret = returns.lambda_return(reward, cont, critic.pred(), config.imag.lam)
    return reward, cont, critic.log_prob(critic.pred()), ret

  def act(params):
    terms, _ = actor.losses(
      models, params, start, dream, zero[0], zero, 1.0, key, config
    )
    return terms

  def rollout(params):
    dream = imagine.rollout(
      models, params, start, None, config.imag.length, key
    )
    return dream.feat

  def update(grads, state):
    return agent.optimizer.update(grads, state.opt, state.params)

  tokens = zeros(size, length, models.dyn.tokens)
  action = zeros(size, length, models.action.width)
  resets = jnp.zeros((size, length), bool)
  out = {
    'encoder': (encode, (params, image)),
    'rssm': (scan, (params, tokens, action, resets)),
    'decoder': (decode, (params, many, image)),
    'imagination': (rollout, (params,)),
    'actor': (act, (params,)),
    'heads': (heads, (params, feat)),
    'optimiser': (update, (params, state)),
  }
  return out


def main(*argv):
  jax.config.update('jax_enable_compilation_cache', False)
  split = next((i for i, x in enumerate(argv) if x[:2] == '--'), len(argv))
  config = resolve(settings.blocks(), argv[:split])
  config = flags_.apply(config, flags_.split_flags(argv[split:]))
  case = Case(factories.setup(config))
  names = ('construct', 'compile', 'step', 'policy', 'gemm', 'parts')
  requests = {k: getattr(case, k) for k in names}
  bench_serve.serve(requests | {'memory': bench_serve.peak_memory})


if __name__ == '__main__':
  main(*sys.argv[1:])
