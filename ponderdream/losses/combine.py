"""The sum of all losses, and means over the examples that have a number."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

Array = jax.Array


class Mean(NamedTuple):
  """A mean as `total` over `weight`, of the same shape.

  Both are averaged over devices before they are divided. This gives the mean
  over the examples of all devices, also if a device has fewer of them.
  """

  total: Array
  weight: Array

  @property
  def value(self) -> Array:
    """The mean; NaN where the weight is 0."""
    return self.total / self.weight


def masked(loss: Array, mask: Array) -> Mean:
  """The mean of `loss` `[...]` over the entries where `mask` `[...]` is True.
  Other entries may be NaN; their gradient is 0."""
  chex.assert_equal_shape([loss, mask])
  total = jnp.where(mask, loss.astype(jnp.float32), 0).sum()
  return Mean(total, mask.sum().astype(jnp.float32))


Loss = Array | Mean


def mean(loss: Loss) -> Array | Mean:
  """The mean of a loss for the log: a scalar, or the `Mean` itself."""
  return loss if isinstance(loss, Mean) else loss.mean()


def total(
  losses: Mapping[str, Loss],
  scales: Mapping[str, float],
  across: Callable[[Array], Array] = lambda x: x,
) -> Array:
  """`sum_k scales[k] mean(losses[k])`, a scalar of one device.

  A loss `rec/image` takes the scale `rec`. The average of the totals over
  devices is the total of all examples, and so is the average of gradients.

  Args:
    across: averages a number over devices.

  Raises:
    ValueError: a loss has no scale. (A scale without a loss belongs to a part
      that this agent does not have.)
  """
  missing = sorted({scale_key(k) for k in losses} - set(scales))
  if missing:
    raise ValueError(
      f'Losses {missing} have no scale; add them to loss_scales.'
    )
  return scaled({k: _share(v, across) for k, v in losses.items()}, scales)


def _share(loss: Loss, across: Callable[[Array], Array]) -> Array:
  """One device's share of the mean of a loss, float32 `[]`: its total over
  the mean weight of the devices. The mean of no examples is 0."""
  if not isinstance(loss, Mean):
    return loss.astype(jnp.float32).mean()
  weight = across(jax.lax.stop_gradient(loss.weight))
  return jnp.where(weight > 0, loss.total / jnp.maximum(weight, 1e-9), 0)


def scaled(losses: Mapping[str, Array], scales: Mapping[str, float]) -> Array:
  """`sum_k scales[k] losses[k]` of losses of one shape, such as `[B, T]`."""
  return sum(
    (scales[scale_key(k)] * v.astype(jnp.float32) for k, v in losses.items()),
    start=jnp.zeros(()),
  )


def counted(
  losses: Mapping[str, Loss], scales: Mapping[str, float]
) -> dict[str, Loss]:
  """The losses whose scale is not 0: the others are not computed."""
  return {k: v for k, v in losses.items() if scales.get(scale_key(k), 1)}


def scale_key(key: str) -> str:
  """The key in `loss_scales` of a loss such as `rec/image`."""
  return key.split('/')[0]


def merged(parts: Iterable[Mapping[str, Loss]]) -> dict[str, Loss]:
  """All entries of several dicts.

  Raises:
    ValueError: a key is given twice.
  """
  out: dict[str, Loss] = {}
  for part in parts:
    twice = sorted(out.keys() & part.keys())
    if twice:
      raise ValueError(
        f'Two objectives return {twice}; rename it in one of them.'
      )
    out.update(part)
  return out
