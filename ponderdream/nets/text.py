"""Small transformers that read and write texts.

Vaswani et al. 2017 (arXiv 1706.03762), with the norms before each layer (Xiong
et al. 2020, arXiv 2002.04745).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import layers

Array = jax.Array

# What follows the end of a text, and what ends it in `TextDecoder`.
PADDING, END = 0, 1


class TextEncoder(nn.Module):
  """Texts as numbers of pieces, 0 where they have ended: int `[N, L]` -> `[N,
  units]`, the mean over the pieces. A text without pieces is all zeros.

  Attributes:
    vocabulary: number of pieces, `PADDING` among them.
    length: pieces of a text at most; the input may have fewer, where all texts
      have ended.
    units: width of the transformer; a multiple of `heads`.
  """

  vocabulary: int
  length: int
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
    x += embed(self.length, 'places')(jnp.arange(pieces.shape[1]))[None]
    for i in range(self.layers):
      x = Block(self.heads, self.dtype, name=f'block{i}')(x, used[:, None])
    x = layers.RMSNorm(name='norm')(x) * used[..., None]
    count = used.sum(1, keepdims=True).astype(x.dtype)
    return x.sum(1) / jnp.maximum(count, 1)


class TextDecoder(nn.Module):
  """Texts that say a vector: logits of each piece given the pieces before it.

  The vector is what the first piece is predicted from, and stands before the
  text. Pieces are numbers; a text ends with `END`, and `PADDING` follows.

  Attributes:
    vocabulary: number of pieces, `PADDING` and `END` among them.
    length: pieces of a text at most, `END` included: L.
    units: width of the transformer; a multiple of `heads`.
  """

  vocabulary: int
  length: int
  units: int
  layers: int
  heads: int
  dtype: Any

  @nn.compact
  def __call__(self, vector: Array, pieces: Array) -> Array:
    """`[N, G]` and int `[N, l]` -> logits `[N, l, vocabulary]`, float32, for
    l up to L."""
    embed = lambda count, name: nn.Embed(
      count, self.units, dtype=self.dtype, name=name
    )
    start = layers.Linear(
      (vector.shape[-1],), self.units, self.dtype, name='vector'
    )(vector)
    said = embed(self.vocabulary, 'pieces')(pieces[:, :-1])
    x = jnp.concatenate([start[:, None], said], 1)
    x += embed(self.length, 'places')(jnp.arange(x.shape[1]))[None]
    past = jnp.tril(jnp.ones((x.shape[1],) * 2, bool))[None]
    for i in range(self.layers):
      x = Block(self.heads, self.dtype, name=f'block{i}')(x, past)
    x = layers.RMSNorm(name='norm')(x)
    logits = layers.Linear(
      (self.units,), self.vocabulary, self.dtype, name='out'
    )(x)
    return logits.astype(jnp.float32)


def say(decoder: TextDecoder, params: Any, vector: Array) -> Array:
  """The most probable piece after each other, up to `END`: `[N, G]` -> int
  `[N, L]`, `PADDING` behind it."""

  def more(carry: tuple[Array, Array, Array]) -> Array:
    i, over, _ = carry
    return (i < decoder.length) & ~over.all()

  def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    i, over, pieces = carry
    logits = decoder.apply({'params': params}, vector, pieces)
    best = logits[:, i].argmax(-1).astype(pieces.dtype)
    best = jnp.where(over, PADDING, best)
    over |= (best == END) | (best == PADDING)
    return i + 1, over, pieces.at[:, i].set(best)

  nothing = jnp.zeros((len(vector), decoder.length), jnp.int32)
  start = jnp.int32(0), jnp.zeros(len(vector), bool), nothing
  return jax.lax.while_loop(more, step, start)[-1]


class Block(nn.Module):
  """Attention among the pieces of each text, then a layer for each piece:
  `[N, L, U] -> [N, L, U]`. `mask` `[N or 1, L or 1, L]` says which pieces each
  piece attends to."""

  heads: int
  dtype: Any

  @nn.compact
  def __call__(self, x: Array, mask: Array) -> Array:
    units = x.shape[-1]
    dense = lambda x, size, name: layers.Linear(
      (x.shape[-1],), size, self.dtype, name=name
    )(x)
    y = layers.RMSNorm(name='norm0')(x)
    parts = jnp.split(dense(y, 3 * units, 'qkv'), 3, -1)
    query, key, value = (
      z.reshape((*z.shape[:2], self.heads, -1)) for z in parts
    )
    y = jax.nn.dot_product_attention(query, key, value, mask=mask[:, None])
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

  used = jnp.arange(blocks) * most <= rank[-1]
  return _where_used(function, rows, used)[number]


def packed(function: Any, texts: Array, most: int) -> Array:
  """`function` of rows `[N, L] -> [N, U]`, which gives zeros for a text
  without pieces. It gets `most` rows at a time, and blocks without a piece are
  skipped."""
  count, most = len(texts), min(most, len(texts))
  rows = jnp.pad(texts, ((0, -count % most), (0, 0)))
  rows = rows.reshape((-1, most, texts.shape[1]))
  return _where_used(function, rows, (rows != PADDING).any((1, 2)))[:count]


def briefly(function: Any, texts: Array) -> Array:
  """`function` of texts `[N, L]`, without the columns that are all `PADDING`:
  of the first third of the columns, if no text has more.

  Args:
    function: of int `[N, l]`; its result has the same shape for every l.
  """
  few = -(-texts.shape[1] // 3)
  return jax.lax.cond(
    (texts[:, few:] == PADDING).all(),
    lambda x: function(x[:, :few]), function, texts,
  )  # fmt: skip


def _where_used(function: Any, rows: Array, used: Array) -> Array:
  """`function` of each block of rows `[K, M, L]` that is `used` `[K]`, and
  zeros for the others: `[K M, U]`."""
  shape = jax.eval_shape(function, rows[0])
  nothing = lambda rows: jnp.zeros(shape.shape, shape.dtype)

  def block(_: None, xs: Any) -> tuple[None, Array]:
    return None, jax.lax.cond(xs[0], function, nothing, xs[1])

  _, found = jax.lax.scan(block, None, (used, rows))
  return found.reshape((len(rows) * rows.shape[1], -1))


def _hashes(rows: Array) -> Array:
  """Two polynomial hashes of each row, modulo 2^32: `[N, L] -> [N, 2]`."""
  bases = jnp.array([[0x01000193, 0x9E3779B1]], jnp.uint32)

  def step(carry: Array, x: Array) -> tuple[Array, None]:
    mixed = (carry ^ x[:, None]) * bases
    return mixed ^ (mixed >> 15), None

  start = jnp.full((len(rows), 2), 0x811C9DC5, jnp.uint32)
  found, _ = jax.lax.scan(step, start, rows.T.astype(jnp.uint32))
  return found
