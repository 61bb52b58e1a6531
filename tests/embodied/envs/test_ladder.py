"""The ladder, by hand and by trying every lane in a copy."""

import copy
import pickle

import numpy as np
import pytest

from embodied import envs
from embodied.envs import ladder
from embodied.errors import UsageError
from tests.naming import naming

RESET = {'action': np.int32(0), 'reset': np.True_}


def go(lane):
  return {'action': np.int32(lane), 'reset': np.False_}


def ride(env, lane):
  """Observations after the choice of `lane`, to the end of the episode."""
  seen = [env.step(go(lane))]
  while not seen[-1]['is_last']:
    seen.append(env.step(go(0)))
  return seen


def test_a_ride_by_hand():
  # Lanes 0 1 2 3 and rungs 1-2, 2-3, 0-1, 2-3. From lane 1 the first rung
  # leads to 2, the second to 3, the third has no effect, the last leads to 2.
  env = ladder.Ladder('4', seed=0, rows=5, lanes=4)
  first = env.step(RESET)
  assert first['is_first'] and first['lane'] == 4 and first['rungs'][4] == 0
  env.rungs = np.array([2, 3, 1, 3, ladder.END], np.int32)
  env.prize = 2
  low = copy.deepcopy(env)
  seen = ride(env, 1)
  assert [int(x['lane']) for x in seen] == [3, 2]
  assert [x['rungs'].tolist() for x in seen] == [
    [3, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
  ]
  assert [float(x['reward']) for x in seen] == [0, 1]
  assert [bool(x['is_terminal']) for x in seen] == [False, True]
  # From 2 the first rung leads to 1, the third to 0.
  assert [int(x['lane']) for x in ride(low, 2)] == [0, 0]
  assert ladder.answer(np.array([2, 3, 1, 3, 0]), 2) == 1
  assert ladder.answer(np.array([2, 3, 1, 3, 0]), 0) == 2


@pytest.mark.parametrize('rows', [1, 3, 4, 6])
def test_one_lane_pays_and_it_is_the_answer(rows):
  env = envs.make_env(f'ladder_{rows}', 0, seed=rows)
  for _ in range(30):
    obs = env.step(RESET)
    rides = [ride(copy.deepcopy(env), lane) for lane in range(4)]
    assert {len(x) for x in rides} == {-(-rows // 3)}
    paid = [float(sum(y['reward'] for y in x)) for x in rides]
    best = ladder.answer(obs['rungs'], int(obs['prize']))
    assert paid == [float(lane == best) for lane in range(4)]
    assert obs['log/rows'] == rows


def test_the_answer_needs_every_row():
  # For every row there is a ladder whose answer depends on it: no row can be
  # left out.
  rng = np.random.default_rng(0)
  changed = np.zeros(6, bool)
  for _ in range(200):
    rungs = rng.integers(1, 4, 6).astype(np.int32)
    for row in range(6):
      other = rungs.copy()
      other[row] = 1 + rungs[row] % 3
      changed[row] |= ladder.answer(rungs, 0) != ladder.answer(other, 0)
  assert changed.all()


def test_mixed_ladders_are_of_every_length_alike():
  env = envs.make_env('ladder_mixed', 0, seed=0, rows=4)
  counts = np.zeros(5)
  for _ in range(2000):
    counts[int(env.step(RESET)['log/rows'])] += 1
  # Binomial with p = 1/4: a deviation of sqrt(2000 * 3/16) = 19.
  assert counts[0] == 0 and abs(counts[1:] - 500).max() < 100


def test_prizes_and_answers_are_on_every_lane_alike():
  env = envs.make_env('ladder_6', 0, seed=0)
  counts = np.zeros((2, 4))
  for _ in range(2000):
    obs = env.step(RESET)
    counts[0, obs['prize']] += 1
    counts[1, ladder.answer(obs['rungs'], int(obs['prize']))] += 1
  assert abs(counts - 500).max() < 100


def test_seed_and_index_fix_the_ladders():
  def boards(index, seed):
    env = envs.make_env('ladder_6', index, seed=seed)
    return np.stack([env.step(RESET)['rungs'] for _ in range(4)])

  np.testing.assert_array_equal(boards(1, 2), boards(1, 2))
  assert (boards(1, 2) != boards(2, 1)).any()
  assert (boards(0, 0) != boards(1, 0)).any()


@pytest.mark.parametrize(
  'twin', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_goes_on_alike_and_alone(twin):
  env = envs.make_env('ladder_mixed', 0, seed=0)
  env.step(RESET)
  other = twin(env)
  for i in range(40):
    left, right = env.step(go(i % 4)), other.step(go(i % 4))
    for key in left:
      np.testing.assert_array_equal(left[key], right[key])
  env.step(RESET)
  left, right = env.step(go(0)), other.step(go(3))
  assert (
    left['lane'] != right['lane'] or (left['rungs'] != right['rungs']).any()
  )


def test_observations_keep_their_values():
  env = ladder.Ladder('6', seed=0)
  obs = env.step(RESET)
  before = obs['rungs'].copy()
  ride(env, 0)
  np.testing.assert_array_equal(obs['rungs'], before)


@pytest.mark.parametrize(
  ('task', 'settings', 'words'),
  [
    ('ladder_7', {}, ["'ladder_7'", 'ladder_1', 'ladder_6']),
    ('ladder_0', {}, ["'ladder_0'", 'ladder_1']),
    ('ladder_x', {}, ["'ladder_x'", 'ladder_mixed']),
    ('ladder_mixed', {'rows': 0}, ['ladder', 'rows', 0, 4]),
    ('ladder_mixed', {'lanes': 1}, ['ladder', 'lanes', 6, 1]),
  ],
)
def test_what_cannot_be_made_is_a_usage_error(task, settings, words):
  with pytest.raises(UsageError, match=naming(*words)):
    envs.make_env(task, 0, seed=0, **settings)
