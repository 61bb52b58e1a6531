"""The action space, as the networks read and predict it."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.nets import dists

Array = jax.Array


class ActionSpec(NamedTuple):
  """Sizes and kind of the action space.

  Attributes:
    shape: shape of one environment action.
    classes: classes per discrete variable, or None if continuous.
    unimix: share of the uniform distribution in a discrete policy.
  """

  shape: tuple[int, ...]
  classes: tuple[int, ...] | None
  unimix: float

  @property
  def width(self) -> int:
    """Size A of an encoded action."""
    return sum(self.classes) if self.classes else math.prod(self.shape)

  @property
  def outputs(self) -> int:
    """Number of outputs O of the policy network."""
    return self.width if self.classes else 2 * self.width

  @property
  def variables(self) -> int:
    """Size V of a flat action."""
    return math.prod(self.shape)

  def encode(self, action: Array) -> Array:
    """Flat actions `[..., V]` -> one-hot vectors or numbers `[..., A]`."""
    if self.classes is None:
      return action.astype(jnp.float32)
    hot = [
      jax.nn.one_hot(action[..., i].astype(jnp.int32), n)
      for i, n in enumerate(self.classes)
    ]
    return jnp.concatenate(hot, -1)

  def flatten(self, action: Array, lead: int) -> Array:
    """Environment actions `[*lead, *shape]` -> `[*lead, V]`."""
    return action.reshape((*action.shape[:lead], self.variables))

  def dist(
    self, raw: Array, mask: Array | None
  ) -> dists.Discrete | dists.BoundedNormal:
    """The distribution for outputs `[..., O]` of the policy network."""
    return dists.action_dist(raw, self.classes, self.unimix, mask)


def spec(space: Any, unimix: float) -> ActionSpec:
  """The `ActionSpec` of an embodied `Space`."""
  classes = None
  if space.discrete:
    classes = tuple(int(x) for x in space.classes.reshape(-1))
  return ActionSpec(tuple(space.shape), classes, unimix)
