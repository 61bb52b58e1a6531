"""Episodes and nodes as text, for hands and other tools.

Every line is `{"episode": {...}}` or `{"node": {...}}`, with the fields of
`schema`. The nodes of an episode follow it. Fields that have their default may
be left out.
"""

import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from embodied.errors import UsageError
from ponderdream.lrxc import files, validate
from ponderdream.lrxc.schema import Episode, Node, plain

Plan = tuple[Episode, list[Node]]
Path = str | os.PathLike[str]


def write(path: Path, plans: Iterable[Plan]) -> None:
  """Writes valid episodes with their nodes; the file appears when it is
  complete.

  Raises:
    UsageError: an episode or its nodes are not valid.
  """
  with files.replacing(pathlib.Path(path)) as temporary:
    with temporary.open('w', encoding='utf-8') as file:
      for episode, nodes in plans:
        validate.check_episode(episode, nodes)
        file.write(_line('episode', plain(episode)))
        file.writelines(_line('node', plain(x)) for x in nodes)


def read(path: Path) -> Iterator[Plan]:
  """Valid episodes with their nodes, one after another.

  Raises:
    UsageError: the file cannot be read, or as `parse`.
  """
  return parse(files.lines(pathlib.Path(path)), path)


def parse(lines: Iterable[tuple[int, str]], path: Path) -> Iterator[Plan]:
  """The same from numbered lines, which are said to come from `path`.

  Raises:
    UsageError: a line that is no record, or records that are not valid
      together. The message names the file, and the line or the episode.
  """
  episode: Episode | None = None
  nodes: list[Node] = []
  seen: set[str] = set()
  for number, kind, values in _records(lines, path):
    try:
      if kind == 'node':
        nodes.append(validate.record(Node, values))
      else:
        if episode:
          yield _plan(path, episode, nodes)
        episode, nodes = validate.record(Episode, values), []
        _once(episode, seen)
      if episode is None:
        raise UsageError('A node stands before the first episode.')
    except UsageError as error:
      raise UsageError(f'{path}, line {number}: {error}') from None
  if episode:
    yield _plan(path, episode, nodes)


def _once(episode: Episode, seen: set[str]) -> None:
  if episode.episode_id in seen:
    raise UsageError(f'Episode {episode.episode_id!r} is there twice.')
  seen.add(episode.episode_id)


def _plan(path: Path, episode: Episode, nodes: list[Node]) -> Plan:
  try:
    validate.check_episode(episode, nodes)
  except UsageError as error:
    raise UsageError(f'{path}: {error}') from None
  return episode, nodes


def _records(
  lines: Iterable[tuple[int, str]], path: Path
) -> Iterator[tuple[int, str, Any]]:
  """Number, kind and values of each line."""
  for number, line in lines:
    try:
      ((kind, values),) = json.loads(line, parse_constant=_refuse).items()
      if kind not in ('episode', 'node'):
        raise ValueError
    except (ValueError, AttributeError, RecursionError):
      raise UsageError(
        f'{path}, line {number} is not {{"episode": {{...}}}} or {{"node":'
        ' {...}} in JSON.'
      ) from None
    yield number, kind, values


def _refuse(name: str) -> None:
  """NaN and Infinity are not JSON."""
  raise ValueError(name)


def _line(kind: str, values: Any) -> str:
  return json.dumps({kind: values}, ensure_ascii=False) + '\n'
