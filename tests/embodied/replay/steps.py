"""Steps for tests of the replay."""

import numpy as np


def make_step(count, worker=0, first=False, last=False):
  return {
    'image': np.full((2, 2, 3), count % 256, np.uint8),
    'count': np.int32(count),
    'worker': np.int32(worker),
    'is_first': np.bool_(first),
    'is_last': np.bool_(last),
  }


def fill(replay, steps, worker=0, begin=0, episode=10, make=make_step):
  """Adds steps, with episodes of a length."""
  for n in range(begin, begin + steps):
    first, last = n % episode == 0, n % episode == episode - 1
    replay.add(make(n, worker, first, last), worker)


def windows(replay, draws=64, batch=16):
  """The windows in many draws, as (worker, counts)."""
  seen = set()
  for _ in range(draws):
    data = replay.sample(batch)
    for workers, counts in zip(data['worker'], data['count'], strict=True):
      assert len(set(workers.tolist())) == 1
      seen.add((int(workers[0]), tuple(counts.tolist())))
  return seen


def files(directory):
  return sorted(x.name for x in directory.glob('*.chunk'))
