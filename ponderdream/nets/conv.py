"""Convolution stages of the image encoder and decoder, and patches.

DreamerV3 halves a picture by "convolve, then take the maximum of each 2x2
square", and doubles it by "repeat each pixel 2x2 times, then convolve". Both
can be computed on the coarse grid. There, one cell holds a square of 2x2
pixels, its *phases*, as channels. The kernel for the grid is the given kernel
with its taps sorted by cell: 5x5 taps on pixels become 3x3 taps on cells. The
results are equal up to rounding. Upsampling needs 2.8 times fewer products on
the grid, because the four pixels of a repeated pixel are equal. Pooling needs
1.44 times as many, but in products of wider matrices, which is faster as long
as the picture has few channels.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets import layers
from ponderdream.nets.cpu import convolution

Array = jax.Array

# With more input channels than this, `pooled` convolves pixels, not cells.
GRID_MAX_CHANNELS = 23


class Conv(nn.Module):
  """One stage: `form(x, kernel)` with a kernel `[K, K, I, depth]`, and a bias.

  `form` is `pooled` or `upsampled`.
  """

  form: Callable[[Array, Array], Array]
  depth: int
  kernel: int
  dtype: Any
  scale: float = 1.0

  @nn.compact
  def __call__(self, x: Array) -> Array:
    shape = (self.kernel, self.kernel, x.shape[-1], self.depth)
    fan = math.prod(shape[:3])
    kernel = self.param('kernel', layers.fan_in(fan, self.scale), shape)
    bias = self.param('bias', nn.initializers.zeros, (self.depth,))
    y = self.form(x.astype(self.dtype), kernel)
    return y + layers.along(bias.astype(self.dtype), y)


def pooled(x: Array, kernel: Array) -> Array:
  """Same-padded convolution, then the maximum of each 2x2 square.

  Args:
    x: pictures `[B, H, W, I]`, H and W even.
    kernel: `[K, K, I, O]`, K odd.

  Returns:
    `[B, H/2, W/2, O]`.
  """
  if x.shape[-1] > GRID_MAX_CHANNELS:
    y = convolution.conv2d(x, kernel.astype(x.dtype))
    return max_phase(to_patches(y, 2))
  taps = taps_by_cell(kernel.shape[0])
  # [cell, cell, phase in, phase in, I, phase out, phase out, O]
  grid = jnp.einsum('aupk,bvql,klio->uvpqiabo', taps, taps, kernel)
  cells, inputs, outputs = len(grid), 4 * x.shape[-1], 4 * kernel.shape[-1]
  grid = grid.reshape((cells, cells, inputs, outputs)).astype(x.dtype)
  return max_phase(convolution.conv2d(to_patches(x, 2), grid))


def upsampled(x: Array, kernel: Array) -> Array:
  """Each pixel repeated 2x2 times, then a same-padded convolution.

  Args:
    x: pictures `[B, H, W, I]`.
    kernel: `[K, K, I, O]`, K odd.

  Returns:
    The picture of twice the size, as one row of four phases per input pixel:
    `[B, H, W, 4, O]`.
  """
  taps = taps_by_cell(kernel.shape[0]).sum(2)
  grid = jnp.einsum('auk,bvl,klio->uviabo', taps, taps, kernel)
  cells, inputs, outputs = len(grid), x.shape[-1], kernel.shape[-1]
  grid = grid.reshape((cells, cells, inputs, 4 * outputs))
  y = convolution.conv2d(x, grid.astype(x.dtype))
  return y.reshape((*y.shape[:-1], 4, outputs))


def taps_by_cell(size: int) -> np.ndarray:
  """Which tap links which pixels of neighbouring cells, `[2, U, 2, K]`.

  Entry `[a, u, p, k]` is 1 if tap k of K, applied at phase a of a cell, reads
  phase p of the u-th of the U cells around it, else 0.

  Raises:
    ValueError: K is even, so that 'same' padding is not symmetric.
  """
  if size % 2 == 0:
    raise ValueError(f'The size of a kernel must be odd, got {size}.')
  reach = size // 2
  cells = np.arange(-math.ceil(reach / 2), math.ceil(reach / 2) + 1)
  pair, taps = np.arange(2), np.arange(size)
  out, cell, phase, tap = np.ix_(pair, cells, pair, taps)
  hit = out + tap - reach == 2 * cell + phase
  return hit.astype(np.float32)


@jax.custom_vjp
def max_phase(x: Array) -> Array:
  """The maximum of the four phases, `[..., 4 * O] -> [..., O]`.

  The gradient goes to the largest phase, in equal parts to phases that are
  equal. For the backward pass only four bits per output are stored.
  """
  return _max_forward(x)[0]


def _max_forward(x: Array) -> tuple[Array, Array]:
  phases = jnp.split(x, 4, -1)
  top = functools.reduce(jnp.maximum, phases)
  bits = [(y == top).astype(jnp.uint8) << i for i, y in enumerate(phases)]
  return top, functools.reduce(jnp.bitwise_or, bits)


def _max_backward(is_top: Array, dtop: Array) -> tuple[Array]:
  bits = [(is_top >> i) & 1 for i in range(4)]
  count = functools.reduce(jnp.add, bits)
  share = dtop / count.astype(dtop.dtype)
  return (jnp.concatenate([jnp.where(x > 0, share, 0) for x in bits], -1),)


max_phase.defvjp(_max_forward, _max_backward)


def padded(x: Array | np.ndarray, size: int) -> Array:
  """Pictures `[B, H, W, C]` with zeros below and to the right, so that both
  sides are multiples of `size`."""
  _, h, w, _ = x.shape
  return jnp.pad(x, ((0, 0), (0, -h % size), (0, -w % size), (0, 0)))


def to_patches(x: Array | np.ndarray, size: int) -> Array:
  """Cuts pictures into squares, padded with zeros below and to the right.

  Args:
    x: pictures `[B, H, W, C]`.
    size: side of a square in pixels.

  Returns:
    `[B, ceil(H / size), ceil(W / size), size * size * C]`.
  """
  x = padded(x, size)
  b, h, w, c = x.shape
  rows, cols = h // size, w // size
  x = x.reshape((b, rows, size, cols, size, c)).transpose((0, 1, 3, 2, 4, 5))
  return x.reshape((b, rows, cols, size * size * c))


def from_patches(x: Array, size: int, height: int, width: int) -> Array:
  """The inverse of `to_patches`; drops the padding: `[B, H, W, C]`."""
  b, rows, cols, flat = x.shape
  c = flat // (size * size)
  x = x.reshape((b, rows, cols, size, size, c)).transpose((0, 1, 3, 2, 4, 5))
  x = x.reshape((b, rows * size, cols * size, c))
  return x[:, :height, :width]
