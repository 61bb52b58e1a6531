"""A read-only replay does not change its directory."""

import numpy as np
import pytest

from embodied.files import Folder
from embodied.replay import Replay
from embodied.replay.chunk import Chunk
from embodied.replay.header import Header


def add(replay, counts):
  for n in counts:
    step = {'count': np.int32(n), 'is_first': n == 0, 'is_last': False}
    replay.add(step, 0)


def contents(folder):
  return {x.name: x.read_bytes() for x in folder.iterdir()}


def test_it_reads_what_another_process_still_uses(tmp_path):
  writer = Replay(4, 100, tmp_path, chunk_size=8)
  add(writer, range(20))
  reader = Replay(4, 100, tmp_path, read_only=True)
  assert (len(reader), reader.total) == (17, 20)
  assert reader.schema == writer.schema
  # Steps that are added now are not among its windows.
  add(writer, range(20, 60))
  assert len(reader) == 17
  assert reader.sample(500)['count'].max() == 19
  reader.close()
  # Closing the reader does not release the lock of the writer.
  add(writer, [60])
  writer.close()


def test_nothing_is_written_or_deleted(tmp_path):
  writer = Replay(4, 100, tmp_path, chunk_size=8)
  add(writer, range(30))
  writer.close()
  # The file of a process that was killed before its first step.
  header = Header(8, 10**6, 9, 0, writer.schema)
  Chunk.create(Folder(tmp_path), header).seal()
  before = contents(tmp_path)
  # The capacity would evict most of it.
  reader = Replay(4, 8, tmp_path, read_only=True)
  data = reader.sample(8)
  with pytest.raises(RuntimeError, match='read only'):
    add(reader, [30])
  with pytest.raises(RuntimeError, match='read only'):
    reader.update(data['stepid'], {'count': data['count']})
  assert len(reader) == 27
  reader.close()
  assert contents(tmp_path) == before


def test_a_directory_that_is_not_there_is_not_made(tmp_path):
  with pytest.raises(FileNotFoundError, match='none'):
    Replay(4, 100, tmp_path / 'none', read_only=True)
  assert not (tmp_path / 'none').exists()
