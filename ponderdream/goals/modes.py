"""How an actor ponders, by `ponder.mode`: which levels are computed, and which
of them acts."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.ponder import graves, halting, loop, settle

Array = jax.Array


class Settling(NamedTuple):
  """When two levels in a row agree.

  Attributes:
    nats: their policies are less than this apart.
    divergence: `KL(now || before)` `[B]` of outputs of the policy network `[B,
      O]`: `divergence(now, before, mask)`, mask `[B, O]` or None.
  """

  nats: float
  divergence: Callable[[Array, Array, Array | None], Array]


class PonderConfig(NamedTuple):
  """How the actor ponders: keys of the `ponder` block of the settings, and for
  mode 'kl' when it halts."""

  mode: str
  max_steps: int
  eps: float | None
  prior: float
  compact: bool
  settling: Settling | None = None


class HaltingLevels(NamedTuple):
  """The policies of all halting levels.

  Attributes:
    raw: outputs of the policy network, `[N, B, O]`.
    log_p: log halting probabilities, `[N, B]`, -inf where not reached.
    steps: expected number of steps, `[B]`.
    price: factor of `ponder.cost` in the loss, `[B]`: the expected steps, or
      in mode 'act' the ponder cost n + R of Graves 2016.
    kl: nats from the geometric prior, `[B]`.
    depth: steps that were computed, `[]`.
  """

  raw: Array
  log_p: Array
  steps: Array
  price: Array
  kl: Array
  depth: Array


def single_level(
  raw: Array, steps: Array, price: Array, depth: Array
) -> HaltingLevels:
  """An actor with one policy, of outputs `[B, O]`."""
  zeros = jnp.zeros(raw.shape[:1], jnp.float32)
  return HaltingLevels(raw[None], zeros[None], steps, price, zeros, depth)


def pondernet_levels(
  done: loop.Unrolled, ponder: PonderConfig
) -> HaltingLevels:
  """PonderNet: each level has a policy, and acts if it halts."""
  log_p = halting.log_distribution(done.logit, done.active)
  steps = halting.expected_steps(jnp.exp(log_p))
  kl = halting.kl_geometric(done.logit, done.active, ponder.prior)
  return HaltingLevels(done.out, log_p, steps, steps, kl, done.steps)


def act_levels(done: loop.Unrolled, ponder: PonderConfig) -> HaltingLevels:
  """Graves 2016: the weighted mean of the levels acts."""
  weights = graves.halt(done.logit, done.active)
  raw = graves.mean(done.out, weights.p)
  steps = weights.steps.astype(jnp.float32)
  return single_level(raw, steps, graves.cost(weights), done.steps)


def last_level(done: loop.Unrolled, ponder: PonderConfig) -> HaltingLevels:
  """The last level that an example computed acts."""
  count = done.active.sum(0, dtype=jnp.int32)
  raw, steps = halting.select(done.out, count - 1), count.astype(jnp.float32)
  return single_level(raw, steps, steps, done.steps)


# By `ponder.mode`: the stopping rule (None never stops early), and the levels
# of an unroll.
MODES: dict[str, tuple[halting.Rule | None, Callable[..., HaltingLevels]]] = {
  'pondernet': (halting.pondernet_rule, pondernet_levels),
  'act': (graves.act_rule, act_levels),
  'fixed': (None, last_level),
  'kl': (settle.settled_rule, last_level),
}
