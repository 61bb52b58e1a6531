"""The value of each halting level's action, by one imagined branch each."""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.dream import rollout
from ponderdream.models import Models
from ponderdream.world import rssm

Array = jax.Array


def branch(
  models: Models,
  params: Any,
  start: rssm.State,
  raw: Array,
  mask: Array | None,
  count: Array,
  length: int,
  key: Array,
) -> tuple[Array, Array]:
  """Imagines one branch per halting level.

  `Q_m = r_1 + c_1 (r_2 + c_2 (... + c_L V(s_L)))`, where the first action is
  `a_m ~ pi_m` and the later ones are the policy's. Levels that no example
  reached are not computed.

  Args:
    start: states `[B, ...]`.
    raw: outputs of the actor at all levels `[N, B, O]`.
    mask: allowed actions `[B, O]`, or None.
    count: number of levels that were reached, `[]`.
    length: model steps per branch, L.
    key: consumed.

  Returns:
    Flat actions `[N, B, V]` and values `[N, B]`; rows from `count` on are
    zero.
  """
  view = models.view(params, start, mask=mask)
  pick = lambda raw, key: models.policy(raw, view).sample(key)

  def body(m: Array, buffers: tuple[Array, Array]) -> tuple[Array, Array]:
    actions, values = buffers
    draw, dream, follow = jax.random.split(jax.random.fold_in(key, m), 3)
    action = pick(raw[m], draw)
    state = rollout.move(models, params, start, action, dream)
    value = value_on_arrival(models, params, state, length - 1, follow)
    return actions.at[m].set(action), values.at[m].set(value)

  example = jax.eval_shape(pick, raw[0], key)
  actions = jnp.zeros((len(raw), *example.shape), example.dtype)
  values = jnp.zeros(raw.shape[:2], jnp.float32)
  return jax.lax.fori_loop(0, count, body, (actions, values))


def value_on_arrival(
  models: Models, params: Any, state: rssm.State, length: int, key: Array
) -> Array:
  """Reward on arrival in `state` plus the return after it: `length` steps of
  the policy, then the critic's value. `[B]`; the continuation includes the
  discount."""
  mask = models.mask(params, state)
  act = rollout.policy(models, params)
  dream = rollout.rollout(models, params, act, state, mask, length, key)
  view = models.view(params, dream.state)
  reward = models.reward(params, view).pred()
  cont = models.cont(params, view).prob()
  last = jax.tree.map(lambda x: x[-1], view)
  value = models.value(params, last).pred()
  for i in reversed(range(length + 1)):
    value = reward[i] + cont[i] * value
  return value
