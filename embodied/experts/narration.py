"""Speaks a plan as a player would who comments on his game.

What is said follows from the nodes of an episode. How it is said is drawn at
random: other words for the same thing, fillers, corrections, remarks about
something else, silence, and a delay between word and deed. `vtt` writes it as
the automatic captions of YouTube are: no punctuation, and every line twice.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from embodied.errors import UsageError, suggest
from embodied.experts import phrases
from embodied.experts.phrases import Speaker

RATE = 2.8  # words per second
LINE = 7  # words of a caption line
AGAIN = 8.0  # seconds in which the same sentence is not repeated


class Style(NamedTuple):
  """How much goes wrong between a plan and its commentary.

  Attributes:
    says: share of the goals that are announced.
    ends: share of the announced goals whose end is said.
    reasons: share of the announcements that give a reason.
    plain: share of the phrases in the plain words of the game.
    fillers: per word.
    corrections: share of the sentences that begin with a mistake.
    asides: sentences about something else, per minute.
    lag: the least and the largest delay in seconds; below 0 is ahead.
    misheard: share of the words that are recognised as others.
  """

  says: float
  ends: float
  reasons: float
  plain: float
  fillers: float
  corrections: float
  asides: float
  lag: tuple[float, float]
  misheard: float


STYLES = {
  'low': Style(1.0, 0.9, 0.5, 0.9, 0.01, 0.0, 0.0, (0.0, 0.3), 0.0),
  'middle': Style(0.9, 0.7, 0.4, 0.6, 0.05, 0.05, 1.0, (-0.5, 1.5), 0.0),
  'high': Style(0.7, 0.4, 0.3, 0.3, 0.1, 0.12, 3.0, (-1.5, 3.0), 0.03),
}


class Cue(NamedTuple):
  """A line of speech.

  Attributes:
    t0, t1: seconds since the start of the episode.
    words: what is said, with the time at which each word begins.
    node: the node it is about, None for other remarks.
  """

  t0: float
  t1: float
  words: tuple[tuple[float, str], ...]
  node: int | None

  @property
  def text(self) -> str:
    return ' '.join(word for _, word in self.words)


class Speech(NamedTuple):
  """Something to say: when, how long it may wait, and about which node."""

  time: float
  patience: float
  words: list[str]
  node: int | None


def narrate(
  nodes: Sequence[dict[str, Any]],
  seconds_per_step: float,
  noise: str,
  seed: int,
) -> list[Cue]:
  """The commentary on an episode, in order of time and without overlap.

  Args:
    nodes: of one episode, as `Plan.nodes` returns them.
    seconds_per_step: of the video that the commentary is for.
    noise: 'low', 'middle' or 'high'; see `STYLES`.
    seed: of all that is random.

  Raises:
    UsageError: another noise, or steps that take no time.
  """
  if noise not in STYLES:
    raise UsageError(
      f"There is no noise '{noise}' of a commentary. {suggest(noise, STYLES)}"
    )
  if not seconds_per_step > 0:
    raise UsageError(
      f'A step takes {seconds_per_step} seconds; it has to take more than 0.'
    )
  style, random = STYLES[noise], np.random.default_rng(seed)
  speaker = Speaker(random, style.plain)
  speeches = list(_about(nodes, seconds_per_step, style, speaker))
  end = max((x['t1'] for x in nodes), default=0) * seconds_per_step
  speeches += _asides(end, style, speaker)
  speeches.sort(key=lambda x: x.time)
  return _spoken(speeches, style, speaker)


def _about(
  nodes: Sequence[dict[str, Any]],
  pace: float,
  style: Style,
  speaker: Speaker,
) -> Iterator[Speech]:
  """What is said about the goals; actions are not spoken of."""
  parents = {x['parent_id'] for x in nodes}
  by_id = {x['node_id']: x for x in nodes}
  random = speaker.random
  for node in nodes:
    if node['node_id'] not in parents or random.random() > style.says:
      continue
    lag = random.uniform(*style.lag)
    start, end = node['t0'] * pace, node['t1'] * pace
    above = by_id.get(node['parent_id'])
    reason = random.random() < style.reasons
    words = speaker.announcement(node, above if reason else None)
    patience = max(1.0, 0.6 * (end - start))
    yield Speech(start + lag, patience, words, node['node_id'])
    ends = node['status'] in phrases.ENDINGS
    if ends and random.random() < style.ends:
      words = speaker.ending(node)
      yield Speech(end + lag, 2.5, words, node['node_id'])


def _asides(end: float, style: Style, speaker: Speaker) -> list[Speech]:
  random = speaker.random
  count = random.poisson(style.asides * end / 60)
  times = random.uniform(0, end, count)
  return [Speech(float(t), 20.0, speaker.aside(), None) for t in times]


def _spoken(
  speeches: Sequence[Speech], style: Style, speaker: Speaker
) -> list[Cue]:
  """Says one thing after the other; drops what would come too late, and what
  was said just before."""
  cues: list[Cue] = []
  said: dict[str, float] = {}
  now = 0.0
  for speech in speeches:
    start = max(now, speech.time)
    text = ' '.join(speech.words)
    recent = start - said.get(text, -AGAIN) < AGAIN
    if start > speech.time + speech.patience or recent:
      continue
    said[text] = start
    words = speaker.garbled(
      speech.words, style.corrections, style.fillers, style.misheard
    )
    lines = _lines(words, start, speech.node, speaker)
    cues += lines
    now = lines[-1].t1
  return cues


def _lines(
  words: Sequence[str], start: float, node: int | None, speaker: Speaker
) -> list[Cue]:
  """The words of a sentence with their times, broken into lines."""
  gaps = speaker.random.uniform(0.7, 1.3, len(words)) / RATE
  times = start + np.concatenate([[0.0], np.cumsum(gaps)])
  stamped = [(float(t), w) for t, w in zip(times[:-1], words, strict=True)]
  out = []
  for i in range(0, len(words), LINE):
    line = tuple(stamped[i : i + LINE])
    end = float(times[min(i + LINE, len(words))])
    out.append(Cue(line[0][0], end, line, node))
  return out


SETTLE = 0.01  # seconds for which YouTube shows a finished line again


def vtt(cues: Sequence[Cue]) -> str:
  """The cues as a WebVTT file in the manner of automatic captions.

  The words of a line appear one by one below the line before. When a line is
  complete, a cue of 10 ms shows it alone.
  """
  blocks = ['WEBVTT\nKind: captions\nLanguage: en\n']
  above = ' '
  for i, cue in enumerate(cues):
    after = cues[i + 1].t0 if i + 1 < len(cues) else cue.t1 + 3.0
    # A line stays until the next one, but for three seconds at most.
    end = max(cue.t0 + 2 * SETTLE, min(after, cue.t1 + 3.0))
    blocks.append(_block(cue.t0, end - SETTLE, above, _stamped(cue)))
    blocks.append(_block(end - SETTLE, end, cue.text, ' '))
    above = cue.text if end == after else ' '
  return '\n'.join(blocks)


def _block(t0: float, t1: float, above: str, below: str) -> str:
  span = f'{_clock(t0)} --> {_clock(t1)} align:start position:0%'
  return f'{span}\n{above}\n{below}\n'


def _stamped(cue: Cue) -> str:
  """The line with the time of each word but the first."""
  first, *rest = cue.words
  return first[1] + ''.join(f'<{_clock(t)}><c> {w}</c>' for t, w in rest)


def _clock(seconds: float) -> str:
  """HH:MM:SS.mmm"""
  thousandths = round(seconds * 1000)
  minutes, thousandths = divmod(thousandths, 60_000)
  hours, minutes = divmod(minutes, 60)
  full, thousandths = divmod(thousandths, 1000)
  return f'{hours:02}:{minutes:02}:{full:02}.{thousandths:03}'
