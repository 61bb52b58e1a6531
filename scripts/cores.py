"""Small recurrent cores for the experiments on `ponderdream.ponder`.

A core is a dict of arrays and three functions: `project` what does not change
from level to level, `advance` the hidden state, `read` the output and the
halting logit off it.
"""

import math

import jax
import jax.numpy as jnp

GATES = {'rnn': 1, 'gru': 3}
# Deviation of the halting weights, relative to fan-in: small, so that the
# first halting distribution is the prior.
HALT = 0.01


def init(key, cell, inputs, width, outputs, prior):
  """Parameters of a core; all examples halt with probability `prior`."""
  shapes = {
    'in': (inputs, GATES[cell] * width),
    'flag': (1, GATES[cell] * width),
    'rec': (width, GATES[cell] * width),
    'out': (width, outputs),
    'halt': (width, 1),
  }
  keys = jax.random.split(key, len(shapes))
  params = {
    name: jax.random.normal(key, shape) / math.sqrt(shape[0])
    for key, (name, shape) in zip(keys, shapes.items(), strict=True)
  }
  params['halt'] *= HALT
  params['bias'] = jnp.zeros(GATES[cell] * width)
  params['out_bias'] = jnp.zeros(outputs)
  params['halt_bias'] = jnp.asarray(math.log(prior / (1 - prior)))
  return params


def project(params, inputs):
  """What the inputs `[B, I]` add to every level, `[B, G W]`."""
  return inputs @ params['in'] + params['bias']


def advance(cell, params, u, h, n):
  """The next hidden state `[B, W]` for projected inputs `u [B, G W]`."""
  u = u + (n == 0) * params['flag']
  v = h @ params['rec']
  if cell == 'rnn':
    return jnp.tanh(u + v)
  (ur, uz, uc), (vr, vz, vc) = (jnp.split(a, 3, -1) for a in (u, v))
  update = jax.nn.sigmoid(uz + vz)
  candidate = jnp.tanh(uc + jax.nn.sigmoid(ur + vr) * vc)
  return update * candidate + (1 - update) * h


def normed(h):
  """The state over its root mean square, for `read`, as in the agent."""
  return h * jax.lax.rsqrt(jnp.square(h).mean(-1, keepdims=True) + 1e-4)


def read(params, h):
  """Output `[B, O]` and halting logit `[B]`."""
  logit = (h @ params['halt'])[:, 0] + params['halt_bias']
  return h @ params['out'] + params['out_bias'], logit
