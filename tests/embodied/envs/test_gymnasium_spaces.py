"""Spaces that the Gymnasium adapter takes: pictures, texts, nested ones."""

import numpy as np
import pytest
from gymnasium import spaces

from embodied.errors import UsageError
from embodied.space import Space
from tests.embodied.envs.scripted import ONE, Script, adapted, box


@pytest.mark.parametrize(
  'space, shape',
  [
    (box((64, 48, 3)), (64, 48, 3)),
    (box((3, 64, 48)), (64, 48, 3)),
    (box((4, 84, 84)), (84, 84, 4)),  # frames, as Gymnasium stacks them
    (box((84, 84)), (84, 84, 1)),
    (box((96, 96, 4)), (96, 96, 4)),
    (box((4, 40, 32, 3)), (40, 32, 12)),
    (box((2, 3, 40, 32)), (40, 32, 6)),
    (box((7, 7, 3)), (7, 7, 3)),
    (box((32, 32, 3), np.float32, 0, 1), (32, 32, 3)),
    (box((3, 32, 32), np.float64, -1, 1), (32, 32, 3)),
    (box((32, 40), np.uint16, 0, 65535), (32, 40, 1)),  # such as depth
    (box((32, 32, 3), np.int64, 0, 255), (32, 32, 3)),
  ],
)
def test_pictures_of_any_layout(monkeypatch, space, shape):
  # Every pixel has its own value, so that a wrong turn of the axes shows.
  rng = np.random.default_rng(0)
  if space.dtype == np.uint8:
    shown = rng.integers(0, 256, space.shape, np.uint8)
    wanted = shown
  else:
    low, high = float(space.low.min()), float(space.high.max())
    wanted = rng.integers(0, 256, space.shape, np.uint8)
    shown = wanted / 255 * (high - low) + low
    shown = (np.rint(shown) if space.dtype.kind in 'iu' else shown).astype(
      space.dtype
    )
  env = adapted(monkeypatch, Script(space, ONE, shown))
  assert env.obs_space['image'] == Space(np.uint8, shape)
  seen = env.step({'action': np.int32(0), 'reset': True})['image']
  if wanted.ndim == 2:
    wanted = wanted[..., None]
  if wanted.ndim == 4:
    frames = list(wanted)
    if frames[0].shape[0] == 3:
      frames = [np.moveaxis(x, 0, -1) for x in frames]
    wanted = np.concatenate(frames, -1)
  if wanted.shape != shape:
    wanted = np.moveaxis(wanted, 0, -1)
  np.testing.assert_array_equal(seen, wanted)


@pytest.mark.parametrize(
  'space',
  [
    box((64, 64), np.float32, -np.inf, np.inf),  # no bounds to scale from
    box((8, 8)),  # a board
    box((5, 5, 5), np.float32, 0, 1),
    box((64, 64, 64), np.float32, 0, 1),  # a volume
    box((32, 32), np.int64, 0, 10),  # a large board
    box((32, 32, 3), np.int32, -(2**31), 2**31 - 1),
  ],
)
def test_other_arrays_are_no_pictures(monkeypatch, space):
  env = adapted(monkeypatch, Script(space, ONE))
  assert env.obs_space['vector'].shape == space.shape


def test_channels_first_are_said_once(monkeypatch, caplog):
  caplog.set_level('INFO')
  for _ in range(2):
    adapted(monkeypatch, Script(box((3, 45, 39)), ONE))
  (record,) = caplog.records
  assert '(3, 45, 39)' in record.message and 'channels first' in record.message


@pytest.mark.parametrize('channels', [1, 3, 4, 5])
def test_pictures_are_resized_by_area(monkeypatch, channels):
  # 8x8 squares of one value each, shrunk by 8: exactly these values.
  rng = np.random.default_rng(0)
  small = rng.integers(0, 256, (8, 8, channels), np.uint8)
  shown = small.repeat(8, 0).repeat(8, 1)
  inner = Script(box(shown.shape), ONE, shown)
  env = adapted(monkeypatch, inner, size=8)
  assert env.obs_space['image'] == Space(np.uint8, (8, 8, channels))
  seen = env.step({'action': np.int32(0), 'reset': True})['image']
  np.testing.assert_array_equal(seen, small)
  # Means of areas: a mean is kept wherever the borders of the areas lie.
  env = adapted(monkeypatch, Script(box(shown.shape), ONE, shown), size=24)
  seen = env.step({'action': np.int32(0), 'reset': True})['image']
  assert abs(seen.mean() - shown.mean()) < 0.6


def test_nested_spaces_of_every_kind(monkeypatch):
  space = spaces.Tuple(
    [
      spaces.MultiBinary(3),
      spaces.Dict(a=spaces.Discrete(4, start=2), b=box((2,), np.float32)),
    ]
  )
  shown = (np.array([1, 0, 1], np.int8), {'a': 5, 'b': [0.5, 2.0]})
  action = spaces.Dict(
    {
      'move': spaces.Discrete(3, start=-1),
      'push': spaces.Box(-2, 2, (2,), np.float64),
      'flags': spaces.Tuple([spaces.MultiBinary(2), spaces.Discrete(5)]),
    }
  )
  inner = Script(space, action, shown)
  env = adapted(monkeypatch, inner)
  acts = {k: v for k, v in env.act_space.items() if k != 'reset'}
  assert set(acts) == {
    'action.move', 'action.push', 'action.flags.0', 'action.flags.1',
  }  # fmt: skip
  assert acts['action.flags.0'] == Space(np.int32, (2,), 0, 2)
  zeros = {k: np.zeros(v.shape, v.dtype) for k, v in acts.items()}
  obs = env.step({**zeros, 'reset': True})
  assert obs['0'].tolist() == [True, False, True]
  assert obs['1.a'] == 3 and obs['1.b'].tolist() == [0.5, 2.0]
  env.step(
    {
      'action.move': np.int32(2),
      'action.push': np.float32([1, -0.5]),
      'action.flags.0': np.array([0, 1], np.int32),
      'action.flags.1': np.int32(4),
      'reset': False,
    }
  )
  received = inner.received[-1]
  assert action.contains(received), received
  assert received['move'] == 1 and received['push'].tolist() == [2, -1]
  assert received['flags'][0].tolist() == [0, 1]
  assert received['flags'][1] == 4


@pytest.mark.parametrize(
  'space',
  [
    spaces.OneOf([spaces.Discrete(2), spaces.Discrete(3)]),
    spaces.Sequence(spaces.Discrete(2)),
    spaces.Graph(spaces.Discrete(2), None),
  ],
)
def test_spaces_of_no_fixed_shape_are_refused(monkeypatch, space):
  with pytest.raises(UsageError, match=type(space).__name__):
    adapted(monkeypatch, Script(space, ONE))
  with pytest.raises(UsageError, match=type(space).__name__):
    adapted(monkeypatch, Script(ONE, space))


def test_symbols_are_classes(monkeypatch):
  shown = np.full((7, 7, 3), 10, np.uint8)
  inner = Script(box((7, 7, 3)), ONE, shown)
  env = adapted(monkeypatch, inner, classes=['image=11'])
  assert env.obs_space['image'] == Space(np.int32, (7, 7, 3), 0, 11)
  assert env.step({'action': np.int32(0), 'reset': True})['image'].max() == 10
  inner.shown = np.full((7, 7, 3), 11, np.uint8)
  with pytest.raises(ValueError, match="'image'"):
    env.step({'action': np.int32(0), 'reset': False})


@pytest.mark.parametrize(
  'shown, size, seen',
  [
    ('go', 4, [103, 111, 0, 0]),
    ('', 3, [0, 0, 0]),
    ('house', 3, list(b'hou')),
    # A character of two bytes is not cut in two.
    ('a\u00e4', 2, [97, 0]),
    ('a\u00e4', 3, [97, 0xC3, 0xA4]),
    ('a\ud800', 4, [97, 63, 0, 0]),  # half of a pair: no character
  ],
)
def test_texts_are_bytes(monkeypatch, shown, size, seen):
  env = adapted(monkeypatch, Script(spaces.Text(99), ONE, shown), text=size)
  assert env.obs_space['text'] == Space(np.uint8, (size,), role='text')
  found = env.step({'action': np.int32(0), 'reset': True})['text']
  assert found.tolist() == seen


def test_a_text_in_a_dict_keeps_its_key(monkeypatch):
  space = spaces.Dict(mission=spaces.Text(9), speed=box((1,), np.float32))
  shown = {'mission': 'go', 'speed': [1.0]}
  inner = Script(space, ONE, shown)
  env = adapted(monkeypatch, inner)
  assert env.obs_space['mission'].role == 'text'
  env.step({'action': np.int32(0), 'reset': True})
  inner.shown = shown | {'mission': 7}
  with pytest.raises(ValueError, match="'mission'"):
    env.step({'action': np.int32(0), 'reset': False})
