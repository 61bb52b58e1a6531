"""Reads all of a data set and says everything that is wrong with it."""

import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from embodied.errors import UsageError
from ponderdream.lrxc import validate
from ponderdream.lrxc.data import Data, Row, episode
from ponderdream.lrxc.schema import Node
from ponderdream.lrxc.steps import check_steps


def problems(folder: pathlib.Path) -> Iterator[str]:
  """One sentence for each shard or episode with a mistake, its first one.

  Raises:
    UsageError: no data set, or an `episodes` file that cannot be read.
  """
  data = Data(folder)
  try:
    _ = data.fields  # what all shards are compared with
  except UsageError as error:
    yield str(error)
    return
  seen: set[str] = set()
  for shard in data.shards:
    rows = list(data.index(shard))
    for row in rows:
      if row.episode_id in seen:
        yield f'Episode {row.episode_id!r} is there twice, in {shard} too.'
      seen.add(row.episode_id)
    try:
      _sizes(data, shard, rows)
    except UsageError as error:
      yield str(error)
      continue
    for row in rows:
      try:
        _check(data, row)
      except UsageError as error:
        yield f'{data.path("episodes", shard)}: {error}'


def _sizes(data: Data, shard: str, rows: list[Row]) -> None:
  """Checks that the three files of a shard are of the same episodes."""
  nodes = data.file('nodes', shard).metadata.num_row_groups
  if nodes != len(rows):
    raise UsageError(
      f'{data.path("nodes", shard)} has the nodes of {nodes} episodes, and'
      f' there are {len(rows)}; make this shard again.'
    )
  wanted = sum(x.n_steps for x in rows)
  if not wanted:
    return
  found = data.file('steps', shard).metadata.num_rows
  if found != wanted:
    raise UsageError(
      f'{data.path("steps", shard)} has {found} steps, and its episodes have'
      f' {wanted}; make this shard again.'
    )


def _check(data: Data, row: Row) -> None:
  """Checks one episode in full."""
  number = data.numbers[row.episode_id]
  table = data.read('episodes', row.shard, [0]).slice(row.place, 1)
  found = episode(table.to_pylist()[0])
  table = data.read('nodes', row.shard, [row.place])
  nodes = [validate.record(Node, x) for x in table.to_pylist()]
  validate.check_episode(found, nodes)
  levels = 1 + max((x.level for x in nodes), default=-1)
  if row.levels != levels:
    raise UsageError(
      f'Episode {row.episode_id!r} has {levels} levels of nodes; its row says'
      f' {row.levels}.'
    )
  if row.n_steps:
    _order(row, data.table(number, 0, row.n_steps, ['episode_id', 't']))
    check_steps(found, data.steps(number))


def _order(row: Row, table: pa.Table) -> None:
  """Checks that the steps are those of the episode, from 0 on."""
  ids = set(table['episode_id'].to_pylist())
  numbers = table['t'].to_numpy()
  if ids != {row.episode_id} or (numbers != np.arange(row.n_steps)).any():
    raise UsageError(
      f'Episode {row.episode_id!r} has the steps of another one, or not in'
      ' their order.'
    )
