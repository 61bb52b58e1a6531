"""An MLP with a linear output, for rewards, values and vectors."""

from typing import Any

import flax.linen as nn
import jax

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
