"""The action space, as the networks read and predict it."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.nets import dists

Array = jax.Array


class Part(NamedTuple):
  """One key of the action space.

  Attributes:
    key: its name, `action` or `action.<name>`.
    shape: shape of one environment action.
    classes: classes per discrete variable, or None if continuous.
  """

  key: str
  shape: tuple[int, ...]
  classes: tuple[int, ...] | None


class ActionSpec(NamedTuple):
  """Sizes and kinds of the action space. Its distribution is the product of
  those of all variables.

  Attributes:
    parts: the keys, those of discrete variables first.
    unimix: share of the uniform distribution in a discrete policy.
  """

  parts: tuple[Part, ...]
  unimix: float

  @property
  def keys(self) -> tuple[str, ...]:
    """The keys of the action space."""
    return tuple(part.key for part in self.parts)

  @property
  def classes(self) -> tuple[int, ...]:
    """Classes of each discrete variable."""
    return sum((part.classes or () for part in self.parts), ())

  @property
  def numbers(self) -> int:
    """Number of continuous variables."""
    found = [x.shape for x in self.parts if x.classes is None]
    return sum(map(math.prod, found))

  @property
  def width(self) -> int:
    """Size A of an encoded action."""
    return sum(self.classes) + self.numbers

  @property
  def outputs(self) -> int:
    """Number of outputs O of the policy network."""
    return sum(self.classes) + 2 * self.numbers

  @property
  def variables(self) -> int:
    """Size V of a flat action."""
    return len(self.classes) + self.numbers

  def encode(self, action: Array) -> Array:
    """Flat actions `[..., V]` -> one-hot vectors and numbers `[..., A]`."""
    hot = [
      jax.nn.one_hot(action[..., i].astype(jnp.int32), n)
      for i, n in enumerate(self.classes)
    ]
    if self.numbers:
      hot.append(action[..., len(hot) :].astype(jnp.float32))
    return jnp.concatenate(hot, -1)

  def flatten(self, actions: Mapping[str, Array], lead: int) -> Array:
    """Environment actions `[*lead, *shape]` by key -> `[*lead, V]`."""
    flat = [
      x.reshape((*x.shape[:lead], -1))
      for x in (actions[key] for key in self.keys)
    ]
    return jnp.concatenate(flat, -1)

  def split(self, action: Any) -> dict[str, Any]:
    """The inverse of `flatten`: `[*lead, V]` -> `[*lead, *shape]` by key."""
    ends = [0]
    for part in self.parts:
      ends.append(ends[-1] + math.prod(part.shape))
    lead = action.shape[:-1]
    return {
      part.key: action[..., low:high].reshape((*lead, *part.shape))
      for part, low, high in zip(self.parts, ends, ends[1:], strict=False)
    }

  def dist(self, raw: Array, mask: Array | None) -> dists.ActionDist:
    """The distribution of flat actions for outputs `[..., O]` of the policy
    network."""
    return dists.action_dist(
      raw, self.classes, self.numbers, self.unimix, mask
    )

  def divergence(self, raw: Array, other: Array, mask: Array | None) -> Array:
    """`KL(pi || pi')` `[...]` in nats of the distributions for outputs `raw`
    and `other` `[..., O]`."""
    return divergence(self.dist(raw, mask), self.dist(other, mask))


def divergence(dist: Any, other: Any) -> Array:
  """`KL(dist || other)` `[...]` in nats of two distributions of actions of the
  same kind, summed over the variables. Masked classes add nothing."""
  match dist:
    case dists.Product():
      discrete = divergence(dist.discrete, other.discrete)
      return discrete + divergence(dist.normal, other.normal)
    case dists.Discrete():
      pairs = zip(dist.parts, other.parts, strict=True)
      return sum(a.kl_divergence(b) for a, b in pairs)
  return dist.dist.kl_divergence(other.dist)


def spec(act_space: Mapping[str, Any], unimix: float) -> ActionSpec:
  """The `ActionSpec` of embodied spaces, without `reset`."""
  parts = [_part(k, v) for k, v in act_space.items() if k != 'reset']
  # Stable: the mask of the discrete variables has their order.
  return ActionSpec(
    tuple(sorted(parts, key=lambda x: x.classes is None)), unimix
  )


def _part(key: str, space: Any) -> Part:
  classes = None
  if space.discrete:
    classes = tuple(int(x) for x in space.classes.reshape(-1))
  return Part(key, tuple(space.shape), classes)
