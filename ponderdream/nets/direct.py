"""Same-padded convolution as a sum over taps, and its gradients."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

# Bytes that a core keeps close, for what is summed over pictures.
CACHE = 2**20


def convolve(x: Array, kernel: Array) -> Array:
  """Same-padded convolution: `[B, H, W, I] -> [B, H, W, O]`.

  Args:
    kernel: `[K, L, I, O]`, K and L odd.
  """
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(1, 1),
    padding='SAME',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def flipped(kernel: Array) -> Array:
  """What a gradient is convolved with to reach the input."""
  return kernel[::-1, ::-1].swapaxes(2, 3)


def kernel_gradient(
  x: Array,
  dy: Any,
  unpack: Callable[[Any], Array],
  shape: tuple[int, ...],
) -> Array:
  """`dk[u, v] = sum_bhw x[b, h + u, w + v] dy[b, h, w]`, as products of
  matrices of a few pictures.

  A row of x is joined with its neighbours along w; along h, either x or dy is,
  whichever copies less. Two to three times as fast on a CPU as XLA's
  convolution for it, or as one product over all pictures.

  Args:
    x: what was convolved, `[B, H, W, I]`.
    dy: what `unpack` makes the gradient of the outcome of, `[B, H, W, O]`; a
      tree of `[B, ...]`.
    shape: of the kernel, `[K, K, I, O]`, K odd.
  """
  _, height, width, _ = x.shape
  size, _, inputs, outputs = shape
  left, right = size * size * inputs, outputs
  move = outputs < (size - 1) * inputs
  if move:
    left, right = size * inputs, size * outputs
  flat = lambda x: x.reshape((-1, x.shape[-1]))

  def outer(x, dy):
    x, dy = neighbours(x, 2, size), unpack(dy)
    if move:
      dy = neighbours(dy, 1, size)
    else:
      x = neighbours(x, 1, size)
    return flat(x).T @ flat(dy)

  total = summed(outer, x, dy, height * width * (left + right))
  if not move:
    return total.reshape(shape)
  # Where dy was moved by u, x would have been moved by -u.
  total = total.reshape((size, inputs, size, outputs))[:, :, ::-1]
  return total.transpose((2, 0, 1, 3))


def summed(
  outer: Callable[[Array, Any], Array], x: Array, dy: Any, numbers: int
) -> Array:
  """`outer(x, dy)`, a sum over pictures, computed for a few at a time, so that
  the copies it makes of them stay in a core's cache.

  Args:
    x: `[B, ...]`.
    dy: tree of `[B, ...]`.
    numbers: how many numbers one product of matrices needs for a picture.
  """
  batch = len(x)
  some = max(2, CACHE // (numbers * x.dtype.itemsize))
  count = max(n for n in range(1, some + 1) if batch % n == 0)
  split = lambda x: x.reshape((-1, count, *x.shape[1:]))
  pictures = jax.tree.map(split, (x, dy))
  one = jax.tree.map(lambda x: x[0], pictures)
  total = jax.eval_shape(outer, *one)
  add = lambda total, pictures: (total + outer(*pictures), None)
  zero = jnp.zeros(total.shape, total.dtype)
  return jax.lax.scan(add, zero, pictures)[0]


def neighbours(x: Array, axis: int, size: int) -> Array:
  """Joins each entry along `axis` with those around it, `size` in all and
  zeros beyond the ends, in the last axis: `[..., C] -> [..., size * C]`."""
  reach, length = size // 2, x.shape[axis]
  pad = [(0, 0)] * x.ndim
  pad[axis] = (reach, reach)
  x = jnp.pad(x, pad)
  take = lambda i: jax.lax.slice_in_dim(x, i, i + length, axis=axis)
  return jnp.concatenate([take(i) for i in range(size)], -1)
