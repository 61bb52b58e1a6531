"""Convolutions of the image encoder and decoder, and their patch forms."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import layers

Array = jax.Array


class Conv(nn.Module):
  """A 'same' convolution with stride 1: `[B, H, W, I] -> [B, H, W, depth]`."""

  depth: int
  kernel: int
  dtype: Any

  @nn.compact
  def __call__(self, x: Array) -> Array:
    shape = (self.kernel, self.kernel, x.shape[-1], self.depth)
    fan = self.kernel * self.kernel * x.shape[-1]
    kernel = self.param('kernel', layers.fan_in(fan), shape)
    bias = self.param('bias', nn.initializers.zeros, (self.depth,))
    x = jax.lax.conv_general_dilated(
      x.astype(self.dtype),
      kernel.astype(self.dtype),
      window_strides=(1, 1),
      padding='SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )
    return x + bias.astype(self.dtype)


def maxpool(x: Array) -> Array:
  """Largest value of each 2x2 square: `[B, H, W, C] -> [B, H/2, W/2, C]`."""
  b, h, w, c = x.shape
  return x.reshape((b, h // 2, 2, w // 2, 2, c)).max((2, 4))


def upsample(x: Array) -> Array:
  """Each pixel twice in both directions: `[B, H, W, C] -> [B, 2H, 2W, C]`."""
  return jnp.repeat(jnp.repeat(x, 2, 1), 2, 2)


def to_patches(x: Array, size: int) -> Array:
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
