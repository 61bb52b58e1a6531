"""Whether files of JSON are what they should be."""

import math
from typing import Any

# What the player needs at each step of an episode.
STEPS = (
  'reward', 'steps', 'value', 'action', 'halts', 'said', 'choice', 'expected',
  'imagined', 'came',
)  # fmt: skip


def evaluates(found: Any) -> bool:
  """Whether an object is what `ponderdream.evaluate` writes."""
  rates = found.get('success', {})
  return (
    number(found.get('return_mean'))
    and type(found.get('episodes')) is int
    and found['episodes'] > 0
    and isinstance(rates, dict)
    and all(number(x) and 0 <= x <= 100 for x in rates.values())
  )


def plain(found: Any) -> bool:
  """Whether an evaluation is of the agent as it was trained: not of random
  actions, of more ponder steps, or of another goal."""
  return not any(found.get(k) for k in ('random', 'suppress', 'goal'))


def playable(found: Any) -> bool:
  """Whether an object holds episodes of `ponderdream.recorder` in full."""
  lists = ('pictures', 'texts', 'shape', 'episodes')
  if not all(isinstance(found.get(k), list) for k in lists):
    return False
  shape = found['shape']
  good = len(shape) == 2 and all(number(x) and x > 0 for x in shape)
  return good and all(map(whole, found['episodes']))


def whole(episode: Any) -> bool:
  """Whether an episode has all that the player needs, at each step."""
  if not isinstance(episode, dict) or not episode.get('reward'):
    return False
  rows = {k: episode.get(k) for k in (*STEPS, 'events', 'frames')}
  if not all(isinstance(x, list) for x in rows.values()):
    return False
  pairs = isinstance(episode.get('log'), dict) and all(
    isinstance(x, list) and len(x) == 2 for x in rows['events'] or ()
  )
  counts = {len(rows[k] or ()) for k in STEPS}
  pictures = len(rows['frames'] or ())
  return pairs and len(counts) == 1 and pictures in {0, *counts}


def number(x: Any) -> bool:
  """Whether a value of JSON is a finite number."""
  return type(x) in (int, float) and math.isfinite(x)
