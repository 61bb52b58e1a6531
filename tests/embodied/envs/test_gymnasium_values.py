"""Spaces, pictures, texts and options of the Gymnasium adapter."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from embodied import envs
from embodied.base import SIGNALS
from embodied.errors import ContractError, UsageError
from embodied.space import Space
from tests.embodied.envs.test_gymnasium import Menu, roll


@pytest.fixture(scope='module', autouse=True)
def _register():
  gymnasium.register('Menu-v0', Menu)
  yield
  del gymnasium.registry['Menu-v0']


class Script(gymnasium.Env):
  """Shows one observation after the other; remembers what it was told."""

  def __init__(self, observation, action, shown=None, reward=0.0):
    self.observation_space, self.action_space = observation, action
    self.shown, self.reward, self.received = shown, reward, []

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    return self._next(), {}

  def step(self, action):
    self.received.append(action)
    return self._next(), self.reward, False, False, {}

  def _next(self):
    if self.shown is None:
      return self.observation_space.sample()
    return self.shown


def adapted(monkeypatch, inner, **options):
  monkeypatch.setattr(gymnasium, 'make', lambda *args, **kwargs: inner)
  return envs.make_env('gymnasium_Script-v0', 0, seed=0, **options)


def box(shape, dtype=np.uint8, low=0, high=255):
  return spaces.Box(low, high, shape, dtype)


ONE = spaces.Discrete(2)


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


def test_an_action_is_repeated_until_the_episode_ends(monkeypatch):
  env = envs.make_env('gymnasium_Menu-v0', 0, seed=0, repeat=2)
  obs = roll(env, [np.array([0, 1], np.int32)] * 2)
  # Three steps of 0.5 are an episode: two, and the one that is left.
  assert [float(x['reward']) for x in obs] == [0, 1.0, 0.5]
  assert [bool(x['is_last']) for x in obs] == [False, False, True]


def test_kwargs_wrappers_and_a_time_limit():
  env = envs.make_env(
    'gymnasium_FrozenLake-v1',
    0,
    seed=0,
    kwargs='{map_name: 8x8, is_slippery: false}',
    length=3,
  )
  assert env.obs_space['state'].classes == 64
  obs = roll(env, [np.int32(0)] * 3)
  assert obs[-1]['is_last'] and not obs[-1]['is_terminal']
  env = envs.make_env(
    'gymnasium_CartPole-v1',
    0,
    seed=0,
    wrappers=['tests.embodied.envs.test_gymnasium_values:Doubled'],
  )
  inner = envs.make_env('gymnasium_CartPole-v1', 0, seed=0)
  go = np.int32(1)
  for ours, theirs in zip(roll(env, [go]), roll(inner, [go]), strict=True):
    np.testing.assert_array_equal(ours['vector'], 2 * theirs['vector'])


class Doubled(gymnasium.ObservationWrapper):
  def __init__(self, env, by=2):
    super().__init__(env)
    self.by = by

  def observation(self, observation):
    return self.by * observation


def test_wrappers_take_arguments():
  path = 'tests.embodied.envs.test_gymnasium_values:Doubled'
  ours, theirs = (
    envs.make_env('gymnasium_CartPole-v1', 0, seed=0, wrappers=[*x])
    for x in ([f'{path} {{by: 3}}'], [])
  )
  go = np.int32(1)
  for a, b in zip(roll(ours, [go]), roll(theirs, [go]), strict=True):
    np.testing.assert_array_equal(a['vector'], 3 * b['vector'])


@pytest.mark.parametrize(
  'options, words',
  [
    ({'kwargs': '[1, 2]'}, ['kwargs', 'mapping']),
    ({'kwargs': '{a: ['}, ['kwargs', 'mapping']),
    ({'kwargs': '{no_such: 1}'}, ['CartPole-v1', 'no_such']),
    ({'wrappers': ['nowhere:X']}, ['nowhere:X', 'imported']),
    ({'wrappers': ['gymnasium.wrappers:Nothing']}, ['Nothing']),
    ({'wrappers': ['gymnasium']}, ['module:Class']),
    ({'wrappers': ['gymnasium.wrappers:FlattenObservation [']}, ['mapping']),
    ({'classes': ['vector']}, ['KEY=COUNT']),
    ({'classes': ['other=3']}, ['other', 'vector']),
    ({'classes': ['vector=3']}, ['vector', 'whole numbers']),
  ],
)
def test_options_that_do_not_fit(options, words):
  with pytest.raises(UsageError) as caught:
    envs.make_env('gymnasium_CartPole-v1', 0, seed=0, **options)
  for word in words:
    assert word in str(caught.value)


def test_symbols_are_classes(monkeypatch):
  shown = np.full((7, 7, 3), 10, np.uint8)
  inner = Script(box((7, 7, 3)), ONE, shown)
  env = adapted(monkeypatch, inner, classes=['image=11'])
  assert env.obs_space['image'] == Space(np.int32, (7, 7, 3), 0, 11)
  assert env.step({'action': np.int32(0), 'reset': True})['image'].max() == 10
  inner.shown = np.full((7, 7, 3), 11, np.uint8)
  with pytest.raises(ValueError, match="'image'"):
    env.step({'action': np.int32(0), 'reset': False})


def test_numbers_of_other_types_are_converted(monkeypatch):
  inner = Script(box((2,), np.float32), ONE, [1, 2.5], np.array([0.25]))
  env = adapted(monkeypatch, inner)
  env.step({'action': np.int32(0), 'reset': True})
  obs = env.step({'action': np.int32(1), 'reset': False})
  assert obs['reward'] == np.float32(0.25) and obs['reward'].shape == ()
  assert obs['vector'].dtype == np.float32
  assert obs['vector'].tolist() == [1, 2.5]


FLAT = box((2,), np.float32)
SQUARE = (32, 32, 3)
PICTURE, SHARES = box(SQUARE), box(SQUARE, np.float32, 0, 1)


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
