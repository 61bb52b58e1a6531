import numpy as np
import pytest

from embodied.log.metrics import Episodes, Metrics
from tests.naming import naming


def test_means_by_hand():
  metrics = Metrics()
  metrics.add({'loss': 1.0, 'depth': np.float32(3)})
  metrics.add({'loss': np.asarray(4)}, prefix='')
  metrics.add({'loss': 7}, prefix='train')
  result = metrics.result()
  assert result == {'loss': 2.5, 'depth': 3.0, 'train/loss': 7.0}
  assert all(type(x) is float for x in result.values())


def test_starts_over_after_a_result():
  metrics = Metrics()
  metrics.add({'loss': 1.0})
  metrics.result()
  assert metrics.result() == {}
  metrics.add({'loss': 5.0})
  assert metrics.result() == {'loss': 5.0}
  metrics.add({'loss': 5.0})
  metrics.reset()
  assert metrics.result() == {}


def test_nan_and_infinity_stay_visible():
  metrics = Metrics()
  for value in (1.0, np.nan, 2.0):
    metrics.add({'nan': value, 'inf': np.inf if value == 1.0 else 0.0})
  result = metrics.result()
  assert np.isnan(result['nan']) and np.isinf(result['inf'])


def test_arrays_are_averaged_by_element():
  metrics = Metrics()
  metrics.add({'p': np.array([1.0, 0.0], np.float16)})
  metrics.add({'p': np.array([0.5, 0.5], np.float16)})
  result = metrics.result()['p']
  assert result.dtype == np.float64
  np.testing.assert_array_equal(result, [0.75, 0.25])


def test_does_not_keep_the_callers_array():
  metrics, value = Metrics(), np.array([1.0])
  metrics.add({'p': value})
  value[0] = 9.0
  metrics.add({'p': np.array([3.0])})
  np.testing.assert_array_equal(metrics.result()['p'], [2.0])


def test_changed_shape_is_named():
  metrics = Metrics()
  metrics.add({'p': [1, 2]})
  with pytest.raises(ValueError, match=naming("'p'", '(3,)', '(2,)')):
    metrics.add({'p': [1, 2, 3]})


def transition(reward=0.0, first=False, last=False, **log):
  return {
    'image': np.zeros((2, 2, 3), np.uint8),
    'reward': np.float32(reward),
    'is_first': np.bool_(first),
    'is_last': np.bool_(last),
    **{f'log/{k}': np.float32(v) for k, v in log.items()},
  }


def test_episode_by_hand():
  episodes = Episodes()
  steps = [
    transition(0.0, first=True, health=-3),
    transition(1.5, health=-1),
    transition(-0.5, last=True, health=-2),
  ]
  results = [episodes.add(step, 0) for step in steps]
  assert results[:2] == [None, None]
  # Three observations, two actions; the first value is not beaten by zero.
  assert results[2] == {
    'score': 1.0,
    'length': 2.0,
    'log/health/max': -1.0,
    'log/health/sum': -6.0,
    'log/health/last': -2.0,
  }


def test_workers_are_kept_apart_and_episodes_too():
  episodes = Episodes()
  finished = []
  for n in range(5):
    for worker in range(2):
      first, last = n % 3 == 0, n % 3 == 2
      step = transition(1.0 + worker, first, last, kills=n)
      finished.append(episodes.add(step, worker))
  results = [x for x in finished if x]
  assert [x['score'] for x in results] == [3.0, 6.0]
  assert [x['log/kills/max'] for x in results] == [2.0, 2.0]
  last = [episodes.add(transition(5.0, last=True, kills=0), w) for w in (0, 1)]
  # Worker 0 had steps 3 and 4 with a reward of 1 each, worker 1 of 2 each.
  assert [x['score'] for x in last] == [7.0, 9.0]
  assert [x['length'] for x in last] == [2.0, 2.0]


def test_broken_episode_is_forgotten():
  episodes = Episodes()
  episodes.add(transition(first=True), 0)
  episodes.add(transition(100.0), 0)
  episodes.add(transition(first=True), 0)  # the environment was restarted
  result = episodes.add(transition(1.0, last=True), 0)
  assert result == {'score': 1.0, 'length': 1.0}
