"""From words to clauses: who wants, does, has done or gives up what.

The grammar knows phrases and no syntax: words are joined to the longest known
phrases, and phrases to clauses. It needs no punctuation, as automatic captions
have none; where there is some, and where a speaker pauses, a sentence ends.
"""

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import Lexicon
from ponderdream.lrxc.rules.phrases import PHRASES

PAUSE = 0.9  # seconds of silence that end a sentence
LONGEST = 5  # words of a phrase
END = re.compile(r'[.!?;…]["\')]*$')
SOFT = re.compile(r'[,:–—-]$')
# Words that change nothing wherever they stand.
ADVERBS = frozenset(
  'really just actually probably definitely quickly basically literally'
  ' honestly simply only kinda sorta totally absolutely certainly clearly'
  ' hopefully finally um uh er erm eh'.split()
)
LETTERS = re.compile(r"[^a-z0-9']+")


class Chunk(NamedTuple):
  """A phrase: what it is, what it means, and its words from `i` to `j`."""

  kind: str
  value: str
  i: int
  j: int


class Sentence(NamedTuple):
  """Words that belong together, as they are said and as they are compared."""

  words: Sequence[Word]
  tokens: Sequence[str]  # in small letters; may be '' or ','


@functools.cache
def table(lexicon: Lexicon) -> dict[tuple[str, ...], tuple[str, str]]:
  """Every known phrase, word by word, with its kind and meaning."""
  known: dict[tuple[str, ...], tuple[str, str]] = {}
  for (kind, value), phrases in PHRASES.items():
    for phrase in phrases.split('|'):
      known[tuple(phrase.split())] = kind, value
  parts = {
    'sign': lexicon.signs,
    'did': lexicon.past,
    'do': lexicon.verbs,
    'thing': lexicon.nouns,
  }
  for kind, words in parts.items():
    known |= {tuple(k.split()): (kind, v) for k, v in words.items()}
  return known


def sentences(words: Iterable[Word]) -> Iterator[Sentence]:
  """Words up to a pause, a full stop, or what else ends a sentence."""
  held: list[Word] = []
  tokens: list[str] = []
  for word in words:
    if held and word.t0 - held[-1].t1 > PAUSE:
      yield Sentence(held, tokens)
      held, tokens = [], []
    held.append(word)
    tokens.append(plain(word.text))
    if END.search(word.text):
      yield Sentence(held, tokens)
      held, tokens = [], []
    elif SOFT.search(word.text):
      held.append(word)
      tokens.append(',')
  if held:
    yield Sentence(held, tokens)


def plain(text: str) -> str:
  """A word as it is compared: small letters, no marks but apostrophes."""
  return LETTERS.sub('', text.lower().replace('’', "'")).strip("'")


def chunks(tokens: Sequence[str], lexicon: Lexicon) -> list[Chunk]:
  """The longest known phrases, from left to right; others are 'word'."""
  known = table(lexicon)
  places = [i for i, x in enumerate(tokens) if x and x not in ADVERBS]
  heard = [tokens[i] for i in places]
  found = []
  i = 0
  while i < len(heard):
    for j in range(min(len(heard), i + LONGEST), i, -1):
      entry = known.get(tuple(heard[i:j]))
      if entry:
        break
    else:
      j = i + 1
      # "the zombie's coming"
      entry = known.get((heard[i].removesuffix("'s"),))
      if not entry or entry[0] != 'thing':
        entry = 'word', ''
    found.append(Chunk(*entry, places[i], places[j - 1] + 1))
    i = j
  return found


# What makes a clause complete, so that another one may begin after it.
BODY = {'thing', 'do', 'did', 'done', 'sign', 'fail', 'drop', 'die', 'it'}
OPENERS = {'oops', 'want', 'look', 'past', 'drop', 'fail', 'die', 'perhaps'}

# What ends a reason.
ENDERS = {'start', 'want', 'drop', 'done', 'sign', 'fail', 'die'}


def clauses(parts: Sequence[Chunk]) -> list[list[Chunk]]:
  """Chunks cut where a new subject, wish or deed begins."""
  found: list[list[Chunk]] = [[]]
  for part in parts:
    body = {x.kind for x in found[-1]} & BODY
    if found[-1] and _begins(part, body, found[-1]):
      found.append([])
    found[-1].append(part)
  return [x for x in found if x]


def _begins(part: Chunk, body: set[str], now: list[Chunk]) -> bool:
  """Whether `part` begins a clause after the chunks `now`."""
  if now[0][:2] == ('for', 'because') and part.kind in ENDERS:
    # '... because it attacks okay so we need'
    return any(x.kind in ('word', 'thing', 'do', 'it') for x in now)
  if part.kind == 'start':
    before = any(x.kind in ('look', 'not') for x in now)
    # 'What we want to do now is' goes on.
    return bool(body - {'do'} if part.value == 'now' else body) or before
  if part.kind in OPENERS and part.value != 'is':
    return bool(body - {'it'}) and now[-1].kind != 'not'
  if part.kind in ('done', 'sign'):
    return 'thing' in body and any(x.kind in ('want', 'do') for x in now)
  if part.kind in ('do', 'did'):
    whole = 'thing' in body or 'done' in body
    return whole and now[-1].kind not in ('for', 'not')
  if part.kind == 'for':
    new = part.value in ('because', 'before') or now[-1].kind == 'and'
    return bool(body) and new
  return False
