"""What the model expects, beside what happened."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ponderdream import models as models_
from ponderdream.dream import posterior
from ponderdream.dream import rollout as imagine
from ponderdream.nets import conv

Array = jax.Array

# Sequences side by side in one video.
SHOWN = 4


def openloop(
  models: models_.Models, params: Any, batch: Mapping[str, Array], key: Array
) -> dict[str, Array]:
  """Videos of truth, prediction and error, one above the other.

  The first half of each sequence is filtered, the second half is predicted
  from the actions alone.

  Args:
    batch: replayed steps `[B, T + 1, ...]`.
    key: consumed.

  Returns:
    uint8 `[T, 3 H, B' W, C]` per picture key, for at most four sequences.
  """
  batch = {k: v[:SHOWN] for k, v in batch.items()}
  see, dream = jax.random.split(key)
  post, _ = posterior.filtered(models, params, batch, see)
  length = post.deter.shape[1]
  half = length // 2
  # The action before step t + 1 is the one that was taken at step t.
  actions = models.action.flatten(batch['action'][:, half:-1], 2)

  def body(state, xs):
    state = imagine.move(models, params, state, *xs)
    return state, state

  start = jax.tree.map(lambda x: x[:, half - 1], post)
  keys = jax.random.split(dream, length - half)
  _, open_ = jax.lax.scan(body, start, (actions.swapaxes(0, 1), keys))
  states = jax.tree.map(
    lambda x, y: jnp.concatenate([x[:, :half], y.swapaxes(0, 1)], 1),
    post,
    open_,
  )
  flat = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), states)
  videos = {}
  for name, value in models.decode(params, flat).items():
    space = models.obs_space[name]
    if space.role == 'image':
      value = conv.from_patches(value, models.imgdec.cut, *space.shape[:2])
      value = value.astype(jnp.float32).reshape((-1, length, *value.shape[1:]))
      videos[f'openloop/{name}'] = stack(batch[name][:, 1:] / 255, value)
  return videos


def stack(true: Array, pred: Array) -> Array:
  """`[B, T, H, W, C]` twice in [0, 1] -> uint8 `[T, 3 H, B W, C]`."""
  error = (pred - true + 1) / 2
  video = jnp.concatenate([true, pred, error], 2)
  b, t, h, w, c = video.shape
  video = video.transpose((1, 2, 0, 3, 4)).reshape((t, h, b * w, c))
  return (255 * video.clip(0, 1)).round().astype(jnp.uint8)
