"""Observations to tokens: DreamerV3's encoder and, for machines without a GPU,
encoders of patches. Vectors are encoded by an MLP."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import conv, dists, layers, text
from ponderdream.world import spaces, table

Array = jax.Array

# Key of the codes of a picture's patches, which are computed when the agent
# acts and stored with the step.
CODES = 'enc/codes'
# A patch is added to the table if its distance from all codes is above GAP
# (pixels in [0, 1]). Per update, LOOKED_AT pictures are searched, and at most
# ADDED patches are added.
GAP, LOOKED_AT, ADDED = 0.8, 16, 8
# Of the transformer of texts; and texts that it is given at once.
HEADS, DIFFERENT = 4, 32


class Encoder(nn.Module):
  """Observation dict of `[B, ...]` -> tokens `[B, E]`.

  With `cells`, the tokens end with those of a grid of cells, `H W D` numbers:
  of the patches of pictures (for `kind: conv`, of the last stage), or, without
  pictures, of the cells of the first key of classes `[H, W, ...]`.
  """

  obs_space: Mapping[str, Any]
  kind: str
  depth: int
  mults: tuple[int, ...]
  kernel: int
  patch: int
  layers: int
  units: int
  codes: int
  dtype: Any
  cells: bool = False

  @nn.compact
  def __call__(self, obs: Mapping[str, Array]) -> Array:
    seen = spaces.visible(self.obs_space)
    images, texts = self.images(), self.of_role('text')
    board = self.board() if self.cells else None
    vectors = [k for k in seen if k not in (*images, *texts, board)]
    tokens = []
    if vectors:
      x = jnp.concatenate([self.vector(seen[k], obs[k]) for k in vectors], -1)
      mlp = layers.MLP(self.layers, self.units, self.dtype, name='mlp')
      tokens.append(mlp(x))
    pictures = []
    if self.has_table:
      pictures.append(self.embedded(obs))
    elif images:
      x = jnp.concatenate([obs[k] for k in images], -1)
      x = self.patches(x) if self.kind == 'patch' else self.cnn(x)
      pictures.append(x.reshape((x.shape[0], -1)))
    elif board is not None:
      pictures.append(self.symbols(seen[board], obs[board]))
    said = [self.read(key, obs[key]) for key in texts]
    tokens += [*said, *pictures] if self.cells else [*pictures, *said]
    return jnp.concatenate(tokens, -1)

  def board(self) -> str | None:
    """The key of the classes that are cells of a grid, if there are no
    pictures."""
    seen = spaces.visible(self.obs_space)
    keys = [k for k in self.of_role('class') if len(seen[k].shape) > 1]
    return keys[0] if keys and not self.images() else None

  def grid(self) -> tuple[int, int, int] | None:
    """Rows, columns and width of the grid of cells; None without one."""
    images, board = self.images(), self.board()
    if not images and board is None:
      return None
    height, width = self.obs_space[board or images[0]].shape[:2]
    if not images:
      return height, width, self.depth
    side, depth = self.patch, self.depth
    if self.kind == 'conv':
      side, depth = 2 ** len(self.mults), self.depth * self.mults[-1]
    return -(-height // side), -(-width // side), depth

  def symbols(self, space: Any, x: Array) -> Array:
    """Classes `[B, H, W, ...]` -> a token per cell, `[B, H W D]`."""
    x = spaces.classes(space, x).astype(self.dtype)
    x = x.reshape((*x.shape[:3], -1))
    x = layers.MLP(1, self.depth, self.dtype, name='cell')(x)
    return x.reshape((len(x), -1))

  @property
  def has_table(self) -> bool:
    """Whether pictures are encoded by a table of patches, the parameter
    `codes`."""
    return self.kind == 'table' and bool(self.images())

  def images(self) -> list[str]:
    """The keys of pictures."""
    return self.of_role('image')

  def of_role(self, role: str) -> list[str]:
    """The keys of one role."""
    seen = spaces.visible(self.obs_space)
    return [k for k, v in seen.items() if v.role == role]

  def read(self, key: str, x: Array) -> Array:
    """UTF-8 texts `[B, L]` -> `[B, units]`, by a transformer of their bytes;
    equal texts are encoded once."""
    heads = math.gcd(HEADS, self.units)
    depth = max(1, self.layers)
    module = text.TextEncoder(
      256, x.shape[1], self.units, depth, heads, self.dtype, name=key
    )
    if self.is_initializing():
      return module(x)
    params = {'params': self.variables['params'][key]}
    alone = module.clone(parent=None)
    return text.each_once(lambda x: alone.apply(params, x), x, DIFFERENT)

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
    """Halves pictures `[B, H, W, C]` in each stage: conv, pool, norm, SiLU.
    Sizes that cannot be halved so often are padded below and to the right."""
    x = conv.padded(self.scaled(x), 2 ** len(self.mults))
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

  def embedded(self, obs: Mapping[str, Array]) -> Array:
    """Each patch's embedding, `[B, P D]`, or, without `cells`, one dense layer
    of them: `[B, units]`."""
    size = self.patch**2 * sum(
      self.obs_space[k].shape[-1] for k in self.images()
    )
    codes = self.param('codes', lambda _: table.initial(self.codes, size))
    if CODES not in obs:
      obs = dict(obs) | self.perceive(codes, obs)
    index = obs[CODES].astype(jnp.int32)
    x = nn.Embed(self.codes, self.depth, dtype=self.dtype, name='embed')(index)
    x = x.reshape((len(x), -1))
    if self.cells:
      return x
    return layers.MLP(1, self.units, self.dtype, name='dense')(x)

  def perceive(
    self, codes: Array, obs: Mapping[str, Array]
  ) -> dict[str, Array]:
    """The codes of the P patches of observations `[B, ...]`: `{CODES: [B,
    P]}`."""
    patches = self.squares(obs)
    index = table.nearest(codes, patches.reshape((-1, patches.shape[-1])))
    kind = jnp.uint8 if self.codes <= 256 else jnp.uint16
    return {CODES: index.reshape(patches.shape[:2]).astype(kind)}

  def squares(self, obs: Mapping[str, Array]) -> Array:
    """The patches of pictures, pixels in [0, 1]: `[B, P, D]`."""
    x = jnp.concatenate([obs[k] for k in self.images()], -1)
    x = conv.to_patches(x, self.patch).astype(jnp.float32) / 255
    return x.reshape((len(x), -1, x.shape[-1]))

  def grown(
    self,
    codes: Array,
    obs: Mapping[str, Array],
    gather: Callable[[Array], Array],
  ) -> Array:
    """The table with new patches of observations `[B, ...]` on all devices;
    `gather` stacks the arrays of the devices."""
    some = {k: v[:: -(-len(v) // LOOKED_AT)] for k, v in obs.items()}
    patches = self.squares(some)
    patches = patches.reshape((-1, patches.shape[-1]))
    found = gather(table.farthest(codes, patches, ADDED))
    return table.grow(codes, found.reshape((-1, found.shape[-1])), GAP)
