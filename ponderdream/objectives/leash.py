"""The leash: how far the actor may move from what it was taught.

The actor of the start, the reference, stays in the train state. With

    halt = KL(p || p_ref)    of the halting distribution, nats
    act  = KL(mu || mu_ref)  of the policy that acts, nats

each loss is max(0, KL - `leash.delta`), where the KL is the mean over the
batch: up to delta nats the policy may improve freely.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.dream import posterior
from ponderdream.goals.modes import HaltingLevels
from ponderdream.losses import policy_gradient
from ponderdream.models import View
from ponderdream.objectives.terms import Pass, flat
from ponderdream.state import REFERENCE

Array = jax.Array
sg = jax.lax.stop_gradient


def divergences(
  p: Pass, batch: Any, view: View, every: HaltingLevels, action: Array
) -> dict[str, Array]:
  """`leash_halt` and `leash_act` of M = B T steps, `[M]` in nats; empty
  without a reference.

  Args:
    batch: the steps `[B, T, ...]`.
    view: views `[M]` of their states.
    every: the levels of the actor there.
    action: flat actions `[M, V]` that were taken.
  """
  if REFERENCE not in p.state.slow:
    return {}
  params = sg(p.frozen | p.state.slow[REFERENCE])
  tokens = posterior.tokens_of(p.models, params, batch)
  goal = p.models.goal_of(params, batch)
  other = reference_view(p, params, tokens, view, goal)
  before = sg(p.models.levels(params, other))
  dist, was = (
    p.models.policy(x.raw, v) for x, v in ((every, view), (before, other))
  )
  return {
    'leash_halt': halting(every.log_p, before.log_p),
    'leash_act': policy_gradient.divergence(
      (dist, every.log_p), (was, before.log_p), action
    ),
  }


def reference_view(
  p: Pass, params: Any, tokens: Array, view: View, goal: Array | None
) -> View:
  """What the reference sees of the states of `view` `[M]`, asked for the goals
  `goal` `[B, T, G]`, or for that of the run."""
  deter = view.feat[:, : p.models.dyn.deter]
  actor = view.actor
  if p.models.inputs == 'tokens':
    actor = jnp.concatenate([deter, tokens.reshape((len(deter), -1))], -1)
  if goal is not None:
    goal = flat(goal)
  elif view.goal is not None:
    goal = p.models.own_goal(params, view.goal.shape[:-1])
  return view._replace(actor=sg(actor), goal=goal)


def halting(log_p: Array, reference: Array) -> Array:
  """`KL(p || p_ref)` `[B]` of halting distributions, log-probabilities `[N,
  B]`. What the reference never does counts as a probability of e^-12."""
  reached = log_p > -jnp.inf
  log_p = jnp.where(reached, log_p, 0)
  gap = log_p - jnp.maximum(reference, -12.0)
  return jnp.where(reached, jnp.exp(log_p) * gap, 0).sum(0)
