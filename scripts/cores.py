"""Small recurrent cores for the experiments on `ponderdream.ponder`.

A core is a dict of arrays and three functions: `project` computes the part
that is the same at all levels, `advance` the next hidden state, and `read` the
output and the halting logit. `pondernet`, `act` and `fixed` are three methods
to choose the number of steps, for cores with one binary output; `setting` is
that of experiments/parity.py.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import graves, halting, loop

GATES = {'rnn': 1, 'gru': 3}
# Scale of the initial halting weights: small, so that the initial halting
# distribution is the prior.
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
  """The contribution of inputs `[B, I]` at every level, `[B, G W]`."""
  return inputs @ params['in'] + params['bias'][None]


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
  """The state `[B, W]` divided by its root mean square, as in the agent."""
  return h * jax.lax.rsqrt(jnp.square(h).mean(-1, keepdims=True) + 1e-4)


def read(params, h):
  """Output `[B, O]` and halting logit `[B]`."""
  logit = (h @ params['halt'])[:, 0] + params['halt_bias']
  return h @ params['out'] + params['out_bias'][None], logit


class Answer(NamedTuple):
  """The outputs of a core.

  Attributes:
    logit: of the binary output, by level, `[N, B]`.
    p: weights of the levels `[N, B]`.
    steps: expected steps `[B]`.
    price: to be added to the loss `[B]`.
    levels: number of computed levels `[B]`.
  """

  logit: jax.Array
  p: jax.Array
  steps: jax.Array
  price: jax.Array
  levels: jax.Array


@functools.cache
def make_step(cell):
  """The step of the ponder loop for a kind of core."""

  def step(params, u, h, n):
    h = advance(cell, params, u, h, n)
    out, logit = read(params, h)
    return h, out[:, 0], logit

  return step


def unroll(setting, params, x, levels, eps, stop=halting.pondernet_rule):
  """All levels of a core for vectors `x [B, L]`."""
  u = project(params, x)
  h0 = jnp.zeros((len(x), setting.width))
  return loop.unroll(
    *(make_step(setting.cell), params, u, h0),
    max_steps=levels, eps=eps, stop=stop,
  )  # fmt: skip


def pondernet(setting, params, x):
  """The outputs of all levels, weighted by their halting probabilities."""
  done = unroll(setting, params, x, setting.levels, setting.eps)
  p = halting.distribution(done.logit, done.active)
  kl = halting.kl_geometric(done.logit, done.active, setting.prior)
  steps = halting.expected_steps(p)
  return Answer(done.out, p, steps, setting.beta * kl, done.active.sum(0))


def act(setting, params, x):
  """The weighted mean of the levels' outputs (Graves 2016)."""
  done = unroll(
    setting, params, x, setting.levels, setting.act_eps, graves.act_rule
  )
  weights = graves.halt(done.logit, done.active)
  logit = graves.mean(done.out, weights.p)[None]
  price = setting.tau * graves.cost(weights)
  levels = done.active.sum(0)
  return Answer(logit, jnp.ones_like(logit), levels * 1.0, price, levels)


def fixed(depth, setting, params, x):
  """The output of the last of `depth` levels."""
  done = unroll(setting, params, x, depth, None)
  steps = jnp.full(len(x), float(depth))
  out = done.out[-1:]
  return Answer(out, jnp.ones_like(out), steps, 0 * steps, steps)
