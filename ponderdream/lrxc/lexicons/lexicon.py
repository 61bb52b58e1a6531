"""Goals in the terms of a game, and the words that players have for them."""

import functools
from collections.abc import Mapping
from typing import NamedTuple


class Goal(NamedTuple):
  """What is done to what: `collect wood`, or `sleep` with no object."""

  verb: str
  object: str = ''

  @property
  def text(self) -> str:
    return f'{self.verb} {self.object}'.strip().replace('_', ' ')


class Lexicon:
  """The words of a game.

  Args:
    name: of the game.
    root: what a player wants who does not say it.
    nouns: what a phrase means: 'work bench' is a table.
    verbs: the way of doing that a phrase means: 'chop' is `mine`.
    past: the same for verbs of the past, which tell that it was done.
    goals: what a way of doing to an object aims at; an object '' is the way
      alone, and an object '*' any other.
    usual: what somebody wants who only names the object.
    needs: what a goal needs to be done before, in this order.
    purposes: what a goal is usually for.
    amounts: how many of a thing a goal uses, where it is not one.
    urgent: verbs of goals that interrupt others.
    dangers: those of them that interrupt urgent ones, too.
    signs: phrases that tell that a goal with this verb was reached.
    kinds: nouns that can be one of several objects, the usual one first.
  """

  def __init__(
    self,
    name: str,
    *,
    root: Goal,
    nouns: Mapping[str, str],
    verbs: Mapping[str, str],
    past: Mapping[str, str],
    goals: Mapping[tuple[str, str], Goal],
    usual: Mapping[str, Goal],
    needs: Mapping[Goal, tuple[Goal, ...]],
    purposes: Mapping[Goal, Goal],
    amounts: Mapping[Goal, int],
    urgent: frozenset[str],
    dangers: frozenset[str],
    signs: Mapping[str, str],
    kinds: Mapping[str, tuple[str, ...]],
  ) -> None:
    self.name = name
    self.root = root
    self.nouns = dict(nouns)
    self.verbs = dict(verbs)
    self.past = dict(past)
    self.usual = dict(usual)
    self.urgent = urgent
    self.dangers = dangers
    self.signs = dict(signs)
    self.kinds = dict(kinds)
    self._goals = dict(goals)
    self.purposes = dict(purposes)
    self._needs = dict(needs)
    self._amounts = dict(amounts)
    self.known = frozenset(goals.values())

  def needs(self, goal: Goal) -> tuple[Goal, ...]:
    """What `goal` needs directly."""
    return self._needs.get(goal, ())

  def serves(self, goal: Goal) -> bool:
    """Whether something else needs `goal`."""
    return any(goal in x for x in self._needs.values())

  def goal(self, way: str, thing: str) -> Goal | None:
    """What `way` (a value of `verbs`) does to `thing` (one of `nouns`)."""
    return self._goals.get((way, thing)) or self._any(way, thing)

  def _any(self, way: str, thing: str) -> Goal | None:
    found = self._goals.get((way, '*'))
    return found._replace(object=thing) if found and thing else None

  def most(self, goal: Goal, other: Goal) -> int:
    """How many times `goal` is needed for `other` and all that it needs."""
    users = [x for x in (other, *self.closure(other)) if goal in self.needs(x)]
    return sum(self._amounts.get(x, 1) for x in users)

  @functools.cache  # noqa: B019  (lexicons live as long as the program)
  def closure(self, goal: Goal) -> frozenset[Goal]:
    """Everything that `goal` needs, directly or not."""
    found: set[Goal] = set()
    rest = list(self._needs.get(goal, ()))
    while rest:
      need = rest.pop()
      if need not in found:
        found.add(need)
        rest += self._needs.get(need, ())
    return frozenset(found)


def phrases(table: Mapping[str, str]) -> dict[str, str]:
  """Every phrase of a table, in which `|` stands between them, with what it
  means."""
  return {x.strip(): k for k, text in table.items() for x in text.split('|')}
