"""Writes data sets: folders of Parquet files, in shards.

    DIR/steps/NAME.parquet      a row per step, in row groups of 64
    DIR/nodes/NAME.parquet      a row group per episode
    DIR/episodes/NAME.parquet   a row per episode
    DIR/lock                    held by the one process that may commit

The three files of a shard have the same name and the same order of episodes. A
shard is written under temporary names and renamed when all of it is on disk,
`episodes` last: a shard is there if that file is, and is complete then. So a
killed process leaves all shards that were committed, none twice, and perhaps
files that nobody reads, which the next process to write replaces or removes.
"""

import contextlib
import pathlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from pyarrow import parquet

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from ponderdream.lrxc import files, tables, validate
from ponderdream.lrxc.schema import Episode, Node
from ponderdream.lrxc.steps import check_steps
from ponderdream.lrxc.tables import Fields, Steps

# A window of 33 steps lies in one or two row groups of this size. Larger ones
# are decompressed in vain; smaller ones compress pictures less.
GROUP = 64
# Steps and nodes, and last what makes a shard valid.
PARTS = ('steps', 'nodes', 'episodes')
# Episodes of a shard, unless their number is given.
SHARD = 8


class Recording(NamedTuple):
  """An episode, its nodes, and its steps if there are any.

  `steps` are arrays `[n_steps, ...]`: `action` int32, -1 if unknown, chosen
  after the observation; `action_text`, a list with None where nothing was
  said; `reward` float32, NaN if unknown, which came with the observation;
  `terminated` and `truncated`, true only at the last step; and what was
  observed, by its key.
  """

  episode: Episode
  nodes: Sequence[Node]
  steps: Steps | None = None


class Sealed(NamedTuple):
  """A shard that is complete, but does not count yet.

  Attributes:
    moves: temporary and final paths, in the order of renaming.
    episodes: their number.
  """

  moves: tuple[tuple[pathlib.Path, pathlib.Path], ...]
  episodes: int


@contextlib.contextmanager
def writing(folder: pathlib.Path) -> Iterator[None]:
  """Lets this process alone commit shards to the folder.

  Raises:
    UsageError: another process is writing there.
  """
  with lock.hold(Folder(folder)):
    for part in PARTS:
      (folder / part).mkdir(exist_ok=True)
    files.sync(folder)
    files.clean(folder)
    try:
      yield
    finally:
      files.clean(folder)


class Shard:
  """Writes recordings to temporary files, one after another, in a folder that
  some process has open for `writing`."""

  def __init__(self, folder: pathlib.Path, name: str) -> None:
    self._final = {k: folder / k / f'{name}.parquet' for k in PARTS}
    self._parts = {k: files.temporary(v) for k, v in self._final.items()}
    self._writers: dict[str, parquet.ParquetWriter] = {}
    self._episodes: list[tuple[Episode, Sequence[Node]]] = []
    self._fields: Fields | None = None

  def add(self, recording: Recording) -> None:
    """Adds one recording.

    Raises:
      UsageError: it is not valid, or observes other things than the ones
        before.
    """
    episode, nodes, steps = recording
    validate.check_episode(episode, nodes)
    check_steps(episode, steps)
    if steps is not None and episode.n_steps:
      fields = tables.fields_in(steps)
      self._fields = self._fields or fields
      _agree(episode.episode_id, fields, self._fields)
      self._write('steps', tables.of_steps(episode.episode_id, steps, fields))
    self._write('nodes', tables.of_nodes(nodes))
    self._episodes.append((episode, nodes))

  def seal(self) -> Sealed:
    """Finishes the files and waits until they are on disk."""
    self._write('episodes', tables.of_episodes(self._episodes))
    for name, writer in self._writers.items():
      writer.close()
      files.sync(self._parts[name])
    moves = [
      (self._parts[x], self._final[x]) for x in PARTS if x in self._writers
    ]
    return Sealed(tuple(moves), len(self._episodes))

  def discard(self) -> None:
    """Removes what was written."""
    for name, writer in self._writers.items():
      with contextlib.suppress(OSError):
        writer.close()
      self._parts[name].unlink(missing_ok=True)

  def _write(self, name: str, table: pa.Table) -> None:
    if name not in self._writers:
      self._writers[name] = _writer(self._parts[name], table.schema)
    group = GROUP if name == 'steps' else max(1, len(table))
    self._writers[name].write_table(table, row_group_size=group)


def commit(sealed: Sealed) -> None:
  """Makes a sealed shard part of the data set; only within `writing`.

  A shard of the same name is gone before any of its files is replaced.
  """
  sealed.moves[-1][1].unlink(missing_ok=True)
  for part, final in sealed.moves:
    part.replace(final)
    files.sync(final.parent)


def write(
  folder: pathlib.Path,
  recordings: Iterable[Recording],
  name: str = 'shard',
) -> int:
  """Writes recordings as shards NAME-00000, NAME-00001 and so on; returns
  their number. Shards of these names are replaced.

  Raises:
    UsageError: a recording is not valid, or another process writes there.
  """
  count, shard = 0, None
  with writing(folder):
    try:
      for count, recording in enumerate(recordings, 1):
        shard = shard or Shard(folder, f'{name}-{(count - 1) // SHARD:05}')
        shard.add(recording)
        if count % SHARD == 0:
          commit(shard.seal())
          shard = None
      if shard:
        commit(shard.seal())
        shard = None
    finally:
      if shard:
        shard.discard()
  return count


def _agree(episode_id: str, fields: Fields, wanted: Fields) -> None:
  """Raises UsageError if an episode observes other things than wanted."""
  if fields != wanted:
    differ = sorted(k for k in fields | wanted if fields.get(k) !=
                    wanted.get(k))  # fmt: skip
    raise UsageError(
      f'Episode {episode_id!r} has other observations than the data set'
      f' ({", ".join(differ)}); put it into another folder.'
    )


def _writer(path: pathlib.Path, schema: pa.Schema) -> parquet.ParquetWriter:
  """A writer with checksums. Raw bytes have neither a dictionary nor
  statistics."""
  texts = [
    x.name
    for x in schema
    if pa.types.is_string(x.type)
  ]  # fmt: skip
  return parquet.ParquetWriter(
    path,
    schema,
    compression='zstd',
    use_dictionary=texts,
    write_statistics=False,
    write_page_checksum=True,
  )
