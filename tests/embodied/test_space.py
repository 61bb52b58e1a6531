"""Bounds, classes, roles and samples of spaces."""

import pickle

import numpy as np
import pytest

from embodied.space import Space
from tests.naming import naming


def test_integer_high_is_exclusive_and_float_high_is_not():
  integers = Space(np.int32, (), 0, 5)
  assert integers.contains(np.int32(4)) and not integers.contains(np.int32(5))
  assert integers.contains(np.int32(0)) and not integers.contains(np.int32(-1))
  floats = Space(np.float32, (), -1, 1)
  assert floats.contains(np.float32(1)) and floats.contains(np.float32(-1))
  assert not floats.contains(np.float32(1.001))


def test_classes_are_counted_per_element():
  space = Space(np.int32, (3,), 0, [2, 3, 5])
  assert space.discrete
  assert space.classes.tolist() == [2, 3, 5]
  # Values -1, 0, 1, 2 are four classes.
  assert Space(np.int64, (), -1, 3).classes == 4
  assert Space(bool, (2,)).classes.tolist() == [2, 2]


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_pictures_and_floats_have_no_classes(dtype):
  space = Space(dtype, (4, 4, 3))
  assert not space.discrete
  with pytest.raises(
    ValueError, match=naming('Space', 'classes', np.dtype(dtype).name)
  ):
    _ = space.classes


@pytest.mark.parametrize(
  ('space', 'role'),
  [
    (Space(np.uint8, (8, 8, 3)), 'image'),
    (Space(np.uint8, (8, 8)), 'number'),
    (Space(np.int32, (8, 8, 3)), 'number'),
    (Space(np.uint8, (), 0, 2), 'number'),
    (Space(bool, (4,)), 'flag'),
    (Space(np.int32, (3,), 0, [2, 3, 256]), 'class'),
    (Space(np.int32, (3,), 0, [2, 3, 257]), 'number'),
    (Space(np.int8), 'class'),
    (Space(np.int64), 'number'),
    (Space(np.uint64), 'number'),
    (Space(np.float32, (3,), 0, 1), 'number'),
  ],
)
def test_the_role_follows_from_the_other_arguments(space, role):
  assert space.role == role
  again = Space(space.dtype, space.shape, space.low, space.high, role)
  assert again == space


def test_a_role_is_part_of_the_space():
  mask, flag = Space(bool, (4,), role='mask'), Space(bool, (4,))
  assert mask.role == 'mask' and mask != flag
  assert hash(mask) != hash(flag)
  assert pickle.loads(pickle.dumps(mask)) == mask
  assert Space(np.int32, (), 0, 1000, role='class').role == 'class'
  assert Space(np.uint8, (8, 8, 3), role='hidden').role == 'hidden'


@pytest.mark.parametrize(
  ('role', 'dtype', 'shape'),
  [
    ('image', np.uint8, (8, 8)),
    ('image', np.float32, (8, 8, 3)),
    ('class', np.float32, ()),
    ('class', np.uint8, ()),
    ('flag', np.int32, ()),
    ('mask', np.float32, (4,)),
    ('token', np.int32, ()),
  ],
)
def test_a_role_has_to_fit_the_array(role, dtype, shape):
  with pytest.raises(ValueError, match=naming(f"'{role}'", *shape)):
    Space(dtype, shape, role=role)


def test_default_bounds_are_those_of_the_dtype():
  picture = Space(np.uint8, (2, 2, 3))
  assert picture.low.min() == 0 and picture.high.max() == 256
  assert picture.contains(np.full((2, 2, 3), 255, np.uint8))
  assert Space(bool).high == 2
  assert Space(np.float32).low == -np.inf and Space(np.float32).high == np.inf
  for dtype in (np.int8, np.int32, np.int64, np.uint32, np.uint64):
    assert Space(dtype).contains(np.zeros((), dtype))


def test_contains_wants_dtype_shape_and_no_nan():
  space = Space(np.float32, (2,))
  assert space.contains(np.array([1, -1e30], np.float32))
  assert not space.contains(np.array([1, np.nan], np.float32))
  assert not space.contains(np.array([1, 2], np.float64))
  assert not space.contains(np.array([1], np.float32))
  assert not Space(np.int32, (), 0, 5).contains(3)


def test_samples_lie_inside_and_reach_everything():
  rng = np.random.default_rng(0)
  space = Space(np.int32, (2,), 0, [2, 3])
  draws = np.stack([space.sample(rng) for _ in range(100)])
  assert all(space.contains(x) for x in draws)
  assert {tuple(x) for x in draws.tolist()} == {
    (a, b) for a in range(2) for b in range(3)
  }
  space = Space(np.float32, (4,), [-1, 0, -np.inf, -np.inf], [1, np.inf, 0, 9])
  draws = np.stack([space.sample(rng) for _ in range(500)])
  assert all(space.contains(x) for x in draws)
  # Means: uniform on [-1, 1]: 0; exponential from its bound: 1, -1, 8. Their
  # standard errors are at most 1 / sqrt(500) = 0.045.
  np.testing.assert_allclose(draws.mean(0), [0, 1, -1, 8], atol=0.2)
  normal = np.stack([Space(np.float32).sample(rng) for _ in range(500)])
  assert abs(normal.mean()) < 0.2 and 0.8 < normal.std() < 1.2


def test_equal_by_value_and_through_pickle():
  space = Space(np.int32, (2,), 0, [2, 3])
  assert space == Space('int32', (2,), [0, 0], [2, 3])
  assert hash(space) == hash(Space('int32', (2,), [0, 0], [2, 3]))
  assert space != Space(np.int32, (2,), 0, [2, 4])
  assert space != Space(np.int64, (2,), 0, [2, 3])
  assert space != Space(np.int32, (1, 2), 0, [2, 3])
  assert pickle.loads(pickle.dumps(space)) == space
  assert repr(space) == (
    "Space(int32, (2,), low=0, high=[2, 3], role='class')"
  )


def test_nothing_can_be_changed():
  high = np.array([2, 3])
  space = Space(np.int32, (2,), 0, high)
  high[0] = 9
  assert space.high.tolist() == [2, 3]
  with pytest.raises(ValueError):
    space.high[0] = 7
  with pytest.raises(AttributeError):
    space.shape = (3,)


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    ((object,), ['bool', 'integers', 'floats', 'object']),
    ((np.float32, (2,), [0, 0, 0]), ['(3,)', '(2,)']),
    ((np.int32, (), 3, 3), [3, 'int32']),
    ((np.float32, (), 3, 2), [3, 2, 'float32']),
  ],
)
def test_bad_spaces_are_refused(args, words):
  with pytest.raises(ValueError, match=naming(*words)):
    Space(*args)
