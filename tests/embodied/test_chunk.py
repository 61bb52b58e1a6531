import os
import struct
import zlib

import numpy as np
import pytest

from embodied.chunk import BLOCK, Chunk, ChunkError, schema_of


def make_step(n):
  return {
    'image': np.full((4, 4, 3), n, np.uint8),
    'count': np.asarray(n, np.int32),
    'dyn/deter': np.full(6, n / 8, np.float16),
    'is_last': np.asarray(n % 3 == 2),
  }


def make_chunk(path, steps=0, size=8):
  chunk = Chunk.create(
    path, size=size, first=40, stream=3, offset=16,
    schema=schema_of(make_step(0)),
  )  # fmt: skip
  for n in range(steps):
    chunk.append(make_step(n), total=100 + n)
  return chunk


def test_reads_what_was_written(tmp_path):
  make_chunk(tmp_path / 'a', steps=5)
  chunk = Chunk.open(tmp_path / 'a')
  facts = chunk.size, chunk.first, chunk.stream, chunk.offset
  assert facts == (8, 40, 3, 16)
  assert (chunk.count, chunk.total, chunk.full) == (5, 104, False)
  assert chunk.schema == schema_of(make_step(0))
  columns = chunk.columns()
  assert columns['image'].shape == (8, 4, 4, 3)
  for n in range(5):
    for key, value in make_step(n).items():
      assert columns[key].dtype == value.dtype
      np.testing.assert_array_equal(columns[key][n], value)


def test_layout_is_what_the_header_says(tmp_path):
  # magic 8, version 4, checksum 4, count 8, total 8, length of JSON 4.
  make_chunk(tmp_path / 'a', steps=2)
  data = (tmp_path / 'a').read_bytes()
  magic, version, checksum, count, total, length = struct.unpack_from(
    '<8sIIqqI', data
  )
  assert (magic, version, count, total) == (b'PDCHUNK\n', 1, 2, 101)
  assert zlib.crc32(data[36 : 36 + length]) == checksum
  # The first column starts after the header block: two pictures of 48 bytes.
  assert data[BLOCK : BLOCK + 96] == bytes(48) + bytes([1]) * 48
  # image 8 * 48 = 384 and count 8 * 4 = 32, each rounded up to 64 bytes;
  # the float16 1/8 is 0x3000.
  deter = BLOCK + 384 + 64
  assert data[deter : deter + 24] == bytes(12) + b'\x00\x30' * 6


def test_a_map_and_the_file_are_one(tmp_path):
  chunk = make_chunk(tmp_path / 'a', steps=1)
  columns = chunk.columns()
  chunk.append(make_step(7), total=102)  # after the mapping
  assert columns['count'][1] == 7
  columns['count'][0] = 55
  assert Chunk.open(tmp_path / 'a').columns()['count'][0] == 55
  chunk.unmap()
  assert chunk.columns()['count'][0] == 55


def test_step_counts_only_when_it_is_whole(tmp_path, monkeypatch):
  chunk = make_chunk(tmp_path / 'a', steps=3)
  real, calls = os.pwrite, []

  def full_disk(fd, data, offset):
    calls.append(offset)
    if len(calls) == 3:
      raise OSError(28, 'No space left on device')
    return real(fd, data, offset)

  monkeypatch.setattr(os, 'pwrite', full_disk)
  with pytest.raises(OSError, match='free disk space') as caught:
    chunk.append(make_step(3), total=103)
  assert (caught.value.errno, caught.value.filename) == (
    28,
    str(tmp_path / 'a'),
  )
  monkeypatch.undo()
  assert chunk.count == Chunk.open(tmp_path / 'a').count == 3
  chunk.append(make_step(9), total=103)
  assert Chunk.open(tmp_path / 'a').columns()['count'][3] == 9


def test_a_write_may_come_in_pieces(tmp_path, monkeypatch):
  chunk = make_chunk(tmp_path / 'a')
  real = os.pwrite
  monkeypatch.setattr(os, 'pwrite', lambda f, d, o: real(f, d[:5], o))
  chunk.append(make_step(6), total=1)
  columns = Chunk.open(tmp_path / 'a').columns()
  for key, value in make_step(6).items():
    np.testing.assert_array_equal(columns[key][0], value)


def test_takes_the_space_of_its_steps_only(tmp_path):
  make_chunk(tmp_path / 'a', steps=2, size=100_000)
  stat = (tmp_path / 'a').stat()
  assert stat.st_size > 100_000 * 64
  assert stat.st_blocks * 512 < 100_000


def test_seal_ends_appending_and_nothing_else(tmp_path):
  chunk = make_chunk(tmp_path / 'a', steps=2)
  assert chunk.live
  chunk.seal()
  chunk.seal()
  assert not chunk.live
  with pytest.raises(OSError):
    chunk.append(make_step(2), total=102)
  assert chunk.columns()['count'][1] == 1
  assert not Chunk.open(tmp_path / 'a').live


def test_deleted_chunk_stays_readable_where_it_is_mapped(tmp_path):
  chunk = make_chunk(tmp_path / 'a', steps=2)
  column = chunk.columns()['count']
  chunk.delete()
  assert not (tmp_path / 'a').exists()
  assert column[1] == 1


def test_does_not_overwrite(tmp_path):
  make_chunk(tmp_path / 'a', steps=2)
  with pytest.raises(FileExistsError):
    make_chunk(tmp_path / 'a')
  assert Chunk.open(tmp_path / 'a').count == 2


def poke(path, offset, data):
  with path.open('r+b') as file:
    file.seek(offset)
    file.write(data)


@pytest.mark.parametrize(
  'damage, message',
  [
    (lambda p: p.write_bytes(b''), 'not a replay chunk'),
    (lambda p: p.write_bytes(b'hello ' * 99), 'not a replay chunk'),
    (lambda p: os.truncate(p, 30), 'not a replay chunk'),
    (lambda p: os.truncate(p, 60), 'damaged header'),
    (lambda p: os.truncate(p, BLOCK + 50), 'bytes'),
    (lambda p: os.truncate(p, p.stat().st_size + 1), 'bytes'),
    (lambda p: poke(p, 8, struct.pack('<I', 2)), 'version 2'),
    (lambda p: poke(p, 60, b'?'), 'damaged header'),
    (lambda p: poke(p, 16, struct.pack('<q', 9)), '9 steps'),
    (lambda p: poke(p, 16, struct.pack('<q', -1)), '-1 steps'),
  ],
)
def test_refuses_what_is_no_chunk(tmp_path, damage, message):
  path = tmp_path / 'a'
  make_chunk(path, steps=5)
  damage(path)
  with pytest.raises(ChunkError, match=message) as caught:
    Chunk.open(path)
  assert str(path) in str(caught.value)


def test_long_headers_take_more_than_one_block(tmp_path):
  step = {f'a_rather_long_key_{i}': np.asarray(i) for i in range(200)}
  chunk = Chunk.create(
    tmp_path / 'a', size=4, first=0, stream=0, offset=0, schema=schema_of(step)
  )
  chunk.append(step, total=1)
  columns = Chunk.open(tmp_path / 'a').columns()
  assert [int(columns[k][0]) for k in step] == list(range(200))


@pytest.mark.parametrize('value', ['text', None, np.zeros(2, 'V2'), 1j])
def test_schema_takes_numbers_only(value):
  with pytest.raises(ValueError, match="'thing' has dtype"):
    schema_of({'fine': np.zeros(1), 'thing': np.asarray(value)})
