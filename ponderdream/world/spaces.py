"""Functions of observation spaces for the networks."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array


def visible(obs_space: Mapping[str, Any]) -> dict[str, Any]:
  """The spaces that the agent sees, sorted by key."""
  return {
    k: v
    for k, v in sorted(obs_space.items())
    if v.role != 'hidden' and not k.startswith('log/')
  }


def classes(space: Any, x: Array) -> Array:
  """One-hot values of a space of classes, `[...] -> [..., classes]`."""
  low = jnp.expand_dims(space.low, range(x.ndim - space.low.ndim))
  return jax.nn.one_hot(x - low, int(space.classes.max()))
