"""Latents that training writes back into a replay."""

import functools
import sys
import threading

import numpy as np
import pytest

from embodied.replay import Replay
from tests.embodied.replay import steps
from tests.naming import naming


def make_step(*args):
  return steps.make_step(*args) | {
    'dyn/deter': np.full(4, -1, np.float16),
    'dyn/stoch': np.full(2, 255, np.uint8),
  }


fill = functools.partial(steps.fill, make=make_step)


def test_update_writes_back_across_chunks_and_processes(tmp_path):
  replay = Replay(6, 1000, tmp_path, chunk_size=4)
  fill(replay, 30)
  data = replay.sample(5)
  ids, counts = data['stepid'][:, 1:], data['count'][:, 1:]
  deter = np.repeat(counts[..., None], 4, -1).astype(np.float16)
  stoch = np.repeat(counts[..., None], 2, -1).astype(np.uint8)
  replay.update(ids, {'dyn/deter': deter, 'dyn/stoch': stoch})
  assert replay.stats()['updated'] == 25
  touched = counts.ravel()
  for _ in range(2):
    for _ in range(20):
      data = replay.sample(16)
      hit = np.isin(data['count'], touched)
      for key, old in (('dyn/deter', -1), ('dyn/stoch', 255)):
        want = np.where(hit, data['count'], old)[..., None]
        assert (data[key] == want).all()
      assert (data['image'][..., 0, 0, 0] == data['count']).all()
    replay.close()
    replay = Replay(6, 1000, tmp_path, chunk_size=9)  # another size
  replay.close()


def test_update_leaves_out_what_was_evicted():
  replay = Replay(8, 32, chunk_size=4, selector=lambda n, k: np.zeros(k, int))
  fill(replay, 32)
  ids = replay.sample(1)['stepid']
  fill(replay, 4, begin=32)  # evicts steps 0 to 3
  deter = np.arange(8, dtype=np.float16)[None, :, None].repeat(4, -1)
  replay.update(ids, {'dyn/deter': deter})
  data = replay.sample(8)
  got = dict(
    zip(
      data['count'].ravel().tolist(),
      data['dyn/deter'][..., 0].ravel().tolist(),
      strict=True,
    )
  )
  assert [got[n] for n in range(4, 10)] == [4, 5, 6, 7, -1, -1]
  fill(replay, 100, begin=36)
  replay.update(ids, {'dyn/deter': deter})
  assert (replay.sample(50)['dyn/deter'] == -1).all()
  replay.close()


@pytest.mark.parametrize(
  'key, value, words',
  [
    ('dyn/other', np.zeros((1, 4, 4)), ["'dyn/other'"]),
    ('dyn/deter', np.zeros((1, 4, 4), np.float32), ['float32', 'float16']),
    ('dyn/deter', np.zeros((1, 3, 4), np.float16), ['(1, 3, 4)', '(1, 4, 4)']),
    ('dyn/deter', np.zeros((1, 4, 5), np.float16), ['(1, 4, 5)', '(1, 4, 4)']),
  ],
)
def test_update_of_another_form_is_named(key, value, words):
  replay = Replay(4, 100)
  fill(replay, 10)
  ids = replay.sample(1)['stepid']
  with pytest.raises(ValueError, match=naming(f"'{key}'", *words)):
    replay.update(ids, {key: value})
  replay.close()


def test_update_of_scattered_steps_is_refused():
  replay = Replay(4, 100)
  fill(replay, 10)
  ids = replay.sample(1)['stepid'][:, ::-1]
  with pytest.raises(ValueError, match=naming('stepid', '[3, 2, 1, 0]')):
    replay.update(ids, {'dyn/deter': np.zeros((1, 4, 4), np.float16)})
  replay.close()


def test_threads_see_whole_steps_and_whole_updates():
  """One thread adds and evicts, two update, one samples. In every window deter
  and stoch come from the same update."""
  before = sys.getswitchinterval()
  sys.setswitchinterval(1e-6)
  replay = Replay(6, 200, chunk_size=8)
  fill(replay, 50)
  stop = threading.Event()
  errors = []

  def update():
    rng = np.random.default_rng(0)
    try:
      while not stop.is_set():
        data = replay.sample(4)
        mark = rng.integers(0, 200, (4, 1, 1)) * np.ones((1, 6, 1))
        values = {
          'dyn/deter': np.repeat(mark, 4, -1).astype(np.float16),
          'dyn/stoch': np.repeat(mark, 2, -1).astype(np.uint8),
        }
        replay.update(data['stepid'], values)
    except Exception as error:
      errors.append(error)

  def check():
    try:
      while not stop.is_set():
        data = replay.sample(4)
        assert (np.diff(data['count'], axis=1) == 1).all()
        deter, stoch = data['dyn/deter'], data['dyn/stoch']
        assert (deter == deter[..., :1]).all()
        fresh = deter[..., 0] < 0
        assert (stoch[..., 0] == np.where(fresh, 255, deter[..., 0])).all()
    except Exception as error:
      errors.append(error)

  threads = [threading.Thread(target=x) for x in (update, update, check)]
  for thread in threads:
    thread.start()
  fill(replay, 3000, begin=50)
  stop.set()
  for thread in threads:
    thread.join(20)
  sys.setswitchinterval(before)
  assert not errors
  assert replay.stats()['steps'] <= 200
  replay.close()
