"""The interfaces of environments and agents."""

import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from embodied.space import Space

Spaces = dict[str, Space]
Obs = dict[str, Any]
Carry = Any

# Observation keys of every environment. The agent does not see them.
SIGNALS: Mapping[str, Space] = types.MappingProxyType(
  {
    'reward': Space(np.float32, role='hidden'),
    'is_first': Space(bool, role='hidden'),
    'is_last': Space(bool, role='hidden'),
    'is_terminal': Space(bool, role='hidden'),
  }
)

# Observation key of the goal that is asked for, an index of `Env.goals`, where
# several are (see `wrappers.Asked`). The networks see the text of the goal.
ASKED = 'asked'


def mask_key(obs_space: Mapping[str, Space]) -> str | None:
  """The observation key with the role 'mask', or None if there is none.

  Raises:
    ValueError: More than one such key.
  """
  keys = [k for k, v in obs_space.items() if v.role == 'mask']
  if len(keys) > 1:
    raise ValueError(
      f"The observation keys {sorted(keys)} have the role 'mask'; only one"
      ' key can have it.'
    )
  return keys[0] if keys else None


def action_classes(act_space: Mapping[str, Space]) -> np.ndarray:
  """Classes of each discrete variable of the actions, int64 `[V]`."""
  found = [
    v.classes.reshape(-1)
    for k, v in act_space.items()
    if v.discrete and k != 'reset'
  ]
  return np.concatenate(found) if found else np.zeros(0, np.int64)


class Env:
  """One environment. Actions and observations are dicts of arrays.

  Every observation has the keys of `SIGNALS`: `reward` float32 and the bools
  `is_first`, `is_last` and `is_terminal`. The first observation of an episode
  has `is_first` and reward 0. The last one has `is_last`, and also
  `is_terminal` if the task ended the episode, not a time limit. Keys `log/...`
  are scalars that are logged and never shown to the agent.

  An observation key whose space has the role 'mask', bool `[sum of classes]`,
  says which classes of the discrete actions are allowed. The masks of several
  variables follow each other. Each variable has an allowed class, also at the
  end of an episode. Agents choose allowed classes alone; what another one does
  is up to the environment.

  An observation shares no memory with the state of the environment or with
  later observations. `goals`, `reached`, `prepare` and `reseed` are optional.

  Attributes:
    goals: what may be wanted here, in words; the first one is what the reward
      is for. Empty if nobody has written it down.
  """

  goals: tuple[str, ...] = ()

  @property
  def obs_space(self) -> Spaces:
    """All observation keys, `log/` keys included."""
    raise NotImplementedError

  @property
  def act_space(self) -> Spaces:
    """All action keys, among them the bool `reset`."""
    raise NotImplementedError

  def step(self, action: dict[str, Any]) -> Obs:
    """Act for one step and return the observation that follows.

    A new episode starts if `action['reset']` is True, at the first call, and
    after an observation with `is_last`. The other keys are ignored then.
    """
    raise NotImplementedError

  def reached(self, goal: int) -> bool:
    """Whether `goals[goal]` was reached in this episode.

    Raises:
      NotImplementedError: The environment cannot tell.
    """
    raise NotImplementedError(
      f'{type(self).__name__} has no reached method; implement it to ask'
      ' agents for its goals.'
    )

  def prepare(self) -> None:
    """Do work of the next reset ahead of time, such as generating its world.

    Called while the environment waits for an action, any number of times.
    Observations must not depend on these calls.
    """

  def reseed(self, seed: int | Sequence[int]) -> None:
    """Replace the future random numbers, and nothing else of the state.

    Copies of one environment that get different seeds have different futures.

    Args:
      seed: As `np.random.SeedSequence` takes it.

    Raises:
      NotImplementedError: The environment cannot do this.
    """
    raise NotImplementedError(
      f'{type(self).__name__} has no reseed method; implement it to branch'
      ' copies of this environment.'
    )

  def close(self) -> None:
    """Free the resources of the environment; it is not used afterwards."""


class Agent:
  """The interface of an agent to the runs.

  Observations are dicts of `[B, ...]` arrays, training data are dicts of
  `[B, T, ...]` arrays. The policy's state between two steps is its `carry`,
  which goes in and comes out; None is a carry.
  """

  def init_policy(self, batch: int) -> Carry:
    """The carry before the first step of `batch` environments."""
    raise NotImplementedError

  def policy(
    self, carry: Carry, obs: Obs, mode: str = 'train'
  ) -> tuple[Carry, dict[str, Any], dict[str, Any]]:
    """Choose actions `[B, ...]`; returns `(carry, acts, outs)`.

    `acts` has every key of the action space but `reset`. `outs` are `[B, ...]`
    arrays that are stored in replay beside the step. `mode` is 'train' or
    'eval'.
    """
    raise NotImplementedError

  def place(self, data: dict[str, Any], fresh: bool = False) -> Any:
    """Put `[B, T, ...]` data where `train` reads it, such as on a device.

    Called ahead of time in a separate thread; for `fresh` data, the newest
    steps of the policy, called in the main thread just before `train`.
    """
    return data

  def train(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Update on what `place` returned; returns `(outs, metrics)`.

    `outs` are written back to the source of the data, at the steps
    `outs['stepid']`. `outs['priority']` `[B, T]`, if there, is the loss by
    which a prioritised replay draws these steps. Both may belong to an earlier
    update, so that the caller need not wait for this one.
    """
    raise NotImplementedError

  def flush(self) -> tuple[dict[str, Any], dict[str, Any]]:
    """`(outs, metrics)` of the last update, if they were not returned yet."""
    return {}, {}

  def report(self, data: dict[str, Any]) -> dict[str, Any]:
    """Measure without updating; returns metrics."""
    raise NotImplementedError

  def save(self) -> Any:
    """The state as a tree of arrays."""
    raise NotImplementedError

  def load(self, tree: Any, seen: int = 0) -> None:
    """Restore a state that `save` returned.

    Args:
      seen: environment steps since the run began. The policy uses it to draw
        random numbers that no earlier process of the run has drawn.
    """
    raise NotImplementedError


class RandomAgent(Agent):
  """Samples actions uniformly among those that are allowed; never learns."""

  def __init__(
    self, obs_space: Spaces, act_space: Spaces, seed: int = 0
  ) -> None:
    self.mask_key = mask_key(obs_space)
    self.act_space = {k: v for k, v in act_space.items() if k != 'reset'}
    self.rng = np.random.default_rng(seed)

  def init_policy(self, batch: int) -> Carry:
    return None

  def policy(
    self, carry: Carry, obs: Obs, mode: str = 'train'
  ) -> tuple[Carry, dict[str, Any], dict[str, Any]]:
    batch = len(obs['is_first'])
    acts = {
      key: np.stack([space.sample(self.rng) for _ in range(batch)])
      for key, space in self.act_space.items()
    }
    if self.mask_key is not None:
      acts |= self._allowed(obs[self.mask_key])
    return carry, acts, {}

  def train(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {}, {}

  def report(self, data: dict[str, Any]) -> dict[str, Any]:
    return {}

  def save(self) -> Any:
    return {}

  def load(self, tree: Any, seen: int = 0) -> None:
    pass

  def _allowed(self, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Uniform classes `[B, ...]` where the mask `[B, classes]` is True, by
    key."""
    noise = np.where(mask, self.rng.random(mask.shape), -1.0)
    ends = np.cumsum(action_classes(self.act_space))
    parts = np.split(noise, ends[:-1], axis=1)
    picks = np.stack([part.argmax(1) for part in parts], 1)
    found, start = {}, 0
    for key, space in self.act_space.items():
      if space.discrete:
        count = space.classes.size
        values = picks[:, start : start + count]
        values = values.reshape(len(mask), *space.shape) + space.low
        found[key] = values.astype(space.dtype)
        start += count
    return found
