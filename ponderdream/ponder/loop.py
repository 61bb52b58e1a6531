"""A while loop with a gradient, which runs only the levels that are needed.

`jax.lax.while_loop` has no reverse mode. `unroll` gives it one, see `chain`.
With `compact`, examples that have stopped are removed from the batch, so that
the cost follows the mean number of levels. `impl='scan'` computes the same
numbers by a masked `lax.scan` and JAX's own derivative. The tests compare the
two. Forward mode and second derivatives need the scan.
"""

import functools
import numbers
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import chain, halting, level, trees

Tree = Any
Step = level.Step
IMPLS = 'while', 'scan'


class Unrolled(NamedTuple):
  """The results of all levels; zero where not active.

  Attributes:
    h: Hidden states after each level, tree of `[N, B, ...]`.
    out: Outputs of the step, tree of `[N, B, ...]`.
    logit: Halting logits, `[N, B]` float32 (float64 if the step's are).
    active: Whether the example computes this level, bool `[N, B]`. Only
      active levels have a halting probability above 0.
    steps: Number of levels that were computed, int32 `[]`: the largest number
      of active levels in the batch. Later rows are zero.
  """

  h: Tree
  out: Tree
  logit: jax.Array
  active: jax.Array
  steps: jax.Array


def unroll(
  step: Step,
  params: Tree,
  x: Tree,
  h0: Tree,
  *,
  max_steps: int,
  eps: float | None,
  impl: str = 'while',
  compact: bool = False,
  stop: halting.Rule = halting.pondernet_rule,
) -> Unrolled:
  """Applies `step` until the survival of every example is below `eps`.

  Truncation is per example: level n is active if `S_{n-1} >= eps`, or as
  another rule `stop` says. So the result of an example depends neither on the
  other examples nor on how the batch is split over devices. It can be
  differentiated by the floating-point arrays of `params`, `x` and `h0`.
  Gradients of params and x are summed in float32 or float64. There is no
  collective inside: under `shard_map` or `pmap` every device runs its own
  number of levels. Average over devices outside.

  Args:
    step: `step(params, x, h, n) -> (h, out, logit)` with the level `n`, an
      int32 scalar, and `logit [B]`. Each example may depend only on its own
      row. The function must be hashable and have no side effects. Use the
      same function in all calls: a new lambda is compiled again. It must not
      close over traced arrays; pass them in params or x. For random numbers,
      put keys into x and fold `n` in. The backward loop then draws the same
      numbers.
    params: Any tree of arrays and numbers.
    x: Tree of `[B, ...]` arrays, the input of every level; may contain
      integers and random keys.
    h0: Tree of `[B, ...]` number arrays, the hidden state before level 0;
      `step` returns the same shapes and dtypes.
    max_steps: N, the maximum number of levels; every example halts at the
      last one.
    eps: Survival in (0, 1) below which an example stops; for ACT, it stops
      where the sum of its weights reaches `1 - eps`. None always runs N.
    impl: 'while' or 'scan'.
    compact: Whether examples that have stopped are removed from the batch.
      When at most half of the rows are active, they continue in a batch of
      half the size, down to a sixteenth. The numbers are the same up to
      rounding. The step is also called with these batch sizes.
    stop: The stopping rule: `halting.pondernet_rule`, `graves.act_rule`, or
      another function with their arguments.

  Raises:
    ValueError: an argument outside its range, arrays whose rows differ, or a
      step that does not keep the hidden state, or gives logits that are not
      `[B]` or outputs that are not `[B, ...]`.
  """
  params, x, h0 = trees.arrays((params, x, h0))
  check(step, params, x, h0, max_steps=max_steps, eps=eps)
  if impl not in IMPLS:
    raise ValueError(
      f'The ponder loop is called with impl={impl!r}; choose one of '
      f'{sorted(IMPLS)}.'
    )
  if compact and impl != 'while':
    raise ValueError(
      f'The ponder loop is called with compact=True and impl={impl!r}; only '
      "impl='while' can leave examples out."
    )
  params, x, h0 = trees.vary((params, x, h0))
  if impl == 'scan':
    return _scan(step, max_steps, stop, eps, params, x, h0)
  batch = len(jax.tree.leaves((x, h0))[0])
  sizes = chain.halves(batch) if compact else (batch,)
  plan = chain.Plan(step, max_steps, stop, eps, sizes)
  row, steps = chain.run(plan, params, x, h0)
  return Unrolled(*row, steps)


def check(
  step: Step,
  params: Tree,
  x: Tree,
  h0: Tree,
  *,
  max_steps: int,
  eps: float | None,
) -> None:
  """Raises ValueError for arguments with which `unroll` and `act` would fail
  with an obscure error."""
  whole = isinstance(max_steps, numbers.Integral)
  if not whole or isinstance(max_steps, bool) or max_steps < 1:
    raise ValueError(
      f'The ponder loop got max_steps={max_steps!r}; give it a whole number '
      'of steps, 1 or more.'
    )
  halting.check_eps('The ponder loop', eps)
  rows = {leaf.shape[:1] for leaf in jax.tree.leaves((x, h0))}
  if len(rows) != 1 or rows & {(), (0,)}:
    raise ValueError(
      f'The ponder loop got x {trees.text(x)} and h0 {trees.text(h0)}; give '
      'every array of both one row per example, for at least one example, and '
      'put what all examples share into params.'
    )
  _check_step(h0, jax.eval_shape(step, params, x, h0, jnp.int32(0)), *rows)


def _check_step(h0: Tree, given: Any, shape: tuple[int, ...]) -> None:
  """Raises ValueError if a step of `[B]` examples returned wrong shapes."""
  if not isinstance(given, tuple | list) or len(given) != 3:
    raise ValueError(
      f'The ponder step returned {trees.text(given)}; return three things, '
      '(h, out, logit).'
    )
  h, out, logit = given
  array = isinstance(logit, jax.ShapeDtypeStruct) and logit.shape == shape
  if not array or not jnp.issubdtype(logit.dtype, jnp.floating):
    raise ValueError(
      f'The ponder step returned a halting logit {trees.text(logit)}; return '
      f'one floating point number per example, shape {list(shape)}.'
    )
  if trees.text(h) != trees.text(h0):
    raise ValueError(
      f'The ponder step turned a hidden state {trees.text(h0)} into '
      f'{trees.text(h)}; return the structure, shapes and dtypes of h0.'
    )
  if any(leaf.shape[:1] != shape for leaf in jax.tree.leaves(out)):
    raise ValueError(
      f'The ponder step returned an output {trees.text(out)}; give every '
      f'array of it one row per example, shape [{shape[0]}, ...].'
    )


def _scan(
  step: Step,
  max_steps: int,
  stop: halting.Rule,
  eps: float | None,
  params: Tree,
  x: Tree,
  h0: Tree,
) -> Unrolled:
  """Always runs `max_steps` levels; differentiated by JAX."""
  state = level.start(level.shape(step, params, x, h0), h0)
  state = trees.vary(state, (params, x, h0))
  body = functools.partial(level.forward, step, stop, eps, params, x, h0)
  _, row = jax.lax.scan(body, state, jnp.arange(max_steps, dtype=jnp.int32))
  return Unrolled(*row, row.active.any(1).sum(dtype=jnp.int32))
