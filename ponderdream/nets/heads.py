"""An MLP with a linear output, for rewards, values and vectors."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import layers

Array = jax.Array


class Head(nn.Module):
  """`layers` hidden layers, then `outputs` numbers: `[..., I] -> [..., O]`.

  `outscale` scales the initial kernel of the output; 0 makes the first
  prediction exactly neutral.
  """

  layers: int
  units: int
  outputs: int
  outscale: float
  dtype: Any

  @nn.compact
  def __call__(self, x: Array) -> Array:
    x = layers.MLP(self.layers, self.units, self.dtype, name='mlp')(x)
    return layers.Linear(
      (x.shape[-1],), self.outputs, self.dtype, self.outscale, name='out'
    )(x)


class ScaledHead(nn.Module):
  """A `Head` of one output, times the parameter `scale`: `[..., I] -> [...,
  1]`. No gradient moves the scale; `rescaled` does."""

  layers: int
  units: int
  outscale: float
  dtype: Any

  def setup(self) -> None:
    self.head = Head(self.layers, self.units, 1, self.outscale, self.dtype)
    self.scale = self.param('scale', nn.initializers.ones, ())

  def __call__(self, x: Array) -> Array:
    scale = jax.lax.stop_gradient(self.scale)
    return self.head(x).astype(jnp.float32) * scale


def rescaled(params: Any, scale: Array) -> Any:
  """Parameters of a `ScaledHead` with another scale and the same outputs (van
  Hasselt et al. 2016, PopArt, arXiv 1602.07714, without the shift)."""
  ratio = params['scale'] / scale
  out = jax.tree.map(lambda x: x * ratio, params['head']['out'])
  return {'head': params['head'] | {'out': out}, 'scale': scale}
