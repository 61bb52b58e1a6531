"""The sum of all losses."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

Array = jax.Array


def total(losses: Mapping[str, Array], scales: Mapping[str, float]) -> Array:
  """`sum_k scales[k] mean(losses[k])`, a scalar.

  A loss `rec/image` takes the scale `rec`.

  Raises:
    ValueError: a loss has no scale. (A scale without a loss is that of a part
      which this agent does not have.)
  """
  missing = sorted({_scale(k) for k in losses} - set(scales))
  if missing:
    raise ValueError(
      f'Losses {missing} have no scale; add them to loss_scales.'
    )
  means = {k: v.astype(jnp.float32).mean() for k, v in losses.items()}
  return scaled(means, scales)


def scaled(losses: Mapping[str, Array], scales: Mapping[str, float]) -> Array:
  """`sum_k scales[k] losses[k]` of losses of one shape, such as `[B, T]`."""
  return sum(
    (scales[_scale(k)] * v.astype(jnp.float32) for k, v in losses.items()),
    start=jnp.zeros(()),
  )


def _scale(key: str) -> str:
  return key.split('/')[0]
