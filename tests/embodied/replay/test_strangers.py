"""Chunks that somebody else wrote, copied or renamed."""

import json
import os
import shutil
import struct
import zlib

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.replay import Replay
from embodied.replay import header as headers
from embodied.replay.chunk import PREFIX
from tests.embodied.replay.steps import make_step
from tests.naming import naming, says


def write(folder, counts, **extra):
  """A replay of these counts in chunks of 8 steps, one stream."""
  replay = Replay(4, 1000, folder, chunk_size=8)
  for n in counts:
    replay.add(make_step(n) | extra, 0)
  replay.close()
  return sorted(folder.glob('*.chunk'))


def read(folder):
  """The counts of all windows, the steps, and how many files were skipped."""
  replay = Replay(4, 1000, folder, chunk_size=8, online=False)
  rows = replay.sample(400)['count'] if len(replay) else []
  stats = replay.stats()
  replay.close()
  found = {tuple(x.tolist()) for x in rows}
  return found, stats['steps'], stats['skipped_files']


def runs(*spans):
  """The windows of 4 in spans of counts."""
  return {
    tuple(range(i, i + 4)) for x in spans for i in range(x[0], x[-1] - 2)
  }


def without_run(path):
  """Makes a chunk one of an earlier version, which had no mark of a run."""
  data = path.read_bytes()
  (length,) = struct.unpack_from('<I', data, PREFIX.size - 4)
  start = PREFIX.size + length
  text = json.loads(data[PREFIX.size : start])
  columns = len(text['columns'])
  state = data[start : start + 16 + 4 * columns + 4]
  del text['run']
  text = json.dumps(text, separators=(',', ':')).encode()
  prefix = PREFIX.pack(b'PDCHUNK\n', 2, zlib.crc32(text), len(text))
  head = prefix + text + state
  path.write_bytes(head + bytes(4096 - len(head)) + data[4096:])


def test_a_copy_under_another_name_is_no_second_chunk(tmp_path, caplog):
  paths = write(tmp_path, range(32))
  shutil.copy(paths[1], tmp_path / '000000000000099.chunk')
  shutil.copy(paths[2], tmp_path / 'copy of it.chunk')
  assert read(tmp_path) == (runs(range(32)), 32, 2)
  assert says(caplog.text, '000000000000099.chunk', paths[1].name, 'copy')


@pytest.mark.parametrize('marked', [True, False])
def test_a_chunk_of_another_run_is_left_out(tmp_path, caplog, marked):
  ours, theirs = tmp_path / 'ours', tmp_path / 'theirs'
  paths = write(ours, range(40))
  others = write(theirs, range(100, 132))
  if not marked:
    without_run(paths[3])
  # In the place of one of ours, and as one that is newer than all of them.
  shutil.copy(others[1], paths[1])
  write(theirs, range(200, 216))
  newest = max(theirs.glob('*.chunk'))
  shutil.copy(newest, ours / newest.name)
  spans = [range(8), range(16, 40)]
  assert read(ours) == (runs(*spans), 32, 2)
  assert says(caplog.text, newest.name, 'run')
  assert newest.exists() and paths[1].exists()
  # Numbers of new steps do not collide with theirs.
  write(ours, range(300, 310))
  windows, steps, skipped = read(ours)
  assert windows == runs(*spans, range(300, 310))
  assert (steps, skipped) == (42, 2)


def test_chunks_of_earlier_versions_are_read_and_continued(tmp_path):
  for path in write(tmp_path, range(20)):
    without_run(path)
  assert read(tmp_path) == (runs(range(20)), 20, 0)
  write(tmp_path, range(50, 60))
  assert read(tmp_path) == (runs(range(20), range(50, 60)), 30, 0)


def test_most_steps_decide_which_form_is_right(tmp_path, caplog):
  ours, theirs = tmp_path / 'ours', tmp_path / 'theirs'
  write(ours, range(16))
  others = write(theirs, range(80), new=np.float32(0))
  for path in others[-1:]:
    shutil.copy(path, ours / path.name)
  assert read(ours) == (runs(range(16)), 16, 1)
  assert says(caplog.text, others[-1].name, 'schema')
  for path in others[-4:]:
    shutil.copy(path, ours / path.name)
  assert read(ours) == (runs(range(48, 80)), 32, 2)


def test_no_number_is_given_twice(tmp_path):
  # Without marks nothing says which run a chunk is of.
  ours, theirs = tmp_path / 'ours', tmp_path / 'theirs'
  for path in write(ours, range(16)):
    without_run(path)
  write(theirs, [0])
  other = Replay(4, 1000, theirs, chunk_size=5)
  for n in range(100, 105):
    other.add(make_step(n), 0)
  other.close()
  (other,) = {*theirs.glob('*.chunk')} - {theirs / f'{0:015d}.chunk'}
  without_run(other)
  assert other.name == f'{8:015d}.chunk'
  shutil.copy(other, ours / other.name)
  short = other.read_bytes()
  (length,) = struct.unpack_from('<I', short, PREFIX.size - 4)
  text = short[PREFIX.size : PREFIX.size + length]
  text = text.replace(b'"first":8', b'"first":6')
  prefix = PREFIX.pack(b'PDCHUNK\n', 2, zlib.crc32(text), len(text))
  made = prefix + text + short[PREFIX.size + length :]
  (ours / f'{6:015d}.chunk').write_bytes(made)
  windows, steps, skipped = read(ours)
  # Of 0 to 7, 6 to 10 and 8 to 12.
  assert skipped in (1, 2) and steps <= 13
  assert windows <= runs(range(8), range(100, 105))


def test_another_task_is_one_sentence(tmp_path):
  write(tmp_path, range(8))
  with pytest.raises(UsageError, match=naming("'new'", 'directory')):
    write(tmp_path, range(8), new=np.float32(0))
  replay = Replay(4, 1000, tmp_path)
  with pytest.raises(UsageError, match=naming("'count'", 'int64')):
    replay.add(make_step(0) | {'count': np.int64(0)}, 0)
  replay.close()


GOOD = {
  'size': 8, 'first': 16, 'stream': 0, 'offset': 0, 'loose': [],
  'columns': {'a': ['<f4', [2]], 'is_first': ['|b1', []]},
}  # fmt: skip
BAD = [
  {'size': None}, {'size': '8'}, {'size': 8.0}, {'size': True}, {'size': 0},
  {'size': 10**30}, {'first': -1}, {'first': 2**63}, {'stream': [0]},
  {'offset': {}}, {'loose': None}, {'loose': 'a'}, {'loose': [3]},
  {'loose': [['a']]}, {'columns': []}, {'columns': {'a': '<f4'}},
  {'columns': {'a': ['<f4']}}, {'columns': {'a': ['float', [2]]}},
  {'columns': {'a': ['O', []]}}, {'columns': {'a': ['<f3', []]}},
  {'columns': {'a': ['<U4', []]}}, {'columns': {'a': [4, []]}},
  {'columns': {'a': ['<f4', 2]}}, {'columns': {'a': ['<f4', [-1]]}},
  {'columns': {'a': ['<f4', ['2']]}}, {'columns': {'a': ['<f4', [2] * 40]}},
  {'columns': {'a': ['<f4', [10**18, 0]]}}, {'run': 'x'}, {'run': 5},
  {'more': 1},
]  # fmt: skip
TEXTS = [b'', b'[]', b'3', b'null', b'{}', b'\xff\xfe', b'[' * 10**5, b'{"a":']
TEXTS += [b'{"size":' + b'[' * 10**4 + b']' * 10**4 + b'}', b'9' * 5000]


def test_the_good_header_is_good():
  assert headers.decode(json.dumps(GOOD).encode()).schema['a'].shape == (2,)


@pytest.mark.parametrize(
  'text', [*(json.dumps(GOOD | x).encode() for x in BAD), *TEXTS]
)
def test_a_header_that_says_something_else_is_skipped(tmp_path, caplog, text):
  paths = write(tmp_path, range(16))
  prefix = PREFIX.pack(b'PDCHUNK\n', 2, zlib.crc32(text), len(text))
  body = prefix + text
  bad = tmp_path / f'{16:015d}.chunk'
  bad.write_bytes(body + bytes(max(0, paths[0].stat().st_size - len(body))))
  assert read(tmp_path) == (runs(range(16)), 16, 1)
  assert says(caplog.text, bad)


@pytest.mark.timeout(10)
def test_what_is_no_file_is_skipped(tmp_path, caplog):
  paths = write(tmp_path, range(32))
  other = paths[3].rename(tmp_path / 'elsewhere')
  paths[3].symlink_to(other)
  os.unlink(paths[2])
  os.mkfifo(paths[2])
  (tmp_path / f'{99:015d}.chunk').mkdir()
  (tmp_path / f'{199:015d}.chunk').symlink_to('/dev/zero')
  assert read(tmp_path) == (runs(range(16)), 16, 4)
  for words in (('pipe', paths[2]), ('link', paths[3]), ('folder',)):
    assert says(caplog.text, *words)
