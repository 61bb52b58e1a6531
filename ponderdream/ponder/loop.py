"""A while loop with a gradient: as many levels as the batch needs, no more.

`jax.lax.while_loop` has no reverse mode. `unroll` gives it one, see `chain`:
neither forward nor backward does it run a level that nobody needed. With
`compact` the examples that are done leave the batch, so that a few that think
for long do not cost what all of them would. `impl='scan'` computes the same
numbers with a masked `lax.scan` and jax's own derivative; it is the oracle of
the tests, and the way to forward mode and second derivatives, which the while
loop lacks.
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
  """What a batch computed, level by level; zero where not active.

  Attributes:
    h: Hidden states after each level, tree of `[N, B, ...]`.
    out: Outputs of the step, tree of `[N, B, ...]`.
    logit: Halting logits, `[N, B]` float32 (float64 if the step's are).
    active: Whether the example computes this level, bool `[N, B]`. The
      halting distribution of an example lives on its active levels.
    steps: Levels the loop ran, int32 `[]`: the largest number of active
      levels in the batch. Rows from here on are zero.
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
  stop: halting.Rule = halting.survive,
) -> Unrolled:
  """Applies `step` until the survival of every example is below `eps`.

  Truncation is per example: level n is active where `S_{n-1} >= eps` (or
  where another rule `stop` lets it be), so what an example computes depends
  neither on its neighbours nor on how the batch is split over devices.
  Differentiable in the floating point arrays of `params`, `x` and `h0`;
  gradients of params and x are summed in float32 at the least. There is no
  collective inside, and under `shard_map` or `pmap` every device runs its own
  number of levels; average over devices outside.

  Args:
    step: `step(params, x, h, n) -> (h, out, logit)` with `n` an int32 scalar,
      0 at first, and `logit [B]`. Each example must depend on its own row
      alone. It is a hashable that lives as long as its users (a new lambda
      per call is compiled again), closes over no traced array (hand these in
      through params or x), and has no side effects. For noise, put keys into
      x and fold `n` in: the backward loop then sees the same noise.
    params: Any tree of arrays and numbers.
    x: Tree of `[B, ...]` arrays, integers and random keys included, which
      every level sees. Project it once outside.
    h0: Tree of `[B, ...]` number arrays, the hidden state before level 0;
      `step` keeps its shapes and dtypes.
    max_steps: N, the most levels that run; the last of them always halts.
    eps: Survival in (0, 1) below which an example stops, or for ACT what its
      sum may lack of 1; None always runs N.
    impl: 'while', or 'scan' for the reference.
    compact: Whether examples that are done leave the batch: when at most half
      of the rows are active they go on in a batch of half the size, down to
      a sixteenth. The same numbers, up to how products of another size are
      rounded. The step is then called with those sizes too.
    stop: When an example stops: `halting.survive` (PonderNet), or
      `graves.spend` (ACT), or another function like them.

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
  """Raises ValueError where `unroll` and `act` would fail obscurely."""
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
  """Raises ValueError unless a step of `[B]` examples gave what it has to."""
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
  """Runs max_steps levels whatever happens; differentiated by jax."""
  state = level.start(level.shape(step, params, x, h0), h0)
  state = trees.vary(state, (params, x, h0))
  body = functools.partial(level.forward, step, stop, eps, params, x, h0)
  _, row = jax.lax.scan(body, state, jnp.arange(max_steps, dtype=jnp.int32))
  return Unrolled(*row, row.active.any(1).sum(dtype=jnp.int32))
