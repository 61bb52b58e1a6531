"""The Gymnasium adapter, compared with the environments that it wraps."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from embodied import envs
from embodied.errors import UsageError
from embodied.space import Space
from tests.embodied.envs.scripted import Menu, roll
from tests.naming import naming

GO = np.False_
SEED = int(np.random.SeedSequence((7, 0)).generate_state(1)[0])


class Plain(gymnasium.Env):
  """One observation space, one action space, and an optional mask in info."""

  def __init__(self, observation, action, masks=()):
    self.observation_space = observation
    self.action_space = action
    self.masks = list(masks)
    self.received = []

  def reset(self, *, seed=None, options=None):
    return self.observation_space.sample(), self._info()

  def step(self, action):
    self.received.append(action)
    return self.observation_space.sample(), 0, False, False, self._info()

  def _info(self):
    return {'action_mask': self.masks.pop(0)} if self.masks else {}


@pytest.fixture(scope='module', autouse=True)
def _register():
  gymnasium.register('Menu-v0', Menu)
  gymnasium.register('Plain-v0', Plain)
  yield
  del gymnasium.registry['Menu-v0'], gymnasium.registry['Plain-v0']


def plain(monkeypatch, observation, action, masks=()):
  """The adapter of a Plain environment, and that environment."""
  inner = Plain(observation, action, masks)
  monkeypatch.setattr(gymnasium, 'make', lambda *args, **kwargs: inner)
  return envs.make_env('gymnasium_Plain-v0', 0, seed=0), inner


def test_cartpole_gives_what_gymnasium_gives():
  env = envs.make_env('gymnasium_CartPole-v1', 0, seed=7)
  assert env.act_space['action'] == Space(np.int32, (), 0, 2)
  vector = env.obs_space['vector']
  # Ten times the declared range more on both sides: 4.8 + 10 * 9.6.
  np.testing.assert_allclose(vector.high[[0, 2]], [100.8, 8.796459])
  assert vector.shape == (4,) and np.isinf(vector.low[[1, 3]]).all()
  theirs = gymnasium.make('CartPole-v1')
  vector, _ = theirs.reset(seed=SEED)
  actions = np.random.RandomState(0).randint(0, 2, 200).astype(np.int32)
  ours = roll(env, actions)
  np.testing.assert_array_equal(ours[0]['vector'], vector)
  assert ours[0]['is_first'] and ours[0]['reward'] == 0
  over = False
  ends = 0
  for obs, action in zip(ours[1:], actions, strict=True):
    if over:
      # The adapter ignores this action and starts the next episode.
      vector, _ = theirs.reset()
      assert obs['is_first'] and obs['reward'] == 0
      over = False
    else:
      vector, reward, over, truncated, _ = theirs.step(action)
      assert obs['reward'] == reward and not obs['is_first']
      assert obs['is_last'] == over and obs['is_terminal'] == over
      assert not truncated
      ends += over
    np.testing.assert_array_equal(obs['vector'], vector)
  assert ends >= 3


def test_pendulum_is_truncated_and_its_torque_scaled():
  env = envs.make_env('gymnasium_Pendulum-v1', 0, seed=7)
  assert env.act_space['action'] == Space(np.float32, (1,), -1, 1)
  theirs = gymnasium.make('Pendulum-v1')
  theirs.reset(seed=SEED)
  # Multiples of 1/64 in [-1.5, 1.5) are scaled without rounding.
  actions = np.float32(np.arange(200) * 7 % 192 - 96)[:, None] / 64
  ours = roll(env, actions)
  for obs, action in zip(ours[1:], actions, strict=True):
    # Torque is in [-2, 2].
    torque = 2 * np.clip(action, -1, 1)
    vector, reward, _, truncated, _ = theirs.step(torque)
    np.testing.assert_array_equal(obs['vector'], vector)
    assert obs['reward'] == np.float32(reward)
    assert obs['is_last'] == truncated and not obs['is_terminal']
  assert ours[-1]['is_last'] and not any(x['is_last'] for x in ours[:-1])


def test_dict_observations_are_flattened_and_counted_from_zero():
  env = envs.make_env('gymnasium_Menu-v0', 0, seed=0)
  flags = {'reward', 'is_first', 'is_last', 'is_terminal'}
  assert {k: v for k, v in env.obs_space.items() if k not in flags} == {
    'camera': Space(np.uint8, (8, 6, 3)),
    'ram': Space(np.float32, (4,), -2550, 2805),
    'body.pos': Space(np.float32, (2,), -21, 21),
    'body.mode': Space(np.int32, (), 0, 3),
    'slots': Space(np.int32, (2,), 0, [2, 3]),
    'action_mask': Space(bool, (5,), role='mask'),
  }
  obs = roll(env, [np.array([0, 1], np.int32)] * 3)
  np.testing.assert_array_equal(obs[1]['body.pos'], np.float32([0.5, 1.25]))
  np.testing.assert_array_equal(obs[1]['ram'], [0, 1, 2, 3])
  assert [int(x['body.mode']) for x in obs] == [0, 1, 2, 0]
  assert obs[1]['slots'].tolist() == [1, 0]
  assert obs[2]['camera'].min() == obs[2]['camera'].max() == 2
  assert obs[1]['action_mask'].tolist() == [1, 0, 0, 1, 1]
  assert [float(x['reward']) for x in obs] == [0, 0.5, 0.5, 0.5]
  assert obs[3]['is_terminal'] and obs[3]['is_last']
  # The environment allows nothing at the end; no policy could obey this.
  assert obs[3]['action_mask'].all()


def test_actions_are_shifted_to_where_the_space_starts(monkeypatch):
  env, inner = plain(
    monkeypatch, spaces.Discrete(4, start=2), spaces.Discrete(3, start=-1)
  )
  assert env.obs_space['state'] == Space(np.int32, (), 0, 4)
  obs = roll(env, [np.int32(x) for x in range(3)])
  assert inner.received == [-1, 0, 1]
  assert all(0 <= x['state'] < 4 for x in obs)

  action = spaces.MultiDiscrete([2, 3], start=[5, 0])
  env, inner = plain(monkeypatch, spaces.MultiDiscrete([4, 2]), action)
  assert env.obs_space['state'] == Space(np.int32, (2,), 0, [4, 2])
  roll(env, [np.array([1, 2], np.int32)])
  assert inner.received[0].tolist() == [6, 2]
  assert action.contains(inner.received[0])


def test_a_box_is_an_image_or_a_vector(monkeypatch):
  discrete = spaces.Discrete(2)
  camera = spaces.Box(0, 255, (16, 16, 1), np.uint8)
  env, _ = plain(monkeypatch, camera, discrete)
  assert env.obs_space['image'].role == 'image'
  assert roll(env, [np.int32(0)])[1]['image'].dtype == np.uint8
  env, _ = plain(monkeypatch, spaces.Box(0, 9, (3,), np.int64), discrete)
  assert env.obs_space['vector'] == Space(np.float32, (3,), -90, 99)


def test_masks_in_info_are_shown(monkeypatch):
  # A tuple has one mask per element of the action.
  masks = [
    (np.array([1, 0], np.int8), np.array([0, 1, 1], np.int8)),
    np.array([0, 1, 1, 0, 0], np.int8),
    (np.array([1, 0], np.int8), np.array([0, 0, 0], np.int8)),
  ]
  action = spaces.MultiDiscrete([2, 3])
  env, _ = plain(monkeypatch, spaces.Discrete(2), action, masks)
  zero = np.zeros(2, np.int32)
  obs = roll(env, [zero])
  assert [x['action_mask'].tolist() for x in obs] == [
    [1, 0, 0, 1, 1],
    [0, 1, 1, 0, 0],
  ]
  with pytest.raises(ValueError, match=naming("'action_mask'", 'class')):
    env.step({'action': zero, 'reset': GO})
  with pytest.raises(
    ValueError, match=naming("'action_mask'", 'info*', 'reset')
  ):
    env.step({'action': zero, 'reset': GO})


def test_floats_have_no_mask(monkeypatch):
  observation = spaces.Dict({'action_mask': spaces.MultiDiscrete([2, 2])})
  with pytest.raises(UsageError, match=naming("'action_mask'", 'floats')):
    plain(monkeypatch, observation, spaces.Box(-1, 1, (1,)))


def test_whole_numbers_are_rounded(monkeypatch):
  action = spaces.Box(-2, 3, (4,), np.int32)
  env, game = plain(monkeypatch, spaces.Discrete(2), action)
  space = env.act_space['action']
  assert space.dtype == np.float32
  env.step({'action': np.zeros(4, np.float32), 'reset': True})
  # Policy actions -1 to 1 are -2, -0.25, 1.25 and 3 in the environment.
  act = np.array([-1, -0.3, 0.3, 1], np.float32)
  env.step({'action': act, 'reset': False})
  received = game.received[-1]
  assert received.dtype == np.int32 and received.tolist() == [-2, 0, 1, 3]


@pytest.mark.parametrize(
  ('observation', 'action', 'words'),
  [
    (spaces.Discrete(2), spaces.Text(4), ['action', 'Text']),
    (spaces.Dict(action=spaces.Discrete(2)), spaces.Discrete(2), ["'action'"]),
    (spaces.Dict(reward=spaces.Discrete(2)), spaces.Discrete(2), ["'reward'"]),
    (
      spaces.Dict({'shared/x': spaces.Discrete(2)}),
      spaces.Discrete(2),
      ["'shared/x'", 'reserved'],
    ),
    (
      spaces.Dict(action=spaces.Dict(x=spaces.Discrete(2))),
      spaces.Dict(x=spaces.Discrete(2)),
      ["'action.x'", 'reserved'],
    ),
    (
      spaces.Dict(
        {'a': spaces.Dict(b=spaces.Discrete(2)), 'a.b': Menu.action_space}
      ),
      spaces.Discrete(2),
      ["'a.b'", 'keys', 'dots'],
    ),
  ],
)
def test_other_spaces_are_refused(monkeypatch, observation, action, words):
  with pytest.raises(UsageError, match=naming(*words)):
    plain(monkeypatch, observation, action)


@pytest.mark.parametrize(
  ('task', 'words'),
  [
    ('gymnasium_NoSuch-v0', ['NoSuch-v0']),
    ('gymnasium_CartPole-v99', ['CartPole-v99']),
    ('gymnasium_no_module:X-v0', ['no_module', 'module']),
  ],
)
def test_unknown_ids_are_usage_errors(task, words):
  with pytest.raises(UsageError, match=naming(*words)):
    envs.make_env(task, 0, seed=0)


@pytest.mark.parametrize(
  'error, command',
  [
    (
      ModuleNotFoundError("No module named 'foo.bar'", name='foo.bar'),
      '-m pip install foo,',
    ),
    (
      ModuleNotFoundError("No module named 'ale_py'", name='ale_py'),
      "-m pip install -e '.[atari]',",
    ),
    (
      gymnasium.error.DependencyNotInstalled(
        'Box2D is not installed, run `pip install "gymnasium[box2d]"`'
      ),
      '`pip install "gymnasium[box2d]"`',
    ),
  ],
)
def test_a_missing_package_names_the_command(monkeypatch, error, command):
  def make(*args, **kwargs):
    raise error

  monkeypatch.setattr(gymnasium, 'make', make)
  with pytest.raises(UsageError) as caught:
    envs.make_env('gymnasium_Foo-v0', 0, seed=0)
  assert "'Foo-v0'" in str(caught.value) and command in str(caught.value)
  assert str(error) in str(caught.value)
