"""Everything that training changes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ponderdream.losses import returns
from ponderdream.models import Models

Array = jax.Array
Params = dict[str, Any]

# Moving averages of parts: the key of the part, and how its rate is read from
# the settings.
SLOW: dict[str, Callable[[Any], float]] = {
  'val': lambda config: config.slowval.rate,
}
# Running numbers of objectives, by the name of the objective.
RUNNING: dict[str, Callable[[], Any]] = {
  'behaviour': returns.initial_range,
}


class TrainState(NamedTuple):
  """The whole state of learning; a checkpoint holds exactly this.

  Attributes:
    params: parameters by part.
    slow: moving averages of `params[key]` for each key of SLOW.
    opt: optimiser state.
    running: running numbers of the objectives in RUNNING.
    updates: number of updates so far, int32 scalar.
  """

  params: Params
  slow: Params
  opt: Any
  running: dict[str, Any]
  updates: Array

  def earlier_form(self) -> dict[str, Any]:
    """The tree of checkpoints from before there were `slow` and `running`."""
    return {
      'params': self.params,
      'slowval': self.slow['val'],
      'opt': self.opt,
      'range': self.running['behaviour'],
      'updates': self.updates,
    }

  @staticmethod
  def from_earlier_form(tree: Mapping[str, Any]) -> 'TrainState':
    """The inverse of `earlier_form`."""
    return TrainState(
      tree['params'],
      {'val': tree['slowval']},
      tree['opt'],
      {'behaviour': tree['range']},
      tree['updates'],
    )


def initial(
  models: Models, optimizer: optax.GradientTransformation, key: Array
) -> TrainState:
  """The state before the first update. The key is consumed."""
  params = models.init(key)
  return TrainState(
    params,
    {k: jax.tree.map(jnp.copy, params[k]) for k in SLOW},
    optimizer.init(params),
    {k: make() for k, make in RUNNING.items()},
    jnp.zeros((), jnp.int32),
  )


def update_slow(
  slow: Mapping[str, Any], params: Mapping[str, Any], config: Any
) -> Params:
  """`slow + rate (params - slow)` for each part of SLOW."""
  return {
    key: optax.incremental_update(params[key], slow[key], rate(config))
    for key, rate in SLOW.items()
  }


def adopt(
  state: TrainState, params: Mapping[str, Any]
) -> tuple[TrainState, list[str]]:
  """The state with those of `params` whose key and shape agree, and the keys
  of the parameters that keep their value."""
  missing = []

  def take(path: Any, own: Array) -> Any:
    other: Any = params
    for part in path:
      other = other.get(part.key, {}) if isinstance(other, Mapping) else {}
    if getattr(other, 'shape', None) == own.shape:
      return jnp.asarray(other, own.dtype)
    missing.append('/'.join(x.key for x in path))
    return own

  merged = jax.tree_util.tree_map_with_path(take, state.params)
  slow = {k: jax.tree.map(jnp.copy, merged[k]) for k in state.slow}
  return state._replace(params=merged, slow=slow), missing
