"""Stopping where two levels in a row put out almost the same.

For comparison with PonderNet: the rule of the Looped Actor (arXiv 2609.37432),
which halts at the first level whose policy is less than some nats away from
that of the level before. Nothing is learnt about when to halt. The step
carries its last output, and its logit is positive where it has settled; run it
by `loop.unroll(..., stop=settle.settled_rule)`.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting, level

# `distance(x, before, now) -> [B]` in nats, of the outputs of two levels.
Distance = Callable[[Any, Any, Any], jax.Array]


class Carried(NamedTuple):
  """The hidden state of a settling step.

  Attributes:
    h: that of the step itself, tree of `[B, ...]`.
    out: the output of the level before, tree of `[B, ...]`.
  """

  h: Any
  out: Any


def settled_rule(
  total: jax.Array, logit: jax.Array, eps: float | None
) -> tuple[jax.Array, jax.Array]:
  """The stopping rule: continue while `logit <= 0`; eps is not used."""
  return total, logit <= 0


@functools.cache
def settling(
  step: level.Step, distance: Distance, nats: float, first: int = 1
) -> level.Step:
  """A step `(params, x, Carried, n) -> (Carried, out, logit)` whose logit is
  `nats - distance(x, out_{n-1}, out_n)` in float32, and -1 at the levels below
  `first`, which is 1 or more: level 0 has none before it.

  Args:
    step: as for `loop.unroll`; its own logit is not used.
    distance, nats: how far outputs may be apart that are the same.
  """

  def settles(
    params: Any, x: Any, carried: Carried, n: jax.Array
  ) -> tuple[Carried, Any, jax.Array]:
    h, out, _ = step(params, x, carried.h, n)
    near = nats - halting.at_least_float32(distance(x, carried.out, out))
    return Carried(h, out), out, jnp.where(n < first, -1, near)

  return settles


def begin(step: level.Step, params: Any, x: Any, h0: Any) -> Carried:
  """The hidden state before level 0 for the hidden state `h0` of `step`; its
  output is zero."""
  _, out, _ = jax.eval_shape(step, params, x, h0, jnp.int32(0))
  return Carried(h0, jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out))
