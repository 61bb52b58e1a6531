"""Values that an environment gives the Gymnasium adapter: of other types, and
such that do not fit."""

import numpy as np
import pytest
from gymnasium import spaces

from embodied.base import SIGNALS
from embodied.errors import ContractError
from tests.embodied.envs.scripted import ONE, Script, adapted, box

FLAT = box((2,), np.float32)


SQUARE = (32, 32, 3)


PICTURE, SHARES = box(SQUARE), box(SQUARE, np.float32, 0, 1)


def test_numbers_of_other_types_are_converted(monkeypatch):
  inner = Script(box((2,), np.float32), ONE, [1, 2.5], np.array([0.25]))
  env = adapted(monkeypatch, inner)
  env.step({'action': np.int32(0), 'reset': True})
  obs = env.step({'action': np.int32(1), 'reset': False})
  assert obs['reward'] == np.float32(0.25) and obs['reward'].shape == ()
  assert obs['vector'].dtype == np.float32
  assert obs['vector'].tolist() == [1, 2.5]


@pytest.mark.parametrize(
  'space, shown, seen',
  [
    (FLAT, (0, 2), [0.0, 2.0]),
    (FLAT, np.array([[0.5, 1.0]]), [0.5, 1.0]),  # an axis too many
    (FLAT, np.array([0.5, 1], object), [0.5, 1.0]),
    (box((), np.float64), [3.0], 3.0),
    (spaces.Discrete(3, start=4), np.float64(5), 1),
    (spaces.Discrete(3), np.array([2]), 2),
    (spaces.MultiBinary(2), [0.0, 1.0], [False, True]),
    (spaces.MultiDiscrete([2, 3]), np.array([1.0, 2.0]), [1, 2]),
    (PICTURE, np.full(SQUARE, 200.0), np.full(SQUARE, 200).tolist()),
    # Slightly out of its bounds: clipped.
    (SHARES, np.full(SQUARE, 1.01), np.full(SQUARE, 255).tolist()),
  ],
)
def test_other_types_and_axes_are_converted(monkeypatch, space, shown, seen):
  env = adapted(monkeypatch, Script(space, ONE, shown))
  obs = env.step({'action': np.int32(0), 'reset': True})
  (key,) = obs.keys() - SIGNALS.keys()
  assert obs[key].tolist() == seen


@pytest.mark.parametrize(
  'space, shown, words',
  [
    (FLAT, [1.0, 2.0, 3.0], ['(3,)', '(2,)']),
    (FLAT, 1.0, ['()', '(2,)']),
    (FLAT, [1.0, np.nan], ['nan']),
    (FLAT, [1.0, None], ['nan']),
    (FLAT, [1.0, np.inf], ['inf']),
    (FLAT, [1.0, 1e6], ['1000000']),
    (FLAT, [1.0, 1e300], ['inf']),
    (FLAT, [1.0, 1j], ['complex']),
    (FLAT, ['a', 'b'], ['<U1']),
    (FLAT, {}, ['()']),
    (spaces.Discrete(3), 3, ['3']),
    (spaces.Discrete(3), 1.5, ['1.5']),
    (spaces.Discrete(3), np.nan, ['nan']),
    (spaces.Discrete(3), {}, ['dict']),
    (spaces.MultiBinary(2), [0, 2], ['2', 'bool']),
    (spaces.MultiBinary(2), [0, 0.5], ['0.5']),
    (spaces.MultiDiscrete([2, 3]), [-1, 0], ['-1']),
    # It would be black, or turn from white to black.
    (PICTURE, np.full(SQUARE, 0.5), ['0.5', 'uint8']),
    (PICTURE, np.full(SQUARE, 256), ['256']),
    (PICTURE, np.full(SQUARE, np.nan), ['nan']),
    (PICTURE, np.zeros((3, 32, 32), np.uint8), ['(3, 32, 32)']),
    (SHARES, np.full(SQUARE, 255, np.uint8), ['255', '1.0']),
    (SHARES, np.full(SQUARE, np.nan), ['nan']),
  ],
)
def test_values_that_do_not_fit_are_named(monkeypatch, space, shown, words):
  inner = Script(space, ONE)
  env = adapted(monkeypatch, inner)
  (key,) = env.obs_space.keys() - SIGNALS.keys()
  env.step({'action': np.int32(0), 'reset': True})
  inner.shown = shown
  with pytest.raises(ContractError) as caught:
    env.step({'action': np.int32(0), 'reset': False})
  told = [*words, f"'{key}'", 'step 1', "'gymnasium_Script-v0'"]
  assert all(x in str(caught.value) for x in told), caught.value
  assert len(str(caught.value)) < 400 and '\n' not in str(caught.value)


@pytest.mark.parametrize(
  'reward', [np.float64(1), [1.0], np.ones((1, 1)), True, np.int8(1)]
)
def test_rewards_of_every_kind(monkeypatch, reward):
  env = adapted(monkeypatch, Script(FLAT, ONE, [0, 0], reward))
  env.step({'action': np.int32(0), 'reset': True})
  obs = env.step({'action': np.int32(0), 'reset': False})
  assert obs['reward'] == 1 and obs['reward'].dtype == np.float32


class Ends(Script):
  """Says this in place of `terminated`."""

  end = True

  def step(self, action):
    obs, reward, _, truncated, info = super().step(action)
    return obs, reward, self.end, truncated, info


@pytest.mark.parametrize(
  'name, value, words',
  [
    ('reward', [1.0, 2.0], ['(2,)']),
    ('reward', np.nan, ['nan']),
    ('reward', 1e300, ['1e+300']),
    ('reward', None, ['object']),
    ('reward', '1', ['<U1']),
    ('terminated', np.nan, ['nan']),
    ('terminated', [True, False], ['(2,)']),
    ('terminated', 0.5, ['0.5']),
    ('terminated', 'no', ['<U2']),
  ],
)
def test_rewards_and_ends_that_do_not_fit(monkeypatch, name, value, words):
  inner = Ends(FLAT, ONE, [0, 0])
  env = adapted(monkeypatch, inner)
  env.step({'action': np.int32(0), 'reset': True})
  setattr(inner, 'reward' if name == 'reward' else 'end', value)
  with pytest.raises(ContractError) as caught:
    env.step({'action': np.int32(0), 'reset': False})
  assert all(x in str(caught.value) for x in (f"'{name}'", 'step 1', *words))


def test_a_part_that_is_missing_is_named(monkeypatch):
  inner = Script(spaces.Dict(a=FLAT, b=FLAT), ONE)
  env = adapted(monkeypatch, inner)
  env.step({'action': np.int32(0), 'reset': True})
  for shown in ({'a': [0, 0]}, None, [0, 0]):
    with pytest.raises(ContractError, match='missing'):
      inner._next = lambda shown=shown: shown
      env.step({'action': np.int32(0), 'reset': False})
