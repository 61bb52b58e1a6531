"""Losses of the world model (DreamerV3, arXiv 2301.04104, equation 5)."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.nets import conv, dists

Array = jax.Array


def dynamics(
  post: Array, prior: Array, free_nats: float
) -> tuple[Array, Array, Array]:
  """KL from posterior to prior, with a stop-gradient on one or the other.

  `dyn = max(free, KL(sg(post) || prior))`, `rep = max(free, KL(post ||
  sg(prior)))`, clipped after the sum over variables.

  Args:
    post: posterior log-probabilities `[B, T, S, C]`.
    prior: prior log-probabilities `[B, T, S, C]`.
    free_nats: lower bound of the losses in nats (free bits).

  Returns:
    dyn and rep losses `[B, T]`, and the KL before clipping `[B, T]`, in nats.
  """
  chex.assert_rank([post, prior], 4)
  chex.assert_equal_shape([post, prior])
  sg = jax.lax.stop_gradient
  dyn = dists.kl_onehot(sg(post), prior)
  rep = dists.kl_onehot(post, sg(prior))
  return jnp.maximum(dyn, free_nats), jnp.maximum(rep, free_nats), sg(dyn)


def continuation_target(is_terminal: Array, horizon: int) -> Array:
  """`(1 - is_terminal) (1 - 1 / horizon)`, `[B, T]`: the continuation
  probability includes the discount."""
  return (1 - is_terminal.astype(jnp.float32)) * (1 - 1 / horizon)


def reconstruction(space: Any, raw: Array, target: Array, patch: int) -> Array:
  """Reconstruction loss of one observation key, `[B]`.

  Pictures: squared error of values in [0, 1]. Numbers: squared error of
  symlog. Flags and masks: Bernoulli, in nats. Classes: categorical, in nats.
  Summed over all axes but the first.

  Args:
    space: the embodied `Space` of the key.
    raw: prediction of the decoder. Pictures are `[B, rows, cols, pixels * C]`
      patches in (0, 1); others are logits or means, `[B, outputs]`.
    target: the observation, `[B, ...]`.
    patch: side of the patches in pixels.
  """
  raw = raw.astype(jnp.float32)
  batch = raw.shape[0]
  if space.role == 'image':
    error = _picture_error(space, raw, target, patch)
  else:
    raw = raw.reshape((batch, *space.shape, -1))
    error = _vector_error(space, raw, target)
  return error.reshape((batch, -1)).sum(-1)


def _picture_error(space: Any, raw: Array, target: Array, patch: int) -> Array:
  # The target holds bytes: cutting it into patches is faster than joining the
  # predicted patches, which are floats.
  target = conv.to_patches(target, patch).astype(jnp.float32)
  ones = np.ones((1, *space.shape), np.uint8)
  inside = conv.to_patches(ones, patch).astype(jnp.float32)
  return jnp.square(raw - target / 255) * inside


def _vector_error(space: Any, raw: Array, target: Array) -> Array:
  match space.role:
    case 'flag' | 'mask':
      return -dists.Binary(raw[..., 0]).log_prob(target)
    case 'class':
      onehot = jax.nn.one_hot(target - space.low[None], raw.shape[-1])
      return -(onehot * jax.nn.log_softmax(raw, -1)).sum(-1)
    case _:
      target = dists.symlog(target.astype(jnp.float32))
      return jnp.square(raw[..., 0] - target)
