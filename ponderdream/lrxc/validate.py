"""Whether data are LRXC: of one record by its model, of a tree by its rules.

Everything that is not raises a UsageError of one sentence, which names the
episode and the node.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import pydantic

from embodied.errors import UsageError
from ponderdream.lrxc.schema import SCHEMA_VERSION, Episode, Node, Record

R = TypeVar('R', bound=Record)


def record(model: type[R], values: Any) -> R:
  """The record that plain values stand for.

  Raises:
    UsageError: a field that is missing, unknown, or has a wrong value.
  """
  try:
    return model.model_validate(values)
  except pydantic.ValidationError as error:
    raise UsageError(_sentence(model, values, error)) from None


def check_episode(episode: Episode, nodes: Sequence[Node]) -> None:
  """Checks what the models cannot: one episode and its nodes together.

  Raises:
    UsageError: nodes that are no tree inside the episode, one root at a time;
      or an episode whose own fields contradict each other.
  """
  name = f'Episode {episode.episode_id!r}'
  if wrong := _of_episode(episode):
    raise UsageError(f'{name} {wrong}.')
  ends: dict[int | None, float] = {}
  for i, node in enumerate(nodes):
    if wrong := _of_node(episode, nodes, i) or _of_siblings(node, ends):
      raise UsageError(f'{name}, node {node.node_id} {wrong}.')
    ends[node.parent_id] = node.t1


def _of_episode(episode: Episode) -> str:
  """What is wrong with an episode, or nothing."""
  begin, end = episode.span()
  source = episode.source
  if begin > end or (begin == end and episode.clock == 'seconds'):
    return f'lasts from {begin} s to {end} s; it has to end after its begin'
  if episode.clock == 'seconds' and episode.n_steps and not source.fps:
    return 'has steps and is timed in seconds; give source.fps'
  has = (episode.has_actions, episode.has_rewards, episode.has_images)
  if not episode.n_steps and any(has):
    return 'has no steps, so has_actions, has_rewards, has_images are false'
  return ''


def _of_node(episode: Episode, nodes: Sequence[Node], i: int) -> str:
  """What is wrong with node `i` in itself, by its place, or by its parent."""
  node = nodes[i]
  if node.episode_id != episode.episode_id:
    return f'belongs to episode {node.episode_id!r}'
  if node.node_id != i:
    return f'stands where node {i} belongs; ids are 0, 1, 2 and so on'
  if wrong := _of_times(episode, node):
    return wrong
  if i and (node.t0, node.level) < (nodes[i - 1].t0, nodes[i - 1].level):
    return f'begins before node {i - 1}; sort by t0, then by level'
  if node.parent_id is None:
    return f'is a root at level {node.level}, not 0' if node.level else ''
  if node.parent_id >= i:
    return f'has the parent {node.parent_id}, which has to stand before it'
  parent = nodes[node.parent_id]
  if node.level != parent.level + 1:
    return f'is at level {node.level}, and its parent at {parent.level}'
  if node.t0 < parent.t0 or node.t1 > parent.t1:
    return f'lasts {_span(node)}, not inside of its parent, {_span(parent)}'
  return ''


def _of_times(episode: Episode, node: Node) -> str:
  begin, end = episode.span()
  said = [(x.t0, x.t1) for x in node.evidence]
  image = [] if node.goal_image_t is None else [node.goal_image_t]
  times = [node.t0, node.t1, *image, *(t for pair in said for t in pair)]
  if node.t0 >= node.t1:
    return f'lasts {_span(node)}; it has to end after its begin'
  if any(t0 > t1 for t0, t1 in said):
    return 'has evidence that ends before its begin'
  if not all(begin <= x <= end for x in times):
    outside = next(x for x in times if not begin <= x <= end)
    return f'has the time {outside}, outside of the episode, {begin} to {end}'
  if episode.clock == 'step':
    broken = [x for x in (node.t0, node.t1, *image) if x != int(x)]
    if broken:
      return f'has the time {broken[0]}, which is not a number of steps'
    if image and image[0] >= end:
      return f'has goal_image_t {image[0]}, where there is no step'
  return ''


def _of_siblings(node: Node, ends: Mapping[int | None, float]) -> str:
  """`ends` holds where the last child of each parent ended."""
  before = ends.get(node.parent_id, 0)
  if node.t0 >= before:
    return ''
  whose = (
    'the root' if node.parent_id is None else f'the child of {node.parent_id}'
  )
  return f'begins at {node.t0}, while {whose} before it lasts to {before}'


def _span(node: Node) -> str:
  return f'[{node.t0}, {node.t1})'


def _sentence(
  model: type[Record], values: Any, error: pydantic.ValidationError
) -> str:
  """The first thing that is wrong with a record, in one sentence."""
  first = error.errors(include_url=False)[0]
  version = first['loc'] == ('schema_version',)
  if version and first['type'] == 'literal_error':
    return (
      f'{_name(model, values)} has schema_version {_short(first["input"])};'
      f' this program reads version {SCHEMA_VERSION}.'
    )
  field = '.'.join(_word(x) for x in first['loc'])
  text = first['msg'].removeprefix('Value error, ')
  text = text.removeprefix('Input ').removeprefix('String ')
  if first['type'] == 'missing':
    return f'{_name(model, values)} has no {field!r}.'
  if first['type'] == 'extra_forbidden':
    return f'{_name(model, values)} has the unknown field {field!r}.'
  return (
    f'{_name(model, values)}: {field!r} is {_short(first["input"])}; it'
    f' {text}.'
    if field
    else f'{_name(model, values)} {text}.'
  )


def _name(model: type[Record], values: Any) -> str:
  """The episode, or the episode and the node, that values stand for."""
  given = values if isinstance(values, Mapping) else {}
  parts = [
    f'{label} {_short(given[key])}'
    for label, key in (('episode', 'episode_id'), ('node', 'node_id'))
    if key in given
  ]
  name = ', '.join(parts) or f'the {model.__name__.lower()}'
  return name[0].upper() + name[1:]


def _short(value: Any) -> str:
  """A value on one line, in a few words."""
  text = ascii(value)
  return text if len(text) <= 60 else f'{text[:50]}... ({len(text)} long)'


def _word(part: Any) -> str:
  return _short(part)[1:-1] if isinstance(part, str) else str(part)
