"""Environments without pictures, rendered for a video."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from embodied.config import resolve
from embodied.envs import from_gymnasium, wrap
from embodied.envs.gym import film
from embodied.log import video
from ponderdream import evaluate, settings
from ponderdream.world.spaces import visible


class Painted(gymnasium.Env):
  """Renders its number of steps."""

  observation_space = spaces.Box(-1, 1, (2,), np.float32)
  action_space = spaces.Discrete(2)
  metadata = {'render_modes': ['rgb_array']}

  def __init__(self, shape=(20, 30, 3)):
    self.shape = shape

  def reset(self, *, seed=None, options=None):
    self.count = 1
    return np.zeros(2, np.float32), {}

  def step(self, action):
    self.count += 1
    return np.zeros(2, np.float32), 0.0, False, False, {}

  def render(self):
    return np.full(self.shape, self.count, np.uint8)


def steps(env, count):
  act = {'action': np.int32(0), 'reset': np.False_}
  return [env.step(act) for _ in range(count)]


def test_so_many_pictures_are_rendered_and_the_agent_sees_none():
  env = wrap(from_gymnasium.Adapter(Painted(), seed=0, frames=2))
  space = env.obs_space[film.KEY]
  assert (space.shape, space.dtype) == ((20, 30, 3), np.uint8)
  assert [*visible(env.obs_space)] == ['vector']
  shown = [x[film.KEY] for x in steps(env, 3)]
  assert [np.unique(x).tolist() for x in shown] == [[1], [2], [0]]


def test_without_being_asked_nothing_is_rendered():
  env = from_gymnasium.Adapter(Painted(), seed=0)
  assert film.KEY not in env.obs_space


def test_a_picture_among_the_observations_is_enough():
  inner = Painted()
  inner.observation_space = spaces.Box(0, 255, (32, 32, 3), np.uint8)
  env = from_gymnasium.Adapter(inner, seed=0, frames=2)
  assert film.KEY not in env.obs_space


@pytest.mark.parametrize(
  'render, words',
  [
    (lambda: None, 'NoneType'),
    (lambda: 'text', 'str'),
    (lambda: [np.zeros((4, 4, 3), np.uint8)], 'list'),
    (lambda: np.zeros((4, 4), np.uint8), 'ndarray'),
    (lambda: 1 / 0, 'division'),
  ],
)
def test_what_cannot_be_rendered_is_said(render, words, caplog):
  inner = Painted()
  inner.render = render
  env = from_gymnasium.Adapter(inner, seed=0, frames=2)
  assert film.KEY not in env.obs_space
  (record,) = caplog.records
  assert 'cannot be rendered' in record.message and words in record.message


def test_large_pictures_are_shrunk_by_means_of_areas():
  # 2 x 2 blocks of 0, 40, 80 and 120 have the mean 60.
  block = np.array([[0, 40], [80, 120]], np.uint8)
  large = np.tile(block, (128, 256))[..., None].repeat(3, -1)
  small = video.bounded(large)
  assert small.shape == (128, 256, 3) and (small == 60).all()
  little = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
  np.testing.assert_array_equal(video.bounded(little), little)


def test_the_command_films_an_environment_without_pictures(tmp_path, capsys):
  config = resolve(settings.blocks(), ['gymnasium', 'debug'])
  paint = lambda **kwargs: gymnasium.wrappers.TimeLimit(Painted(), 5)
  worlds = {
    'Painted-v0': (paint, 'mp4'),
    'Bare-v0': (lambda: Bare(), 'no video'),
  }
  for task, (make, said) in worlds.items():
    gymnasium.register(task, make)
    logdir = tmp_path / task
    logdir.mkdir()
    values = {'task': f'gymnasium_{task}', 'run.parallel': False}
    settings.remember(config.update({**values, 'logdir': str(logdir)}))
    argv = ['--random', '--video', '--episodes', '2', '--envs', '2']
    assert evaluate.main(['--logdir', str(logdir), *argv]) == 0
    del gymnasium.registry[task]
    assert said in capsys.readouterr().out.splitlines()[-1]
  (path,) = tmp_path.rglob('*.mp4')
  assert path.stat().st_size > 1000


class Bare(gymnasium.wrappers.TimeLimit):
  """Has no render method of its own, and takes no `render_mode`."""

  def __init__(self):
    super().__init__(Silent(), 5)


class Silent(Painted):
  render = gymnasium.Env.render
