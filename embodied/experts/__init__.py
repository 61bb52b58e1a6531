"""Scripted experts that say what they want at every step.

An expert plays the environment `task`, by these calls:

  expert = make_expert('crafter')
  expert.reset(seed)
  action = expert.act(env)   before every step; `env` may be wrapped
  expert.stack               the goals in force, the action in words last
  expert.intended            that action; `action` may be another one, by noise
  expert.nodes(length)       the plan of the episode, after its last step

Two experts with the same seed act alike in the same environment.
"""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from embodied.base import Env
from embodied.errors import UsageError, suggest
from embodied.experts.plan import Goal

# Name -> class. Its keyword arguments are the variants.
EXPERTS = {
  'battlefactory': 'embodied.experts.battlefactory.expert:BattleFactoryExpert',
  'crafter': 'embodied.experts.crafter.expert:CrafterExpert',
  'sokoban': 'embodied.experts.sokoban.expert:SokobanExpert',
}


class Expert(Protocol):
  """What every expert can do.

  Attributes:
    task: the environment it plays, as `make_env` takes it.
    settings: of that environment, as `make_env` takes them.
    actions: the actions in words, by their number.
    privileged: whether it sees more than an agent.
    p_good: how good its play is, from 0 to 1, compared with its best variant.
    stack: the goals in force, the most abstract first, the action last.
    intended: the action that it wanted; noise may have replaced it.
  """

  task: str
  settings: Mapping[str, Any]
  actions: Sequence[str]
  privileged: bool
  p_good: float
  stack: tuple[Goal, ...]
  intended: int

  def reset(self, seed: int) -> None:
    """Forgets the last episode; `seed` is of the expert's own choices."""

  def act(self, env: Env) -> int:
    """The next action, given the environment after its last step."""

  def nodes(self, length: int) -> list[dict[str, Any]]:
    """The plan of the episode of `length` steps; see `Plan.nodes`."""


def make_expert(name: str, **variant: Any) -> Expert:
  """The expert of that name.

  Raises:
    UsageError: An unknown expert, or a variant that it does not have, or with
      a value of another type; a noise that is no share of the actions.
  """
  if name not in EXPERTS:
    raise UsageError(f"There is no expert '{name}'. {suggest(name, EXPERTS)}")
  module, _, cls = EXPERTS[name].partition(':')
  ctor = getattr(importlib.import_module(module), cls)
  known = inspect.signature(ctor).parameters
  for key in variant.keys() - known.keys():
    raise UsageError(
      f"The expert '{name}' has no variant '{key}'. {suggest(key, known)}"
    )
  values = {
    k: _fitting(k, v, type(known[k].default)) for k, v in variant.items()
  }
  noise = values.get('noise', 0.0)
  if not 0 <= noise <= 1:
    raise UsageError(
      f'The noise of the expert is {noise:g}; it is a share of its actions,'
      ' from 0 to 1.'
    )
  expert: Expert = ctor(**values)
  return expert


def _fitting(key: str, value: Any, wanted: type) -> Any:
  """The value of a variant as the type of its default; 3.0 is an int."""
  if type(value) is wanted:
    return value
  number = type(value) in (int, float)
  if number and wanted in (int, float) and wanted(value) == value:
    return wanted(value)
  kinds = {bool: 'no value', int: 'a whole number', float: 'a number'}
  raise UsageError(
    f"The variant '{key}' of an expert takes {kinds.get(wanted, 'a text')},"
    f' not {value!r}.'
  )
