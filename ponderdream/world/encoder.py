"""Observations to tokens: DreamerV3's encoder and, for machines without a GPU,
an encoder of patches. Vectors are encoded by an MLP."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import conv, dists, layers
from ponderdream.world import spaces

Array = jax.Array


class Encoder(nn.Module):
  """Observation dict of `[B, ...]` -> tokens `[B, E]`."""

  obs_space: Mapping[str, Any]
  kind: str
  depth: int
  mults: tuple[int, ...]
  kernel: int
  patch: int
  layers: int
  units: int
  dtype: Any

  @nn.compact
  def __call__(self, obs: Mapping[str, Array]) -> Array:
    seen = spaces.visible(self.obs_space)
    images = [k for k, v in seen.items() if v.role == 'image']
    vectors = [k for k, v in seen.items() if v.role != 'image']
    tokens = []
    if vectors:
      x = jnp.concatenate([self.vector(seen[k], obs[k]) for k in vectors], -1)
      mlp = layers.MLP(self.layers, self.units, self.dtype, name='mlp')
      tokens.append(mlp(x))
    if images:
      x = jnp.concatenate([obs[k] for k in images], -1)
      x = self.patches(x) if self.kind == 'patch' else self.cnn(x)
      tokens.append(x.reshape((x.shape[0], -1)))
    return jnp.concatenate(tokens, -1)

  def vector(self, space: Any, x: Array) -> Array:
    """Symlog for numbers, one-hot for classes: `[B, ...] -> [B, V]`."""
    match space.role:
      case 'class':
        x = spaces.classes(space, x)
      case 'number':
        x = dists.symlog(x.astype(jnp.float32))
    return x.astype(self.dtype).reshape((x.shape[0], -1))

  def scaled(self, x: Array) -> Array:
    """Bytes -> numbers in [-0.5, 0.5]."""
    return x.astype(self.dtype) / 255 - 0.5

  def cnn(self, x: Array) -> Array:
    """Halves pictures `[B, H, W, C]` in each stage: conv, pool, norm, SiLU."""
    x = self.scaled(x)
    for i, mult in enumerate(self.mults):
      x = conv.Conv(
        conv.pooled,
        self.depth * mult,
        self.kernel,
        self.dtype,
        name=f'conv{i}',
      )(x)
      x = layers.normed(x, layers.RMSNorm(name=f'norm{i}'))
    return x

  def patches(self, x: Array) -> Array:
    """`[B, H, W, C]` -> one vector per patch, by a shared two-layer MLP."""
    x = self.scaled(conv.to_patches(x, self.patch))
    return layers.MLP(2, self.depth, self.dtype, name='patches')(x)
