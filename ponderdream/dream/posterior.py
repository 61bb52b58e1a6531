"""Posterior states, and the form in which replay stores them."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.models import Models
from ponderdream.world import encoder, rssm

Array = jax.Array

# Keys that a batch holds for the first step only.
LATENTS = ('dyn/deter', 'dyn/stoch')


def pack(post: rssm.State) -> dict[str, Array]:
  """Model states as the replay stores them: half floats, class indices."""
  return {
    'dyn/deter': post.deter.astype(jnp.float16),
    'dyn/stoch': post.stoch.argmax(-1).astype(jnp.uint8),
  }


def unpack(dyn: rssm.RSSM, latents: Mapping[str, Array]) -> rssm.State:
  """The inverse of `pack`, up to rounding; zeros for a `deter` that is not
  finite."""
  stoch = jax.nn.one_hot(latents['dyn/stoch'], dyn.classes, dtype=dyn.dtype)
  deter = latents['dyn/deter'].astype(dyn.dtype)
  # Replay has no checksums of latents. A damaged one is set to zero, so that
  # it does not make the loss NaN.
  sound = jnp.isfinite(deter).all(-1, keepdims=True)
  return rssm.State(jnp.where(sound, deter, 0), stoch)


def stored(dyn: rssm.RSSM, batch: Mapping[str, Array]) -> rssm.State:
  """The stored model states `[B, ...]` of a batch's first step; zeros if the
  batch has none, and in rows where `has/<key>` `[B, T + 1]` is False."""
  size = batch['is_first'].shape[0]
  if any(k not in batch for k in LATENTS):
    return rssm.initial(dyn, size)
  state = unpack(dyn, {k: batch[k][:, 0] for k in LATENTS})
  for has in (batch.get(f'has/{k}') for k in LATENTS):
    if has is not None:
      deter, stoch = state
      state = rssm.State(deter * has[:, :1], stoch * has[:, :1, None])
  return state


def tokens_of(
  models: Models, params: Any, batch: Mapping[str, Array]
) -> Array:
  """Tokens `[B, T, E]` of the observations of a batch `[B, T, ...]`."""
  keys = [*models.obs_space, *(k for k in [encoder.CODES] if k in batch)]
  join = lambda x: x.reshape((-1, *x.shape[2:]))
  tokens = models.encode(params, {k: join(batch[k]) for k in keys})
  return tokens.reshape((*batch['is_first'].shape, -1))


def acted(
  models: Models, params: Any, batch: Mapping[str, Array]
) -> tuple[rssm.State, Array, Array]:
  """As `filtered`, but with the model states that acting stored beside every
  step, which have no gradient."""
  state = unpack(models.dyn, {k: batch[k] for k in LATENTS})
  tokens = tokens_of(models, params, batch)
  embedded = models.apply(params, 'dyn', tokens, method='embed_tokens')
  logp = models.apply(params, 'dyn', state.deter, embedded, method='posterior')
  return state, tokens, logp


def filtered(
  models: Models, params: Any, batch: Mapping[str, Array], key: Array
) -> tuple[rssm.State, Array, Array]:
  """Posterior states `[B, T, ...]` of a batch, tokens `[B, T, E]` of its
  observations, and log-probabilities of the states."""
  start = stored(models.dyn, batch)
  after = {k: v[:, 1:] for k, v in batch.items() if k not in LATENTS}
  tokens = tokens_of(models, params, after)
  action = models.action.flatten(batch, 2)[:, :-1]
  action = models.action.encode(action)
  resets = batch['is_first'][:, 1:]
  post, logp = rssm.observe(
    models.dyn, {'params': params['dyn']}, start, tokens, action, resets, key
  )
  return post, tokens, logp
