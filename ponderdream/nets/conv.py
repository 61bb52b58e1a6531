"""Convolutions of the image encoder and decoder, and pictures as patches.

Both of DreamerV3's stages, "convolve, then keep the largest of each 2x2
square" and "double each pixel, then convolve", can be computed on the smaller
grid, where one cell holds a square of 2x2 pixels, its *phases*. The kernel of
that grid is the given one with its taps sorted by cell: 5x5 becomes 3x3. The
numbers are the same. The second stage needs 2.8 times fewer products there,
because the pixels of a doubled cell are equal. The first needs 1.44 times as
many, but of wider matrices, which pays as long as channels are few.
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
from ponderdream.nets.cpu import direct, winograd

Array = jax.Array

# Channels of a picture from which a stage is computed on the pixels, not on
# the cells; and channels of a convolution, be it of cells, from which
# Winograd's form is taken.
MANY = 24
# Channels of an outcome from which a product with patches pays on a CPU.
WIDE = 96


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
    return y + bias.astype(self.dtype)


def pooled(x: Array, kernel: Array) -> Array:
  """Same-padded convolution, then the largest of each 2x2 square.

  Args:
    x: pictures `[B, H, W, I]`, H and W even.
    kernel: `[K, K, I, O]`, K odd.

  Returns:
    `[B, H/2, W/2, O]`.
  """
  if x.shape[-1] >= MANY:
    return largest(x, kernel.astype(x.dtype), 2)
  taps = taps_by_cell(kernel.shape[0])
  # [cell, cell, phase in, phase in, I, phase out, phase out, O]
  wide = jnp.einsum('aupk,bvql,klio->uvpqiabo', taps, taps, kernel)
  cells, inputs, outputs = len(wide), 4 * x.shape[-1], 4 * kernel.shape[-1]
  wide = wide.reshape((cells, cells, inputs, outputs)).astype(x.dtype)
  return largest(to_patches(x, 2), wide, 1)


def upsampled(x: Array, kernel: Array) -> Array:
  """Each pixel doubled in both directions, then a same-padded convolution.

  Args:
    x: pictures `[B, H, W, I]`.
    kernel: `[K, K, I, O]`, K odd.

  Returns:
    The picture of twice the size, one row of four phases per pixel:
    `[B, H, W, 4, O]`.
  """
  taps = taps_by_cell(kernel.shape[0]).sum(2)
  merged = jnp.einsum('auk,bvl,klio->uviabo', taps, taps, kernel)
  cells, inputs, outputs = len(merged), x.shape[-1], kernel.shape[-1]
  merged = merged.reshape((cells, cells, inputs, 4 * outputs))
  y = same(x, merged.astype(x.dtype))
  return y.reshape((*y.shape[:-1], 4, outputs))


def taps_by_cell(size: int) -> np.ndarray:
  """Which tap links which pixels of neighbouring cells, `[2, U, 2, K]`.

  Entry `[a, u, p, k]` is 1 where tap k of a kernel of K taps, at phase a of a
  cell, falls on phase p of the u-th of the U cells around, else 0.

  Raises:
    ValueError: K is even; 'same' has no middle then.
  """
  if size % 2 == 0:
    raise ValueError(f'The size of a kernel must be odd, got {size}.')
  reach = size // 2
  cells = np.arange(-math.ceil(reach / 2), math.ceil(reach / 2) + 1)
  out, cell, phase, tap = np.ix_(range(2), cells, range(2), range(size))
  hit = out + tap - reach == 2 * cell + phase
  return hit.astype(np.float32)


def staged(
  stage: Callable[..., Any], kernel: Array, size: tuple[int, int], *args: Any
) -> Any:
  """`stage(convolve, *args)`, in the form that is fastest.

  Args:
    stage: uses `convolve`, which is `direct.convolve` with the kernel, once,
      and its outcome for a picture depends on that picture alone.
    kernel: `[K, K, I, O]`.
    size: height and width of the pictures that are convolved.
    args: trees of `[B, ...]`, of the kernel's dtype.
  """
  shape = kernel.shape
  plain = functools.partial(stage, lambda x: direct.convolve(x, kernel))
  suits = suits_winograd(size[1], shape, kernel.dtype)
  if not suits and shape[3] < WIDE:
    return plain(*args)
  own = winograd if suits else direct

  def few(*args: Any) -> Any:
    run = functools.partial(stage, own.products(kernel))
    return direct.in_few(run, args, own.copies(*size, shape))

  return jax.lax.platform_dependent(*args, cpu=few, default=plain)


def kernel_gradient(
  x: Array, kernel: Array, dy: Any, unpack: Callable[[Any], Array]
) -> Array:
  """Gradient of `direct.convolve` by its kernel.

  Args:
    x: what was convolved, `[B, H, W, I]`.
    kernel: `[K, K, I, O]`.
    dy: what `unpack` makes the gradient of the outcome of, `[B, H, W, O]`; a
      tree of `[B, ...]`.
  """
  shape = kernel.shape
  suits = suits_winograd(x.shape[2], shape, x.dtype)
  own = winograd if suits else direct
  plain = lambda x, dy: jax.vjp(lambda k: direct.convolve(x, k), kernel)[1](
    unpack(dy)
  )[0]
  tiled = lambda x, dy: own.kernel_gradient(x, dy, unpack, shape)
  return jax.lax.platform_dependent(x, dy, cpu=tiled, default=plain)


def suits_winograd(width: int, shape: tuple[int, ...], dtype: Any) -> bool:
  """Whether Winograd's form of a convolution with a kernel of this shape
  exists and pays on a CPU, for pictures of this width."""
  return (
    shape[1] in (3, 5)
    and min(shape[2:]) >= MANY
    and width % winograd.TILE == 0
    and dtype in (jnp.float32, jnp.float64)
  )


@jax.custom_vjp
def same(x: Array, kernel: Array) -> Array:
  """Convolution with an odd kernel, and a gradient that is fast on CPUs."""
  return staged(lambda convolve, x: convolve(x), kernel, x.shape[1:3], x)


def _same_forward(x: Array, kernel: Array) -> tuple[Array, Any]:
  return same(x, kernel), (x, kernel)


def _same_backward(kept: Any, dy: Array) -> tuple[Array, Array]:
  x, kernel = kept
  dkernel = kernel_gradient(x, kernel, dy, lambda dy: dy)
  return same(dy, direct.flipped(kernel)), dkernel


same.defvjp(_same_forward, _same_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def largest(x: Array, kernel: Array, side: int) -> Array:
  """The largest of the four phases of a convolution.

  Its gradient goes to the largest phase, in equal parts to several (equal to
  the bit, which Winograd's form of equal phases need not be). Four bits per
  outcome say which, and only they are kept: the gradient of all phases, mostly
  zeros, is made where it is used.

  Args:
    x: `[B, side * H, side * W, I]`.
    kernel: `[K, K, I, O]` for side 2, where phases are pixels; `[K, K, I,
      4 * O]` for side 1, where they are channels.

  Returns:
    `[B, H, W, O]`.
  """
  return _largest_forward(x, kernel, side)[0]


def _largest_forward(x: Array, kernel: Array, side: int) -> tuple[Array, Any]:
  def stage(convolve, x):
    phases = jnp.split(to_patches(convolve(x), side), 4, -1)
    top = functools.reduce(jnp.maximum, phases)
    bits = [(y == top).astype(jnp.uint8) << i for i, y in enumerate(phases)]
    return top, sum(bits)

  top, won = staged(stage, kernel, x.shape[1:3], x)
  return top, (x, kernel, won)


def _largest_backward(
  side: int, kept: Any, dtop: Array
) -> tuple[Array, Array]:
  x, kernel, won = kept
  unpack = lambda dy: from_patches(_all_phases(dy), side, *x.shape[1:3])
  dkernel = kernel_gradient(x, kernel, (won, dtop), unpack)
  stage = lambda convolve, won, dtop: convolve(unpack((won, dtop)))
  back = direct.flipped(kernel)
  return staged(stage, back, x.shape[1:3], won, dtop), dkernel


def _all_phases(gradient: tuple[Array, Array]) -> Array:
  """Gradient of the four phases, `[..., 4 * O]`, from that of the largest."""
  won, dtop = gradient
  bits = [(won >> i) & 1 for i in range(4)]
  share = dtop / sum(bits).astype(dtop.dtype)
  return jnp.concatenate([jnp.where(x > 0, share, 0) for x in bits], -1)


largest.defvjp(_largest_forward, _largest_backward)


def to_patches(x: Array | np.ndarray, size: int) -> Array:
  """Cuts pictures into squares, padded with zeros below and to the right.

  Args:
    x: pictures `[B, H, W, C]`.
    size: side of a square in pixels.

  Returns:
    `[B, ceil(H / size), ceil(W / size), size * size * C]`.
  """
  b, h, w, c = x.shape
  x = jnp.pad(x, ((0, 0), (0, -h % size), (0, -w % size), (0, 0)))
  rows, cols = -(-h // size), -(-w // size)
  x = x.reshape((b, rows, size, cols, size, c)).transpose((0, 1, 3, 2, 4, 5))
  return x.reshape((b, rows, cols, size * size * c))


def from_patches(x: Array, size: int, height: int, width: int) -> Array:
  """The inverse of `to_patches`; drops the padding: `[B, H, W, C]`."""
  b, rows, cols, flat = x.shape
  c = flat // (size * size)
  x = x.reshape((b, rows, cols, size, size, c)).transpose((0, 1, 3, 2, 4, 5))
  x = x.reshape((b, rows * size, cols * size, c))
  return x[:, :height, :width]
