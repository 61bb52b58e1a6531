"""The file of a chunk: layout, checksums, damage, full disks."""

import base64
import os
import struct
import zlib

import numpy as np
import pytest

from embodied.files import Folder
from embodied.replay.chunk import BLOCK, Chunk, ChunkError
from embodied.replay.header import Header, schema_of
from tests.naming import naming


def make_step(n):
  return {
    'image': np.full((4, 4, 3), n, np.uint8),
    'count': np.asarray(n, np.int32),
    'dyn/deter': np.full(6, n / 8, np.float16),
    'is_last': np.asarray(n % 3 == 2),
  }


NAME = '000000000000040.chunk'


def make_chunk(folder, steps=0, size=8, mutable=('dyn/deter',)):
  schema = schema_of(make_step(0))
  header = Header(size, 40, 3, 16, schema, frozenset(mutable))
  chunk = Chunk.create(Folder(folder), header)
  for n in range(steps):
    chunk.append(make_step(n), total=100 + n)
  return chunk


def reopen(folder):
  return Chunk.open(Folder(folder), NAME)


# A chunk of size 4 with 3 steps, written before the code called these columns
# mutable: the file of `make_chunk` at commit 56b2586, compressed.
OLD = (
  'c-jkaarOxH^X6h=U|^UV)c<uEkgirL&a6sRvNF+8O3N%NE&;L(bd-uqic%AEm8^_)l=9'
  'Qkic^8YhGsfSIr;g;K(*0IDV2HpDXAr?MM|+cO3C>-rMY><N><fMnYoGSU<Ea$hDtioC'
  'ORfM#<5@}rFkVFahpsNpg2efVFXAx%?K!L1`^LKj?YOf1}m;fG6XBGtz~9_fHWxmFX|a'
  'n6<?Vwh~4tits`+h+dYO+FbYP&C>RB!U=)mkQ7{Td!6+C7qhJ(}0T@XHOe6xb+yul-)b'
  'N}E5;Q@A1Z^iD005w+Lqh'
)


def parts(data):
  """Version, checksum and JSON of a chunk file, and the state: count, total
  and the checksums of the four columns."""
  magic, version, checksum, length = struct.unpack_from('<8sIII', data)
  assert magic == b'PDCHUNK\n'
  text = data[20 : 20 + length]
  return (
    version,
    checksum,
    text,
    struct.unpack_from('<qq4II', data, 20 + length),
  )


def test_reads_what_was_written(tmp_path):
  make_chunk(tmp_path, steps=5)
  chunk = reopen(tmp_path)
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


def test_older_files_can_be_read_and_are_still_written_alike(tmp_path):
  data = zlib.decompress(base64.b85decode(OLD))
  (tmp_path / NAME).write_bytes(data)
  chunk = reopen(tmp_path)
  chunk.check()
  assert (chunk.count, chunk.total, chunk.offset) == (3, 102, 16)
  for n in range(3):
    for key, value in make_step(n).items():
      np.testing.assert_array_equal(chunk.columns()[key][n], value)
  # The checksums leave out the column that the old file calls loose.
  chunk.overwrite(0, {'dyn/deter': np.ones((1, 6), np.float16)})
  reopen(tmp_path).check()
  make_chunk(tmp_path / 'new', steps=3, size=4)
  assert (tmp_path / 'new' / NAME).read_bytes() == data


def test_layout_is_what_the_header_says(tmp_path):
  make_chunk(tmp_path, steps=2)
  data = (tmp_path / NAME).read_bytes()
  version, checksum, text, state = parts(data)
  assert (version, state[:2]) == (2, (2, 101))
  assert zlib.crc32(text) == checksum
  # The first column starts after the header block: two pictures of 48 bytes.
  assert data[BLOCK : BLOCK + 96] == bytes(48) + bytes([1]) * 48
  # image 8 * 48 = 384 and count 8 * 4 = 32, each rounded up to 64 bytes;
  # the float16 1/8 is 0x3000.
  deter = BLOCK + 384 + 64
  assert data[deter : deter + 24] == bytes(12) + b'\x00\x30' * 6
  # Checksums of image, count, dyn/deter (mutable) and is_last, and of the
  # state.
  last = deter + 128
  sums = [
    zlib.crc32(data[BLOCK : BLOCK + 96]),
    zlib.crc32(data[BLOCK + 384 : BLOCK + 384 + 8]),
    0,
    zlib.crc32(data[last : last + 2]),
  ]
  assert list(state[2:6]) == sums
  assert state[6] == zlib.crc32(struct.pack('<qq4I', *state[:6]))


def test_a_map_shows_what_is_written_later(tmp_path):
  chunk = make_chunk(tmp_path, steps=1)
  columns = chunk.columns()
  chunk.append(make_step(7), total=102)
  assert columns['count'][1] == 7
  with pytest.raises(ValueError, match='read-only'):
    columns['count'][0] = 55


@pytest.mark.parametrize('mutable', [(), ('dyn/deter',)])
def test_rows_are_overwritten(tmp_path, mutable):
  chunk = make_chunk(tmp_path, steps=5, mutable=mutable)
  columns = chunk.columns()
  new = np.arange(12, dtype=np.float16).reshape(2, 6)
  chunk.overwrite(2, {'dyn/deter': new})
  chunk.append(make_step(5), total=105)
  reopen(tmp_path).check()
  for found in (columns, reopen(tmp_path).columns()):
    np.testing.assert_array_equal(found['dyn/deter'][2:4], new)
    for n in (0, 1, 4, 5):
      want = make_step(n)['dyn/deter']
      np.testing.assert_array_equal(found['dyn/deter'][n], want)
    assert found['count'][:6].tolist() == list(range(6))


def test_step_counts_only_when_it_is_whole(tmp_path, monkeypatch):
  chunk = make_chunk(tmp_path, steps=3)
  real, calls = os.pwrite, []

  def full_disk(fd, data, offset):
    calls.append(offset)
    if len(calls) == 3:
      raise OSError(28, 'No space left on device')
    return real(fd, data, offset)

  monkeypatch.setattr(os, 'pwrite', full_disk)
  with pytest.raises(
    OSError, match=naming('disk', '--replay.capacity')
  ) as caught:
    chunk.append(make_step(3), total=103)
  assert (caught.value.errno, caught.value.filename) == (
    28,
    str(tmp_path / NAME),
  )
  monkeypatch.undo()
  assert chunk.count == reopen(tmp_path).count == 3
  chunk.append(make_step(9), total=103)
  assert reopen(tmp_path).columns()['count'][3] == 9


@pytest.mark.parametrize('call', ['pwrite', 'ftruncate'])
def test_a_chunk_that_cannot_begin_leaves_no_file(tmp_path, monkeypatch, call):
  def full_disk(*args):
    raise OSError(28, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(os, call, full_disk)
    with pytest.raises(OSError, match=naming('disk', '--replay.capacity')):
      make_chunk(tmp_path)
  assert not (tmp_path / NAME).exists()
  make_chunk(tmp_path, steps=2)


def test_a_write_may_come_in_pieces(tmp_path, monkeypatch):
  chunk = make_chunk(tmp_path)
  real = os.pwrite
  monkeypatch.setattr(os, 'pwrite', lambda f, d, o: real(f, d[:5], o))
  chunk.append(make_step(6), total=1)
  columns = reopen(tmp_path).columns()
  for key, value in make_step(6).items():
    np.testing.assert_array_equal(columns[key][0], value)


def test_takes_the_space_of_its_steps_only(tmp_path):
  make_chunk(tmp_path, steps=2, size=100_000)
  stat = (tmp_path / NAME).stat()
  assert stat.st_size > 100_000 * 64
  assert stat.st_blocks * 512 < 100_000


def test_seal_ends_appending_and_nothing_else(tmp_path):
  chunk = make_chunk(tmp_path, steps=2)
  assert chunk.live
  chunk.seal()
  chunk.seal()
  assert not chunk.live
  with pytest.raises(OSError):
    chunk.append(make_step(2), total=102)
  assert chunk.columns()['count'][1] == 1
  assert not reopen(tmp_path).live


def test_deleted_chunk_stays_readable_where_it_is_mapped(tmp_path):
  chunk = make_chunk(tmp_path, steps=2)
  column = chunk.columns()['count']
  chunk.delete()
  assert not (tmp_path / NAME).exists()
  assert column[1] == 1


def test_does_not_overwrite(tmp_path):
  make_chunk(tmp_path, steps=2)
  with pytest.raises(FileExistsError):
    make_chunk(tmp_path)
  assert reopen(tmp_path).count == 2


def state(path):
  """Byte offset of the count."""
  return 20 + len(parts(path.read_bytes())[2])


def poke(path, offset, data):
  with path.open('r+b') as file:
    file.seek(offset)
    file.write(data)


@pytest.mark.parametrize(
  'damage, words',
  [
    (lambda p: p.write_bytes(b''), ['chunk']),
    (lambda p: p.write_bytes(b'hello ' * 99), ['chunk']),
    (lambda p: os.truncate(p, 19), ['chunk']),
    (lambda p: os.truncate(p, 60), ['header']),
    (lambda p: os.truncate(p, BLOCK + 50), [BLOCK + 50, 'bytes']),
    (lambda p: os.truncate(p, p.stat().st_size + 1), [4737, 4736]),
    (lambda p: poke(p, 8, struct.pack('<I', 1)), ['version', 1, 2]),
    (lambda p: poke(p, 60, b'?'), ['header']),
    (lambda p: poke(p, state(p), struct.pack('<q', 4)), ['header']),
    (lambda p: poke(p, state(p) + 8, b'?'), ['header']),
    (lambda p: poke(p, BLOCK + 5 * 48 - 1, b'?'), ['column', "'image'"]),
    (lambda p: poke(p, BLOCK + 384 + 64 + 128, b'?'), ['column', "'is_last'"]),
  ],
)
def test_refuses_what_is_no_chunk(tmp_path, damage, words):
  path = tmp_path / NAME
  make_chunk(tmp_path, steps=5)
  damage(path)
  with pytest.raises(ChunkError, match=naming(*words)) as caught:
    reopen(tmp_path).check()
  assert str(path) in str(caught.value)


def test_long_headers_take_more_than_one_block(tmp_path):
  step = {f'a_rather_long_key_{i}': np.asarray(i) for i in range(200)}
  header = Header(4, 40, 0, 0, schema_of(step))
  Chunk.create(Folder(tmp_path), header).append(step, total=1)
  columns = reopen(tmp_path).columns()
  assert [int(columns[k][0]) for k in step] == list(range(200))


@pytest.mark.parametrize('value', ['text', None, np.zeros(2, 'V2'), 1j])
def test_schema_takes_numbers_only(value):
  with pytest.raises(ValueError, match=naming("'thing'", 'dtype')):
    schema_of({'fine': np.zeros(1), 'thing': np.asarray(value)})


def test_finds_each_flipped_bit_but_where_nothing_is_checked(tmp_path):
  path = tmp_path / NAME
  make_chunk(tmp_path, steps=8)
  whole = path.read_bytes()
  mutable = range(BLOCK + 384 + 64, BLOCK + 384 + 64 + 128)
  used = [*range(state(path) + 36), *range(BLOCK, BLOCK + 384 + 32), *mutable]
  for at in used:
    flipped = bytearray(whole)
    flipped[at] ^= 1 << at % 8
    path.write_bytes(flipped)
    if at in mutable:
      reopen(tmp_path).check()
    else:
      with pytest.raises(ChunkError):
        reopen(tmp_path).check()
