"""The computation of one level, which all implementations of the loop use."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting, trees

Tree = Any
Step = Callable[[Tree, Tree, Tree, jax.Array], tuple[Tree, Tree, jax.Array]]


class Row(NamedTuple):
  """The results of one level, zero where not active; stacked over levels, the
  results of the loop.

  Attributes:
    h: Hidden state after the level, tree of `[B, ...]`.
    out: Output of the step, tree of `[B, ...]`.
    logit: Halting logit `[B]`, float32 (float64 if the step's is).
    active: Whether the example computes the level, bool `[B]`.
  """

  h: Tree
  out: Tree
  logit: jax.Array
  active: jax.Array


class State(NamedTuple):
  """What is carried from one level to the next.

  Attributes:
    h: Hidden state before the level, tree of `[B, ...]`.
    total: Of the stopping rule, `[B]`: `log S_{n-1}`, or the sum of ACT's
      weights.
    active: Whether the example computes the next level, bool `[B]`.
  """

  h: Tree
  total: jax.Array
  active: jax.Array


def shape(step: Step, params: Tree, x: Tree, h0: Tree) -> Row:
  """Shapes and dtypes of a row."""

  def first(params: Tree, x: Tree, h0: Tree) -> Row:
    h, out, logit = step(params, x, h0, jnp.int32(0))
    return Row(
      h, out, halting.at_least_float32(logit), jnp.ones(logit.shape, bool)
    )

  return jax.eval_shape(first, params, x, h0)


def start(row: Row, h0: Tree) -> State:
  """The state before level 0, where every example is active."""
  zero = jnp.zeros(row.logit.shape, row.logit.dtype)
  return State(h0, zero, jnp.ones(zero.shape, bool))


def compute(
  step: Step,
  params: Tree,
  x: Tree,
  h: Tree,
  n: jax.Array,
  active: jax.Array,
) -> tuple[Tree, Tree, jax.Array]:
  """One application of the step: (h, out, logit), zero where not active."""
  h, out, logit = step(params, x, h, n)
  new = h, out, halting.at_least_float32(logit)
  return trees.where(active, new, jax.tree.map(jnp.zeros_like, new))


def forward(
  step: Step,
  stop: halting.Rule,
  eps: float | None,
  params: Tree,
  x: Tree,
  h0: Tree,
  state: State,
  n: jax.Array,
) -> tuple[State, Row]:
  """Computes level n of a batch.

  Examples that have stopped get h0 as hidden state. Their rows are masked out,
  but an unbounded hidden state could overflow there.
  """
  h, out, logit = compute(step, params, x, state.h, n, state.active)
  total, continues = stop(state.total, logit, eps)
  active = state.active & continues
  row = Row(h, out, logit, state.active)
  return State(trees.where(active, h, h0), total, active), row
