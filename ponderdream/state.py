"""Everything that training changes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ponderdream import models as models_
from ponderdream.losses import returns

Array = jax.Array


class TrainState(NamedTuple):
  """The whole state of learning; a checkpoint holds exactly this.

  Attributes:
    params: parameters by module key.
    slowval: moving average of `params['val']`.
    opt: optimiser state.
    range: running range of returns.
    updates: number of updates so far, int32 scalar.
  """

  params: dict[str, Any]
  slowval: Any
  opt: Any
  range: returns.ReturnRange
  updates: Array


def initial(
  models: models_.Models, optimizer: optax.GradientTransformation, key: Array
) -> TrainState:
  """The state before the first update. The key is consumed."""
  params = models.init(key)
  return TrainState(
    params,
    jax.tree.map(jnp.copy, params['val']),
    optimizer.init(params),
    returns.ReturnRange(jnp.zeros(()), jnp.zeros(())),
    jnp.zeros((), jnp.int32),
  )
