"""Windows of the newest steps, which come once and before all others."""

import numpy as np

from embodied.replay import Replay
from embodied.streams import Prefetch
from tests.embodied.replay.steps import fill, make_step


def test_fresh_windows_come_once_and_first():
  replay = Replay(
    4, 1000, chunk_size=3, selector=lambda n, k: np.zeros(k, int)
  )
  fill(replay, 13, worker=0)
  fill(replay, 6, worker=1, begin=100)
  starts = replay.sample(6)['count'][:, 0].tolist()
  # Worker 0 has the fresh windows 0, 4, 8, worker 1 has 100. The others come
  # from the selector, which always draws the oldest.
  assert starts == [0, 4, 8, 100, 0, 0]
  assert replay.sample(2)['count'][:, 0].tolist() == [0, 0]
  fill(replay, 2, worker=1, begin=106)
  assert replay.sample(2)['count'][:, 0].tolist() == [104, 0]
  replay.close()


def test_a_report_leaves_the_fresh_windows_alone():
  replay = Replay(4, 1000, selector=lambda n, k: np.full(k, n - 1))
  fill(replay, 12)
  # The fresh windows are 0, 4 and 8. The selector draws the newest, 8.
  starts = replay.sample(4, fresh=False)['count'][:, 0].tolist()
  assert starts == [8, 8, 8, 8]
  assert replay.sample(4)['count'][:, 0].tolist() == [0, 4, 8, 8]
  replay.close()


def test_a_break_starts_the_fresh_window_anew():
  replay = Replay(4, 1000, selector=lambda n, k: np.zeros(k, int))
  fill(replay, 6)
  replay.add(make_step(50, first=True), 0)
  fill(replay, 3, begin=51)
  assert replay.sample(3)['count'][:, 0].tolist() == [0, 50, 0]
  replay.close()


def test_fresh_windows_of_evicted_steps_are_dropped():
  replay = Replay(4, 32, chunk_size=4)
  fill(replay, 200)
  data = replay.sample(50)['count']
  assert data.min() >= 200 - 32
  assert (np.diff(data, axis=1) == 1).all()
  replay.close()


def test_contract_nothing_is_lost_on_the_way_to_the_consumer():
  """Steps of four workers go through add, sample and Prefetch at once. Every
  window has successive steps of one worker, and no step is missing."""
  length, steps, workers = 5, 203, 4
  replay = Replay(length, 10_000, chunk_size=7)
  for n in range(length):
    for worker in range(workers):
      replay.add(make_step(n, worker, first=n == 0), worker)
  stream = Prefetch(lambda: replay.sample(3))
  seen = set()

  def consume():
    data = next(stream)
    for workers, counts in zip(data['worker'], data['count'], strict=True):
      assert len(set(workers.tolist())) == 1
      assert (np.diff(counts) == 1).all()
      seen.update((int(workers[0]), int(x)) for x in counts)

  for n in range(length, steps):
    for worker in range(workers):
      last = n % 11 == 10
      replay.add(make_step(n, worker, n % 11 == 0, last), worker)
    consume()
  for _ in range(100):
    consume()
  stream.close()
  whole = steps // length * length
  want = {(w, n) for w in range(workers) for n in range(whole)}
  assert want <= seen
  assert replay.total == steps * workers
  replay.close()
