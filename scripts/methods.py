"""Three ways to spend steps: PonderNet, ACT, and always the same number.

`setting` is that of `parity.py`; all take vectors `x [B, L]` and answer a
question with yes or no.
"""

import functools
from typing import NamedTuple

import cores
import jax
import jax.numpy as jnp

from ponderdream.ponder import graves, halting, loop


class Answer(NamedTuple):
  """What a core says: logits `[N, B]` with weights p `[N, B]`, steps thought
  `[B]`, what is added to the loss `[B]`, and levels computed `[B]`."""

  logit: jax.Array
  p: jax.Array
  steps: jax.Array
  price: jax.Array
  levels: jax.Array


@functools.cache
def make_step(cell):
  """The step of the ponder loop for a kind of core."""

  def step(params, u, h, n):
    h = cores.advance(cell, params, u, h, n)
    out, logit = cores.read(params, h)
    return h, out[:, 0], logit

  return step


def unroll(setting, params, x, levels, eps, stop=halting.survive):
  """All levels of a core for vectors `x [B, L]`."""
  u = cores.project(params, x)
  h0 = jnp.zeros((len(x), setting.width))
  return loop.unroll(
    *(make_step(setting.cell), params, u, h0),
    max_steps=levels, eps=eps, stop=stop,
  )  # fmt: skip


def pondernet(setting, params, x):
  """Every level answers, weighted by the probability to halt on it."""
  done = unroll(setting, params, x, setting.levels, setting.eps)
  p = halting.distribution(done.logit, done.active)
  kl = halting.kl_geometric(done.logit, done.active, setting.prior)
  steps = halting.expected_steps(p)
  return Answer(done.out, p, steps, setting.beta * kl, done.active.sum(0))


def act(setting, params, x):
  """The mean of the levels' answers (Graves 2016)."""
  done = unroll(
    setting, params, x, setting.levels, setting.act_eps, graves.spend
  )
  weights = graves.halt(done.logit, done.active)
  logit = graves.mean(done.out, weights.p)[None]
  price = setting.tau * graves.cost(weights)
  levels = done.active.sum(0)
  return Answer(logit, jnp.ones_like(logit), levels * 1.0, price, levels)


def fixed(depth, setting, params, x):
  """The last of `depth` levels answers."""
  done = unroll(setting, params, x, depth, None)
  steps = jnp.full(len(x), float(depth))
  out = done.out[-1:]
  return Answer(out, jnp.ones_like(out), steps, 0 * steps, steps)
