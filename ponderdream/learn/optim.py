"""DreamerV3's optimiser: adaptive gradient clipping, then LaProp."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax


def norm(tree: Any) -> jax.Array:
  """Square root of the sum of all squares in a tree, a scalar."""
  return jnp.sqrt(sum(jnp.square(x).sum() for x in jax.tree.leaves(tree)))


def clip_by_agc(clip: float, pmin: float) -> optax.GradientTransformation:
  """Bounds each tensor's gradient norm by `clip * max(pmin, |param|)`.

  Brock et al. 2021 (arXiv 2102.06171), with one L2 norm per tensor.
  """

  def update(grads, state, params):
    def one(grad, param):
      chex.assert_equal_shape([grad, param])
      limit = clip * jnp.maximum(pmin, norm(param))
      return grad / jnp.maximum(1, norm(grad) / limit)

    return jax.tree.map(one, grads, params), state

  return optax.GradientTransformation(
    lambda params: optax.EmptyState(), update
  )


def make(
  lr: float,
  warmup: int,
  agc: float,
  pmin: float,
  beta1: float,
  beta2: float,
  eps: float,
) -> optax.GradientTransformation:
  """AGC, then LaProp (Ziyin et al. 2020, arXiv 2002.04839): the gradient is
  divided by its running size *before* the momentum; both are bias-corrected.

  Args:
    lr: learning rate after `warmup` updates of linear rise from zero.
  """
  schedule = optax.linear_schedule(0, lr, warmup) if warmup else lr
  laprop = optax.chain(
    optax.scale_by_rms(beta2, eps, eps_in_sqrt=False, bias_correction=True),
    optax.ema(beta1, debias=True),
    optax.scale_by_learning_rate(schedule),
  )
  # One vector of all parameters: a few operations instead of a few hundred.
  return optax.chain(clip_by_agc(agc, pmin), optax.flatten(laprop))
