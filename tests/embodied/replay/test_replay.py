"""What can be sampled from a replay, how long, and what it refuses."""

import numpy as np
import pytest

from embodied.replay import Replay
from tests.embodied.replay.steps import files, fill, make_step, windows
from tests.naming import naming


def test_sample_by_hand(tmp_path):
  replay = Replay(4, 100, tmp_path, online=False)
  secret = {'log/secret': np.float32(1)}
  for n in range(3):
    replay.add(make_step(n, first=n == 0) | secret, 0)
  assert len(replay) == 0
  with pytest.raises(RuntimeError, match=naming('window', 4, 'steps')):
    replay.sample(1)
  replay.add(make_step(3, last=True) | secret, 0)
  assert (len(replay), replay.total) == (1, 4)
  data = replay.sample(2)
  assert 'log/secret' not in data
  assert data['stepid'].dtype == np.int64
  assert data['stepid'].tolist() == [[0, 1, 2, 3]] * 2
  assert data['count'].tolist() == [[0, 1, 2, 3]] * 2
  assert data['is_first'].tolist() == [[True, False, False, False]] * 2
  assert data['is_last'].dtype == bool
  assert data['image'].shape == (2, 4, 2, 2, 3)
  assert data['image'][1, 2].tolist() == np.full((2, 2, 3), 2).tolist()
  assert all(x.flags.c_contiguous for x in data.values())
  replay.close()


@pytest.mark.parametrize(
  'length, chunk_size', [(1, 1), (3, 5), (5, 2), (4, 4)]
)
@pytest.mark.parametrize('seed', range(3))
def test_windows_are_those_of_a_plain_list(tmp_path, length, chunk_size, seed):
  """Exactly the windows of streams in plain lists can be sampled, with several
  workers, interrupted episodes, evictions and restarts."""
  rng = np.random.default_rng(seed)
  capacity = 40
  streams, last, known = [], {}, {}

  def open_replay():
    last.clear()
    known.clear()
    return Replay(
      length, capacity, tmp_path, chunk_size=chunk_size, online=False
    )

  def held_windows():
    held = {p.first + i for p in replay._store.chunks for i in range(p.count)}
    runs = [[n for n in s if ids[n] in held] for s in streams]
    return {
      tuple(run[i : i + length])
      for run in runs
      for i in range(len(run) - length + 1)
    }

  replay, ids, number = open_replay(), {}, 0
  for _ in range(4):
    for _ in range(60):
      worker = int(rng.integers(3))
      before = last.get(worker, True)
      first = bool(before or rng.random() < 0.05)  # sometimes too early
      ends = bool(rng.random() < 0.2)
      if worker not in known or (first and not before):
        known[worker] = []
        streams.append(known[worker])
      known[worker].append(number)
      replay.add(make_step(number, worker, first, ends), worker)
      chunk = replay._writers[worker].chunk
      ids[number] = chunk.first + chunk.count - 1
      last[worker] = ends
      number += 1
      want = held_windows()
      assert len(replay) == len(want)
    assert {counts for _, counts in windows(replay)} == want
    replay.close()
    replay = open_replay()
    assert len(replay) == len(held_windows())
    assert {counts for _, counts in windows(replay)} == held_windows()
  assert replay.stats()['chunks'] < 240 / 2  # something was evicted
  replay.close()


def test_context_is_of_the_first_step_alone():
  replay = Replay(5, 100, chunk_size=3, online=False, context=['count'])
  fill(replay, 20)
  data = replay.sample(50)
  assert data['count'].shape == (50, 1)
  assert data['image'].shape == (50, 5, 2, 2, 3)
  # The image of a step contains its number.
  np.testing.assert_array_equal(
    data['image'][:, 0, 0, 0, 0], data['count'][:, 0]
  )
  np.testing.assert_array_equal(data['stepid'][:, 0], data['count'][:, 0])
  assert len(set(data['count'].ravel().tolist())) > 8
  # All steps can be updated.
  ids = data['stepid']
  replay.update(ids, {'count': (ids + 100).astype(np.int32)})
  assert (replay.sample(9)['count'] >= 100).all()
  replay.close()


def test_windows_cross_chunks_and_episodes_but_no_break():
  replay = Replay(5, 100, chunk_size=3, online=False)
  fill(replay, 8, episode=4)  # steps 0 to 7, an episode ends at 3 and 7
  replay.add(make_step(100, first=True), 0)  # after a last step: no break
  replay.add(make_step(200, first=True), 0)  # in mid-episode: a break
  for n in range(201, 206):
    replay.add(make_step(n), 0)
  whole = [0, 1, 2, 3, 4, 5, 6, 7, 100]
  want = {(0, tuple(whole[i : i + 5])) for i in range(5)}
  want |= {(0, tuple(range(200 + i, 205 + i))) for i in range(2)}
  assert windows(replay) == want
  assert len(replay) == 7
  replay.close()


def test_every_window_is_as_likely():
  # 57 + 7 windows of two workers, over chunks full, partly full and empty.
  # Each of 64 windows is drawn 6400 / 64 = 100 times with a deviation of 10.
  replay = Replay(4, 1000, chunk_size=16, online=False, seed=1)
  fill(replay, 60, worker=0)
  fill(replay, 10, worker=1)
  assert len(replay) == 64
  first = replay.sample(6400)['stepid'][:, 0]
  _, counts = np.unique(first, return_counts=True)
  assert len(counts) == 64
  assert 50 < counts.min() and counts.max() < 150
  assert abs((first < 57).mean() - 57 / 64) < 0.02
  replay.close()


def test_seed_decides_what_is_sampled():
  drawn = []
  for seed in (1, 1, 2):
    replay = Replay(4, 1000, seed=seed, online=False)
    fill(replay, 200)
    drawn.append(replay.sample(32)['count'].tolist())
    replay.close()
  assert drawn[0] == drawn[1] != drawn[2]


def test_a_selector_chooses_by_age():
  asked = []

  def newest(count, amount):
    asked.append((count, amount))
    return np.full(amount, count - 1)

  replay = Replay(4, 1000, selector=newest, chunk_size=3, online=False)
  fill(replay, 11)
  assert replay.sample(2)['count'].tolist() == [[7, 8, 9, 10]] * 2
  assert asked == [(8, 2)]
  replay.close()


def test_evicts_the_oldest_chunks_and_their_files(tmp_path):
  replay = Replay(4, 32, tmp_path, chunk_size=4)
  for n in range(100):
    fill(replay, 1, begin=n)
    assert replay.stats()['steps'] == min(n + 1, 32 - (31 - n) % 4)
  assert replay.total == 100
  # Steps 68 to 99 are in eight chunks of four.
  assert files(tmp_path) == [f'{n:015d}.chunk' for n in range(68, 100, 4)]
  starts = {counts[0] for _, counts in windows(replay)}
  assert starts == set(range(68, 97))
  assert replay.stats()['evicted'] == 68
  replay.close()


def test_small_capacity_takes_small_chunks(tmp_path):
  replay = Replay(4, 80, tmp_path, chunk_size=1024)
  fill(replay, 500)
  assert 80 - 10 < replay.stats()['steps'] <= 80
  replay.close()


def test_sample_outlives_the_eviction_of_its_chunks(tmp_path):
  replay = Replay(4, 32, tmp_path, chunk_size=4, online=False)
  fill(replay, 32)
  parts = list(replay._store.parts(2, 4))
  fill(replay, 100, begin=32)
  rows = [x.columns['count'][x.begin : x.end] for x in parts]
  counts = [int(x) for row in rows for x in row]
  assert counts == [2, 3, 4, 5]
  replay.close()


def test_stepids_fit_32_bits_for_a_long_time(tmp_path):
  # Numbers have no gaps, so that accelerators can store them in 32 bits.
  replay = Replay(4, 1000, tmp_path, chunk_size=10)
  fill(replay, 95)
  replay.close()
  replay = Replay(4, 1000, tmp_path, chunk_size=10)
  fill(replay, 5)
  assert replay._writers[0].chunk.first == 100
  replay.close()


@pytest.mark.parametrize(
  'change, words',
  [
    ({'count': np.int64(3)}, ["'count'", 'int64', 'int32']),
    (
      {'image': np.zeros((2, 3, 3), np.uint8)},
      ["'image'", '(2, 3, 3)', '(2, 2, 3)'],
    ),
    ({'extra': np.int32(3)}, ["'extra'", "'worker'"]),
    ({'image': None}, ["Key 'image'", 'missing']),
  ],
)
def test_a_step_of_another_form_is_named(tmp_path, change, words):
  for resumed in (False, True):
    replay = Replay(4, 100, tmp_path)
    if not resumed:
      fill(replay, 5)
    step = {**make_step(5), **change}
    step = {k: v for k, v in step.items() if v is not None}
    with pytest.raises(ValueError, match=naming(*words)):
      replay.add(step, 0)
    assert replay.total == 5
    replay.close()


def test_first_step_needs_its_flags():
  replay = Replay(4, 100)
  step = make_step(0)
  del step['is_last']
  with pytest.raises(ValueError, match=naming("'is_last'")):
    replay.add(step, 0)
  with pytest.raises(ValueError, match=naming("'name'", '<U3')):
    replay.add({**make_step(0), 'name': np.asarray('abc')}, 0)
  fill(replay, 5)  # the wrong steps did not set the schema
  replay.close()


@pytest.mark.parametrize(
  'length, capacity, chunk_size, words',
  [
    (0, 100, 10, ['length', 0]),
    (4, 100, 0, ['chunk_size', 0]),
    (4, 3, 10, ['capacity', 3, 4]),
  ],
)
def test_sizes_must_make_sense(length, capacity, chunk_size, words):
  with pytest.raises(ValueError, match=naming(*words)):
    Replay(length, capacity, chunk_size=chunk_size)
