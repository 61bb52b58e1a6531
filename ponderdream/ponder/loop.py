"""A while loop with a gradient: as many levels as the batch needs, no more.

`jax.lax.while_loop` has no reverse mode. `unroll` gives it one: the forward
loop writes hidden states and outputs into `[N, ...]` buffers and stops when no
example is active; the backward loop walks over the levels taken, last to
first, recomputes each and pulls the cotangents through it. Neither runs a
level that nobody needed. `impl='scan'` computes the same numbers with a masked
`lax.scan` and jax's own derivative; it is the oracle of the tests, and the
way to forward mode and second derivatives, which the while loop lacks.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting

Tree = Any
Step = Callable[[Tree, Tree, Tree, jax.Array], tuple[Tree, Tree, jax.Array]]


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
  eps: float,
  impl: str = 'while',
) -> Unrolled:
  """Applies `step` until the survival of every example is below `eps`.

  Truncation is per example: level n is active where `S_{n-1} >= eps`, so what
  an example computes depends neither on its neighbours nor on how the batch
  is split over devices. Differentiable in the floating point arrays of
  `params`, `x` and `h0`; gradients of params and x are summed in float32 at
  the least. There is no collective inside, and under `shard_map` or `pmap`
  every device runs its own number of levels; average over devices outside.

  Args:
    step: `step(params, x, h, n) -> (h, out, logit)` with `n` an int32 scalar,
      0 at first, and `logit [B]`. Each example must depend on its own row
      alone. It is a hashable that lives as long as its users (a new lambda
      per call is compiled again), closes over no traced array (hand these in
      through params or x), and has no side effects. For noise, put keys into
      x and fold `n` in: the backward loop then sees the same noise.
    params: Any tree of arrays.
    x: Tree of `[B, ...]` arrays, integers and random keys included, which
      every level sees. Project it once outside.
    h0: Tree of `[B, ...]` number arrays, the hidden state before level 0;
      `step` keeps its shapes and dtypes.
    max_steps: N, the most levels that run; the last of them always halts.
    eps: Survival in [0, 1) below which an example stops; 0 always runs N.
    impl: 'while', or 'scan' for the reference.

  Raises:
    ValueError: an argument outside its range, or a step that does not keep
      the hidden state or gives logits that are not `[B]`.
  """
  check(step, params, x, h0, max_steps=max_steps, eps=eps)
  if impl not in IMPLS:
    raise ValueError(
      f'The ponder loop is called with impl={impl!r}; choose one of '
      f'{sorted(IMPLS)}.'
    )
  params, x, h0 = vary((params, x, h0))
  return IMPLS[impl](step, max_steps, float(eps), params, x, h0)


def check(
  step: Step, params: Tree, x: Tree, h0: Tree, *, max_steps: int, eps: float
) -> None:
  """Raises ValueError where `unroll` and `act` would fail obscurely."""
  if max_steps < 1:
    raise ValueError(
      f'The ponder loop got max_steps={max_steps}; give it 1 step or more.'
    )
  if not 0 <= eps < 1:
    raise ValueError(
      f'The ponder loop got eps={eps}; it is the survival at which thinking '
      'stops, so choose it from 0 (never early) up to but below 1.'
    )
  h, _, logit = jax.eval_shape(step, params, x, h0, jnp.int32(0))
  if logit.ndim != 1 or not jnp.issubdtype(logit.dtype, jnp.floating):
    raise ValueError(
      f'The ponder step returned a halting logit {_text(logit)}; return one '
      'floating point number per example, shape [B].'
    )
  if _text(h) != _text(h0):
    raise ValueError(
      f'The ponder step turned a hidden state {_text(h0)} into {_text(h)}; '
      'return the structure, shapes and dtypes of h0.'
    )


def vary(tree: Tree, like: Tree = None) -> Tree:
  """Marks arrays as device-varying wherever an array of `like` is.

  Under `shard_map(check_vma=True)` all carries of a loop must vary alike.
  Parameters, which enter replicated, must be marked before the derivative
  is taken: otherwise it puts a psum into the backward loop, whose number of
  trips differs by device, and a pod hangs. Elsewhere this does nothing.
  """
  axes = frozenset[str]()
  for leaf in jax.tree.leaves(tree if like is None else like):
    axes |= jax.typeof(leaf).manual_axis_type.varying

  def mark(leaf: jax.Array) -> jax.Array:
    missing = tuple(axes - jax.typeof(leaf).manual_axis_type.varying)
    return jax.lax.pcast(leaf, missing, to='varying') if missing else leaf

  return jax.tree.map(mark, tree)


def where(mask: jax.Array, new: Tree, old: Tree) -> Tree:
  """Takes the rows `[B, ...]` of `new` where `mask [B]`, else of `old`."""

  def pick(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - 1)), a, b)

  return jax.tree.map(pick, new, old)


def _level(
  step: Step,
  params: Tree,
  x: Tree,
  h: Tree,
  n: jax.Array,
  active: jax.Array,
) -> tuple[Tree, Tree, jax.Array]:
  """One application of the step: (h, out, logit), zero where not active."""
  h, out, logit = step(params, x, h, n)
  new = h, out, halting.wide(logit)
  return where(active, new, jax.tree.map(jnp.zeros_like, new))


def _forward(
  step: Step, eps: float, params: Tree, x: Tree, h0: Tree
) -> tuple[Tree, Tree, Callable[[Tree, jax.Array], tuple[Tree, Tree]]]:
  """State before level 0, shapes of a row, and the body of both loops.

  Examples that halted are fed h0 from then on: an input the step is known to
  stand, so that no garbage grows in rows that are masked out anyway.
  """

  def body(state: Tree, n: jax.Array) -> tuple[Tree, Tree]:
    h, log_survival, active = state
    h, out, logit = _level(step, params, x, h, n, active)
    row = h, out, logit, active
    log_survival, active = halting.survive(log_survival, logit, eps)
    return (where(active, h, h0), log_survival, active), row

  shapes = jax.eval_shape(step, params, x, h0, jnp.int32(0))
  active = jnp.ones(shapes[2].shape, bool)
  row = jax.eval_shape(
    lambda *tree: (*tree[:2], halting.wide(tree[2]), active), *shapes
  )
  start = jnp.zeros(row[2].shape, row[2].dtype), active
  return (h0, *vary(start, (params, x, h0))), row, body


def _scan(
  step: Step, max_steps: int, eps: float, params: Tree, x: Tree, h0: Tree
) -> Unrolled:
  """Runs max_steps levels whatever happens; differentiated by jax."""
  state, _, body = _forward(step, eps, params, x, h0)
  levels = jnp.arange(max_steps, dtype=jnp.int32)
  _, (h, out, logit, active) = jax.lax.scan(body, state, levels)
  steps = active.any(1).sum(dtype=jnp.int32)
  return Unrolled(h, out, logit, active, steps)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _while(
  step: Step, max_steps: int, eps: float, params: Tree, x: Tree, h0: Tree
) -> Unrolled:
  """Runs levels until no example is active."""
  state, row, body = _forward(step, eps, params, x, h0)
  rows = jax.tree.map(lambda a: jnp.zeros((max_steps, *a.shape), a.dtype), row)
  carry = vary((jnp.int32(0), state, rows), (params, x, h0))

  def more(carry: Tree) -> jax.Array:
    n, (_, _, active), _ = carry
    return (n < max_steps) & active.any()

  def trip(carry: Tree) -> Tree:
    n, state, rows = carry
    state, row = body(state, n)
    write = functools.partial(jax.lax.dynamic_update_index_in_dim, axis=0)
    return n + 1, state, jax.tree.map(lambda a, b: write(a, b, n), rows, row)

  steps, _, rows = jax.lax.while_loop(more, trip, carry)
  h, out, logit, active = rows
  return Unrolled(h, out, logit, active, steps)


def _while_fwd(
  step: Step, max_steps: int, eps: float, params: Tree, x: Tree, h0: Tree
) -> tuple[Unrolled, Tree]:
  done = _while(step, max_steps, eps, params, x, h0)
  return done, (params, x, h0, done.h, done.active, done.steps)


def _while_bwd(
  step: Step, max_steps: int, eps: float, saved: Tree, cotangent: Unrolled
) -> tuple[Tree, Tree, Tree]:
  """Walks back over the levels taken; recomputes each one's derivative.

  Integers and keys have no cotangent: they leave the trees of what is
  differentiated (as None), and None is what custom_vjp takes for them.
  """
  params, x, h0, rows, active, steps = saved
  cotangents = _floats(cotangent[:3])

  def trip(carry: Tree) -> Tree:
    n, total, dh = carry
    mask, given = _row((active, cotangents), n)
    h = where(mask & (n > 0), _row(rows, n - 1), h0)

    def level(*inputs: Tree) -> Tree:
      p, x_, h_ = _merge(inputs, (params, x, h))
      return _floats(_level(step, p, x_, h_, n, mask))

    _, pull = jax.vjp(level, *_floats((params, x, h)))
    dh = jax.tree.map(jnp.add, given[0], dh)
    *parts, dh = pull((dh, *given[1:]))
    total = jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, parts)
    return n - 1, total, dh

  *shared, last = _floats((params, x, h0))
  total = jax.tree.map(lambda a: jnp.zeros_like(halting.wide(a)), shared)
  dh = jax.tree.map(jnp.zeros_like, last)
  carry = vary((steps - 1, total, dh), saved)
  _, total, dh = jax.lax.while_loop(lambda c: c[0] >= 0, trip, carry)
  total = jax.tree.map(lambda a, b: a.astype(b.dtype), total, shared)
  return (*total, dh)


def _row(rows: Tree, n: jax.Array) -> Tree:
  """Row n of every array of a tree; what -1 gives is not used."""
  return jax.tree.map(
    lambda a: jax.lax.dynamic_index_in_dim(a, n, keepdims=False), rows
  )


def _floats(tree: Tree) -> Tree:
  """The tree with None in place of integers, keys and their cotangents."""

  def keep(leaf: Any) -> Any:
    return leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) else None

  return jax.tree.map(keep, tree)


def _merge(floats: Tree, whole: Tree) -> Tree:
  """Puts what `_floats` kept back into the whole tree."""
  return jax.tree.map(
    lambda a, b: b if a is None else a,
    floats,
    whole,
    is_leaf=lambda a: a is None,
  )


def _text(tree: Tree) -> str:
  """Structure, dtypes and shapes of a tree in one line."""
  return str(
    jax.tree.map(lambda a: f'{a.dtype}{list(a.shape)}', tree)
  ).replace("'", '')


_while.defvjp(_while_fwd, _while_bwd)
IMPLS: dict[str, Callable[..., Unrolled]] = {'while': _while, 'scan': _scan}
