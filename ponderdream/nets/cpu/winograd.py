"""Convolutions with fewer products on CPUs: Winograd's form along the width.

Four neighbouring outputs of K taps are coefficients of a product of two
polynomials. The product is computed from its values at K + 3 points, with one
multiplication each: 8 products instead of 20 for 5 taps, 6 instead of 12 for 3
(Winograd 1980, Arithmetic Complexity of Computations; Lavin and Gray 2015,
arXiv 1509.09308). Along the height, taps are summed as usual. The error in
float32 is 2e-6 of the largest output, five times that of the plain
convolution; in half precision it would be too large.
"""

import functools
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets.cpu import pictures

Array = jax.Array

# Outputs at a time.
TILE = 4
# Where the polynomials are evaluated; the last point is infinity.
POINTS = (0, 1, -1, 2, -2, 1 / 2, -1 / 2)
# Channels of input and output from which fewer products pay for the copies.
LEAST_CHANNELS = 12


def suits(x: Array, kernel: Array) -> bool:
  """Whether this form exists for pictures `[B, H, W, I]` and a kernel
  `[K, K, I, O]`, and is faster than the plain one."""
  return (
    len(kernel) in (3, 5)
    and min(kernel.shape[2:]) >= LEAST_CHANNELS
    and x.shape[2] % TILE == 0
    and x.dtype in (jnp.float32, jnp.float64)
  )


def conv2d(x: Array, kernel: Array) -> Array:
  """Same-padded convolution of what `suits`: `[B, H, W, O]`."""
  size, _, inputs, outputs = kernel.shape
  a, g, _ = matrices(size)
  kernels = jnp.einsum('pv,uvio->puio', g.astype(kernel.dtype), kernel)
  kernels = kernels.reshape((len(g), size * inputs, outputs))

  def few(x: Array) -> Array:
    points = jnp.einsum('pzi,pio->pzo', columns(x, size), kernels)
    return jnp.stack(combined(a.T, points), 1).reshape((*x.shape[:3], outputs))

  return pictures.mapped(few, x, numbers(x, size, outputs))


def kernel_gradient(x: Array, dy: Array, size: int) -> Array:
  """Gradient of `conv2d` by its kernel, `[K, K, I, O]`, for the gradient `dy`
  `[B, H, W, O]` of its output."""
  inputs, outputs = x.shape[-1], dy.shape[-1]
  a, g, _ = matrices(size)

  def few(x: Array, dy: Array) -> Array:
    points = jnp.stack(combined(a, pixels(dy, TILE)))
    points = points.reshape((len(a), -1, outputs))
    return jnp.einsum('pzo,pzi->poi', points, columns(x, size))

  points = pictures.summed(few, x, dy, numbers(x, size, outputs))
  points = points.reshape((-1, outputs, size, inputs))
  return jnp.einsum('pv,poui->uvio', g.astype(points.dtype), points)


def numbers(x: Array, size: int, outputs: int) -> int:
  """How many numbers are copied for one picture."""
  _, height, width, inputs = x.shape
  copies = size * inputs + outputs
  return (size + TILE - 1) * height * width // TILE * copies


@functools.cache
def matrices(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A `[P, 4]`, G `[P, taps]` and B `[P, P]`, P = taps + 3, such that

  `sum_k w[k] x[i + k] = sum_p A[p, i] (G w)[p] (B x)[p]`, i = 0, ..., 3.

  With V_d the values of the powers 0 to d - 1 at the points, and the highest
  coefficient at infinity: A = V_4, G = V_taps, B = V_P^-T.
  """
  count = taps + TILE - 1

  def values(size: int) -> np.ndarray:
    out = np.zeros((count, size))
    out[:-1] = np.power.outer(POINTS[: count - 1], np.arange(size))
    out[-1, -1] = 1
    return out

  inverse = np.linalg.inv(values(count)).T
  return values(TILE), values(taps), np.where(abs(inverse) < 1e-9, 0, inverse)


def combined(matrix: np.ndarray, xs: Iterable[Array]) -> list[Array]:
  """One array per row of the matrix: `sum_j matrix[i, j] xs[j]`."""
  xs = list(xs)
  return [
    functools.reduce(
      jnp.add, [x * float(c) for c, x in zip(row, xs, strict=True) if c]
    )
    for row in matrix
  ]


def pixels(x: Array, count: int) -> list[Array]:
  """The four pixels of each tile and those around them, `count` in all: an
  array `[B, H, W / 4, C]` of each, zeros beyond the ends of a row."""
  width = x.shape[2]
  before, tiles = (count - TILE) // 2, width // TILE
  after = (tiles + (count - 1) // TILE) * TILE - width - before
  x = jnp.pad(x, ((0, 0), (0, 0), (before, after), (0, 0)))
  x = x.reshape((*x.shape[:2], -1, TILE, x.shape[-1]))
  take = lambda tile, i: x[:, :, tile : tile + tiles, i]
  return [take(*divmod(i, TILE)) for i in range(count)]


def columns(x: Array, size: int) -> Array:
  """`B x` of each tile, joined with the rows around it: `[P, N, K * I]`.

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
