"""A subgoal model that thinks about places: its hidden state is a picture.

Each ponder step updates one vector per cell of the encoder's grid of tokens
`[H, W]`, with the same weights in every cell and at every step:

    z = silu(norm(x_n + R norm(h_{n-1})))
    h_n = h_{n-1} + O silu(norm(mix(z)))

`mix` is a convolution of 3x3 cells, to which every cell adds the mean and the
maximum over all cells (pool and inject, Guez et al. 2019, arXiv 1901.03559),
or self-attention among the cells (Vaswani et al. 2017, arXiv 1706.03762).
Subgoal and halting are read from the mean and the maximum over the cells. What
lies k cells away reaches a cell after k convolutions: a thought of more steps
sees further.
"""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.goals import inner
from ponderdream.nets import layers
from ponderdream.nets.cpu import convolution

Array = jax.Array

CELLS = ('conv', 'attention')
KERNEL, HEADS = 3, 4


class Grid(NamedTuple):
  """Rows and columns of a grid of tokens, and the width of each."""

  height: int
  width: int
  depth: int

  @property
  def size(self) -> int:
    return self.height * self.width * self.depth


class Spatial(inner.Inner):
  """`Inner` on a grid of tokens, the last `H W D` numbers of `feat`.

  The other numbers of `feat`, the goal and the mark of the first step are told
  to all cells. `cell` is 'conv' or 'attention'; with 'attention', `units` is a
  multiple of 4.
  """

  grid: Grid = Grid(1, 1, 1)

  @property
  def seen(self) -> int:
    return self.feat - self.grid.size

  @property
  def read(self) -> int:
    return 2 * self.units

  @property
  def memory(self) -> tuple[int, ...]:
    return (self.grid.height * self.grid.width, self.units)

  def make_cell(self) -> None:
    units, dtype = self.units, self.dtype
    self.tokens = layers.Linear((self.grid.depth,), units, dtype)
    place = nn.initializers.normal(1 / math.sqrt(units))
    self.places = self.param('places', place, self.memory)
    self.recur = layers.Linear((units,), units, dtype)
    if self.cell == 'conv':
      shape = (KERNEL, KERNEL, units, units)
      init = layers.fan_in(math.prod(shape[:3]))
      self.kernel = self.param('kernel', init, shape)
      self.inject = layers.Linear((2 * units,), units, dtype)
    else:
      self.ask = layers.Linear((units,), 3 * units, dtype)
    self.mixnorm = layers.RMSNorm()
    self.output = layers.Linear((units,), units, dtype)

  def project(self, feat: Array, goal: Array) -> Array:
    """The projected input `[B, P, U]` of the P cells."""
    told = super().project(feat[..., : self.seen], goal)
    tokens = feat[..., self.seen :].reshape((len(feat), -1, self.grid.depth))
    places = self.places.astype(self.dtype)[None]
    return self.joined(self.tokens(tokens) + places, told)

  def joined(self, x: Array, told: Array) -> Array:
    return x + told[:, None]

  def gathered(self, y: Array) -> Array:
    return jnp.concatenate([y.mean(1), y.max(1)], -1)

  def update(self, x: Array, hidden: Array) -> Array:
    """One step of all cells: `[B, P, U], [B, P, U] -> [B, P, U]`."""
    z = layers.normed(x + self.recur(self.hiddennorm(hidden)), self.innorm)
    mixed = self.convolved(z) if self.cell == 'conv' else self.attended(z)
    return hidden + self.output(layers.normed(mixed, self.mixnorm))

  def convolved(self, z: Array) -> Array:
    """Each cell from its neighbours, and from all cells at once."""
    picture = (len(z), self.grid.height, self.grid.width, self.units)
    kernel = self.kernel.astype(z.dtype)
    near = convolution.conv2d(z.reshape(picture), kernel)
    return self.joined(near.reshape(z.shape), self.inject(self.gathered(z)))

  def attended(self, z: Array) -> Array:
    """Each cell from all cells, by what it asks for."""
    parts = jnp.split(self.ask(z), 3, -1)
    heads = (*z.shape[:2], HEADS, -1)
    query, key, value = (part.reshape(heads) for part in parts)
    y = jax.nn.dot_product_attention(query, key, value)
    return z + y.reshape(z.shape)
