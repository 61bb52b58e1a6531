"""Scripted experts that say what they want at every step.

An expert plays the environment `task`, by these calls:

  expert = make_expert('crafter')
  expert.reset(seed)
  action = expert.act(env)   before every step; `env` may be wrapped
  expert.stack               the goals in force, the action in words last
  expert.nodes(length)       the plan of the episode, after its last step

Two experts with the same seed act alike in the same environment.
"""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, Protocol

from embodied.base import Env
from embodied.errors import UsageError, suggest
from embodied.experts.plan import Goal

# Name -> class. Its keyword arguments are the variants.
EXPERTS = {
  'battlefactory': 'embodied.experts.battlefactory.expert:BattleFactoryExpert',
  'crafter': 'embodied.experts.crafter.expert:CrafterExpert',
}


class Expert(Protocol):
  """What every expert can do.

  Attributes:
    task: the environment it plays, as `make_env` takes it.
    actions: the actions in words, by their number.
    privileged: whether it sees more than an agent.
    p_good: how good its play is, from 0 to 1, compared with its best variant.
    stack: the goals in force, the most abstract first, the action last.
  """

  task: str
  actions: Sequence[str]
  privileged: bool
  p_good: float
  stack: tuple[Goal, ...]

  def reset(self, seed: int) -> None:
    """Forgets the last episode; `seed` is of the expert's own choices."""

  def act(self, env: Env) -> int:
    """The next action, given the environment after its last step."""

  def nodes(self, length: int) -> list[dict[str, Any]]:
    """The plan of the episode of `length` steps; see `Plan.nodes`."""


def make_expert(name: str, **variant: Any) -> Expert:
  """The expert of that name.

  Raises:
    UsageError: An unknown expert, or a variant that it does not have.
  """
  if name not in EXPERTS:
    raise UsageError(f"There is no expert '{name}'. {suggest(name, EXPERTS)}")
  module, _, cls = EXPERTS[name].partition(':')
  ctor = getattr(importlib.import_module(module), cls)
  known = set(inspect.signature(ctor).parameters)
  for key in variant.keys() - known:
    raise UsageError(
      f"The expert '{name}' has no variant '{key}'. {suggest(key, known)}"
    )
  expert: Expert = ctor(**variant)
  return expert
