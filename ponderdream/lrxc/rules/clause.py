"""One clause: the deeds and things in it, in the order of its words."""

from collections.abc import Sequence
from typing import NamedTuple

from ponderdream.lrxc.rules.grammar import Chunk, Sentence


class Found(NamedTuple):
  """A deed and its thing; either may be ''. `i` is its first word.

  `thing` is 'it' for a pronoun. `past` tells that it was done.
  """

  way: str
  thing: str
  i: int
  past: bool = False
  number: int | None = None


NUMBERS = {
  **{str(i): i for i in range(1, 11)},
  **dict(zip(('a', 'an', 'couple'), (1, 1, 2), strict=True)),
  **dict(zip(
    ('two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'),
    range(2, 11), strict=True,
  )),
}  # fmt: skip


class Clause:
  """Chunks of a sentence.

  Attributes:
    main: what the clause is about.
    purpose: what that is for: 'to make a table', 'for the table'.
    t0, t1: seconds, from the first word to the end of the last.
    text: as it was said.
  """

  def __init__(self, parts: Sequence[Chunk], sentence: Sentence) -> None:
    self.parts = parts
    self._words = sentence.words
    self._tokens = sentence.tokens
    self.main: list[Found] = []
    self.purpose: list[Found] = []
    self._scan()

  def has(self, kind: str, value: str | None = None) -> bool:
    return any(x.kind == kind and value in (None, x.value) for x in self.parts)

  def count(self, kind: str) -> int:
    return sum(x.kind == kind for x in self.parts)

  def values(self, kind: str) -> list[str]:
    return [x.value for x in self.parts if x.kind == kind]

  @property
  def t0(self) -> float:
    return self._words[self.parts[0].i].t0

  @property
  def t1(self) -> float:
    return self._words[self.parts[-1].j - 1].t1

  def time(self, i: int) -> float:
    return self._words[i].t0

  @property
  def text(self) -> str:
    i, j = self.parts[0].i, self.parts[-1].j
    pairs = zip(self._words[i:j], self._tokens[i:j], strict=True)
    return ' '.join(word.text for word, token in pairs if token != ',')

  def _scan(self) -> None:
    into = self.main
    deed: Chunk | None = None
    idle = False  # whether the deed has no thing yet
    for k, part in enumerate(self.parts):
      if part.kind in ('do', 'did'):
        if idle and deed:
          into.append(_found(deed, ''))
        deed, idle = part, True
      elif part.kind == 'thing':
        if into is self.purpose and self._is_new(k):
          into, deed = self.main, None
        way = deed or self._put(k)
        into.append(_found(way, part.value, part.i, self._number(k)))
        idle = False
      elif part.kind == 'it' and idle and not self._is_article(k):
        into.append(_found(deed, 'it', part.i))
        idle = False
      elif self._is_purpose(k):
        if idle and deed:
          into.append(_found(deed, ''))
        deed, idle, into = None, False, self.purpose
    if idle and deed:
      into.append(_found(deed, ''))

  def _is_new(self, k: int) -> bool:
    """Whether thing `k` is for the one before: 'for stone a pickaxe'."""
    before = [x.kind for x in self.parts[:k]]
    return (
      before[0] == 'for'
      and 'thing' in before
      and 'and' not in before
      and not self.main
    )

  def _is_article(self, k: int) -> bool:
    """Whether chunk `k` belongs to a thing: 'this tree', 'some more wood'."""
    rest = [x.kind for x in self.parts[k + 1 : k + 4]]
    rest = [x for x in rest if x not in ('filler', 'number', 'it')]
    return rest[:1] == ['thing']

  def _put(self, k: int) -> Chunk | None:
    """The deed of 'table here' and 'table down'."""
    after = self.parts[k + 1] if k + 1 < len(self.parts) else None
    if after is None or after.kind != 'here':
      return None
    return after._replace(kind='do', value='place', i=self.parts[k].i)

  def _number(self, k: int) -> int | None:
    """The number before chunk `k`, if there is one."""
    before = self.parts[k - 1] if k else None
    if before is None or before.kind != 'number':
      return None
    return NUMBERS.get(self._tokens[before.i])

  def _is_purpose(self, k: int) -> bool:
    """Whether chunk `k` ('to', 'for') leads to a purpose."""
    part, rest = self.parts[k], self.parts[k + 1 :]
    if part.kind != 'for' or part.value == 'that':
      return False
    if part.value == 'to' and self._is_plan(k):
      return False
    if part.value == 'to' and part.j - part.i == 1:
      rest = [x for x in rest if x.kind != 'filler']
      return bool(rest) and rest[0].kind == 'do'
    return True

  def _is_plan(self, k: int) -> bool:
    """Whether chunk `k`, a 'to', belongs to a wish: 'my plan is to'."""
    before = [(x.kind, x.value) for x in self.parts[max(k - 2, 0) : k]]
    return before == [('want', ''), ('look', 'is')]


def _found(
  deed: Chunk | None, thing: str, i: int = -1, number: int | None = None
) -> Found:
  """A deed with its thing; a deed alone counts from its own first word."""
  way = deed.value if deed else ''
  past = deed is not None and deed.kind == 'did'
  return Found(way, thing, deed.i if deed and i < 0 else i, past, number)
