"""Convolutions that are fast on CPUs, and their gradients.

XLA's CPU backend is slow at the gradient of a convolution by its kernel: two
to three times slower than the same sum as products of matrices, made from a
few pictures at a time so that the copies stay in the cache. Where pictures
have many channels, `winograd` needs fewer products; it makes a train step of
size1m a tenth faster. Other devices use the gradient that JAX derives.
"""

import functools

import jax
import jax.numpy as jnp

from ponderdream.nets.cpu import pictures, winograd

Array = jax.Array


@jax.custom_vjp
def conv2d(x: Array, kernel: Array) -> Array:
  """Same-padded convolution: `[B, H, W, I] -> [B, H, W, O]`.

  Args:
    x: pictures `[B, H, W, I]`.
    kernel: `[K, K, I, O]`, K odd.
  """
  if not winograd.suits(x, kernel):
    return plain_conv2d(x, kernel)
  return jax.lax.platform_dependent(
    x, kernel, cpu=winograd.conv2d, default=plain_conv2d
  )


def plain_conv2d(x: Array, kernel: Array) -> Array:
  """`conv2d` with the gradient that JAX derives."""
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    window_strides=(1, 1),
    padding='SAME',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
  return conv2d(x, kernel), (x, kernel)


def _backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array, Array]:
  x, kernel = saved

  def plain(x: Array, dy: Array) -> Array:
    _, by_kernel = jax.vjp(lambda kernel: plain_conv2d(x, kernel), kernel)
    return by_kernel(dy)[0]

  own = kernel_gradient
  if winograd.suits(x, kernel):
    own = winograd.kernel_gradient
  tiled = functools.partial(own, size=len(kernel))
  dkernel = jax.lax.platform_dependent(x, dy, cpu=tiled, default=plain)
  flipped = kernel[::-1, ::-1].swapaxes(2, 3)
  return conv2d(dy, flipped), dkernel


conv2d.defvjp(_forward, _backward)


def kernel_gradient(x: Array, dy: Array, size: int) -> Array:
  """`dk[u, v] = sum_bhw x[b, h + u, w + v]^T dy[b, h, w]`, `[K, K, I, O]`.

  Each pixel of x is joined with its neighbours along the width, and each pixel
  of dy with its neighbours along the height; then one product of matrices per
  few pictures holds all taps.

  Args:
    x: input of the convolution, `[B, H, W, I]`.
    dy: gradient of its output, `[B, H, W, O]`.
    size: of the kernel, K.
  """
  _, height, width, inputs = x.shape
  outputs = dy.shape[-1]

  def few(x: Array, dy: Array) -> Array:
    left, right = neighbours(x, 2, size), neighbours(dy, 1, size)
    flat = lambda x: x.reshape((-1, x.shape[-1]))
    return flat(left).T @ flat(right)

  numbers = height * width * size * (inputs + outputs)
  total = pictures.summed(few, x, dy, numbers)
  # dy shifted by u stands for x shifted by -u.
  total = total.reshape((size, inputs, size, outputs))[:, :, ::-1]
  return total.transpose((2, 0, 1, 3))


def neighbours(x: Array, axis: int, size: int) -> Array:
  """Joins each entry along `axis` with those around it, `size` in all and
  zeros beyond the ends, in the last axis: `[..., C] -> [..., size * C]`."""
  reach, length = size // 2, x.shape[axis]
  pad = [(0, 0)] * x.ndim
  pad[axis] = (reach, reach)
  x = jnp.pad(x, pad)
  take = lambda i: jax.lax.slice_in_dim(x, i, i + length, axis=axis)
  return jnp.concatenate([take(i) for i in range(size)], -1)
