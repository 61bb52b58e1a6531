"""What the networks read from observation spaces: their roles."""

from collections.abc import Mapping
from typing import Any

import jax

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
  return jax.nn.one_hot(x - space.low, int(space.classes.max()))
