"""Model states back to observations: DreamerV3's decoder, and a patch form."""

import math
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets import conv, dists, heads, layers
from ponderdream.world import spaces

Array = jax.Array


class Decoder(nn.Module):
  """`deter` `[B, D]`, `stoch` `[B, S, C]` -> dict of raw predictions.

  Pictures come as values in (0, 1), cut into patches of side `cut`, which
  `conv.from_patches` puts together. Other keys come as the raw numbers that
  `log_prob` reads.
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
    """Side of the patches that predicted pictures come in."""
    return self.patch if self.kind == 'patch' else 2

  @nn.compact
  def __call__(self, deter: Array, stoch: Array) -> dict[str, Array]:
    seen = spaces.visible(self.obs_space)
    images = {k: v for k, v in seen.items() if v.role == 'image'}
    vectors = {k: v for k, v in seen.items() if v.role != 'image'}
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
    """The smallest picture, `[B, rows, cols, depth]`: blocks of channels from
    `deter` by a block-diagonal layer, plus a two-layer MLP of `stoch`."""
    g, units = self.blocks, rows * cols * depth
    x0 = layers.BlockLinear(
      g, deter.shape[-1], units, self.dtype, name='sp_deter'
    ).own(deter)
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
    """Doubles the picture once per stage: upsample, conv, norm, SiLU."""
    depths = [self.depth * mult for mult in self.mults]
    scale = 2 ** len(depths)
    rows, cols = shape[0] // scale, shape[1] // scale
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
    return stage(channels, 'imgout', self.outscale)(x)

  def patches(
    self, deter: Array, stoch: Array, shape: tuple[int, ...], channels: int
  ) -> Array:
    """A vector per patch, then a shared linear layer to its pixels."""
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


def outputs(space: Any) -> int:
  """How many numbers the prediction of a vector takes."""
  count = math.prod(space.shape)
  if space.role == 'class':
    return count * int(space.classes.max())
  return count


def log_prob(space: Any, raw: Array, target: Array, patch: int) -> Array:
  """Minus the reconstruction loss of one observation key, `[B, ...] -> [B]`.

  Pictures: squared error on [0, 1]; numbers: squared error of symlog; flags:
  Bernoulli; classes: categorical. Summed over all but the first axis.

  Args:
    raw: what `Decoder` predicts.
    target: the observation, `[B, ...]`.
    patch: side of the patches that pictures are cut into.
  """
  raw = raw.astype(jnp.float32)
  batch = raw.shape[0]
  if space.role == 'image':
    # Cutting up the bytes is much cheaper than putting floats together.
    target = conv.to_patches(target, patch)
    ones = np.ones((1, *space.shape), np.uint8)
    inside = conv.to_patches(ones, patch).astype(jnp.float32)
    error = jnp.square(raw - target.astype(jnp.float32) / 255) * inside
    return -error.reshape((batch, -1)).sum(-1)
  raw = raw.reshape((batch, *space.shape, -1))
  match space.role:
    case 'flag' | 'mask':
      terms = dists.Binary(raw[..., 0]).log_prob(target)
    case 'class':
      logp = jax.nn.log_softmax(raw, -1)
      terms = (spaces.classes(space, target) * logp).sum(-1)
    case _:
      target = dists.symlog(target.astype(jnp.float32))
      terms = -jnp.square(raw[..., 0] - target)
  return terms.reshape((batch, -1)).sum(-1)
