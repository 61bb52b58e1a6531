"""Rollouts in the model, with the policy's or with given actions.

Callers stop gradients at a rollout: the actor is trained by REINFORCE with
constant returns.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.models import Models, View
from ponderdream.world import rssm

Array = jax.Array

# `act(view, t, keys)` returns flat actions `[B, V]` for a view at step `t` of
# the rollout, and their number of ponder steps `[B]`. It consumes two keys:
# one for halting, one for the action.
Keys = tuple[Array, Array]
Act = Callable[[View, Array, Keys], tuple[Array, Array]]


class Dream(NamedTuple):
  """A rollout of H steps from B states, time first.

  Attributes:
    state: model states `[H + 1, B, ...]`, the start included.
    action: flat actions `[H, B, V]`.
    mask: allowed actions `[H, B, O]`, or None.
    steps: ponder steps taken for each action, `[H, B]`.
  """

  state: rssm.State
  action: Array
  mask: Array | None
  steps: Array


def policy(models: Models, params: Any) -> Act:
  """Acts by the agent's policy."""

  def act(view: View, t: Array, keys: Keys) -> tuple[Array, Array]:
    halt, draw = keys
    raw, steps = models.choose(params, view, halt)
    return models.policy(raw, view).sample(draw), steps

  return act


def recorded(action: Array) -> Act:
  """Acts by flat actions `[H, B, V]` that were taken before."""

  def act(view: View, t: Array, keys: Keys) -> tuple[Array, Array]:
    return action[t], jnp.zeros(action.shape[1:2], jnp.float32)

  return act


def rollout(
  models: Models,
  params: Any,
  act: Act,
  start: rssm.State,
  mask: Array | None,
  length: int,
  key: Array,
) -> Dream:
  """Follows `act` for `length` steps.

  Args:
    start: states `[B, ...]`.
    mask: actions allowed at the start `[B, O]`, or None; later masks are
      those that the model predicts.
    key: consumed.
  """

  def body(carry: Any, xs: Any) -> Any:
    state, mask = carry
    t, key = xs
    halt, draw, dream = jax.random.split(key, 3)
    view = models.view(params, state, mask=mask)
    action, steps = act(view, t, (halt, draw))
    after = move(models, params, state, action, dream)
    return (after, models.mask(params, after)), (state, action, mask, steps)

  xs = jnp.arange(length), jax.random.split(key, length)
  (last, _), (states, *rest) = jax.lax.scan(body, (start, mask), xs)
  join = lambda x, y: jnp.concatenate([x, y[None]], 0)
  return Dream(jax.tree.map(join, states, last), *rest)


def move(
  models: Models, params: Any, state: rssm.State, action: Array, key: Array
) -> rssm.State:
  """The model's next state for flat actions `[B, V]`. The key is consumed."""
  embed = lambda x: models.apply(params, 'dyn', x, method='embed_action')
  action = models.action.encode(action)
  batch, width = action.shape
  if models.action.variables == 1 and models.action.classes and width < batch:
    # Embedding each class once is cheaper than embedding each action.
    embedded = action.astype(models.dyn.dtype) @ embed(jnp.eye(width))
  else:
    embedded = embed(action)
  dyn = {'params': params['dyn']}
  return rssm.imagine_step(models.dyn, dyn, state, embedded, key)
