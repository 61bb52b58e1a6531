"""Reads data sets that `store` wrote.

Opening reads one small file per shard. All else is read when it is asked for,
from memory-mapped files, and at most one row group of 64 steps at either end
of what was asked for is decompressed in vain. So the size of a data set does
not matter.
"""

import functools
import os
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from embodied.errors import UsageError
from ponderdream.lrxc import tables, validate
from ponderdream.lrxc.schema import SCHEMA_VERSION, Episode, Node
from ponderdream.lrxc.tables import Fields
from ponderdream.lrxc.trees import ACHIEVED, Spans

# Files that stay open.
OPEN = 96
# What reading a damaged file may raise.
ERRORS = (pa.ArrowException, OSError, ValueError, LookupError, TypeError)
SCHEMAS = {'episodes': tables.EPISODES, 'nodes': tables.NODES}
# Columns of the index.
INDEX = [
  'episode_id', 'schema_version', 'goal', 'source', 'n_steps', 'clock',
  'split', 'levels',
]  # fmt: skip


class Row(NamedTuple):
  """What is known of an episode without reading all of it.

  Attributes:
    shard: name of its shard.
    place: its number in the shard.
    first: its first step in the shard.
    begin, pace: time of its step 0, and duration of a step, on its clock.
    levels: number of levels of its nodes.
  """

  episode_id: str
  shard: str
  place: int
  first: int
  n_steps: int
  begin: float
  pace: float
  goal: str | None
  split: str
  levels: int


class Data:
  """A data set, read only. For one thread at a time.

  Raises:
    UsageError: no data set, a damaged file, or another version. Methods raise
      it, too, where they meet a damaged file.
  """

  def __init__(self, folder: str | os.PathLike[str]) -> None:
    self.folder = pathlib.Path(folder)
    self.file = functools.lru_cache(OPEN)(self._open)
    self._edges = functools.lru_cache(OPEN)(self._edges_of)
    self.shards = shards(self.folder)
    if not self.shards:
      raise UsageError(
        f'{self.folder} is no LRXC data set; it has no file'
        ' episodes/*.parquet.'
      )
    self.rows = [row for name in self.shards for row in self.index(name)]

  def __len__(self) -> int:
    """Number of episodes."""
    return len(self.rows)

  @property
  def levels(self) -> int:
    """Levels of the deepest plan below its root."""
    return max(x.levels for x in self.rows) - 1

  @functools.cached_property
  def fields(self) -> Fields:
    """What was observed at each step; empty if there are no steps."""
    shard = next((x.shard for x in self.rows if x.n_steps), None)
    if not shard:
      return {}
    return tables.fields_of(self.file('steps', shard).schema_arrow)

  @functools.cached_property
  def numbers(self) -> dict[str, int]:
    """Numbers of the episodes, by their ids."""
    return {x.episode_id: i for i, x in enumerate(self.rows)}

  def find(self, episode_id: str) -> int:
    """The number of an episode. Raises UsageError if it is not there."""
    if episode_id not in self.numbers:
      raise UsageError(
        f'{self.folder} has no episode {episode_id!r}; its first one is'
        f' {self.rows[0].episode_id!r}.'
      )
    return self.numbers[episode_id]

  def episode(self, number: int) -> Episode:
    row = self.rows[number]
    table = self.read('episodes', row.shard, [0])
    return episode(table.slice(row.place, 1).to_pylist()[0])

  def nodes(self, number: int) -> list[Node]:
    row = self.rows[number]
    table = self.read('nodes', row.shard, [row.place])
    return [validate.record(Node, x) for x in table.to_pylist()]

  def spans(self, number: int) -> tuple[Spans, list[str]]:
    """Spans and texts of an episode's nodes, without the rest of them."""
    row = self.rows[number]
    names = ['level', 't0', 't1', 'status', 'text']
    table = self.read('nodes', row.shard, [row.place], names)
    level, t0, t1, status = (table[x].to_numpy() for x in names[:4])
    spans = Spans(level, t0, t1, status == ACHIEVED)
    return spans, table['text'].to_pylist()

  def texts(self) -> set[str]:
    """The different texts of all goals."""
    found = {x.goal for x in self.rows if x.goal is not None}
    for shard in self.shards:
      groups = range(self.file('nodes', shard).metadata.num_row_groups)
      found |= {
        *self.read('nodes', shard, groups, ['text'])['text']
        .unique()
        .to_pylist()
      }
    return found

  def times(self, number: int, start: int, stop: int) -> NDArray[np.float64]:
    """Times of the steps `start` to `stop` on the clock of the episode."""
    row = self.rows[number]
    steps = np.arange(start, stop, dtype=np.float64)
    return row.begin + row.pace * steps

  def steps(
    self, number: int, start: int = 0, stop: int | None = None
  ) -> dict[str, Any]:
    """The steps `start` to `stop` as `store.Recording` holds them."""
    stop = self.rows[number].n_steps if stop is None else stop
    table = self.table(number, start, stop, [*tables.KNOWN, *self.fields])
    found: dict[str, Any] = {
      k: table[k].to_pylist() if k == 'action_text' else table[k].to_numpy()
      for k in tables.KNOWN
    }
    if tables.INTENDED in table.column_names:
      found[tables.INTENDED] = table[tables.INTENDED].to_numpy()
    for key, field in self.fields.items():
      found[key] = np.zeros((stop - start, *field.shape), field.dtype)
      tables.copy_into(found[key], table[key], field)
    return found

  def table(
    self, number: int, start: int, stop: int, names: Sequence[str]
  ) -> pa.Table:
    """Columns of the steps `start` to `stop` of an episode; and `intended`,
    if its shard has it."""
    row = self.rows[number]
    if tables.INTENDED in self.file('steps', row.shard).schema_arrow.names:
      names = [*names, tables.INTENDED]
    edges = self._edges(row.shard)
    begin, end = row.first + start, row.first + stop
    first = int(np.searchsorted(edges, begin, 'right')) - 1
    last = int(np.searchsorted(edges, end, 'left'))
    table = self.read('steps', row.shard, range(first, last), names)
    return table.slice(begin - int(edges[first]), end - begin)

  def read(
    self,
    part: str,
    shard: str,
    groups: Sequence[int],
    names: Sequence[str] | None = None,
  ) -> pa.Table:
    """Row groups of a file, in the columns `names` or in all."""
    file = self.file(part, shard)
    try:
      return file.read_row_groups(list(groups), names, use_threads=False)
    except ERRORS as error:
      raise damaged(self.path(part, shard), error) from None

  def index(self, shard: str) -> Iterator[Row]:
    """The rows of a shard's episodes."""
    first = 0
    rows = self.read('episodes', shard, [0], INDEX).to_pylist()
    for place, row in enumerate(rows):
      if row['schema_version'] != SCHEMA_VERSION:
        raise UsageError(
          f'{self.path("episodes", shard)} has schema_version'
          f' {row["schema_version"]}; this program reads version'
          f' {SCHEMA_VERSION}.'
        )
      # A video's steps are its frames.
      source = row['source'] if row['clock'] == 'seconds' else {}
      begin, pace = source.get('t_start_s') or 0, 1 / (source.get('fps') or 1)
      yield Row(
        row['episode_id'], shard, place, first, row['n_steps'], begin, pace,
        row['goal'], row['split'], row['levels'],
      )  # fmt: skip
      first += row['n_steps']

  def path(self, part: str, shard: str) -> pathlib.Path:
    return self.folder / part / f'{shard}.parquet'

  def _open(self, part: str, shard: str) -> parquet.ParquetFile:
    path = self.path(part, shard)
    try:
      # A pipe would be waited for without end.
      if not path.is_file():
        raise ValueError('there is no such file')
      file = parquet.ParquetFile(
        path, memory_map=True, page_checksum_verification=True
      )
      schema = file.schema_arrow
      if not schema.equals(SCHEMAS.get(part, schema)):
        raise ValueError('its columns are not those of LRXC')
      return file
    except ERRORS as error:
      raise damaged(path, error) from None

  def _edges_of(self, shard: str) -> NDArray[np.int64]:
    """First rows of the row groups of a shard's steps, and their end."""
    file = self.file('steps', shard)
    found = tables.fields_of(file.schema_arrow)
    if found != self.fields:
      raise UsageError(
        f'{self.path("steps", shard)} observes {sorted(found)}, and other'
        f' shards observe {sorted(self.fields)} or in other forms; put it into'
        ' another folder.'
      )
    about = file.metadata
    sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
    return np.cumsum([0, *sizes])


def shards(folder: pathlib.Path) -> list[str]:
  """Names of the committed shards, in order."""
  return sorted(x.stem for x in folder.glob('episodes/[!.]*.parquet'))


def episode(row: dict[str, Any]) -> Episode:
  """The episode of a row of the table."""
  return validate.record(
    Episode, {k: v for k, v in row.items() if k != 'levels'}
  )


def damaged(path: pathlib.Path, error: Exception) -> UsageError:
  """One sentence about a file that cannot be read."""
  reason = ' '.join(str(error).split())[:150].rstrip('.')
  return UsageError(
    f'{path} is damaged ({ascii(reason)[1:-1]}); remove the files of this'
    ' shard, and make it again.'
  )
