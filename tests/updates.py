"""Updates on data that is the same however many devices share it.

python tests/updates.py OUT [coordinator hosts index]

Writes the metrics of 20 updates with batches of 16 to OUT, one line of JSON
per update, and `depths`: how many levels each device's loop ran.
"""

import json
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np

from embodied.config import resolve
from embodied.envs import make_env
from ponderdream import settings
from ponderdream.agent import Agent
from ponderdream.distributed import devices, hosts
from ponderdream.dream import posterior

UPDATES, BATCH, TIME = 20, 16, 6


def make_agent():
  """A tiny pondering agent, disturbed so that examples differ in depth."""
  config = resolve(settings.blocks(), ['debug', 'pondernet'])
  config = config.update({'jax.dtype': 'float32', 'ponder.max_steps': 8})
  env = make_env('dummy_disc', 0, seed=0)
  agent = Agent(env.obs_space, env.act_space, config)
  rng = np.random.default_rng(0)
  params = {
    name: jax.tree.map(
      lambda x, size=0.5 if name == 'inner' else 0.05: np.float32(
        np.asarray(x) + size * rng.normal(size=x.shape)
      ),
      tree,
    )
    for name, tree in agent.state.params.items()
  }
  # Short thoughts, but for those that the noise makes long.
  halt = params['inner']['halt']
  halt['bias'] = np.full_like(halt['bias'], 1.5)
  agent.load(agent.state._replace(params=params, slow={'val': params['val']}))
  return env, agent


def make_batch(env, dyn, number):
  """Random steps `[B, T + 1, ...]`, those of a batch of that number."""
  rng = np.random.default_rng(number)
  shape = (BATCH, TIME + 1)
  draw = lambda space: np.stack(
    [space.sample(rng) for _ in range(np.prod(shape))]
  ).reshape((*shape, *space.shape))
  spaces = env.obs_space | {'action': env.act_space['action']}
  data = {k: draw(v) for k, v in spaces.items()}
  data['is_first'] = rng.random(shape) < 0.1
  data['is_last'] = np.roll(data['is_first'], -1, 1)
  data['is_terminal'] = data['is_last'] & (rng.random(shape) < 0.5)
  data['dyn/deter'] = rng.normal(size=(*shape, dyn.deter)).astype(np.float16)
  stoch = rng.integers(0, dyn.classes, (*shape, dyn.stoch))
  data['dyn/stoch'] = stoch.astype(np.uint8)
  return data | {'stepid': np.zeros(shape, np.int64)}


def depths(agent, data):
  """Levels that each device of this host runs for its start states."""

  @jax.jit
  def count(params, batch):
    state = posterior.unpack(agent.models.dyn, batch)
    flat = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), state)
    view = agent.models.view(params, flat)
    return agent.models.levels(params, view).depth.astype(jnp.float32)

  keys = ('dyn/deter', 'dyn/stoch')
  parts = devices.split({k: data[k] for k in keys})
  params = devices.local(agent.state.params)
  each = [
    count(params, {k: v[i] for k, v in parts.items()})
    for i in range(len(parts['dyn/deter']))
  ]
  return [int(x) for x in each]


def main(out, *address):
  if address:
    hosts.connect(address[0], *map(int, address[1:]))
  env, agent = make_agent()
  share = devices.share(BATCH)
  rows = slice(hosts.host() * share, (hosts.host() + 1) * share)
  lines = []
  for number in range(UPDATES + 1):
    data = make_batch(env, agent.models.dyn, number)
    own = {k: v[rows] for k, v in data.items()}
    loops = depths(agent, own) if number == 0 else []
    _, metrics = agent.train(own)
    lines.append(metrics | {'depths': loops})
  # Each call returns what the update before it gave.
  loops = [x.pop('depths') for x in lines][0]
  lines = [x | {'depths': loops} for x in lines[1:]]
  pathlib.Path(out).write_text('\n'.join(map(json.dumps, lines)) + '\n')


if __name__ == '__main__':
  main(*sys.argv[1:])
