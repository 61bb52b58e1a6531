"""Model states to observations: DreamerV3's decoder and, for machines without
a GPU, a decoder of patches."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets import conv, heads, layers
from ponderdream.world import spaces

Array = jax.Array


class Decoder(nn.Module):
  """`deter` `[B, D]`, `stoch` `[B, S, C]` -> dict of raw predictions.

  Pictures are values in (0, 1), cut into patches of side `cut`;
  `conv.from_patches` joins them. For other keys, the output is the logits or
  means that `losses.world.reconstruction` reads.
  """

  obs_space: Mapping[str, Any]
  kind: str
  depth: int
  mults: tuple[int, ...]
  kernel: int
  patch: int
  layers: int
  units: int
  blocks: int
  outscale: float
  dtype: Any

  @property
  def cut(self) -> int:
    """Side of the patches of predicted pictures, in pixels."""
    return self.patch if self.kind == 'patch' else 2

  @nn.compact
  def __call__(self, deter: Array, stoch: Array) -> dict[str, Array]:
    seen = predicted(self.obs_space)
    images = {k: v for k, v in seen.items() if v.role == 'image'}
    vectors = {k: v for k, v in seen.items() if k not in images}
    stoch = stoch.reshape((stoch.shape[0], -1))
    out = {}
    if vectors:
      feat = jnp.concatenate([deter, stoch.astype(deter.dtype)], -1)
      feat = layers.MLP(self.layers, self.units, self.dtype, name='mlp')(feat)
      for key, space in vectors.items():
        out[key] = heads.Head(
          0, 0, outputs(space), self.outscale, self.dtype, name=f'vec_{key}'
        )(feat)
    if images:
      shape = next(iter(images.values())).shape
      depths = [v.shape[-1] for v in images.values()]
      paint = self.patches if self.kind == 'patch' else self.cnn
      x = jax.nn.sigmoid(paint(deter, stoch, shape, sum(depths)))
      parts = jnp.split(x, np.cumsum(depths)[:-1].tolist(), -1)
      flat = lambda x: x.reshape((*x.shape[:3], -1))
      out |= {k: flat(x) for k, x in zip(images, parts, strict=True)}
    return out

  def spatial(
    self, deter: Array, stoch: Array, rows: int, cols: int, depth: int
  ) -> Array:
    """The coarsest picture, `[B, rows, cols, depth]`: a block-diagonal layer
    of `deter`, one block per group of channels, plus an MLP of `stoch`."""
    g, units = self.blocks, rows * cols * depth
    x0 = layers.BlockLinear(
      g, deter.shape[-1], units, self.dtype, name='sp_deter'
    ).diagonal(deter)
    x0 = x0.reshape((-1, g, rows, cols, depth // g)).transpose((0, 2, 3, 1, 4))
    x0 = x0.reshape((-1, rows, cols, depth))
    dense = lambda x, units, name: layers.Linear(
      (x.shape[-1],), units, self.dtype, name=name
    )(x)
    x1 = dense(stoch, 2 * self.units, 'sp_stoch0')
    x1 = layers.normed(x1, layers.RMSNorm(name='sp_stochnorm'))
    x1 = dense(x1, units, 'sp_stoch1').reshape((-1, rows, cols, depth))
    return layers.normed(x0 + x1, layers.RMSNorm(name='sp_norm'))

  def cnn(
    self, deter: Array, stoch: Array, shape: tuple[int, ...], channels: int
  ) -> Array:
    """Doubles the picture in each stage: upsample, conv, norm, SiLU."""
    depths = [self.depth * mult for mult in self.mults]
    scale = 2 ** len(depths)
    rows, cols = (math.ceil(n / scale) for n in shape[:2])
    x = self.spatial(deter, stoch, rows, cols, depths[-1])
    stage = lambda depth, name, scale=1.0: conv.Conv(
      conv.upsampled, depth, self.kernel, self.dtype, scale, name=name
    )
    for i, depth in reversed(list(enumerate(depths[:-1]))):
      x = stage(depth, f'conv{i}')(x)
      x = layers.normed(x, layers.RMSNorm(name=f'norm{i}'))
      b, h, w, phases, depth = x.shape
      x = x.reshape((b, h, w, phases * depth))
      x = conv.from_patches(x, 2, 2 * h, 2 * w)
    # What the encoder pads is cropped.
    seen = tuple(slice(math.ceil(n / 2)) for n in shape[:2])
    return stage(channels, 'imgout', self.outscale)(x)[:, *seen]

  def patches(
    self, deter: Array, stoch: Array, shape: tuple[int, ...], channels: int
  ) -> Array:
    """One vector per patch, then a shared linear layer to its pixels."""
    rows, cols = (math.ceil(n / self.patch) for n in shape[:2])
    x = self.spatial(deter, stoch, rows, cols, self.depth)
    pixels = self.patch**2
    x = layers.Linear(
      (self.depth,),
      pixels * channels,
      self.dtype,
      self.outscale,
      name='imgout',
    )(x)
    return x.reshape((-1, rows, cols, pixels, channels))


def predicted(obs_space: Mapping[str, Any]) -> dict[str, Any]:
  """The spaces that are predicted, sorted by key: what the agent sees but
  texts, of which what matters shows in rewards."""
  seen = spaces.visible(obs_space)
  return {k: v for k, v in seen.items() if v.role != 'text'}


def outputs(space: Any) -> int:
  """Number of outputs that predict a space other than pictures."""
  count = math.prod(space.shape)
  if space.role == 'class':
    return count * int(space.classes.max())
  return count
