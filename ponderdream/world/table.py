"""A codebook of image patches, and the nearest code of each patch.

Environments whose pictures consist of few tiles, such as Crafter with its
cells of 7x7 pixels, have few different patches. Codes are not trained by a
gradient. They are patches of earlier observations; a patch that is far from
all codes is added. Compare the nearest-neighbour tokens of Dedieu et al. 2025
(arXiv 2502.01591).

Patches are `[N, D]`, codes `[C, D]`, with pixels in [0, 1].
"""

import jax
import jax.numpy as jnp

Array = jax.Array

# Pixels of unused codes. Their distance to any patch is larger than the
# distance between two patches.
FREE = 3.0


def initial(count: int, size: int) -> Array:
  """A table `[count, size]` of unused codes."""
  return jnp.full((count, size), FREE)


def nearest(codes: Array, patches: Array) -> Array:
  """Index of the code at the smallest Euclidean distance, int32 `[N]`."""
  far, count = _distances(codes, patches), len(codes)
  # On a CPU, `argmin` would take three times as long as the rest.
  is_least = far == far.min(1, keepdims=True)
  return jnp.where(is_least, jnp.arange(count)[None], count).min(1)


def _distances(codes: Array, patches: Array) -> Array:
  """Squared distances without the squared norm of the patch, `[N, C]`."""
  lengths = jnp.square(codes).sum(1)[None]
  return lengths - 2 * patches @ codes.T


def farthest(codes: Array, patches: Array, count: int) -> Array:
  """Farthest-point sampling: `count` patches `[count, D]`, each the one with
  the largest distance from all codes and from the patches before it."""
  own = jnp.square(patches).sum(1)
  gap = own + _distances(codes, patches).min(1)

  def body(gap: Array, _: None) -> tuple[Array, Array]:
    found = patches[gap.argmax()]
    away = jnp.square(patches - found[None]).sum(1)
    return jnp.minimum(gap, away), found

  return jax.lax.scan(body, gap, None, count)[1]


def grow(codes: Array, patches: Array, least: float) -> Array:
  """The table after adding, one after another, the patches whose distance from
  all codes is more than `least`. A full table does not change."""

  def body(codes: Array, patch: Array) -> tuple[Array, None]:
    gap = jnp.square(codes - patch[None]).sum(1).min()
    free = (codes[:, 0] == FREE).argmax()
    take = (gap > least**2) & (codes[free, 0] == FREE)
    return codes.at[free].set(jnp.where(take, patch, codes[free])), None

  return jax.lax.scan(body, codes, patches)[0]
