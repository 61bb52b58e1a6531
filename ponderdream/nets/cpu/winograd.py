"""Convolutions with fewer products, for CPUs: Winograd's form along the width.

Four neighbouring outcomes of K taps are the coefficients of a product of
polynomials, turned around; the product is taken where it is cheap, at K + 3
points, and there it is one number each: 8 products instead of 20 for 5 taps, 6
instead of 12 for 3 (Winograd 1980, Arithmetic Complexity of Computations;
Lavin and Gray 2015, arXiv 1509.09308). Along the height, it is the plain sum
over taps. Float32 errs by 2e-6 of the largest outcome, the plain form by a
fifth of that; half floats would err too much.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets.cpu import direct

Array = jax.Array

# Outcomes at a time.
TILE = 4
# Where the polynomials are evaluated, and at infinity.
POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)


@functools.cache
def matrices(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A `[P, 4]`, G `[P, taps]` and B `[P, P]`, P = taps + 3, of the identity

  `sum_k w[k] x[i + k] = sum_p A[p, i] (G w)[p] (B x)[p]`, i = 0, ..., 3.

  With V_d the values of the powers 0 to d - 1 at the points, and the highest
  coefficient at infinity: A = V_4, G = V_taps, B = V_P^-T.
  """
  count = taps + TILE - 1

  def values(size: int) -> np.ndarray:
    found = np.zeros((count, size))
    found[:-1] = np.power.outer(POINTS[: count - 1], np.arange(size))
    found[-1, -1] = 1
    return found

  back = np.linalg.inv(values(count)).T
  return values(TILE), values(taps), np.where(abs(back) < 1e-9, 0, back)


def combined(matrix: np.ndarray, xs: Iterable[Array]) -> list[Array]:
  """One array per row of the matrix: `sum_j matrix[i, j] xs[j]`."""
  return [
    sum(x * float(c) for c, x in zip(row, xs, strict=True) if c)
    for row in matrix
  ]


def pixels(x: Array, count: int) -> list[Array]:
  """Four neighbours and those around them, `count` in all: of each an array
  `[B, H, W / 4, C]`, zeros beyond the ends of a row."""
  width = x.shape[2]
  before, tiles = (count - TILE) // 2, width // TILE
  after = (tiles + (count - 1) // TILE) * TILE - width - before
  x = jnp.pad(x, ((0, 0), (0, 0), (before, after), (0, 0)))
  x = x.reshape((*x.shape[:2], -1, TILE, x.shape[-1]))
  take = lambda tile, i: x[:, :, tile : tile + tiles, i]
  return [take(*divmod(i, TILE)) for i in range(count)]


def copies(height: int, width: int, shape: tuple[int, ...]) -> int:
  """How many numbers the copies of one picture are, for a kernel of this
  shape, in both of the forms below."""
  size, _, inputs, outputs = shape
  return (size + 3) * height * width // TILE * (size * inputs + outputs)


def products(kernel: Array) -> Callable[[Array], Array]:
  """`direct.convolve` with a kernel `[K, K, I, O]`, K 3 or 5, for pictures
  `[B, H, W, I]`, W a multiple of 4."""
  size, _, inputs, outputs = kernel.shape
  a, g, b = matrices(size)
  kernels = jnp.einsum('pv,uvio->puio', g.astype(kernel.dtype), kernel)
  kernels = kernels.reshape((len(g), size * inputs, outputs))

  def run(x: Array) -> Array:
    points = jnp.einsum('pzi,pio->pzo', columns(x, size), kernels)
    return jnp.stack(combined(a.T, points), 1).reshape((*x.shape[:3], outputs))

  return run


def columns(x: Array, size: int) -> Array:
  """B x of each tile of four pixels and the rows around it, `[P, N, K * I]`.

  Args:
    x: `[B, H, W, I]`.
    size: of the kernel, K.
  """
  height, reach = x.shape[1], size // 2
  _, _, b = matrices(size)
  x = jnp.pad(x, ((0, 0), (reach, reach), (0, 0), (0, 0)))
  points = jnp.stack(combined(b, pixels(x, len(b))))
  rows = [points[:, :, u : u + height] for u in range(size)]
  return jnp.concatenate(rows, -1).reshape((len(b), -1, size * x.shape[-1]))


def kernel_gradient(
  x: Array,
  dy: Any,
  unpack: Callable[[Any], Array],
  shape: tuple[int, ...],
) -> Array:
  """`direct.kernel_gradient` for what `products` takes."""
  size, _, inputs, outputs = shape
  a, g, _ = matrices(size)

  def outer(x, dy):
    dy = jnp.stack(combined(a, pixels(unpack(dy), TILE)))
    dy = dy.reshape((len(a), -1, outputs))
    return jnp.einsum('pzo,pzi->poi', dy, columns(x, size))

  points = direct.summed(outer, (x, dy), copies(*x.shape[1:3], shape))
  points = points.reshape((-1, outputs, size, inputs))
  return jnp.einsum('pv,poui->uvio', g.astype(points.dtype), points)
