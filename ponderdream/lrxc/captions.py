"""Captions as words with times: WebVTT and SubRip, automatic or by hand.

Automatic captions of YouTube roll: a cue repeats the line before it, and a cue
of some milliseconds stands between two others while the lines move up. Words
carry times there, `<00:00:01.200><c> word</c>`. `read` takes a file apart, and
`words_of` gives every spoken word once, with the time at which it is said.
"""

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from embodied.errors import UsageError

STAMP = r'(?:(\d{1,6}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})'
TIMING = re.compile(rf'\s*{STAMP}\s*-->\s*{STAMP}')
INLINE = re.compile(rf'<{STAMP}>')
TAG = re.compile(r'<[^<>]{0,500}>')
# What lines with nothing to take out of them do not have.
MARKED = re.compile(r'[<>\[\]()♪&\x00-\x08\x0e-\x1b\x7f-\x9f]|^\s*-')
NOISE = re.compile(r'\[[^\[\]]{0,80}\]|♪[^♪]{0,500}♪|♪')
ASIDE = re.compile(r'\s*\([^()]{0,80}\)\s*')  # a whole line: (laughs)
CONTROL = re.compile(r'[\x00-\x08\x0e-\x1b\x7f-\x9f]')
SPEAKER = re.compile(r'^\s*(?:>>|&gt;&gt;|-)\s*')
SAMPLE = 2000  # cues by which it is told how a file is made
SHORT = 0.1  # seconds between cues that roll
ROLLING = 0.3  # share of cues that repeat a line of the one before
WORD = 0.4  # seconds, the longest that a word takes


class Cue(NamedTuple):
  """Lines that are shown from `t0` to `t1` (seconds), with their tags."""

  t0: float
  t1: float
  lines: tuple[str, ...]


class Word(NamedTuple):
  """A spoken word and when it is said, from `t0` to `t1` (seconds)."""

  text: str
  t0: float
  t1: float


def read(path: Path) -> list[Cue]:
  """The cues of a WebVTT or SubRip file, in the order of their times.

  A cue that ends before it begins is left out, as players do.

  Raises:
    UsageError: The file is not text in UTF-8 or UTF-16.
  """
  return parse(decode(path.read_bytes(), path.name))


def decode(data: bytes, name: str) -> str:
  """Text of a file called `name`, with or without a byte order mark."""
  wide = data[:2] in (b'\xff\xfe', b'\xfe\xff')
  try:
    return data.decode('utf-16' if wide else 'utf-8-sig')
  except UnicodeDecodeError:
    raise UsageError(
      f'{name} is not text in UTF-8; save it in that encoding.'
    ) from None


def parse(text: str) -> list[Cue]:
  """The cues of the text of a WebVTT or SubRip file.

  Everything outside of cues is skipped: header, notes, styles, numbers.
  """
  cues = []
  lines: list[str] | None = None
  for line in re.split('\r\n|\r|\n', text):
    found = TIMING.match(line) if '-->' in line else None
    if found:
      lines = []
      parts = found.groups()
      cues.append((seconds(parts[:4]), seconds(parts[4:]), lines))
    elif not line:  # a line of one blank does not end a cue
      lines = None
    elif lines is not None:
      lines.append(line)
  kept = [Cue(t0, t1, tuple(x)) for t0, t1, x in cues if x and t1 >= t0]
  return sorted(kept, key=lambda cue: cue.t0)


def seconds(parts: Sequence[str | None]) -> float:
  """Seconds of `[hours or None, minutes, seconds, fraction]`."""
  hours, minutes, whole, fraction = (x or '0' for x in parts)
  total = 3600 * int(hours) + 60 * int(minutes) + int(whole)
  return total + int(fraction.ljust(3, '0')) / 1000


def words_of(cues: Sequence[Cue]) -> list[Word]:
  """Every word that is spoken, once, in order of time.

  Words without times of their own share the time of their cue by their number
  of letters.
  """
  words: list[Word] = []
  now = 0.0
  for t0, t1, text in _spoken(cues):
    for word in _timed(text, t0, t1):
      # Overlapping cues stay one after the other, as they are read.
      now = max(now, word.t0)
      words.append(Word(word.text, now, max(now, word.t1)))
  return words


def is_rolling(cues: Sequence[Cue]) -> bool:
  """Whether the cues are automatic ones, which repeat lines."""
  some = [(x, _shown(x)) for x in cues[:SAMPLE]]
  repeated = sum(
    bool(_overlap(a, b)) and after.t0 - before.t1 < SHORT
    for (before, a), (after, b) in zip(some, some[1:], strict=False)
  )
  return repeated > ROLLING * max(len(some) - 1, 1)


def _spoken(cues: Sequence[Cue]) -> Iterator[tuple[float, float, str]]:
  """Times and new text of every cue that has some."""
  rolling = is_rolling(cues)
  last: list[str] = []
  for cue in cues:
    raw = [x for x in cue.lines if _plain(x)]
    if not rolling:
      yield cue.t0, cue.t1, ' '.join(raw)
      continue
    shown = [_plain(x) for x in raw]
    new = raw[_overlap(last, shown) :]
    last = shown
    if new:
      yield cue.t0, cue.t1, ' '.join(new)


def _shown(cue: Cue) -> list[str]:
  return [y for y in map(_plain, cue.lines) if y]


def _overlap(last: list[str], shown: list[str]) -> int:
  """How many lines at the end of `last` begin `shown`."""
  for n in range(min(len(last), len(shown)), 0, -1):
    if last[-n:] == shown[:n]:
      return n
  return 0


def _plain(line: str) -> str:
  """A line without tags, marks of speakers, sounds and character codes."""
  if not MARKED.search(line):
    return ' '.join(line.split())
  line = CONTROL.sub('', TAG.sub('', line))
  line = SPEAKER.sub('', NOISE.sub(' ', line))
  if ASIDE.fullmatch(line):
    return ''
  return ' '.join(html.unescape(line).split())


def _timed(text: str, t0: float, t1: float) -> Iterator[Word]:
  """The words of a cue's text, with the times in its tags if it has some."""
  if '<' not in text:
    yield from _share(_plain(text).split(), t0, t1)
    return
  # A text, and then four groups and a text, again and again.
  parts = INLINE.split(text)
  starts = [t0, *(seconds(parts[i : i + 4]) for i in range(1, len(parts), 5))]
  starts = [min(max(x, t0), t1) for x in starts]
  for i, start in enumerate(starts):
    end = starts[i + 1] if i + 1 < len(starts) else t1
    yield from _share(_plain(parts[5 * i]).split(), start, max(start, end))


def _share(words: list[str], t0: float, t1: float) -> Iterator[Word]:
  """Words from `t0` to `t1`, as long as they have letters."""
  letters = sum(map(len, words)) + len(words)
  for text in words:
    length = (t1 - t0) * (len(text) + 1) / letters
    letters -= len(text) + 1
    yield Word(text, t0, t0 + min(length, WORD))
    t0 += length
