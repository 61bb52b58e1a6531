"""Real environments: the blocks of suites and some names of Gymnasium, each
where its package is installed."""

import contextlib
import ctypes.util

import numpy as np
import pytest

from embodied.config import resolve
from embodied.errors import UsageError
from ponderdream import factories, settings

# Where warnings are errors, one of Box2D's ends the process.
FOREIGN = pytest.mark.filterwarnings('ignore::DeprecationWarning')
REAL = [
  'CartPole-v1',
  'Pendulum-v1',
  'Blackjack-v1',
  'Taxi-v4',
  'FrozenLake-v1',
  'MountainCarContinuous-v0',
  'LunarLander-v3',
  'BipedalWalker-v3',
  'CarRacing-v3',
  'HalfCheetah-v5',
  'minigrid:MiniGrid-DoorKey-5x5-v0',
  'minigrid:BabyAI-GoToRedBall-v0',
  'ale_py:ALE/Pong-v5',
  'highway_env:highway-v0',
]
# Blocks of configs.yaml, one after the other, and what is seen of their tasks.
SUITES = {
  'minigrid': {'image': (7, 7, 3), 'direction': (), 'mission': (64,)},
  'atari': {'image': (64, 64, 3)},
  'atari atari100k': {'image': (64, 64, 3)},
  'mujoco': {'vector': (17,)},
  'box2d': {'vector': (8,)},
  'dmc': {'height': (), 'orientations': (14,), 'velocity': (9,)},
  'dmc dmc_vision': {'image': (64, 64, 3)},
}
# Of the actions, by the first of the blocks.
ACTIONS = {'minigrid': 7, 'atari': 18, 'atari atari100k': 6, 'box2d': 4}


def installed(names, task=None):
  """The configuration of blocks and a task; skips the test where a package is
  missing."""
  config = resolve(settings.blocks(), names)
  config = config.update({'task': task}) if task else config
  try:
    factories.env_maker(config)(0).close()
  except UsageError as error:
    pytest.skip(str(error))
  return config


def render_by_egl(names, monkeypatch):
  """The first environment of a process chooses how MuJoCo renders in it."""
  if 'dmc' in names and not ctypes.util.find_library('EGL'):
    pytest.skip('There is no EGL to render by.')
  monkeypatch.setenv('MUJOCO_GL', 'egl')


def walk(config, steps=3):
  """The observations of a few random steps."""
  rng = np.random.default_rng(0)
  with contextlib.closing(factories.env_maker(config)(0)) as env:
    acts = {k: v for k, v in env.act_space.items() if k != 'reset'}
    draw = lambda: {k: v.sample(rng) for k, v in acts.items()}
    seen = [
      env.step(draw() | {'reset': np.bool_(i == 0)}) for i in range(steps)
    ]
    return env, seen


@FOREIGN
@pytest.mark.parametrize(
  'name',
  # Importing highway_env takes seconds.
  [
    pytest.param(x, marks=pytest.mark.slow) if 'highway' in x else x
    for x in REAL
  ],
)
def test_real_environments_are_made_and_stepped(name):
  env, seen = walk(installed(['gymnasium'], f'gymnasium_{name}'))
  assert seen[0]['is_first'] and not seen[1]['is_first']
  for key, space in env.obs_space.items():
    assert all(np.shape(x[key]) == space.shape for x in seen), key


@FOREIGN
@pytest.mark.parametrize(
  'names',
  # Whether MuJoCo can draw depends on the machine.
  [
    pytest.param(x, marks=pytest.mark.slow) if 'vision' in x else x
    for x in SUITES
  ],
)
def test_suites_show_what_they_are_for(names, monkeypatch):
  render_by_egl(names, monkeypatch)
  env, seen = walk(installed(names.split()))
  visible = {k: v for k, v in env.obs_space.items() if v.role != 'hidden'}
  assert {k: v.shape for k, v in visible.items()} == SUITES[names]
  if names in ACTIONS:
    assert int(env.act_space['action'].classes) == ACTIONS[names]
  if 'image' in visible:
    assert np.ptp(seen[-1]['image']) > 0
