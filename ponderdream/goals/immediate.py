"""The immediate goal: the subgoal model, pondered until it halts.

`levels` computes every halting level, differentiably, for learning; `choose`
stops where it halts, for acting. The plain agent, and the ablations, go
through the same two doors with a single level.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.goals import inner as inner_
from ponderdream.nets import heads
from ponderdream.ponder import act, graves, halting, loop

Array = jax.Array


class Thinking(NamedTuple):
  """How the actor thinks: the `ponder` block of the configuration."""

  mode: str
  max_steps: int
  eps: float | None
  prior: float
  compact: bool


class Levels(NamedTuple):
  """The policies of all halting levels.

  Attributes:
    raw: outputs of the policy network, `[N, B, O]`.
    log_p: log halting probabilities, `[N, B]`, -inf where not reached.
    steps: expected number of steps, `[B]`.
    price: what `ponder.cost` is paid for, differentiable, `[B]`: the expected
      steps, or in mode 'act' the ponder cost n + R of Graves 2016.
    kl: nats from the geometric prior, `[B]`.
    depth: steps that were computed, `[]`.
  """

  raw: Array
  log_p: Array
  steps: Array
  price: Array
  kl: Array
  depth: Array


# Halting logit of a step that must not halt: a probability of exactly zero.
NEVER = -1e9


@functools.cache
def make_step(
  inner: inner_.Inner, actdec: heads.Head, suppress: int = 0
) -> Callable:
  """The step of the ponder loop: subgoal model, then action decoder. The
  first `suppress` steps cannot halt."""

  def step(
    params: Any, x: Array, thought: inner_.Thought, n: Array
  ) -> tuple[inner_.Thought, Array, Array]:
    first = (n == 0).astype(jnp.float32)
    thought, subgoal, logit = inner.apply(
      {'params': params['inner']}, x, thought, first, method='step'
    )
    raw = actdec.apply({'params': params['actdec']}, subgoal)
    if suppress:
      logit = jnp.where(n < suppress, NEVER, logit)
    return thought, raw, logit

  return step


def start(
  inner: inner_.Inner, params: Any, feat: Array, goal: Array
) -> tuple[Any, Array, inner_.Thought]:
  """What the loop starts from, for `feat` `[B, F]` and `goal` `[B, G]`: the
  parameters of a step, the projected input and the initial thought."""
  x = inner.apply({'params': params['inner']}, feat, goal, method='project')
  shared = {k: params[k] for k in ('inner', 'actdec')}
  return shared, x, inner_.initial(inner, goal)


def levels(
  inner: inner_.Inner | None,
  actdec: heads.Head,
  params: Any,
  feat: Array,
  goal: Array | None,
  think: Thinking,
) -> Levels:
  """Every level's policy for `feat` `[B, F]` and `goal` `[B, G]`.

  Args:
    inner: the subgoal model, or None for the plain agent, which has one
      level and no goal.
    params: dict with `actdec`, and with `inner` where there is one.
  """
  zeros = jnp.zeros(feat.shape[:1], jnp.float32)
  if inner is None or goal is None:
    raw = actdec.apply({'params': params['actdec']}, feat)
    none = zeros, zeros, zeros, jnp.int32(0)
    return Levels(raw[None], zeros[None], *none)
  done = loop.unroll(
    make_step(inner, actdec),
    *start(inner, params, feat, goal),
    max_steps=think.max_steps,
    eps=None if think.mode == 'fixed' else think.eps,
    compact=think.compact,
    stop=graves.spend if think.mode == 'act' else halting.survive,
  )
  if think.mode == 'fixed':
    raw, steps = done.out[-1], zeros + think.max_steps
    return Levels(raw[None], zeros[None], steps, steps, zeros, done.steps)
  if think.mode == 'act':
    weights = graves.halt(done.logit, done.active)
    raw = graves.mean(done.out, weights.p)
    steps = weights.steps.astype(jnp.float32)
    paid = steps, graves.cost(weights), zeros, done.steps
    return Levels(raw[None], zeros[None], *paid)
  log_p = halting.log_distribution(done.logit, done.active)
  steps = halting.expected_steps(jnp.exp(log_p))
  kl = halting.kl_geometric(done.logit, done.active, think.prior)
  return Levels(done.out, log_p, steps, steps, kl, done.steps)


def choose(
  inner: inner_.Inner | None,
  actdec: heads.Head,
  params: Any,
  feat: Array,
  goal: Array | None,
  think: Thinking,
  key: Array,
  halt: str,
  suppress: int = 0,
) -> tuple[Array, Array]:
  """The policy that is acted on, without a gradient.

  Args:
    key: consumed.
    halt: 'sample' or 'median', see `act.act`; only `pondernet` halts by it.
    suppress: `pondernet` thinks for so many steps more: they cannot halt,
      and what is learnt about halting holds after them.

  Returns:
    Outputs of the policy network `[B, O]` and the number of steps `[B]`,
    counted from one; 0 for the plain agent.
  """
  if inner is None or goal is None or think.mode != 'pondernet':
    every = levels(inner, actdec, params, feat, goal, think)
    return every.raw[0], every.steps
  raw, n = act.act(
    make_step(inner, actdec, suppress),
    *start(inner, params, feat, goal),
    key,
    max_steps=think.max_steps + suppress,
    eps=think.eps,
    halt=halt,
  )
  return raw, (n + 1).astype(jnp.float32)
