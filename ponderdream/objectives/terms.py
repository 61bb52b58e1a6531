"""The arguments and the results of an objective."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from embodied.sources import SHARED
from ponderdream.losses import combine
from ponderdream.models import Models, View
from ponderdream.state import TrainState
from ponderdream.world import rssm

Array = jax.Array

# Whether a step of a data set has a reward.
KNOWN = 'known/reward'


class Pass(NamedTuple):
  """One pass over a batch, which all objectives share.

  In an update on the newest steps, T counts all steps of a window, and `post`
  is what acting stored, without a gradient.

  Attributes:
    models: the networks.
    params: parameters, with a gradient.
    frozen: the same without a gradient.
    state: the train state before the update. `state.slow` holds the moving
      averages of parts that have a rate in the setting `slow`.
    batch: replayed steps `[B, T, ...]`, and arrays that all rows share.
    post: their posterior states `[B, T, ...]`, with a gradient.
    tokens: of their observations `[B, T, E]`, with a gradient; for those by
      other parameters see `posterior.tokens_of`.
    logp: log-probabilities of `post.stoch`, `[B, T, S, C]`.
    key: random key of this objective, to be consumed.
    config: all settings.
  """

  models: Models
  params: Any
  frozen: Any
  state: TrainState
  batch: Mapping[str, Array]
  post: rssm.State
  tokens: Array
  logp: Array
  key: Array
  config: Any

  @property
  def view(self) -> View:
    """Views of the posterior states, `[B, T]`, with a gradient."""
    return self.models.view(self.params, self.post, self.tokens)


class Terms(NamedTuple):
  """What an objective adds to an update.

  Attributes:
    losses: by key; arrays, whose mean is taken, or `combine.Mean`. The scale
      of a loss is `loss_scales[key]`, where a key such as `rec/image` stands
      for `rec`.
    metrics: numbers to log.
    running: the objective's running statistics after the update, or None.
  """

  losses: Mapping[str, combine.Loss]
  metrics: Mapping[str, Any]
  running: Any = None


def rewarded(batch: Mapping[str, Array]) -> Array:
  """Whether the reward of each step `[B, T]` is known. A data set may lack
  some; a replay has all."""
  if KNOWN not in batch:
    return jnp.ones(batch['reward'].shape, bool)
  has = batch.get(f'has/{KNOWN}')
  return batch[KNOWN] if has is None else batch[KNOWN] | ~has


def cut_steps(batch: Mapping[str, Array], steps: slice) -> dict[str, Array]:
  """Some steps of a batch `[B, T, ...]`; shared arrays as they are."""
  return {
    k: v if k.startswith(SHARED) else v[:, steps] for k, v in batch.items()
  }


def flat(x: Array) -> Array:
  """`[A, B, ...] -> [A B, ...]`."""
  return x.reshape((-1, *x.shape[2:]))


def flat_tree(tree: Any) -> Any:
  """`flat` of every array of a tree."""
  return jax.tree.map(flat, tree)


def by_time(x: Array) -> Array:
  """`[B, T, ...] -> [T, B, ...]`, and back."""
  return jnp.swapaxes(x, 0, 1)
