"""Losses of the world model (DreamerV3, arXiv 2301.04104, equation 5)."""

import chex
import jax
import jax.numpy as jnp

from ponderdream.nets import dists

Array = jax.Array


def dynamics(
  post: Array, prior: Array, free_nats: float
) -> tuple[Array, Array, Array]:
  """KL between posterior and prior, each side in turn held fixed.

  `dyn = max(free, KL(sg(post) || prior))`, `rep = max(free, KL(post ||
  sg(prior)))`, clipped after the sum over variables.

  Args:
    post: posterior log-probabilities `[B, T, S, C]`.
    prior: prior log-probabilities `[B, T, S, C]`.
    free_nats: nats below which nothing is paid.

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
  """`(1 - is_terminal) (1 - 1 / horizon)`, `[B, T]`: the discount is part of
  the probability to go on."""
  return (1 - is_terminal.astype(jnp.float32)) * (1 - 1 / horizon)
