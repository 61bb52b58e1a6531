"""ACT (Graves 2016, arXiv 1603.08983), the ablation, on the same buffers.

Here `h_n = sigmoid(logit_n)` is the weight p_n of level n itself, not the
probability to halt once level n is reached. ACT stops at the first level
where `sum_{i<=n} h_i >= 1 - eps`: `loop.unroll(..., stop=graves.spend)` runs
the levels it needs and no more. As `prod (1 - h_i) >= 1 - sum h_i`, that is
never after PonderNet's stop at the same eps, and often long before it.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting


class Graves(NamedTuple):
  """What ACT weighs and pays.

  Attributes:
    p: Weights of the levels, `[N, B]`; they sum to 1.
    remainder: R, the weight of the last level, `[B]`.
    steps: n, the number of levels used, int32 `[B]`, 1 to N.
  """

  p: jax.Array
  remainder: jax.Array
  steps: jax.Array


def spend(
  total: jax.Array, logit: jax.Array, eps: float | None
) -> tuple[jax.Array, jax.Array]:
  """ACT's rule: on while the sum of the weights is small.

  Takes the sum [B] past one level: returns `sum_{i<=n} h_i [B]` and whether
  it is below `1 - eps [B]`; with an `eps` of None the next level always may
  be reached.
  """
  total = total + jax.nn.sigmoid(logit)
  most = math.inf if eps is None else 1 - eps
  return total, total < most


def halt(
  logit: jax.Array, active: jax.Array, *, eps: float | None = None
) -> Graves:
  """ACT's weights for `logit [N, B]`, `active [N, B]` of `loop.unroll`.

  `p_n = h_n` before the last level and `R = 1 - sum_{i<n} h_i` on it. The
  last is the last active one of an unroll that stopped by `spend`. Of levels
  that another rule let run, `eps` leaves out those after the first at which
  the weights reach `1 - eps`.

  Raises:
    ValueError: an `eps` outside (0, 1).
  """
  halting.check_eps('ACT', eps)
  weights = jnp.where(active, jax.nn.sigmoid(halting.wide(logit)), 0)
  zero = jnp.zeros_like(weights[:1])
  before = jnp.concatenate([zero, weights[:-1].cumsum(0)])
  used = active if eps is None else active & (before < 1 - eps)
  steps = used.sum(0, dtype=jnp.int32)
  remainder = 1 - halting.select(before, steps - 1)
  last = jnp.arange(len(logit))[:, None] == steps[None] - 1
  p = jnp.where(last, remainder, jnp.where(used, weights, 0))
  return Graves(p, remainder, steps)


def cost(graves: Graves) -> jax.Array:
  """The ponder cost `rho = n + R [B]`, to be scaled by tau.

  n is piecewise constant, so the gradient is that of R alone: -1 for every
  `h_i` before the last.
  """
  return graves.steps + graves.remainder


def mean(tree: Any, p: jax.Array) -> Any:
  """The p-weighted mean over levels: `[N, B, ...]` to `[B, ...]`.

  Outputs and hidden states alike; weighs in the dtype of `p [N, B]` and
  returns the dtype of each array.
  """

  def weigh(leaf: jax.Array) -> jax.Array:
    wide = p.reshape(p.shape + (1,) * (leaf.ndim - 2))
    return (wide * leaf).sum(0).astype(leaf.dtype)

  return jax.tree.map(weigh, tree)
