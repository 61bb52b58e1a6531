"""Same-padded convolution as a sum over taps, and its gradients.

On a CPU, what makes wide copies of pictures is computed for a few of them at a
time, so that the copies stay in the processor's cache.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

# Bytes of copies at a time.
CACHE = 2**23


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


def copies(height: int, width: int, shape: tuple[int, ...]) -> int:
  """How many numbers `products` writes for one picture, for a kernel of this
  shape."""
  return height * width * (math.prod(shape[:3]) + shape[3])


def products(kernel: Array) -> Callable[[Array], Array]:
  """`convolve` with this kernel, as one product with the patches.

  On a CPU it takes all cores, which XLA's convolution does not, and is as fast
  on each of them if the outcomes are many: the copies are the same for all.
  """
  height, width, _, outputs = kernel.shape

  def run(x: Array) -> Array:
    patches = neighbours(neighbours(x, 2, width), 1, height)
    y = flat(patches) @ kernel.reshape((-1, outputs))
    return y.reshape((*x.shape[:3], outputs))

  return run


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

  def outer(x, dy):
    x, dy = neighbours(x, 2, size), unpack(dy)
    if move:
      dy = neighbours(dy, 1, size)
    else:
      x = neighbours(x, 1, size)
    return flat(x).T @ flat(dy)

  total = summed(outer, (x, dy), height * width * (left + right))
  if not move:
    return total.reshape(shape)
  # Where dy was moved by u, x would have been moved by -u.
  total = total.reshape((size, inputs, size, outputs))[:, :, ::-1]
  return total.transpose((2, 0, 1, 3))


def in_few(run: Callable[..., Any], pictures: Any, numbers: int) -> Any:
  """`run(*pictures)`, a tree of `[B, ...]`, for a few pictures at a time.

  Args:
    pictures: trees of `[B, ...]`.
    numbers: how many numbers `run` writes for one picture.
  """
  few = split(pictures, numbers)
  if len(jax.tree.leaves(few)[0]) == 1:
    return run(*pictures)
  out = jax.lax.map(lambda pictures: run(*pictures), few)
  return jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), out)


def summed(run: Callable[..., Array], pictures: Any, numbers: int) -> Array:
  """`run(*pictures)`, a sum over pictures, for a few of them at a time.

  Args:
    pictures: trees of `[B, ...]`.
    numbers: how many numbers `run` writes for one picture.
  """
  few = split(pictures, numbers)
  total = jax.eval_shape(run, *jax.tree.map(lambda x: x[0], few))
  add = lambda total, pictures: (total + run(*pictures), None)
  return jax.lax.scan(add, jnp.zeros(total.shape, total.dtype), few)[0]


def split(pictures: Any, numbers: int) -> Any:
  """`[B, ...]` -> `[B / n, n, ...]`, n as large as fits the cache."""
  one, *_ = jax.tree.leaves(pictures)
  most = min(len(one), max(1, CACHE // (numbers * 4)))
  count = max(n for n in range(1, most + 1) if len(one) % n == 0)
  return jax.tree.map(lambda x: x.reshape((-1, count, *x.shape[1:])), pictures)


def flat(x: Array) -> Array:
  """`[..., C] -> [N, C]`."""
  return x.reshape((-1, x.shape[-1]))


def neighbours(x: Array, axis: int, size: int) -> Array:
  """Joins each entry along `axis` with those around it, `size` in all and
  zeros beyond the ends, in the last axis: `[..., C] -> [..., size * C]`."""
  reach, length = size // 2, x.shape[axis]
  pad = [(0, 0)] * x.ndim
  pad[axis] = (reach, reach)
  x = jnp.pad(x, pad)
  take = lambda i: jax.lax.slice_in_dim(x, i, i + length, axis=axis)
  return jnp.concatenate([take(i) for i in range(size)], -1)
