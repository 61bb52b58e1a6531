"""A chain of while loops with a gradient, each with half as many rows.

`jax.lax.while_loop` has no reverse mode; `custom_vjp` gives it one. The
forward loop writes levels into `[N, B, ...]` buffers until no example is
active. The backward loop goes through these levels in reverse order. It
recomputes each level from the hidden state before it, and applies its VJP.

A chain of one loop runs the whole batch until its slowest example stops. In a
chain of `B, B // 2, B // 4, ...` rows, a loop ends when its active examples
fit into the next loop, which continues with them alone. So the cost follows
the mean number of active levels, not the largest.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting, level, trees

Tree = Any

# Below a sixteenth of the batch there is little to save, and each loop takes
# time to compile.
HALVINGS = 4


class Plan(NamedTuple):
  """The static arguments of the loop.

  Attributes:
    step, max_steps, stop, eps: As for `loop.unroll`.
    sizes: Rows of each loop, the whole batch first.
  """

  step: level.Step
  max_steps: int
  stop: halting.Rule
  eps: float | None
  sizes: tuple[int, ...]


class Link(NamedTuple):
  """One loop of the chain.

  Attributes:
    rows: Indices of its examples, int32 `[B_k]`, each once; None for all.
    end: Number of levels computed when it ended, int32 `[]`.
  """

  rows: jax.Array | None
  end: jax.Array


def halves(batch: int) -> tuple[int, ...]:
  """The batch size and its halves: 40, 20, 10, 5, 2."""
  sizes = (batch >> k for k in range(HALVINGS + 1))
  return tuple(size for size in sizes if size)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def run(
  plan: Plan, params: Tree, x: Tree, h0: Tree
) -> tuple[level.Row, jax.Array]:
  """The results of the levels `[N, B, ...]`, and how many were computed,
  `[]`."""
  written, links = _forward(plan, params, x, h0)
  return written, links[-1].end


def _forward(
  plan: Plan, params: Tree, x: Tree, h0: Tree
) -> tuple[level.Row, list[Link]]:
  """The results of the levels, and the loops that computed them."""
  row = level.shape(plan.step, params, x, h0)
  zeros = lambda a: jnp.zeros((plan.max_steps, *a.shape), a.dtype)
  start = jnp.int32(0), level.start(row, h0), jax.tree.map(zeros, row)
  n, state, written = trees.vary(start, (params, x, h0))
  links: list[Link] = []
  rows = None
  for size, enough in zip(plan.sizes, (*plan.sizes[1:], 0), strict=True):
    if links:
      # Active rows first; the others fill up the loop and stay inactive.
      kept = jnp.argsort(~state.active)[:size]
      rows = kept if rows is None else rows[kept]
      state = trees.take(state, kept)
    inputs = params, *trees.take((x, h0), rows)
    carry = n, state, written
    n, state, written = _ascend(plan, enough, inputs, rows, carry)
    links.append(Link(rows, n))
  return written, links


def _ascend(
  plan: Plan, enough: int, inputs: Tree, rows: jax.Array | None, carry: Tree
) -> Tree:
  """One forward loop; it ends when at most `enough` rows are active."""
  params, x, h0 = inputs

  def more(carry: Tree) -> jax.Array:
    n, state, _ = carry
    return (n < plan.max_steps) & (state.active.sum() > enough)

  def trip(carry: Tree) -> Tree:
    n, state, written = carry
    state, row = level.forward(
      plan.step, plan.stop, plan.eps, params, x, h0, state, n
    )
    return n + 1, state, trees.put_level(written, row, n, rows)

  return jax.lax.while_loop(more, trip, carry)


def _save(
  plan: Plan, params: Tree, x: Tree, h0: Tree
) -> tuple[tuple[level.Row, jax.Array], Tree]:
  """`run`, and the residuals of the backward pass."""
  written, links = _forward(plan, params, x, h0)
  saved = params, x, h0, written.h, written.active, links
  return (written, links[-1].end), saved


def _backward(
  plan: Plan, saved: Tree, cotangent: Tree
) -> tuple[Tree, Tree, Tree]:
  """Backward pass over all loops, the last one first.

  Integers and keys have no cotangent. They are None in the differentiated
  trees, and `custom_vjp` accepts None for them.
  """
  params, x, h0, *written, links = saved
  given = trees.floats(cotangent[0][:3])
  *shared, last = trees.floats((params, x, h0))
  wide = jax.tree.map(
    lambda a: jnp.zeros_like(halting.at_least_float32(a)), shared
  )
  totals = *wide, jax.tree.map(jnp.zeros_like, last)
  total, *dinputs = trees.vary(totals, saved)
  begins = [jnp.int32(0), *(link.end for link in links[:-1])]
  for begin, link in reversed(list(zip(begins, links, strict=True))):
    inputs = params, *trees.take((x, h0), link.rows)
    own = trees.take(dinputs, link.rows)
    levels = *written, given
    total, *own = _descend(
      plan.step, inputs, levels, begin, link, (total, *own)
    )
    dinputs = trees.put(dinputs, own, link.rows)
  dx, dh = dinputs
  total, dx = trees.cast((total, dx), tuple(shared))
  return total, dx, dh


def _descend(
  step: level.Step,
  inputs: Tree,
  levels: Tree,
  begin: jax.Array,
  link: Link,
  totals: Tree,
) -> Tree:
  """One backward loop, from the last level of `link` to level `begin`.

  Args:
    inputs: params, x and h0 of its rows.
    levels: hidden states and masks of all levels, and the cotangents of their
      results.
    totals: cotangents of params, x and h, summed over later levels.
  """
  params, x, h0 = inputs
  h_after, active, given = levels

  def trip(carry: Tree) -> Tree:
    n, total, dx, dh = carry
    mask, now = trees.take_level((active, given), n, link.rows)
    h = trees.take_level(h_after, n - 1, link.rows)
    h = trees.where(mask & (n > 0), h, h0)

    def again(*floats: Tree) -> Tree:
      p, x_, h_ = trees.merge(floats, (params, x, h))
      return trees.floats(level.compute(step, p, x_, h_, n, mask))

    _, pull = jax.vjp(again, *trees.floats((params, x, h)))
    dh = jax.tree.map(jnp.add, now[0], dh)
    dparams, dx_n, dh = pull((dh, *now[1:]))
    return n - 1, trees.add(total, dparams), trees.add(dx, dx_n), dh

  carry = link.end - 1, *totals
  return jax.lax.while_loop(lambda c: c[0] >= begin, trip, carry)[1:]


run.defvjp(_save, _backward)
