"""PonderDream in a script."""

import functools
import os
import pathlib
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import ponderdream
from embodied.envs import from_gymnasium, wrap
from embodied.errors import UsageError
from ponderdream import api, policy
from tests.naming import naming

ROOT = pathlib.Path(__file__).parent.parent

SCRIPT = """
import sys
import gymnasium
import numpy as np
import ponderdream

assert 'jax' not in sys.modules
logdir = sys.argv[1]
make = lambda: gymnasium.make('CartPole-v1', max_episode_steps=20)
blocks = ['gymnasium', 'pondernet', 'debug']
few = {'run.steps': 120, 'run.train_ratio': 1.0}
assert ponderdream.train(make, logdir, blocks, **few) == logdir
# Five lines of README:
policy = ponderdream.load(logdir, task=make)
env = ponderdream.make_env('gymnasium_CartPole-v1')
obs, info = env.reset(seed=0)
for _ in range(5):
  obs, reward, terminated, truncated, info = env.step(policy(obs))
assert policy.thoughts['steps'] >= 1
# Side by side: a list is as good as a batch.
greedy = ponderdream.load(
  logdir, count=3, task=make, acting=ponderdream.Acting('median', True)
)
rows = [env.observation_space.sample().clip(-1, 1) for _ in range(3)]
batch = np.stack(rows)
greedy._agent.acted = 0  # the posterior state is drawn, too
first = greedy(batch)
assert greedy.thoughts['steps'].shape == (3,)
greedy.reset()
greedy._agent.acted = 0
again = greedy(list(batch))
assert first == again, (first, again)
# It is a function still, and the same call finds the run at its end.
assert ponderdream.train(make, logdir, blocks, **few) == logdir
assert all(env.action_space.contains(x) for x in first)
"""


def test_train_load_and_act_in_a_fresh_process(tmp_path):
  script = tmp_path / 'script.py'
  script.write_text(SCRIPT)
  done = subprocess.run(
    [sys.executable, script, tmp_path / 'run'],
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
    timeout=500,
  )
  assert done.returncode == 0, done.stderr[-2000:]
  assert (tmp_path / 'run' / 'checkpoints').is_dir()


def test_environments_are_made_by_their_task():
  env = ponderdream.make_env(
    'gymnasium_FrozenLake-v1', kwargs='{map_name: 8x8}'
  )
  assert env.observation_space == spaces.Discrete(64)
  own = ponderdream.make_env('dummy_disc', length=5)
  assert 'action' in own.act_space
  with pytest.raises(UsageError, match=naming("'repeat'", 'kwargs')):
    ponderdream.make_env('gymnasium_CartPole-v1', repeat=4)
  with pytest.raises(AttributeError, match='nothing'):
    _ = ponderdream.nothing


def test_environments_of_functions_have_a_name():
  make = functools.partial(gymnasium.make, 'CartPole-v1')
  assert gymnasium.make(api.register(make)).observation_space.shape == (4,)


def test_a_training_that_was_stopped_does_not_return(monkeypatch, tmp_path):
  def stopped(config, stop):
    stop.set()
    return 0

  monkeypatch.setattr(api.command, 'train', stopped)
  with pytest.raises(KeyboardInterrupt):
    api.train('dummy_disc', str(tmp_path), ['dummy', 'debug'])


class Shown(gymnasium.Env):
  observation_space = spaces.Dict(
    picture=spaces.Box(0, 255, (3, 32, 40), np.uint8),
    speed=spaces.Box(-1, 1, (2,), np.float64),
  )
  action_space = spaces.Tuple(
    [spaces.Discrete(3, start=4), spaces.Box(-2, 2, (1,), np.float64)]
  )

  def reset(self, *, seed=None, options=None):
    return self.observation_space.sample(), {}


def test_observations_and_actions_are_converted_as_in_training():
  env = wrap(from_gymnasium.Adapter(Shown(), seed=0, size=16))
  options = api.settings.blocks()['defaults']['env']['gymnasium']
  row = policy.convert(env, Options(**{**options, 'size': 16}))
  obs = Shown.observation_space.sample()
  seen = row.observation(obs, {})
  assert seen['picture'].shape == (16, 16, 3)
  np.testing.assert_allclose(seen['speed'], obs['speed'], rtol=1e-6)
  acts = {'action.0': np.int32(2), 'action.1': np.float32([0.5])}
  action = row.action(acts)
  # Class 2 of those from 4 on; half of the way from 0 to 2.
  assert action[0] == 6 and action[1].tolist() == [1.0]
  assert Shown.action_space.contains(action)
  two = [Shown.observation_space.sample() for _ in range(2)]
  batch = {k: np.stack([x[k] for x in two]) for k in two[0]}
  for x, y in zip(row.split(batch, 2), two, strict=True):
    np.testing.assert_array_equal(x['picture'], y['picture'])


class Options:
  def __init__(self, **values):
    vars(self).update(values)
