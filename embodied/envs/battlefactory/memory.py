"""What a player remembers of the opponent, read from the public log."""

import re
from collections.abc import Iterable, Sequence

MOVES = 4
# Lines with `[from] ability` whose first Pokemon has the ability; of others it
# is the one after `[of]`, if there is one.
OWN = (
  '-heal',
  '-immune',
  '-ability',
  '-start',
  '-block',
  '-fail',
  '-activate',
)


class Seen:
  """One Pokemon of the opponent.

  Attributes:
    shown: whether it has been in battle.
    moves: those it used, at most four.
    item, ability: '' as long as nothing told them.
    used: whether its item is gone.
  """

  def __init__(self) -> None:
    self.shown = False
    self.moves: list[str] = []
    self.item = ''
    self.ability = ''
    self.used = False


class Memory:
  """The opponent's team as far as the log shows it, and what happened.

  Attributes:
    seen: of each of the opponent's Pokemon, in the order of its team.
    events: counts of `EVENTS` in this battle.
    last: the last move of each side, '' before one.

  Args:
    names: of the opponent's Pokemon.
  """

  def __init__(self, names: Sequence[str]) -> None:
    self.seen = [Seen() for _ in names]
    self.events = dict.fromkeys(EVENTS, 0)
    self.last = ['', '']
    self._names = list(names)
    self._transformed = False

  def read(self, lines: Iterable[str]) -> None:
    """Takes in new lines of the log."""
    for line in lines:
      _, kind, *parts = line.split('|')
      who = parts[0] if parts else ''
      for name, (wanted, side) in EVENTS.items():
        self.events[name] += kind == wanted and who.startswith(side)
      if kind == 'move':
        self._move(who, parts)
      if '[from] ability: ' in line or kind == '-ability':
        self._ability(kind, who, parts)
      mon = self._find(who)
      if mon is not None:
        self._told(kind, mon, parts)

  def _find(self, who: str) -> Seen | None:
    """The opponent's Pokemon that a line names, such as 'p2a: Swampert'."""
    side, _, name = who.partition(': ')
    known = side in ('p2', 'p2a') and name in self._names
    return self.seen[self._names.index(name)] if known else None

  def _told(self, kind: str, mon: Seen, parts: Sequence[str]) -> None:
    if kind in ('switch', 'drag'):
      mon.shown = True
      self._transformed = False
      self.last[1] = ''
    elif kind == '-transform':
      self._transformed = True
    elif kind in ('-item', '-enditem'):
      mon.item, mon.used = identifier(parts[1]), kind == '-enditem'
    else:
      for part in parts[1:]:
        if part.startswith('[from] item: '):
          mon.item = identifier(part.partition(': ')[2])

  def _move(self, who: str, parts: Sequence[str]) -> None:
    name = identifier(parts[1])
    self.last[who.startswith('p2')] = name
    called = any(x.startswith('[from]') for x in parts)
    mon = self._find(who)
    if mon is None or called or self._transformed or name == 'struggle':
      return
    if name not in mon.moves and len(mon.moves) < MOVES:
      mon.moves.append(name)

  def _ability(self, kind: str, who: str, parts: Sequence[str]) -> None:
    holder, name = who, parts[1] if kind == '-ability' else ''
    for part in parts:
      if part.startswith('[from] ability: '):
        name = name or part.partition(': ')[2]
      elif part.startswith('[of] ') and kind not in OWN:
        holder = part.partition(' ')[2]
    mon = self._find(holder)
    if mon is not None:
      mon.ability = identifier(name)


# Name -> kind of a line of the log, and the side it is about.
EVENTS = {
  'knock_outs': ('faint', 'p2'),
  'losses': ('faint', 'p1'),
  'super_effective': ('-supereffective', 'p2'),
  'hit_super_effective': ('-supereffective', 'p1'),
}


def identifier(name: str) -> str:
  """The name as the engine's tables have it: 'Giga Drain' is gigadrain."""
  return re.sub('[^a-z0-9]', '', name.lower())
