"""Lambda-returns and the scale of returns."""

from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

Array = jax.Array


def lambda_return(
  reward: Array,
  cont: Array,
  value: Array,
  lam: float,
  last: Array | None = None,
) -> Array:
  """Bootstrapped returns (DreamerV3, arXiv 2301.04104, equation 7).

  `R_t = r_{t+1} + c_{t+1} ((1 - l) v_{t+1} + l R_{t+1})` with `R_H = v_H` and
  `l = lam`, or 0 where the next step is the last one of its episode. Rewards
  are those received on arrival.

  Args:
    reward: `[H, B]`.
    cont: continuation probability times discount, `[H, B]`.
    value: `[H, B]`, for bootstrapping.
    lam: lambda, the weight of longer returns.
    last: `[H, B]`, True where the episode ends (terminated or truncated).

  Returns:
    Returns of all but the last step, `[H - 1, B]`.
  """
  chex.assert_rank(reward, 2)
  chex.assert_equal_shape([reward, cont, value])
  longer = jnp.full(reward.shape, lam)
  if last is not None:
    longer = longer * (1 - last.astype(jnp.float32))

  def body(ret: Array, xs: tuple[Array, ...]) -> tuple[Array, Array]:
    reward, cont, value, longer = xs
    ret = reward + cont * ((1 - longer) * value + longer * ret)
    return ret, ret

  xs = (reward[1:], cont[1:], value[1:], longer[1:])
  return jax.lax.scan(body, value[-1], xs, reverse=True)[1]


class ReturnRange(NamedTuple):
  """Running 5th and 95th percentile of returns, scalars."""

  low: Array
  high: Array


def initial_range() -> ReturnRange:
  """Zeros, before the first update."""
  return ReturnRange(jnp.zeros(()), jnp.zeros(()))


def update_range(
  state: ReturnRange, returns: Array, rate: float
) -> ReturnRange:
  """Moves both percentiles by `rate` towards those of `returns` (any shape).

  The average starts at zero and is not debiased (DreamerV3, equation 12).
  """
  low, high = jnp.percentile(returns.astype(jnp.float32), jnp.array([5, 95]))
  move = lambda old, new: (1 - rate) * old + rate * new
  return ReturnRange(move(state.low, low), move(state.high, high))


def scale(state: ReturnRange, limit: float) -> Array:
  """`max(limit, high - low)`, by which advantages are divided."""
  return jnp.maximum(limit, state.high - state.low)
