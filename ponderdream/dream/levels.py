"""Metrics of the halting levels: one number per level, for the logs.

The metric of a level is a mean over the states that reach it, on all devices;
NaN if no state does.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.losses.combine import Mean
from ponderdream.nets import dists

Array = jax.Array


def over_states(x: Array, reached: Array) -> Mean:
  """The mean `[N]` of `x` `[N, B]` over the states `reached` `[N, B]`."""
  count = reached.sum(1).astype(jnp.float32)
  return Mean(jnp.where(reached, x, 0).sum(1), count)


def means(metrics: dict[str, Any]) -> dict[str, Any]:
  """The metrics with the value of each `Mean`."""
  return {k: v.value if isinstance(v, Mean) else v for k, v in metrics.items()}


def pondering(every: Any) -> dict[str, Array]:
  """Metrics of the number of ponder steps.

  Args:
    every: `HaltingLevels` of the states.

  Returns:
    `ponder/steps`, expected; `ponder/depth`, computed; and `ponder/kl` to the
    prior in nats.
  """
  return {
    'ponder/steps': every.steps.mean(),
    'ponder/depth': every.depth.astype(jnp.float32),
    'ponder/kl': every.kl.mean(),
  }


def policies(dist: Any, log_p: Array) -> dict[str, Any]:
  """Metrics of the levels' policies and halting probabilities.

  Args:
    dist: action distributions, batch shape `[N, B]`.
    log_p: log halting probabilities `[N, B]`, -inf where not reached.

  Returns:
    `level/p`: probability to halt, over all states, `[N]`; `level/entropy`:
    of the level's policy in nats, `[N]`. For discrete actions also
    `level/agree` `[N]`, the share of states where the most probable action of
    the level is that of the deepest level, and `ponder/agree` `[]`, the same
    for the level that acts.
  """
  reached = log_p > -jnp.inf
  p = jnp.exp(log_p)
  found = {
    'level/p': p.mean(1),
    'level/entropy': over_states(dist.entropy(), reached),
  }
  if isinstance(dist, dists.Discrete):
    mode = dist.mode()
    last = reached.sum(0) - 1
    deepest = jnp.take_along_axis(mode, last[None, :, None], 0)
    agree = (mode == deepest).all(-1)
    found['level/agree'] = over_states(agree, reached)
    found['ponder/agree'] = (p * agree).sum(0).mean()
  return found


def branches(
  returned: Array, value: Array, scale: Array, log_p: Array
) -> dict[str, Mean]:
  """Metrics of the branches of the levels.

  Args:
    returned: return of each level's branch, `[N, B]`.
    value: of the states, `[B]`.
    scale: of advantages, `[]`.
    log_p: log halting probabilities `[N, B]`.

  Returns:
    `level/value` V_n and `level/adv` A_n = (V_n - V) / scale, `[N]`.
  """
  reached = log_p > -jnp.inf
  return {
    'level/value': over_states(returned, reached),
    'level/adv': over_states((returned - value[None]) / scale, reached),
  }


def by_name(metrics: dict[str, Any]) -> dict[str, float]:
  """Metrics with one key per level: `level/p` `[N]` becomes `level/p/1` to
  `level/p/N`, without levels that no state reached."""
  found = {}
  for key, value in metrics.items():
    if not value.ndim:
      found[key] = float(value)
      continue
    for n, x in enumerate(value, 1):
      if x == x:
        found[f'{key}/{n}'] = float(x)
  return found
