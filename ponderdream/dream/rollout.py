"""Dreams: rollouts of the policy in the model, and one branch per level.

Nothing here carries a gradient into the model: actions are learnt by
REINFORCE, from returns that are numbers.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream import models as models_
from ponderdream.world import rssm

Array = jax.Array


class Dream(NamedTuple):
  """A rollout of H steps from B states, time first.

  Attributes:
    feat: features `[H + 1, B, F]`, the start included.
    action: flat actions `[H, B, V]`.
    mask: allowed actions `[H, B, O]`, or None.
    steps: ponder steps taken for each action, `[H, B]`.
  """

  feat: Array
  action: Array
  mask: Array | None
  steps: Array


def pick(
  models: models_.Models, raw: Array, mask: Array | None, key: Array
) -> Array:
  """Samples flat actions `[B, V]` from policy outputs `[B, O]`."""
  return models.action.dist(raw, mask).sample(key)


def move(
  models: models_.Models,
  params: Any,
  state: rssm.State,
  action: Array,
  key: Array,
) -> rssm.State:
  """The model's next state for flat actions `[B, V]`."""
  dyn = {'params': params['dyn']}
  embed = lambda x: models.dyn.apply(dyn, x, method='embed_action')
  action = models.action.encode(action)
  batch, width = action.shape
  if models.action.variables == 1 and models.action.classes and width < batch:
    # One product less for each state: there are only so many actions.
    embedded = action.astype(models.dyn.dtype) @ embed(jnp.eye(width))
  else:
    embedded = embed(action)
  return rssm.imagine_step(models.dyn, dyn, state, embedded, key)


def rollout(
  models: models_.Models,
  params: Any,
  start: rssm.State,
  mask: Array | None,
  length: int,
  key: Array,
) -> Dream:
  """Follows the policy for `length` steps.

  Args:
    start: states `[B, ...]`.
    mask: actions allowed at the start `[B, O]`, or None; later masks are
      those that the model predicts.
    key: consumed.
  """

  def body(carry, key):
    state, mask = carry
    think, draw, dream = jax.random.split(key, 3)
    feat = rssm.features(state)
    raw, steps = models.choose(params, feat, think)
    action = pick(models, raw, mask, draw)
    after = move(models, params, state, action, dream)
    return (after, models.mask(params, after)), (feat, action, mask, steps)

  keys = jax.random.split(key, length)
  (last, _), (feat, *rest) = jax.lax.scan(body, (start, mask), keys)
  feat = jnp.concatenate([feat, rssm.features(last)[None]], 0)
  return Dream(feat, *rest)


def branch(
  models: models_.Models,
  params: Any,
  start: rssm.State,
  raw: Array,
  mask: Array | None,
  levels: Array,
  length: int,
  key: Array,
) -> tuple[Array, Array]:
  """What the action of every halting level is worth, by the model.

  `Q_m = r_1 + c_1 (r_2 + c_2 (... + c_L V(s_L)))` for `a_m ~ pi_m` and the
  policy followed afterwards. Levels that no example reached are not run.

  Args:
    start: states `[B, ...]`.
    raw: policy outputs of all levels `[N, B, O]`.
    mask: allowed actions `[B, O]`, or None.
    levels: number of levels that were reached, `[]`.
    length: model steps per branch, L.
    key: consumed.

  Returns:
    Flat actions `[N, B, V]` and values `[N, B]`; rows from `levels` on are
    zero.
  """
  count, batch = raw.shape[:2]

  def body(m, buffers):
    actions, values = buffers
    draw, dream, follow = jax.random.split(jax.random.fold_in(key, m), 3)
    action = pick(models, raw[m], mask, draw)
    state = move(models, params, start, action, dream)
    value = follow_on(models, params, state, length - 1, follow)
    return actions.at[m].set(action), values.at[m].set(value)

  example = pick(models, raw[0], mask, key)
  actions = jnp.zeros((count, *example.shape), example.dtype)
  values = jnp.zeros((count, batch), jnp.float32)
  return jax.lax.fori_loop(0, levels, body, (actions, values))


def follow_on(
  models: models_.Models,
  params: Any,
  state: rssm.State,
  length: int,
  key: Array,
) -> Array:
  """Reward on arrival in `state`, then `length` more steps, then the critic:
  `[B]`, the discount included in the continuation."""
  dream = rollout(
    models, params, state, models.mask(params, state), length, key
  )
  reward = models.reward(params, dream.feat).pred()
  cont = models.cont(params, dream.feat).prob()
  value = models.value(params['val'], dream.feat[-1]).pred()
  for i in reversed(range(length + 1)):
    value = reward[i] + cont[i] * value
  return value
