"""Open-loop predictions of the model, as videos."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.dream import posterior, rollout
from ponderdream.models import Models
from ponderdream.nets import conv

Array = jax.Array

# Maximum number of sequences side by side in one video.
MAX_SEQUENCES = 4


def openloop(
  models: Models, params: Any, batch: Mapping[str, Array], key: Array
) -> dict[str, Array]:
  """Videos of truth, prediction and error, from top to bottom.

  In the first half of each sequence the states are posterior states. In the
  second half they are predicted from the actions alone.

  Args:
    batch: replayed steps `[B, T + 1, ...]`.
    key: consumed.

  Returns:
    uint8 `[T, 3 H, B' W, C]` per picture key, for at most four sequences;
    empty without a decoder.
  """
  if 'imgdec' not in models.parts:
    return {}
  batch = {k: v[:MAX_SEQUENCES] for k, v in batch.items()}
  states = predicted_states(models, params, batch, key)
  length = states.deter.shape[1]
  flat = jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), states)
  videos = {}
  for name, value in models.decode(params, flat).items():
    space = models.obs_space[name]
    if space.role == 'image':
      patch = models.parts['imgdec'].module.cut
      value = conv.from_patches(value, patch, *space.shape[:2])
      value = value.astype(jnp.float32).reshape((-1, length, *value.shape[1:]))
      videos[f'openloop/{name}'] = stack(batch[name][:, 1:] / 255, value)
  return videos


def predicted_states(
  models: Models, params: Any, batch: Mapping[str, Array], key: Array
) -> Any:
  """Model states `[B, T, ...]`: posterior states in the first half, predicted
  ones in the second. The key is consumed."""
  filter_key, dream_key = jax.random.split(key)
  post, *_ = posterior.filtered(models, params, batch, filter_key)
  length = post.deter.shape[1]
  half = length // 2
  # The action before step t + 1 is the one that was taken at step t.
  action = models.action.flatten(batch, 2)[:, half:-1]
  act = rollout.recorded(action.swapaxes(0, 1))
  start = jax.tree.map(lambda x: x[:, half - 1], post)
  mask = models.mask(params, start)
  dream = rollout.rollout(
    models, params, act, start, mask, length - half, dream_key
  )
  join = lambda x, y: jnp.concatenate([x[:, :half], y[1:].swapaxes(0, 1)], 1)
  return jax.tree.map(join, post, dream.state)


def stack(true: Array, pred: Array) -> Array:
  """Truth and prediction `[B, T, H, W, C]` in [0, 1] -> one video with the
  error, uint8 `[T, 3 H, B W, C]`."""
  error = (pred - true + 1) / 2
  video = jnp.concatenate([true, pred, error], 2)
  b, t, h, w, c = video.shape
  video = video.transpose((1, 2, 0, 3, 4)).reshape((t, h, b * w, c))
  return (255 * video.clip(0, 1)).round().astype(jnp.uint8)
