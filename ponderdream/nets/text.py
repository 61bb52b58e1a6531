"""A small transformer that reads texts.

Vaswani et al. 2017 (arXiv 1706.03762), with the norms before each layer (Xiong
et al. 2020, arXiv 2002.04745).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import layers

Array = jax.Array

# What follows the end of a text.
PADDING = 0


class TextEncoder(nn.Module):
  """Texts as numbers of pieces, 0 where they have ended: int `[N, L]` -> `[N,
  units]`, the mean over the pieces. A text without pieces is all zeros.

  Attributes:
    vocabulary: number of pieces, `PADDING` among them.
    units: width of the transformer; a multiple of `heads`.
  """

  vocabulary: int
  units: int
  layers: int
  heads: int
  dtype: Any

  @nn.compact
  def __call__(self, pieces: Array) -> Array:
    used = pieces != PADDING
    embed = lambda count, name: nn.Embed(
      count, self.units, dtype=self.dtype, name=name
    )
    x = embed(self.vocabulary, 'pieces')(pieces)
    x += embed(pieces.shape[1], 'places')(jnp.arange(pieces.shape[1]))[None]
    for i in range(self.layers):
      x = Block(self.heads, self.dtype, name=f'block{i}')(x, used)
    x = layers.RMSNorm(name='norm')(x) * used[..., None]
    count = used.sum(1, keepdims=True).astype(x.dtype)
    return x.sum(1) / jnp.maximum(count, 1)


class Block(nn.Module):
  """Attention among the pieces of each text, then a layer for each piece:
  `[N, L, U] -> [N, L, U]`. Attention goes to `used` pieces only, `[N, L]`."""

  heads: int
  dtype: Any

  @nn.compact
  def __call__(self, x: Array, used: Array) -> Array:
    units = x.shape[-1]
    dense = lambda x, size, name: layers.Linear(
      (x.shape[-1],), size, self.dtype, name=name
    )(x)
    y = layers.RMSNorm(name='norm0')(x)
    parts = jnp.split(dense(y, 3 * units, 'qkv'), 3, -1)
    query, key, value = (
      z.reshape((*z.shape[:2], self.heads, -1)) for z in parts
    )
    y = jax.nn.dot_product_attention(
      query, key, value, mask=used[:, None, None]
    )
    x += dense(y.reshape(x.shape), units, 'out')
    y = layers.RMSNorm(name='norm1')(x)
    y = jax.nn.silu(dense(y, 2 * units, 'up'))
    return x + dense(y, units, 'down')


def each_once(function: Any, texts: Array, most: int) -> Array:
  """`function` of rows `[N, L] -> [N, U]`, computed once for each different
  row.

  Rows are compared by two hashes of 32 bits. Different rows are taken `most`
  at a time; blocks that nothing is left for are skipped.

  Args:
    function: of `[M, L]`, row by row.
    texts: integers `[N, L]`.
    most: M, the rows of a block.
  """
  count = len(texts)
  most = min(most, count)
  blocks = -(-count // most)
  marks = _hashes(texts)
  order = jnp.lexsort(marks.T)
  ranked = marks[order]
  new = jnp.any(ranked[1:] != ranked[:-1], -1)
  rank = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(new)])
  # Number of each row among the different ones, and a row for each number.
  number = jnp.zeros(count, jnp.int32).at[order].set(rank)
  first = jnp.zeros(blocks * most, jnp.int32).at[rank].set(order)
  rows = texts[first].reshape((blocks, most, -1))

  shape = jax.eval_shape(function, rows[0])
  nothing = lambda rows: jnp.zeros(shape.shape, shape.dtype)

  def block(_: None, xs: Any) -> tuple[None, Array]:
    i, rows = xs
    return None, jax.lax.cond(i * most <= rank[-1], function, nothing, rows)

  _, found = jax.lax.scan(block, None, (jnp.arange(blocks), rows))
  return found.reshape((blocks * most, -1))[number]


def _hashes(rows: Array) -> Array:
  """Two polynomial hashes of each row, modulo 2^32: `[N, L] -> [N, 2]`."""
  bases = jnp.array([[0x01000193, 0x9E3779B1]], jnp.uint32)

  def step(carry: Array, x: Array) -> tuple[Array, None]:
    mixed = (carry ^ x[:, None]) * bases
    return mixed ^ (mixed >> 15), None

  start = jnp.full((len(rows), 2), 0x811C9DC5, jnp.uint32)
  found, _ = jax.lax.scan(step, start, rows.T.astype(jnp.uint32))
  return found
