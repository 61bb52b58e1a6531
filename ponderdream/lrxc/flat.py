"""Flat annotations of videos: what somebody meant to do, from when to when.

A file is a list in JSON of objects such as

    {"video": "abc", "spans": [[0.5, 4], [4, 9]],
     "texts": ["find a tree", "chop it"],
     "goal": "build a house", "game": "Minecraft", "url": "https://...",
     "channel": "...", "licence": "...", "duration": 60}

of which the first three are needed, and others than these are not read. With a
goal, which counts for the whole video, the intents are its children; without
one, each is the root of a tree of its own.

Only one intent is in force at a time. One that begins while another lasts ends
it; of two that begin at once, the one that is later in the file is kept.
"""

import json
import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from embodied.errors import UsageError
from ponderdream.lrxc import files, trees, validate
from ponderdream.lrxc.jsonl import Plan
from ponderdream.lrxc.schema import SCHEMA_VERSION, Episode, Node

Spans = list[tuple[float, float, str]]


def read(path: pathlib.Path) -> Iterator[Plan]:
  """Valid episodes, one per video, with their nodes.

  Raises:
    UsageError: the file is not as described, or a plan is not valid; the
      message names the file and the video.
  """
  text = ''.join(line for _, line in files.lines(path))
  try:
    found = json.loads(text)
  except (ValueError, RecursionError) as error:
    raise UsageError(f'{path} is not JSON: {_short(error)}.') from None
  if not isinstance(found, list):
    raise UsageError(f'{path} is not a list of annotated videos.')
  seen: set[str] = set()
  for number, values in enumerate(found, 1):
    try:
      plan = _plan(values)
      if plan[0].episode_id in seen:
        raise UsageError(f'Video {values["video"]!r} is there twice.')
      seen.add(plan[0].episode_id)
    except UsageError as error:
      raise UsageError(f'{path}, video {number}: {error}') from None
    yield plan


def _plan(values: Any) -> Plan:
  if not isinstance(values, Mapping):
    raise UsageError('An annotated video is an object with a name.')
  spans = _apart(_spans(values))
  goal = values.get('goal')
  end = values.get('duration') or max((x[1] for x in spans), default=None)
  source = {
    'kind': 'human', 'video_id': values.get('video'), 't_start_s': 0.0,
    't_end_s': end, **{k: values.get(k) for k in ('url', 'channel', 'licence')}
  }  # fmt: skip
  episode = validate.record(
    Episode,
    {
      'episode_id': values.get('video'),
      'schema_version': SCHEMA_VERSION,
      'env_id': values.get('game'),
      'goal': goal,
      'source': source,
      'n_steps': 0,
      'clock': 'seconds',
    },
  )
  nodes = [
    _node(episode, i, None if goal is None else 0, *x)
    for i, x in enumerate(spans, 0 if goal is None else 1)
  ]
  if goal is not None and end:
    nodes.insert(0, _node(episode, 0, None, 0.0, end, goal))
  validate.check_episode(episode, nodes := trees.numbered(nodes))
  return episode, nodes


def _node(
  episode: Episode,
  number: int,
  parent: int | None,
  t0: float,
  t1: float,
  text: str,
) -> Node:
  return validate.record(
    Node,
    {
      'episode_id': episode.episode_id,
      'node_id': number,
      'parent_id': parent,
      'level': 0 if parent is None else 1,
      'text': text,
      't0': t0,
      't1': t1,
      'source': 'narrated',
    },
  )


def _spans(values: Mapping[str, Any]) -> Spans:
  """Begin, end and text of each intent, in order of their begins."""
  spans, texts = values.get('spans'), values.get('texts')
  if not (
    isinstance(spans, list)
    and isinstance(texts, list)
    and all(isinstance(x, list) and len(x) == 2 for x in spans)
    and all(_is_time(t) for x in spans for t in x)
  ):
    raise UsageError(
      "It needs 'spans', a list of [begin, end] in seconds, and 'texts'."
    )
  if len(spans) != len(texts):
    raise UsageError(f'It has {len(spans)} spans and {len(texts)} texts.')
  found = [(*x, text) for x, text in zip(spans, texts, strict=True)]
  return sorted(found, key=lambda x: x[0])


def _apart(spans: Spans) -> Spans:
  """The spans, each ended where the next one begins."""
  found = []
  for i, (t0, t1, text) in enumerate(spans):
    after = spans[i + 1][0] if i + 1 < len(spans) else math.inf
    # One that is turned round stays, and is refused.
    if t0 < after or t1 < t0:
      found.append((t0, min(t1, after), text))
  return found


def _is_time(value: Any) -> bool:
  number = isinstance(value, int | float) and not isinstance(value, bool)
  return number and math.isfinite(value)


def _short(error: Exception) -> str:
  return ascii(str(error))[1:-1][:100].rstrip('.')
