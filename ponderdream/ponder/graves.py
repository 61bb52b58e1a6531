"""ACT (Graves 2016, arXiv 1603.08983), for comparison with PonderNet.

In ACT, `h_n = sigmoid(logit_n)` is the weight p_n of level n, not the
probability to halt if level n is reached. ACT stops at the first level where
`sum_{i<=n} h_i >= 1 - eps`; `loop.unroll(..., stop=graves.act_rule)` runs only
these levels. Since `prod (1 - h_i) >= 1 - sum h_i`, ACT never stops later than
PonderNet with the same eps, and often much earlier.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting


class Graves(NamedTuple):
  """ACT's weights and what they cost.

  Attributes:
    p: Weights of the levels, `[N, B]`; they sum to 1.
    remainder: R, the weight of the last level, `[B]`.
    steps: n, the number of levels used, int32 `[B]`, 1 to N.
  """

  p: jax.Array
  remainder: jax.Array
  steps: jax.Array


def act_rule(
  total: jax.Array, logit: jax.Array, eps: float | None
) -> tuple[jax.Array, jax.Array]:
  """ACT's stopping rule: continue while `sum_{i<=n} h_i < 1 - eps`.

  Args:
    total: `sum_{i<n} h_i [B]`.
    logit: halting logits of level n, `[B]`.
    eps: in (0, 1); None never stops.

  Returns:
    `sum_{i<=n} h_i [B]`, and whether the next level is computed, `[B]`.
  """
  total = total + jax.nn.sigmoid(logit)
  most = math.inf if eps is None else 1 - eps
  return total, total < most


def halt(
  logit: jax.Array, active: jax.Array, *, eps: float | None = None
) -> Graves:
  """ACT's weights for `logit [N, B]`, `active [N, B]` of `loop.unroll`.

  `p_n = h_n` before the last level and `R = 1 - sum_{i<n} h_i` at the last.
  The last level is the last active one if the unroll stopped by `act_rule`.
  For an unroll with another rule give `eps`: the last level is then the first
  at which the sum of the weights reaches `1 - eps`.

  Raises:
    ValueError: an `eps` outside (0, 1).
  """
  halting.check_eps('ACT', eps)
  weights = jnp.where(
    active, jax.nn.sigmoid(halting.at_least_float32(logit)), 0
  )
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
  """The mean over levels with the weights `p [N, B]`: `[N, B, ...]` to
  `[B, ...]`, for outputs and hidden states. Computed in the dtype of p; the
  result has the dtype of each array."""

  def weigh(leaf: jax.Array) -> jax.Array:
    weight = p.reshape(p.shape + (1,) * (leaf.ndim - 2))
    return (weight * leaf).sum(0).astype(leaf.dtype)

  return jax.tree.map(weigh, tree)
