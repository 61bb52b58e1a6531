"""The two things that meet: an environment and an agent."""

from typing import Any

import numpy as np

from embodied.space import Space

Spaces = dict[str, Space]
Obs = dict[str, Any]
Carry = Any


class Env:
  """One environment, stepped with dicts of arrays of one step.

  Every observation has `reward` float32 and the bools `is_first`, `is_last`
  and `is_terminal`. The first observation of an episode has `is_first` and
  reward 0; the last has `is_last`, and `is_terminal` too if the episode ended
  in the task itself, rather than by a time limit. Keys `log/...` are scalars
  that are logged and never shown to the agent.

  An observation key `action_mask`, bool `[sum of classes]`, may say which
  classes of the one discrete action key `action` are allowed (for several
  elements: one after the other). At least one class per element is.
  """

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

    With `action['reset']`, at the very first step, and after an observation
    with `is_last`, the rest of the action is ignored and an episode starts.
    """
    raise NotImplementedError

  def prepare(self) -> None:
    """Work ahead for the next reset, such as generating its world.

    Called now and then while nothing is asked of the environment; no
    observation may depend on whether it was.
    """

  def close(self) -> None:
    """Free what the environment holds; it is not used again."""


class Agent:
  """What a run script knows about an agent.

  Observations come as dicts of `[B, ...]` arrays, training data as dicts of
  `[B, T, ...]` arrays. A `carry` goes in and comes out; `None` is a carry.
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

  def place(self, data: dict[str, Any]) -> Any:
    """Put `[B, T, ...]` data where `train` reads it, such as on a device.

    Called ahead of time, from a thread of its own.
    """
    return data

  def train(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Update on what `place` returned; returns `(outs, metrics)`.

    `outs` are written back into the replay, at the steps `outs['stepid']`;
    `outs['priority']` `[B, T]`, if there, is the loss they are drawn by. Both
    may be those of an earlier update, so as not to wait for this one.
    """
    raise NotImplementedError

  def flush(self) -> tuple[dict[str, Any], dict[str, Any]]:
    """`(outs, metrics)` of the last update that were not returned yet."""
    return {}, {}

  def report(self, data: dict[str, Any]) -> dict[str, Any]:
    """Measure without updating; returns metrics."""
    raise NotImplementedError

  def save(self) -> Any:
    """The state as a tree of arrays."""
    raise NotImplementedError

  def load(self, tree: Any, seen: int = 0) -> None:
    """Take over a state returned by `save`; `seen` is how many steps were
    taken since the run began, for random numbers that were not used yet."""
    raise NotImplementedError


class RandomAgent(Agent):
  """Samples actions uniformly among those that are allowed; never learns."""

  def __init__(self, act_space: Spaces, seed: int = 0) -> None:
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
    if 'action_mask' in obs:
      acts['action'] = self._allowed(obs['action_mask'])
    return carry, acts, {}

  def train(self, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {}, {}

  def report(self, data: dict[str, Any]) -> dict[str, Any]:
    return {}

  def save(self) -> Any:
    return {}

  def load(self, tree: Any, seen: int = 0) -> None:
    pass

  def _allowed(self, mask: np.ndarray) -> np.ndarray:
    """Uniform classes `[B, ...]` where the mask `[B, classes]` is True."""
    space = self.act_space['action']
    noise = np.where(mask, self.rng.random(mask.shape), -1.0)
    ends = np.cumsum(space.classes.reshape(-1))
    parts = np.split(noise, ends[:-1], axis=1)
    picks = np.stack([part.argmax(1) for part in parts], 1)
    picks = picks.reshape(len(mask), *space.shape) + space.low
    return picks.astype(space.dtype)
