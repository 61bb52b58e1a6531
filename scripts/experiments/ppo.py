"""PPO of Stable-Baselines3 on this project's Crafter, for core_hour.py.

    python -m scripts.experiments.ppo --logdir DIR --seed 0
    python -m scripts.experiments.ppo --logdir DIR --seed 0 --episodes 50

The first command trains in one thread until SIGTERM, writes a line per episode
to DIR/scores.jsonl, and then DIR/model.zip. The second command evaluates this
model in new episodes. The files have the format of `ponderdream.train` and
`ponderdream.evaluate`. Needs `pip install -e '.[peers]'`.
"""

import argparse
import functools
import json
import pathlib
import signal
import sys
import threading

import gymnasium
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common import callbacks, vec_env

import embodied
from embodied import envs
from embodied.envs.achievements import Achievements
from embodied.log import logger, metrics
from embodied.run.evaluate import evaluate, summary

TASK, ENVS = 'crafter_reward', 8
# The PPO baseline of Achievement Distillation (Moon et al. 2023,
# arXiv 2307.03486).
SETTINGS = {
  'n_steps': 512, 'batch_size': 512, 'n_epochs': 3, 'gamma': 0.95,
  'gae_lambda': 0.65, 'learning_rate': 3e-4, 'ent_coef': 0.01,
}  # fmt: skip
# Numbers of the environments of an evaluation, as in `ponderdream.evaluate`.
FIRST, SIDE_BY_SIDE = 2**40, 4


class Crafter(gymnasium.Env):
  """Our environment for Gymnasium; `info['end']` is a finished episode.

  Args:
    index, seed: as in `embodied.envs.make_env`.
  """

  def __init__(self, index, seed):
    self.env = envs.make_env(TASK, index, seed=seed)
    self.episodes = metrics.Episodes()
    shape = self.env.obs_space['image'].shape
    self.observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
    count = self.env.act_space['action'].high
    self.action_space = gymnasium.spaces.Discrete(int(count))

  def reset(self, *, seed=None, options=None):
    return self._step(0, True)[0], {}

  def step(self, action):
    image, obs, episode = self._step(action, False)
    end, dead = bool(obs['is_last']), bool(obs['is_terminal'])
    return (
      image,
      float(obs['reward']),
      dead,
      end and not dead,
      {'end': episode},
    )

  def _step(self, action, reset):
    action = {'action': np.int32(action), 'reset': np.bool_(reset)}
    obs = self.env.step(action)
    return obs['image'], obs, self.episodes.add(obs, 0)


class Follow(callbacks.BaseCallback):
  """Writes a line per episode; ends the training when `stop` is set."""

  def __init__(self, logdir, stop):
    super().__init__()
    self.stop = stop
    output = logger.JsonLines(logdir / 'scores.jsonl', r'episode/.*')
    self.lines = logger.Logger([output], lambda: self.num_timesteps)

  def _on_step(self):
    for info in self.locals['infos']:
      if episode := info['end']:
        line = {k: episode[k] for k in ('score', 'length')}
        self.lines.add(line | Achievements().episode(episode), 'episode')
        self.lines.write()
    return not self.stop.is_set()


class Player(embodied.Agent):
  """The model as an agent for `embodied.run.evaluate`."""

  def __init__(self, model):
    self.model = model

  def init_policy(self, batch_size):
    return ()

  def policy(self, carry, obs, mode='eval'):
    action, _ = self.model.predict(obs['image'], deterministic=False)
    return carry, {'action': action.astype(np.int32)}, {}


def worlds(first, seed):
  """A batch of environments, numbered from `first` on."""
  makers = [functools.partial(Crafter, first + i, seed) for i in range(ENVS)]
  return vec_env.DummyVecEnv(makers)


def train(logdir, seed):
  """Trains until SIGTERM and saves the model; resumes from a saved model."""
  stop = threading.Event()
  signal.signal(signal.SIGTERM, lambda *_: stop.set())
  path = logdir / 'model.zip'
  if path.exists():
    model = PPO.load(path, device='cpu')
    # Environments with new numbers.
    model.set_env(worlds(model.num_timesteps, seed))
  else:
    settings = {'seed': seed, 'device': 'cpu', **SETTINGS}
    model = PPO('CnnPolicy', worlds(0, seed), **settings)
  follow = Follow(logdir, stop)
  model.learn(int(1e12), callback=follow, reset_num_timesteps=False)
  model.save(path)


def measure(logdir, seed, episodes):
  """Evaluates the model in new episodes, with sampled actions."""
  model = PPO.load(logdir / 'model.zip', device='cpu')
  make = functools.partial(envs.make_env, TASK, seed=seed)
  count = min(SIDE_BY_SIDE, episodes)
  makers = [functools.partial(make, FIRST + i) for i in range(count)]
  driver = embodied.Driver(makers, parallel=False)
  trackers = [Achievements()]
  played = evaluate(Player(model), driver, episodes, trackers)
  driver.close()
  step = int(model.num_timesteps)
  path = logdir / 'eval' / f'{step}.json'
  path.parent.mkdir(exist_ok=True)
  found = {'step': step, **summary(played, trackers)}
  path.write_text(json.dumps(found, indent=2) + '\n')


def main(argv):
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--logdir', type=pathlib.Path, required=True)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--episodes', type=int, default=0)
  args = parser.parse_args(argv)
  torch.set_num_threads(1)
  if args.episodes:
    measure(args.logdir, args.seed, args.episodes)
  else:
    train(args.logdir, args.seed)


if __name__ == '__main__':
  main(sys.argv[1:])
