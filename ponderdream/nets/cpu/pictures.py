"""Functions of pictures, computed for a few pictures at a time, so that their
intermediate copies fit into the processor's cache."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Array = jax.Array

CACHE_BYTES = 2**23


def mapped(run: Callable[[Array], Array], x: Array, numbers: int) -> Array:
  """`run(x)` for pictures `[B, ...]`.

  Args:
    numbers: how many numbers `run` copies for one picture.
  """
  few = split(x, numbers)
  if len(few) == 1:
    return run(x)
  out = jax.lax.map(run, few)
  return out.reshape((-1, *out.shape[2:]))


def summed(
  run: Callable[[Array, Array], Array], x: Array, dy: Array, numbers: int
) -> Array:
  """`run(x, dy)`, which is a sum over pictures `[B, ...]`."""
  few = split(x, numbers)
  pairs = few, dy.reshape((*few.shape[:2], *dy.shape[1:]))
  example = jax.eval_shape(run, *(x[0] for x in pairs))
  add = lambda total, pair: (total + run(*pair), None)
  total = jnp.zeros(example.shape, example.dtype)
  return jax.lax.scan(add, total, pairs)[0]


def split(x: Array, numbers: int) -> Array:
  """`[B, ...] -> [B / n, n, ...]`, with the largest n that divides B and whose
  copies fit into the cache; at least 1."""
  most = CACHE_BYTES // (numbers * x.dtype.itemsize)
  most = max(1, min(len(x), most))
  count = max(n for n in range(1, most + 1) if len(x) % n == 0)
  return x.reshape((-1, count, *x.shape[1:]))
