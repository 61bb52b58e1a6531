"""The fast Crafter: copies, prepared worlds, and its parts."""

import copy
import functools
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import opensimplex
import pytest
from PIL import Image, ImageEnhance

from embodied import envs
from embodied.driver import Driver
from embodied.envs.fast_crafter import (
  compiled,
  draws,
  game,
  objects,
  picture,
  terrain,
)
from tests.naming import naming

# Copies


def play(env, actions):
  out = []
  for action in actions:
    image, reward, done, info = env.step(action)
    out.append((image.tobytes(), reward, done, info['semantic'].tobytes()))
    if done:
      out.append(env.reset().tobytes())
  return out, env._world.random.get_state()[1].tolist()


@pytest.mark.parametrize(
  'clone', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize('prepared', [False, True])
def test_copies_continue_in_the_same_way(clone, prepared):
  env = game.Game(True, 10000, 4)
  env.reset()
  rng = np.random.RandomState(1)
  play(env, rng.randint(0, 17, 60))
  env._step = 190  # so that it gets dark
  if prepared:
    env.prepare()
  twin = clone(env)
  assert len(pickle.dumps(env)) < 30_000
  actions = rng.randint(0, 17, 120)
  assert play(env, actions) == play(twin, actions)
  assert (env.reset() == twin.reset()).all()
  assert play(env, actions[:20]) == play(twin, actions[:20])


def test_a_copy_shares_nothing_that_changes():
  env = game.Game(True, 10000, 4)
  env.reset()
  twin = copy.deepcopy(env)
  before = pickle.dumps(env)
  play(twin, range(17))
  assert pickle.dumps(env) == before


def test_preparing_changes_no_episode():
  early, late = (game.Game(True, 10000, 9) for _ in range(2))
  for _ in range(3):
    early.prepare()
    assert (early.reset() == late.reset()).all()
    early.prepare()
    assert play(early, range(12)) == play(late, range(12))


def test_worlds_that_a_worker_prepares_are_the_same():
  """Through the driver, with time for `prepare` after each step."""
  make = functools.partial(
    envs.make_env, 'crafter_reward', 2, seed=5, length=4
  )
  actions = np.random.RandomState(0).randint(0, 17, 12).astype(np.int32)

  def frames(parallel):
    driver = Driver([make], parallel=parallel)
    seen = []
    driver.on_step(lambda step, worker: seen.append(step['image'].copy()))
    if parallel:
      driver.on_step(lambda step, worker: time.sleep(0.02))
    for action in actions:
      driver(lambda carry, obs, a=action: (carry, {'action': [a]}, {}), 1)
    driver.close()
    return np.array(seen)

  np.testing.assert_array_equal(frames(False), frames(True))


# The parts


def test_draws_are_those_of_numpy():
  for seed in (0, 7, 2**31 - 2):
    ours, theirs = draws.Draws(seed), np.random.RandomState(seed)
    for n in (1, 2, 3, 4, 5, 100, 144, 2**31 - 1, 2**32):
      for _ in range(40):
        assert ours.uniform() == theirs.uniform()
        assert ours.randint(0, n) == theirs.randint(0, n)
        assert ours.randint(-3, n - 3) == theirs.randint(-3, n - 3)
    np.testing.assert_array_equal(
      ours.uniform(32, 127, (6, 3)), theirs.uniform(32, 127, (6, 3))
    )
    np.testing.assert_array_equal(ours.floats(9), theirs.random_sample(9))
    assert ours.get_state()[1].tolist() == theirs.get_state()[1].tolist()
  with pytest.raises(ValueError, match=naming('integer', 3)):
    ours.randint(3, 3)


@pytest.mark.parametrize('seed', [0, 1, 2**31 - 2])
def test_noise_tables_are_those_of_opensimplex(seed):
  for ours, theirs in zip(
    terrain._permutation(seed), opensimplex.internals._init(seed), strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_gray_and_faded_colors_are_those_of_pil():
  values = np.arange(256, dtype=np.uint8)
  # Steps of 3 and 5 reach all remainders of the sums.
  r, g, b = np.meshgrid(values[::3], values, values[::5], indexing='ij')
  colors = np.stack([r, g, b], -1).reshape(-1, 256, 3)
  image = Image.fromarray(colors)
  wide = colors.astype(np.int64)
  gray = picture._gray(wide[..., 0], wide[..., 1], wide[..., 2])
  np.testing.assert_array_equal(gray, np.array(image.convert('L')))
  faded = picture.tiles().faded[gray[..., None], colors]
  want = np.array(ImageEnhance.Color(image).enhance(0.4))
  np.testing.assert_array_equal(faded, want)


def test_directions_add_up_as_arrays():
  vec = objects.Vec((3, -4))
  assert vec + (1, 2) == (4, -2) and -vec == (-3, 4)
  assert isinstance(vec + np.array([1, 2]), objects.Vec)


def test_the_cache_folder_can_be_written(tmp_path, monkeypatch):
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  monkeypatch.setenv('HOME', str(tmp_path))
  home = tmp_path / '.cache' / 'ponderdream' / 'numba'
  assert compiled.cache_folder() == home
  # A file instead of the folder: not even root can write there.
  blocked = tmp_path / 'blocked'
  blocked.write_text('')
  monkeypatch.setenv('XDG_CACHE_HOME', str(blocked))
  monkeypatch.setattr('tempfile.gettempdir', lambda: str(tmp_path / 'tmp'))
  (tmp_path / 'tmp').mkdir()
  other = compiled.cache_folder()
  assert other.is_dir() and (tmp_path / 'tmp') in other.parents


@pytest.mark.slow
def test_a_second_process_need_not_compile(tmp_path):
  code = (
    'import time; from embodied.envs.fast_crafter import game;'
    'begin = time.process_time(); env = game.Game(True, 100, 0); env.reset();'
    '[env.step(0) for _ in range(11)]; print(time.process_time() - begin)'
  )
  env = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)}
  env['PYTHONPATH'] = os.pathsep.join(sys.path)
  seconds = [
    float(
      subprocess.run(
        [sys.executable, '-c', code], env=env, check=True, capture_output=True
      ).stdout
    )
    for _ in range(2)
  ]
  assert list(tmp_path.rglob('*.nbc'))
  assert seconds[1] < seconds[0] / 2
