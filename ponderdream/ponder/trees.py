"""Functions of trees of arrays: rows, masks, dtypes."""

from typing import Any

import jax
import jax.numpy as jnp

Tree = Any


def arrays(tree: Tree) -> Tree:
  """The tree with numbers and NumPy arrays converted to JAX arrays."""

  def convert(leaf: Any) -> jax.Array:
    return leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)

  return jax.tree.map(convert, tree)


def where(mask: jax.Array, new: Tree, old: Tree) -> Tree:
  """Takes the rows `[B, ...]` of `new` where `mask [B]`, else of `old`."""

  def pick(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - 1)), a, b)

  return jax.tree.map(pick, new, old)


def take(tree: Tree, rows: jax.Array | None) -> Tree:
  """Takes `rows`, indices in range, of every array; None takes all."""
  return tree if rows is None else jax.tree.map(lambda a: a[rows], tree)


def put(tree: Tree, new: Tree, rows: jax.Array | None) -> Tree:
  """Writes `new` to `rows`, the inverse of `take`. Each row occurs once."""
  if rows is None:
    return new
  write = lambda a, b: a.at[rows].set(b, unique_indices=True)
  return jax.tree.map(write, tree, new)


def take_level(tree: Tree, n: jax.Array, rows: jax.Array | None) -> Tree:
  """Takes rows of level n of arrays `[N, B, ...]`. For n = -1 the result is
  some level."""

  def read(a: jax.Array) -> jax.Array:
    return jax.lax.dynamic_index_in_dim(a, n, keepdims=False)

  return take(jax.tree.map(read, tree), rows)


def put_level(
  tree: Tree, new: Tree, n: jax.Array, rows: jax.Array | None
) -> Tree:
  """Writes `new` to rows of level n. Each row occurs once."""

  def write(a: jax.Array, b: jax.Array) -> jax.Array:
    if rows is None:
      return jax.lax.dynamic_update_index_in_dim(a, b, n, 0)
    return a.at[n, rows].set(b, unique_indices=True)

  return jax.tree.map(write, tree, new)


def add(total: Tree, new: Tree) -> Tree:
  """The sum, in the dtypes of `total`."""
  return jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, new)


def cast(tree: Tree, like: Tree) -> Tree:
  """The tree in the dtypes of `like`."""
  return jax.tree.map(lambda a, b: a.astype(b.dtype), tree, like)


def floats(tree: Tree) -> Tree:
  """The tree with None in place of arrays that are not floating-point."""

  def keep(leaf: Any) -> Any:
    return leaf if jnp.issubdtype(leaf.dtype, jnp.inexact) else None

  return jax.tree.map(keep, tree)


def merge(floats: Tree, whole: Tree) -> Tree:
  """The whole tree with the arrays that `floats` kept."""
  return jax.tree.map(
    lambda a, b: b if a is None else a,
    floats,
    whole,
    is_leaf=lambda a: a is None,
  )


def vary(tree: Tree, like: Tree = None) -> Tree:
  """Marks arrays as varying over the devices over which an array of `like`
  varies.

  Under `shard_map(check_vma=True)` all carries of a loop must have the same
  type. Replicated parameters must be marked before they are differentiated.
  Otherwise JAX puts a psum into the backward loop, and as the number of its
  iterations differs by device, a pod would hang. Outside of `shard_map` this
  does nothing.
  """
  axes = frozenset[str]()
  for leaf in jax.tree.leaves(tree if like is None else like):
    axes |= jax.typeof(leaf).manual_axis_type.varying

  def mark(leaf: jax.Array) -> jax.Array:
    missing = tuple(axes - jax.typeof(leaf).manual_axis_type.varying)
    return jax.lax.pcast(leaf, missing, to='varying') if missing else leaf

  return jax.tree.map(mark, tree)


def text(tree: Tree) -> str:
  """Structure, dtypes and shapes of a tree in one line."""
  return str(
    jax.tree.map(lambda a: f'{a.dtype}{list(a.shape)}', tree)
  ).replace("'", '')
