"""Acting: the same step, run until each example has halted."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.ponder import halting, loop, trees

HALTS = {
  'sample': lambda key, n, logit, _: halting.coin(key, n, logit),
  'median': lambda key, n, logit, survival: survival <= math.log(0.5),
}


def act(
  step: loop.Step,
  params: Any,
  x: Any,
  h0: Any,
  key: jax.Array,
  *,
  max_steps: int,
  eps: float | None,
  halt: str = 'sample',
  stop: halting.Rule = halting.survive,
) -> tuple[Any, jax.Array]:
  """Thinks until every example has halted; each keeps the out it halted on.

  With `halt='sample'` an example halts at level n with probability lambda_n;
  it halts for certain at level n where its survival `S_n` is below `eps` (or
  where another rule `stop` says so), and at level `max_steps - 1`. So n is
  distributed as `halting.distribution` of `loop.unroll` at the same
  `max_steps`, `eps` and `stop`: acting is what training assumes, and
  `halting.sample` with the same key gives the same n. With `halt='median'` it
  halts where the cumulative probability reaches 0.5, without chance. Runs as
  many levels as the slowest example needs, and has no reverse mode
  derivative.

  Args:
    step, params, x, h0: As for `loop.unroll`.
    key: One random key, consumed; level n uses `fold_in(key, n)`. Under
      `pmap` or `shard_map` fold the device index in first.
    max_steps: The most levels that run.
    eps: The truncation of training; None truncates at `max_steps` alone.
    halt: 'sample' or 'median'.
    stop: As for `loop.unroll`. ACT does not halt by chance: it acts on the
      mean over the levels of an unroll, see `graves`.

  Returns:
    The outputs, tree of `[B, ...]`, and the level n halted on, int32 `[B]`,
    counted from 0: the example thought for n + 1 steps.

  Raises:
    ValueError: as `loop.unroll`.
  """
  params, x, h0 = trees.arrays((params, x, h0))
  loop.check(step, params, x, h0, max_steps=max_steps, eps=eps)
  if halt not in HALTS:
    raise ValueError(
      f'Acting was asked to halt by {halt!r}; choose one of {sorted(HALTS)}.'
    )
  params, x, h0, key = trees.vary((params, x, h0, key))

  def more(carry: Any) -> jax.Array:
    return carry[1].any()

  def trip(carry: Any) -> Any:
    n, running, h, log_survival, tally, kept = carry
    h, out, logit = step(params, x, h, n)
    logit = halting.wide(logit)
    log_survival, _ = halting.survive(log_survival, logit, eps)
    tally, reached = stop(tally, logit, eps)
    kept = trees.where(running, (out, jnp.full_like(kept[1], n)), kept)
    halts = HALTS[halt](key, n, logit, log_survival)
    running &= ~halts & reached & (n + 1 < max_steps)
    h = trees.where(running, h, h0)
    return n + 1, running, h, log_survival, tally, kept

  _, out, logit = jax.eval_shape(step, params, x, h0, jnp.int32(0))
  out = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out)
  wide = jax.eval_shape(halting.wide, logit).dtype
  zero = jnp.zeros(logit.shape, wide)
  kept = out, jnp.zeros(logit.shape, jnp.int32)
  start = jnp.int32(0), jnp.ones(logit.shape, bool)
  carry = trees.vary((*start, h0, zero, zero, kept), (params, x, h0, key))
  return jax.lax.while_loop(more, trip, carry)[-1]
