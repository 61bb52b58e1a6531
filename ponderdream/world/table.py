"""A table of patches: pictures as numbers of the nearest code in the table.

Worlds that are drawn from a small set of tiles, such as Crafter with its cells
of 7x7 pixels, have few different patches. The table is no parameter that a
gradient changes: codes are patches that were seen, and one is added where a
patch is far from all of them. Compare the nearest-neighbour tokens of Dedieu
et al. 2025 (arXiv 2502.01591).

Patches are `[N, D]`, codes `[C, D]`, with pixels in [0, 1].
"""

import jax
import jax.numpy as jnp

Array = jax.Array

# The pixels of codes that are not taken yet: further from any patch than two
# patches can be from each other.
FREE = 3.0


def initial(count: int, size: int) -> Array:
  """A table `[count, size]` without any code."""
  return jnp.full((count, size), FREE)


def nearest(codes: Array, patches: Array) -> Array:
  """Number of the code at the least Euclidean distance, int32 `[N]`."""
  far, count = _distances(codes, patches), len(codes)
  # `argmin` takes three times as long on a CPU as all else here.
  is_least = far == far.min(1, keepdims=True)
  return jnp.where(is_least, jnp.arange(count)[None], count).min(1)


def _distances(codes: Array, patches: Array) -> Array:
  """Squared distances up to a number for each patch, `[N, C]`."""
  lengths = jnp.square(codes).sum(1)[None]
  return lengths - 2 * patches @ codes.T


def farthest(codes: Array, patches: Array, count: int) -> Array:
  """The `count` patches that a table lacks most, `[count, D]`: the one that
  is furthest from all codes, then the one that is furthest from these and
  from it, and so on."""
  own = jnp.square(patches).sum(1)
  gap = own + _distances(codes, patches).min(1)

  def body(gap: Array, _: None) -> tuple[Array, Array]:
    found = patches[gap.argmax()]
    away = jnp.square(patches - found[None]).sum(1)
    return jnp.minimum(gap, away), found

  return jax.lax.scan(body, gap, None, count)[1]


def grow(codes: Array, patches: Array, least: float) -> Array:
  """The table with those patches, one after the other, that are further than
  `least` from all codes; once it is full it stays as it is."""

  def body(codes: Array, patch: Array) -> tuple[Array, None]:
    gap = jnp.square(codes - patch[None]).sum(1).min()
    free = (codes[:, 0] == FREE).argmax()
    take = (gap > least**2) & (codes[free, 0] == FREE)
    return codes.at[free].set(jnp.where(take, patch, codes[free])), None

  return jax.lax.scan(body, codes, patches)[0]
