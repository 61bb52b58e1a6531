"""Dense layers of the DreamerV3 family: initialiser, norm, linear, MLP."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets.cpu import deferred

Array = jax.Array
Init = Callable[[Array, Sequence[int], Any], Array]

# A unit normal truncated at two has a standard deviation of 0.8796.
TRUNCATION_CORRECTION = 1 / 0.87962566
RMS_EPS = 1e-4

# With at most this many channels, `mean` adds slices.
SLICED_MEAN_MAX_CHANNELS = 16


def fan_in(fan: int, scale: float = 1.0) -> Init:
  """Normal truncated at two deviations, with variance `scale^2 / fan`.

  Raises:
    ValueError: `fan` is not positive.
  """
  if fan < 1:
    raise ValueError(f'Fan-in must be positive, got {fan}.')
  std = scale * TRUNCATION_CORRECTION / math.sqrt(fan)

  def init(
    key: Array, shape: Sequence[int], dtype: Any = jnp.float32
  ) -> Array:
    return std * jax.random.truncated_normal(key, -2, 2, tuple(shape), dtype)

  return init


class RMSNorm(nn.Module):
  """`x / sqrt(mean(x^2) + 1e-4) * scale` over the last axis, in float32.

  Zhang and Sennrich 2019 (arXiv 1910.07467), without a shift.
  """

  @nn.compact
  def __call__(self, x: Array) -> Array:
    scale = self.param('scale', nn.initializers.ones, (x.shape[-1],))
    y = unit_rms(x.astype(jnp.float32))
    return (y * along(scale, y)).astype(x.dtype)


def along(vector: Array, x: Array) -> Array:
  """A vector `[C]` with the axes of `x` `[..., C]`: `[1, ..., C]`."""
  return jnp.expand_dims(vector, range(x.ndim - 1))


@jax.custom_vjp
def unit_rms(x: Array) -> Array:
  """`x / sqrt(mean(x^2) + 1e-4)` over the last axis, with its gradient

      dx = (dy - y mean(dy y)) / sqrt(mean(x^2) + 1e-4)

  in two passes over memory; automatic differentiation takes five.
  """
  return _unit_forward(x)[0]


def _unit_forward(x: Array) -> tuple[Array, tuple[Array, Array]]:
  inverse = jax.lax.rsqrt(mean(jnp.square(x)) + RMS_EPS)
  y = x * inverse
  return y, (y, inverse)


def _unit_backward(saved: tuple[Array, Array], dy: Array) -> tuple[Array]:
  y, inverse = saved
  return (inverse * (dy - y * mean(dy * y)),)


unit_rms.defvjp(_unit_forward, _unit_backward)


def mean(x: Array) -> Array:
  """Mean over the last axis, `[..., C] -> [..., 1]`.

  XLA does not vectorise a reduction over few numbers on a CPU, but it
  vectorises a sum of slices.
  """
  channels = x.shape[-1]
  if channels > SLICED_MEAN_MAX_CHANNELS:
    return x.mean(-1, keepdims=True)
  first, *rest = jnp.split(x, channels, -1)
  return sum(rest, first) / channels


def normed(x: Array, norm: Callable[[Array], Array]) -> Array:
  """Norm and nonlinearity of every hidden layer: `silu(norm(x))`."""
  return jax.nn.silu(norm(x))


def matmul(x: Array, kernel: Array) -> Array:
  """`x @ kernel` for `x` `[..., I]`, as one product of two matrices.

  On a CPU, XLA takes 30 times longer for the gradient of the same product with
  several leading axes.
  """
  y = deferred.product(x.reshape((-1, x.shape[-1])), kernel)
  return y.reshape((*x.shape[:-1], kernel.shape[-1]))


class Linear(nn.Module):
  """`x @ kernel + bias` on the concatenation of the inputs, `[..., units]`.

  `sizes` are the widths of the inputs. `part` computes the contribution of one
  input. An input that does not change in a loop can so be projected once,
  before the loop. The call is the sum of all parts and the bias.
  """

  sizes: tuple[int, ...]
  units: int
  dtype: Any
  scale: float = 1.0

  def setup(self) -> None:
    fan = sum(self.sizes)
    shape = (fan, self.units)
    self.kernel = self.param('kernel', fan_in(fan, self.scale), shape)
    self.bias = self.param('bias', nn.initializers.zeros, (self.units,))

  def part(self, x: Array, i: int) -> Array:
    """Contribution of input `i`: `[..., sizes[i]] -> [..., units]`."""
    start = sum(self.sizes[:i])
    rows = self.kernel[start : start + self.sizes[i]]
    return matmul(x.astype(self.dtype), rows.astype(self.dtype))

  def shift(self, x: Array) -> Array:
    """Adds the bias."""
    return x + along(self.bias.astype(self.dtype), x)

  def __call__(self, *xs: Array) -> Array:
    x = xs[0] if len(xs) == 1 else jnp.concatenate(xs, -1)
    x = matmul(x.astype(self.dtype), self.kernel.astype(self.dtype))
    return self.shift(x)


class BlockLinear(nn.Module):
  """A linear layer with a block-diagonal kernel and shared inputs.

  Block `g` reads slice `g` of `x` and all `shared` inputs:
  `y_g = [x_g, shared] @ kernel[g] + bias_g`. As in DreamerV3, the initial
  variance is that of a dense layer on the whole input, not of one block.
  """

  blocks: int
  size: int
  units: int
  dtype: Any
  shared: tuple[int, ...] = ()

  def setup(self) -> None:
    width, out = self.size // self.blocks, self.units // self.blocks
    shape = (self.blocks, width + sum(self.shared), out)
    self.kernel = self.param('kernel', fan_in(shape[0] * shape[1]), shape)
    self.bias = self.param('bias', nn.initializers.zeros, (self.units,))

  def diagonal(self, x: Array) -> Array:
    """Block-diagonal part plus bias: `[..., size] -> [..., units]`."""
    return self.diagonal_pieces(x, 1)[0]

  def diagonal_pieces(self, x: Array, count: int) -> list[Array]:
    """`diagonal`, with the outputs of each block split into `count` pieces.

    Piece `i` of all blocks together is array `i` of the result, `[..., units /
    count]`. On a CPU, separate arrays are much faster for the operations that
    follow than slices of one array.
    """
    width = self.size // self.blocks
    kernel = self.kernel[:, :width].astype(self.dtype)
    y = x.astype(self.dtype).reshape((-1, self.blocks, width))
    # With the blocks first, a batched product needs no copy of the kernel.
    y = deferred.product(y.transpose((1, 0, 2)), kernel)
    bias = self.bias.astype(self.dtype).reshape((self.blocks, -1))
    join = lambda y: y.transpose((1, 0, 2)).reshape((*x.shape[:-1], -1))
    return [
      (y := join(piece)) + along(part.ravel(), y)
      for piece, part in zip(
        jnp.split(y, count, -1), jnp.split(bias, count, -1), strict=True
      )
    ]

  def part(self, x: Array, i: int) -> Array:
    """Contribution of shared input `i`, as one dense product for all blocks:
    `[..., shared[i]] -> [..., units]`."""
    start = self.size // self.blocks + sum(self.shared[:i])
    rows = self.kernel[:, start : start + self.shared[i]]
    rows = rows.transpose((1, 0, 2)).reshape((self.shared[i], self.units))
    return matmul(x.astype(self.dtype), rows.astype(self.dtype))


class MLP(nn.Module):
  """`layers` times linear, norm, SiLU: `[..., I] -> [..., units]`."""

  layers: int
  units: int
  dtype: Any

  @nn.compact
  def __call__(self, x: Array) -> Array:
    for i in range(self.layers):
      linear = Linear(
        (x.shape[-1],), self.units, self.dtype, name=f'linear{i}'
      )
      x = normed(linear(x), RMSNorm(name=f'norm{i}'))
    return x
