"""Acting: runs levels until each example has halted."""

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
) -> tuple[Any, jax.Array]:
  """Runs levels until every example has halted; returns the outputs of the
  levels where they halted.

  With `halt='sample'` an example halts at level n with probability lambda_n.
  It always halts at a level where its survival `S_n` falls below `eps`, and at
  level `max_steps - 1`. So n has the distribution `halting.distribution` of
  `loop.unroll` with the same `max_steps` and `eps`, and `halting.sample` with
  the same key gives the same n. With `halt='median'` an example halts where
  the cumulative probability reaches 0.5. The loop runs as many levels as the
  slowest example needs, and has no reverse-mode derivative. ACT does not halt
  by chance; it acts on the mean over the levels of an unroll, see `graves`.

  Args:
    step, params, x, h0: As for `loop.unroll`.
    key: One random key, consumed; level n uses `fold_in(key, n)`. Under
      `pmap` or `shard_map` fold the device index in first.
    max_steps: Maximum number of levels.
    eps: As for `loop.unroll`.
    halt: 'sample' or 'median'.

  Returns:
    The outputs, tree of `[B, ...]`, and the level n where each example halted,
    int32 `[B]`, counted from 0: it took n + 1 steps.

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
    n, running, h, log_survival, result = carry
    h, out, logit = step(params, x, h, n)
    logit = halting.at_least_float32(logit)
    log_survival, continues = halting.pondernet_rule(log_survival, logit, eps)
    result = trees.where(running, (out, jnp.full_like(result[1], n)), result)
    halts = HALTS[halt](key, n, logit, log_survival)
    running &= ~halts & continues & (n + 1 < max_steps)
    h = trees.where(running, h, h0)
    return n + 1, running, h, log_survival, result

  _, out, logit = jax.eval_shape(step, params, x, h0, jnp.int32(0))
  out = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), out)
  dtype = jax.eval_shape(halting.at_least_float32, logit).dtype
  zero = jnp.zeros(logit.shape, dtype)
  result = out, jnp.zeros(logit.shape, jnp.int32)
  start = jnp.int32(0), jnp.ones(logit.shape, bool)
  carry = trees.vary((*start, h0, zero, result), (params, x, h0, key))
  return jax.lax.while_loop(more, trip, carry)[-1]
