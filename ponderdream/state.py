"""The train state: parameters, optimiser states, running statistics."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ponderdream.losses import returns
from ponderdream.models import Models

Array = jax.Array
Params = dict[str, Any]


class Foresight(NamedTuple):
  """How well one number of real steps is foreseen: running means, `[]`.

  Attributes:
    error: squared error of the prediction.
    spread: variance of the number itself.
  """

  error: Array
  spread: Array


def initial_foresight() -> dict[str, Foresight]:
  """Before the first update: nothing of the variance is explained."""
  return {k: Foresight(*jnp.full(2, 1e-3)) for k in ('reward', 'value')}


# Initial running statistics, by the name of the objective.
RUNNING: dict[str, Callable[[], Any]] = {
  'behaviour': returns.initial_range,
  'ppo': returns.initial_range,
  'foresight': initial_foresight,
}


# The key among the slow copies of the actor as it was at the start, which
# never changes; and the parts that act on a stored model state.
REFERENCE = 'reference'
ACTOR = ('enc', 'goalenc', 'inner', 'actdec')


class TrainState(NamedTuple):
  """Everything that training changes; a checkpoint holds exactly this.

  Attributes:
    params: parameters by part.
    slow: moving averages of `params[key]` for each part that has a rate in
      the setting `slow`; and the `reference` of a leash.
    opt: optimiser states by kind of updates (`learn.optim`).
    running: running statistics of the objectives in RUNNING.
    updates: number of updates so far, int32 scalar.
  """

  params: Params
  slow: Params
  opt: dict[str, Any]
  running: dict[str, Any]
  updates: Array

  def earlier_forms(self) -> list[dict[str, Any]]:
    """The trees of checkpoints from before there were `foresight`, kinds of
    updates, and `slow` and `running`; the newest first."""
    running = {'behaviour': self.running['behaviour']}
    no_foresight = self._asdict() | {'running': running}
    one_kind = no_foresight | {'opt': self.opt['replayed']}
    before = {
      'params': self.params,
      'slowval': self.slow['val'],
      'opt': self.opt['replayed'],
      'range': self.running['behaviour'],
      'updates': self.updates,
    }
    return [no_foresight, one_kind, before]

  @staticmethod
  def from_earlier_form(tree: Mapping[str, Any]) -> 'TrainState':
    """The state that one of `earlier_forms` holds."""
    slow = tree['slow'] if 'slow' in tree else {'val': tree['slowval']}
    opt = tree['opt']
    running = tree.get('running') or {'behaviour': tree['range']}
    return TrainState(
      tree['params'],
      slow,
      opt if 'replayed' in opt else {'replayed': opt},
      {k: make() for k, make in RUNNING.items()} | running,
      tree['updates'],
    )


def initial(
  models: Models,
  optimizers: Mapping[str, optax.GradientTransformation],
  rates: Mapping[str, float],
  leashed: bool,
  key: Array,
) -> TrainState:
  """The state before the first update.

  Args:
    rates: of the slow copies, by part; a part of rate 0 has none.
    leashed: whether the actor of the start is kept.
    key: consumed.
  """
  params = models.init(key)
  slow = [k for k, v in rates.items() if v]
  return TrainState(
    params,
    copies(params, [*slow, *([REFERENCE] if leashed else [])]),
    {k: v.init(params) for k, v in optimizers.items()},
    {k: make() for k, make in RUNNING.items()},
    jnp.zeros((), jnp.int32),
  )


def update_slow(
  slow: Mapping[str, Any],
  params: Mapping[str, Any],
  rates: Mapping[str, float],
) -> Params:
  """`slow + rate (params - slow)` for each part that has a slow copy. The
  reference stays."""
  return {
    key: value
    if key == REFERENCE
    else optax.incremental_update(params[key], value, rates[key])
    for key, value in slow.items()
  }


def copies(params: Mapping[str, Any], keys: Iterable[str]) -> Params:
  """Copies of parts of the parameters, as `TrainState.slow` holds them."""
  copy = lambda tree: jax.tree.map(jnp.copy, tree)
  actor = {k: params[k] for k in ACTOR if k in params}
  return {k: copy(actor if k == REFERENCE else params[k]) for k in keys}


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
  slow = copies(merged, state.slow)
  return state._replace(params=merged, slow=slow), missing
