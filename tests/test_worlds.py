"""Environments of every kind, trained for a few steps and evaluated."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from ponderdream import evaluate, train
from tests.embodied.envs.test_suites import (
  FOREIGN,
  REAL,
  SUITES,
  installed,
  render_by_egl,
)

pytestmark = pytest.mark.slow
LENGTH = 12


class Sampled(gymnasium.Env):
  """Samples its observations; episodes of LENGTH steps."""

  def __init__(self, observation, action):
    self.observation_space, self.action_space = observation, action

  def reset(self, *, seed=None, options=None):
    super().reset(seed=seed)
    self.observation_space.seed(seed)
    self.count = 0
    return self.observation_space.sample(), {}

  def step(self, action):
    assert self.action_space.contains(action), action
    self.count += 1
    over = self.count == LENGTH
    return self.observation_space.sample(), 0.5, over, False, {}


def box(*shape, dtype=np.uint8, low=0, high=255):
  return spaces.Box(low, high, shape, dtype)


TWO = spaces.Discrete(2)
VECTOR = box(3, dtype=np.float32, low=-1, high=1)
OBSERVATIONS = {
  'box float32': VECTOR,
  'box float64': box(3, dtype=np.float64, low=-1, high=1),
  'box without bounds': box(2, dtype=np.float32, low=-np.inf, high=np.inf),
  'box of whole numbers': box(2, 3, dtype=np.int64, low=-5, high=5),
  'box int8': box(4, dtype=np.int8, low=-100, high=100),
  'discrete': spaces.Discrete(5, start=-2),
  'multi discrete': spaces.MultiDiscrete([3, 4]),
  'multi discrete of two axes': spaces.MultiDiscrete([[3, 4], [2, 2]]),
  'multi binary': spaces.MultiBinary(5),
  'multi binary of two axes': spaces.MultiBinary([2, 3]),
  'text': spaces.Text(20),
  'tuple': spaces.Tuple([TWO, VECTOR]),
  'dict': spaces.Dict(a=TWO, b=VECTOR),
  'nested': spaces.Dict(a=spaces.Tuple([TWO, spaces.Dict(b=VECTOR)])),
  'text beside a picture': spaces.Dict(
    image=box(32, 32, 3), mission=spaces.Text(30)
  ),
  'mask': spaces.Dict(action_mask=box(2, dtype=np.int8, low=1, high=1), b=TWO),
}
PICTURES = {
  'rgb': box(64, 64, 3),
  'channels first': box(3, 64, 64),
  'grey': box(84, 84),
  'grey with an axis': box(48, 48, 1),
  'frames': box(4, 84, 84),
  'frames with colours': box(4, 40, 32, 3),
  'rgba': box(64, 64, 4),
  'atari': box(210, 160, 3),
  'odd sides': box(37, 51, 3),
  'floats': box(64, 64, 3, dtype=np.float32, low=0, high=1),
  'small': box(7, 7, 3),
}
ACTIONS = {
  'discrete': spaces.Discrete(4, start=3),
  'multi discrete': spaces.MultiDiscrete([2, 3]),
  'multi binary': spaces.MultiBinary(3),
  'box': box(2, dtype=np.float32, low=-2, high=3),
  'box of whole numbers': box(2, dtype=np.int32, low=-2, high=3),
  'tuple': spaces.Tuple([spaces.Discrete(3), VECTOR]),
  'dict': spaces.Dict(a=spaces.MultiBinary(2), b=spaces.Dict(c=VECTOR)),
}
CASES = {f'sees {k}': (v, TWO, 'patch') for k, v in OBSERVATIONS.items()}
CASES |= {f'acts {k}': (VECTOR, v, 'patch') for k, v in ACTIONS.items()}
CASES |= {
  f'{kind} {k}': (v, TWO, kind)
  for k, v in PICTURES.items()
  for kind in ('conv', 'patch')
}
EVERYTHING = spaces.Dict(
  text=spaces.Text(20),
  parts=spaces.Tuple([TWO, spaces.MultiBinary(3), VECTOR]),
  image=box(3, 37, 51),
)
CASES['everything'] = EVERYTHING, ACTIONS['dict'], 'conv'


def trained_and_evaluated(task, logdir, blocks, *flags):
  """Runs both commands at debug size."""
  argv = ['--configs', *blocks, 'debug', '--task', task]
  argv += ['--run.steps', '60', '--run.envs', '2', '--run.parallel', 'False']
  argv += ['--env.gymnasium.length', '30', *flags, '--logdir', str(logdir)]
  assert train.main(argv) == 0
  lines = (logdir / 'metrics.jsonl').read_text().splitlines()
  updates = [json.loads(x).get('run/updates', 0) for x in lines]
  assert max(updates) > 0
  again = ['--logdir', str(logdir), '--task', task, '--episodes', '2']
  assert evaluate.main([*again, '--envs', '2']) == 0


@pytest.mark.parametrize('name', CASES)
def test_spaces(name, tmp_path):
  observation, action, kind = CASES[name]
  make = lambda **_: Sampled(observation, action)
  gymnasium.register('Sampled-v0', entry_point=make)
  flags = [f'--{part}.kind={kind}' for part in ('enc', 'imgdec')]
  # What is seen reaches the actor as tokens of one kind: a plain one, which
  # compiles faster, is enough to try it.
  blocks = ['gymnasium'] if action is TWO else ['gymnasium', 'pondernet']
  task, logdir = 'gymnasium_Sampled-v0', tmp_path / 'run'
  try:
    trained_and_evaluated(task, logdir, blocks, *flags)
  finally:
    del gymnasium.registry['Sampled-v0']


@FOREIGN
@pytest.mark.parametrize('name', REAL)
def test_real_environments(name, tmp_path):
  blocks = 'gymnasium', 'pondernet'
  config = installed(blocks[:1], f'gymnasium_{name}')
  trained_and_evaluated(config.task, tmp_path / 'run', blocks)


@FOREIGN
@pytest.mark.parametrize('names', SUITES)
def test_suites(names, tmp_path, monkeypatch):
  render_by_egl(names, monkeypatch)
  config = installed(names.split())
  blocks = *names.split(), 'pondernet'
  trained_and_evaluated(config.task, tmp_path / 'run', blocks)
