"""The action decoder of a pondering actor that sees the state, too."""

from typing import Any

import flax.linen as nn
import jax

from ponderdream.nets import layers

Array = jax.Array


class ActionDecoder(nn.Module):
  """Goals `[B, G]` in states `[B, F]` -> outputs of the policy `[B, O]`.

  As in `nets.heads.Head`, `layers` hidden layers and a linear one. The state
  is the same at every ponder step; its share of the first layer is computed
  once.
  """

  goal: int
  feat: int
  layers: int
  units: int
  outputs: int
  outscale: float
  dtype: Any

  def setup(self) -> None:
    sizes, units, dtype = (self.goal, self.feat), self.units, self.dtype
    self.input = layers.Linear(sizes, units, dtype)
    self.innorm = layers.RMSNorm()
    self.mlp = layers.MLP(self.layers - 1, units, dtype)
    self.out = layers.Linear((units,), self.outputs, dtype, self.outscale)

  def project(self, feat: Array) -> Array:
    """The state's share of the first layer, `[B, F] -> [B, U]`."""
    return self.input.shift(self.input.part(feat, 1))

  def __call__(self, goal: Array, projected: Array) -> Array:
    x = projected + self.input.part(goal, 0)
    return self.out(self.mlp(layers.normed(x, self.innorm)))

  def touch(self, goal: Array, feat: Array) -> Array:
    """Runs every layer once; only to create the parameters."""
    return self(goal, self.project(feat))
