"""What the agent thinks at a state, and what it expects of it, to be shown."""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.dream import branch, rollout
from ponderdream.models import Models, View
from ponderdream.nets import conv
from ponderdream.world import rssm

Array = jax.Array

HALTS, VALUE, CHOICE = 'think/halts', 'think/value', 'think/choice'
EXPECTED, IMAGINED = 'think/expected', 'think/imagined'
WANTED = 'think/wanted'


def foreseen(
  models: Models,
  params: Any,
  start: rssm.State,
  view: View,
  modelled: bool,
  key: Array,
) -> dict[str, Array]:
  """Every level's most probable action, and where the model sees it lead.

  Args:
    start: states `[B, ...]`, of which `view` is the view.
    modelled: whether there is a world model that was trained.
    key: consumed. All levels share the model's noise, so that equal actions
      have equal branches.

  Returns:
    `think/halts`, log halting probabilities `[B, N]`; `think/value`, the
    critic's `[B]`; `think/choice`, flat actions `[B, N, V]`. With a model also
    `think/expected`, the reward of the next state and the discounted value
    after it, `[B, N]`, and for the first key of pictures `think/imagined`,
    that state, uint8 `[B, N, H, W, C]`.
  """
  every = models.levels(params, view)
  action = models.policy(every.raw, view).mode().astype(jnp.float32)
  found = {
    HALTS: every.log_p.T,
    VALUE: models.value(params, view).pred(),
    CHOICE: action.swapaxes(0, 1),
  }
  if not modelled:
    return found
  dream, follow = jax.random.split(key)

  def lead(action: Array) -> dict[str, Array]:
    state = rollout.move(models, params, start, action, dream)
    value = branch.value_on_arrival(models, params, state, 0, follow)
    return {EXPECTED: value, **picture(models, params, state, IMAGINED)}

  levels = jax.lax.map(lead, action)
  return found | {k: v.swapaxes(0, 1) for k, v in levels.items()}


def wanted(models: Models, params: Any, view: View) -> dict[str, Array]:
  """What the levels are after in views `[B]`.

  Returns:
    `think/wanted`, the predicted picture once the subgoal of a level is
    achieved, uint8 `[B, N, H, W, C]`; empty without the part `goalstate`, or
    where pictures are not predicted.
  """
  if 'goalstate' not in models.parts:
    return {}
  goals = models.subgoals(params, view).goal

  def after(goal: Array) -> dict[str, Array]:
    deter, logp = models.goal_state(params, view.feat, goal)
    stoch = jax.nn.one_hot(logp.argmax(-1), logp.shape[-1])
    return picture(models, params, rssm.State(deter, stoch), WANTED)

  levels = jax.lax.map(after, goals)
  return {k: v.swapaxes(0, 1) for k, v in levels.items()}


def picture(
  models: Models, params: Any, state: rssm.State, name: str
) -> dict[str, Array]:
  """The predicted picture of states `[B, ...]` under the key `name`; empty if
  pictures are not predicted."""
  keys = [k for k, v in models.obs_space.items() if v.role == 'image']
  if not keys or 'imgdec' not in models.parts:
    return {}
  height, width, _ = models.obs_space[keys[0]].shape
  cells = models.decode(params, state)[keys[0]]
  size = models.parts['imgdec'].module.cut
  pixels = conv.from_patches(cells, size, height, width).astype(jnp.float32)
  return {name: (255 * pixels.clip(0, 1)).round().astype(jnp.uint8)}
