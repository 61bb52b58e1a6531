"""A trained policy in a script, on observations as its environment gives
them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import utils

import embodied
from embodied import envs
from embodied.envs import from_gymnasium
from ponderdream.agent import Agent
from ponderdream.trackers import HALTS, SAID, spoken


class Policy:
  """Acts on observations of a task's own space.

  Attributes:
    thoughts: of the last action: `steps`, the number of ponder steps, a float
      or `[B]`; empty for an agent that does not ponder. If it acts aloud, also
      `words`: the goal of each level, and the probability to halt there; a
      list of pairs, or B lists.
  """

  def __init__(
    self,
    agent: Agent,
    rows: Sequence['Converter'],
    batched: bool,
    decode: Callable[[Any], list[str]] | None = None,
  ) -> None:
    self._agent, self._rows, self._batched = agent, rows, batched
    self._decode = decode
    self.thoughts: dict[str, Any] = {}
    self.reset()

  def reset(self, which: Sequence[bool] | None = None) -> None:
    """Begins new episodes, in all environments or in some of them, `[B]`."""
    if which is None:
      self._carry = self._agent.init_policy(len(self._rows))
      self._first = np.ones(len(self._rows), bool)
    else:
      self._first = self._first | np.asarray(which, bool)

  def __call__(self, obs: Any, info: Mapping[str, Any] | None = None) -> Any:
    """The next action.

    Args:
      obs: an observation as the environment gives it; a list or a batch of
        them, if the policy was loaded for several environments.
      info: of Gymnasium, if the environment tells its action mask there.

    Raises:
      ValueError: observations that do not fit the task, or not as many.
    """
    seen = self._observe(obs, info or {})
    self._carry, acts, outs = self._agent.policy(self._carry, seen, 'eval')
    self._first = np.zeros(len(self._rows), bool)
    steps = outs.get('log/ponder_steps')
    if steps is not None:
      self.thoughts = {'steps': steps if self._batched else float(steps[0])}
    if self._decode is not None and SAID in outs:
      pairs = zip(outs[SAID], outs[HALTS], strict=True)
      words = [spoken(*x, self._decode) for x in pairs]
      self.thoughts['words'] = words if self._batched else words[0]
    actions = [
      row.action({k: v[i] for k, v in acts.items()})
      for i, row in enumerate(self._rows)
    ]
    return actions if self._batched else actions[0]

  def _observe(
    self, obs: Any, info: Mapping[str, Any]
  ) -> dict[str, np.ndarray]:
    """What the agent sees, `[B, ...]` by key."""
    each = (
      self._rows[0].split(obs, len(self._rows)) if self._batched else [obs]
    )
    if len(each) != len(self._rows):
      raise ValueError(
        f'There are {len(each)} observations for {len(self._rows)}'
        ' environments.'
      )
    found = [
      row.observation(x, info) for row, x in zip(self._rows, each, strict=True)
    ]
    keys = [*self._agent.models.obs_space]
    seen = {k: np.stack([x[k] for x in found]) for k in keys}
    return seen | {'is_first': self._first}


class Converter:
  """Observations and actions of a task of this project: they stay as they
  are, dicts of arrays."""

  def observation(self, obs: Any, info: Mapping[str, Any]) -> dict[str, Any]:
    """What the agent sees of an observation."""
    return dict(obs)

  def action(self, acts: dict[str, np.ndarray]) -> Any:
    """The action that the environment takes."""
    return acts | {'reset': np.bool_(False)}

  def split(self, obs: Any, count: int) -> list[Any]:
    """The observations of a batch."""
    if isinstance(obs, Mapping):
      return [{k: v[i] for k, v in obs.items()} for i in range(count)]
    return list(obs)


class GymConverter(Converter):
  """Those of a Gymnasium environment, by the adapter that training used: the
  environment inside of it shows what it is given."""

  def __init__(self, env: 'Puppet', adapted: embodied.Env) -> None:
    self.puppet, self.adapted = env, adapted
    zero = {
      k: np.zeros(v.shape, v.dtype) for k, v in adapted.act_space.items()
    }
    self.again = zero | {'reset': np.bool_(True)}
    adapted.step(self.again)  # the observation that it began with

  def observation(self, obs: Any, info: Mapping[str, Any]) -> dict[str, Any]:
    self.puppet.shown = obs, dict(info)
    return self.adapted.step(self.again)

  def action(self, acts: dict[str, np.ndarray]) -> Any:
    self.adapted.step(acts | {'reset': np.bool_(False)})
    return self.puppet.action

  def split(self, obs: Any, count: int) -> list[Any]:
    if isinstance(obs, list):
      return obs
    space = utils.batch_space(self.puppet.observation_space, count)
    return list(utils.iterate(space, obs))


class Puppet(gymnasium.Env[Any, Any]):
  """Shows what it is told to, and remembers the last action."""

  def __init__(self, like: gymnasium.Env[Any, Any]) -> None:
    self.observation_space = like.observation_space
    self.action_space = like.action_space
    self.shown: tuple[Any, dict[str, Any]] = like.reset(seed=0)
    self.action: Any = None

  def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
    return self.shown

  def step(self, action: Any) -> Any:
    self.action = action
    obs, info = self.shown
    return obs, 0.0, False, False, info


def convert(env: embodied.Env, options: Any) -> Converter:
  """The converter of an environment as training made it."""
  inner: Any = env
  while hasattr(inner, 'env') and not isinstance(
    inner, from_gymnasium.Adapter
  ):
    inner = inner.env
  if not isinstance(inner, from_gymnasium.Adapter):
    return Converter()
  puppet = Puppet(inner.env)
  adapter = from_gymnasium.Adapter(
    puppet,
    seed=0,
    size=options.size,
    classes=options.classes,
    text=options.text,
  )
  return GymConverter(puppet, envs.wrap(adapter))
