"""The directory of the replay buffer: restarts, kills, damage, limits."""

import gc
import logging
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.replay import Replay
from embodied.replay.chunk import BLOCK
from tests.embodied.replay.steps import files, fill, make_step, windows
from tests.naming import naming

ROOT = Path(__file__).parents[3]


def test_goes_on_where_it_stopped(tmp_path):
  replay = Replay(4, 64, tmp_path, chunk_size=8)
  for n in range(100):
    for worker in range(2):
      fill(replay, 1, worker, begin=n)
  before = windows(replay, 200)
  replay.close()
  replay = Replay(4, 64, tmp_path, chunk_size=8)
  assert replay.total == 200
  assert windows(replay, 200) == before
  assert len(replay) == len(before)
  fill(replay, 4, worker=0, begin=100)
  # A new process starts a new stream: no window has steps of both.
  new = {w for w in windows(replay, 200) if w not in before}
  assert new == {(0, (100, 101, 102, 103))}
  assert replay.total == 204
  replay.close()


# The newest chunk is never deleted: it holds the total number of steps.
@pytest.mark.parametrize('steps, capacity, held', [(100, 30, 28), (104, 5, 8)])
def test_goes_on_with_a_smaller_capacity(tmp_path, steps, capacity, held):
  replay = Replay(4, 1000, tmp_path, chunk_size=8)
  fill(replay, steps)
  replay.close()
  replay = Replay(4, capacity, tmp_path, chunk_size=8, online=False)
  assert replay.stats()['steps'] == held
  assert (replay.total, len(replay)) == (steps, held - 3)
  starts = range(steps - held, steps - 3)
  assert windows(replay) == {(0, tuple(range(i, i + 4))) for i in starts}
  fill(replay, 60, begin=steps)
  assert replay.total == steps + 60
  assert replay.stats()['steps'] <= capacity + 3
  replay.close()


def test_a_chunk_that_is_being_written_is_not_evicted(tmp_path):
  replay = Replay(2, 16, tmp_path, chunk_size=2, online=False)
  fill(replay, 1)
  fill(replay, 40, worker=1)
  assert replay.stats()['steps'] == 41
  fill(replay, 3, begin=1)
  # Its worker has left it, so the limit holds again.
  assert replay.stats()['steps'] <= 16
  assert (0, (2, 3)) in windows(replay)
  replay.close()


KILLED = """
  from embodied.replay import Replay
  from tests.embodied.replay.steps import files, fill, make_step, windows
  replay = Replay(4, 10_000, {directory!r}, chunk_size=16)
  for n in range(10**9):
    for worker in range(3):
      replay.add(make_step(n, worker, n == 0), worker)
      print(replay.total, flush=True)
"""


@pytest.mark.parametrize('after', [1, 50, 700])
def test_kill_loses_no_finished_step(tmp_path, after):
  code = KILLED.format(directory=str(tmp_path))
  with subprocess.Popen(
    [sys.executable, '-c', textwrap.dedent(code)],
    stdout=subprocess.PIPE,
    cwd=ROOT,
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
  ) as child:
    for _ in range(after):
      child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    finished = child.stdout.read().split(b'\n')[-2:-1] or [after]
  assert child.returncode == -signal.SIGKILL
  finished = int(finished[0])

  replay = Replay(4, 10_000, tmp_path, chunk_size=16, online=False)
  # The step that was being written may be there, but not in part.
  assert finished <= replay.total <= finished + 1
  assert replay.stats()['steps'] == replay.total
  held = sorted(
    (int(n), int(w))
    for chunk in replay._store.chunks
    for n, w in zip(
      chunk.columns()['count'][: chunk.count],
      chunk.columns()['worker'][: chunk.count],
      strict=True,
    )
  )
  assert held == [(i // 3, i % 3) for i in range(replay.total)]
  if len(replay):
    for _, counts in windows(replay):
      assert counts == tuple(range(counts[0], counts[0] + 4))
    data = replay.sample(64)
    assert (data['image'] == data['count'][..., None, None, None] % 256).all()
  replay.close()


def test_keeps_few_files_open(tmp_path):
  replay = Replay(4, 1000, tmp_path, chunk_size=4, online=False)
  replay._store._map_limit = 5
  fill(replay, 400)
  gc.collect()
  before = len(os.listdir('/dev/fd'))
  assert len(windows(replay, 300)) == 397
  assert len(os.listdir('/dev/fd')) <= before + 5
  assert replay._store.chunks[-1].live
  replay.close()
  assert len(os.listdir('/dev/fd')) < before


def test_may_hold_more_chunks_than_the_soft_limit_of_files(tmp_path):
  soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
  if hard < 1000:
    pytest.skip('this system allows few open files')
  try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    replay = Replay(2, 10**4, tmp_path, chunk_size=2, online=False)
    fill(replay, 800)
    assert len(windows(replay, 400)) == 799
    replay.close()
  finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_one_process_at_a_time(tmp_path):
  replay = Replay(4, 100, tmp_path)
  with pytest.raises(
    UsageError, match=naming(tmp_path, 'process', os.getpid())
  ):
    Replay(4, 100, tmp_path)
  replay.close()
  with pytest.raises(RuntimeError, match=naming('replay', 'closed')):
    fill(replay, 1)
  again = Replay(4, 100, tmp_path)
  fill(again, 5)
  del again  # releases the lock without a close
  gc.collect()
  Replay(4, 100, tmp_path).close()


def test_temporary_directory_goes_away():
  replay = Replay(4, 100)
  fill(replay, 10)
  directory = replay._store.folder.path
  assert directory.exists()
  replay.close()
  assert not directory.exists()


def test_processes_are_never_mixed(tmp_path):
  # Four processes with one worker, each with 12 steps in two chunks of 8.
  want = set()
  for process in range(4):
    replay = Replay(4, 1000, tmp_path, chunk_size=8, online=False)
    assert windows(replay) == want if want else len(replay) == 0
    begin = 100 * process
    fill(replay, 12, begin=begin)
    want |= {(0, tuple(range(i, i + 4))) for i in range(begin, begin + 9)}
    assert len(replay) == len(want) == 9 * (process + 1)
    replay.close()


def test_steps_that_a_power_cut_took_leave_a_gap(tmp_path):
  replay = Replay(4, 1000, tmp_path, chunk_size=8)
  fill(replay, 5)
  path = tmp_path / files(tmp_path)[0]
  older = path.read_bytes()[:BLOCK]
  fill(replay, 11, begin=5)
  replay.close()
  # The disk has the second chunk, and an older header of the first.
  with path.open('r+b') as file:
    file.write(older)
  replay = Replay(4, 1000, tmp_path, chunk_size=8, online=False)
  want = {tuple(range(i, i + 4)) for i in (0, 1, 8, 9, 10, 11, 12)}
  assert {counts for _, counts in windows(replay)} == want
  assert len(replay) == len(want)
  replay.close()


def test_damaged_files_are_skipped_and_named(tmp_path, caplog):
  replay = Replay(4, 1000, tmp_path, chunk_size=8)
  fill(replay, 48)  # six chunks
  replay.close()
  names = files(tmp_path)
  os.truncate(tmp_path / names[1], 5000)
  (tmp_path / names[4]).write_bytes(b'not a chunk')
  flipped = bytearray((tmp_path / names[5]).read_bytes())
  flipped[BLOCK + 20] ^= 4  # in the second picture
  (tmp_path / names[5]).write_bytes(flipped)
  (tmp_path / 'notes.txt').write_text('left alone')
  with caplog.at_level(logging.WARNING, 'embodied'):
    replay = Replay(4, 1000, tmp_path, chunk_size=8, online=False)
  # Headers are read at the start, columns when they are used.
  assert replay.stats()['skipped_files'] == 2
  assert len(replay) == 5 + 13 + 5
  # Steps 0 to 7, and 16 to 31 across the border at 24.
  want = {tuple(range(i, i + 4)) for i in [*range(5), *range(16, 29)]}
  assert {counts for _, counts in windows(replay)} == want
  assert len(replay) == len(want)
  stats = replay.stats()
  assert (stats['skipped_files'], stats['steps']) == (3, 24)
  for name in (names[1], names[4], names[5]):
    assert caplog.text.count(name) == 1
  fill(replay, 8, begin=50)  # does not overwrite the damaged file
  assert (tmp_path / names[4]).read_bytes() == b'not a chunk'
  assert tuple(range(50, 54)) in {c for _, c in windows(replay, 200)}
  replay.close()


@pytest.mark.parametrize('priority', [0.0, 0.5])
def test_no_window_reaches_into_a_damaged_chunk(tmp_path, priority):
  replay = Replay(12, 1000, tmp_path, chunk_size=8)
  fill(replay, 48)
  replay.close()
  path = tmp_path / files(tmp_path)[3]
  flipped = bytearray(path.read_bytes())
  flipped[BLOCK + 20] ^= 4
  path.write_bytes(flipped)
  replay = Replay(12, 1000, tmp_path, chunk_size=8, priority=priority)
  assert len(replay) == 48 - 11
  # Steps 0 to 23 and 32 to 47.
  want = {tuple(range(i, i + 12)) for i in [*range(13), *range(32, 37)]}
  assert {counts for _, counts in windows(replay)} == want
  assert len(replay) == len(want)
  assert replay.stats()['steps'] == 40 and replay.total == 48
  assert path.exists()
  replay.close()


def test_chunk_without_a_step_leaves_no_trace(tmp_path):
  replay = Replay(4, 1000, tmp_path, chunk_size=8)
  fill(replay, 8)
  replay._store.extend(replay._writers[0].chunk)  # the process is killed here
  replay.close()
  assert len(files(tmp_path)) == 2
  replay = Replay(4, 1000, tmp_path, chunk_size=8)
  assert len(files(tmp_path)) == 1
  assert len(replay) == 5
  fill(replay, 8)
  assert len(replay) == 10
  replay.close()


def test_full_disk_is_said_and_survived(tmp_path, monkeypatch):
  replay = Replay(4, 1000, tmp_path)
  fill(replay, 5)

  def full(fd, data, offset):
    raise OSError(28, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr('embodied.replay.chunk.os.pwrite', full)
    with pytest.raises(OSError, match=naming('disk', '--replay.capacity')):
      fill(replay, 1, begin=5)
  assert (replay.total, len(replay)) == (5, 2)
  fill(replay, 1, begin=5)
  want = {(0, tuple(range(i, i + 4))) for i in range(3)}
  assert windows(replay) == want
  replay.close()


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_what_is_held_may_be_larger_than_the_memory(tmp_path):
  def memory():
    """KiB of memory that no file backs, so that it cannot be dropped."""
    text = Path('/proc/self/status').read_text()
    return int(text.split('RssAnon:')[1].split()[0])

  replay = Replay(5, 10000, tmp_path, chunk_size=256)
  step = make_step(0) | {'image': np.zeros((64, 64, 3), np.uint8)}
  before = memory()
  for _ in range(8000):
    replay.add(step, 0)
  for _ in range(100):
    replay.sample(16)
  held = sum(x.stat().st_size for x in tmp_path.glob('*.chunk'))
  assert held > 90 * 2**20
  assert memory() - before < 15 * 2**10
  replay.close()
