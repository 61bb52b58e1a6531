"""A counting environment, an agent that checks its data, and runs of them."""

import functools
import json
import threading
import types

import numpy as np

import embodied
from embodied import replay, sources
from embodied.envs import make_env
from embodied.envs.achievements import Achievements
from embodied.log import logger, terminal
from embodied.run import learner, offline, train
from ponderdream.trackers import PonderSteps

LENGTH, BATCH, FRESH = 5, 3, 2
SETTINGS = types.SimpleNamespace(
  steps=200, train_ratio=7.5, log_every=0.0, report_every=0.0, save_every=0.0
)


class Checking(embodied.RandomAgent):
  """Stores its own counter with every step, and checks all that it gets."""

  def __init__(self, obs_space, act_space):
    super().__init__(obs_space, act_space)
    self.trained = []
    self.newest = []
    self.fail_at = None
    self.unknown_at = None

  def policy(self, carry, obs, mode='train'):
    assert mode in ('train', 'eval')
    assert not any(k.startswith('log/') for k in obs)
    carry, acts, _ = super().policy(carry, obs, mode)
    count = len(obs['is_first'])
    outs = {
      'seen': np.zeros(count, np.int32),
      'log/ponder_steps': np.full(count, 2.0, np.float32),
    }
    return carry, acts, outs

  def place(self, data, fresh=False):
    assert data['step'].shape == (FRESH if fresh else BATCH, LENGTH + 1)
    # Only a replay numbers its steps.
    assert fresh == ('stepid' not in data)
    if fresh:
      self.newest.append(data)
    return data

  def train(self, data):
    follows = ~data['is_first'][:, 1:]
    steps = np.diff(data['step'], axis=1)
    # Within an episode the count goes up by one, and the action that was
    # stored with a step is the one that the next step echoes.
    assert (steps[follows] == 1).all()
    echoed = data['acted'][:, 1:][follows]
    np.testing.assert_array_equal(echoed, data['action'][:, :-1][follows])
    assert (data['step'][data['is_first']] == 0).all()
    self.trained.append(data.get('stepid'))
    count = len(self.trained)
    fails, unknown = count == self.fail_at, count == self.unknown_at
    value = np.nan if fails or unknown else 0.5
    outs = {k: v for k, v in data.items() if k == 'stepid'}
    if outs and 'seen' in data:
      outs['seen'] = data['seen'] + 1
    total = np.nan if fails else 0.5
    return outs, {'loss/some': value, 'opt/loss': total, 'other': 1.0}

  def report(self, data):
    return {'newest': float(data['stepid'].max())}

  def save(self):
    return {'trained': np.array(len(self.trained))}

  def load(self, tree, seen=0):
    self.trained = [None] * int(tree['trained'])
    self.seen = seen


class Host:
  """A host that is a thread. Common work that not all of them come to breaks
  the barrier, and with it the test."""

  def __init__(self, index, world):
    self.index = index
    self.count = world.count
    self.world = world

  def exchange(self, values):
    self.world.told[self.index] = list(values)
    self.world.barrier.wait(20)
    rows = np.array(self.world.told, np.float64)
    self.world.barrier.wait(20)
    return rows


class World:
  def __init__(self, count):
    self.count = count
    self.told = [None] * count
    self.barrier = threading.Barrier(count)


class Memory:
  """Checkpoints that stay in memory."""

  def __init__(self):
    self.saved = {}
    self.scores = {}

  def steps(self):
    return sorted(self.saved)

  def save(self, step, state, meta, score=None):
    self.saved[step] = state, json.loads(json.dumps(meta))
    self.scores[step] = score

  def load(self, like):
    step = self.steps()[-1]
    return step, *self.saved[step]


def env_makers(count=2):
  return [
    functools.partial(make_env, 'dummy_count', i, seed=0, length=13)
    for i in range(count)
  ]


def make_logger(folder, step):
  return logger.Logger(
    [
      logger.JsonLines(folder / 'metrics.jsonl', '(?!episode/).*'),
      logger.JsonLines(folder / 'scores.jsonl', 'episode/.*'),
    ],
    step,
  )


def make(
  folder,
  memory=None,
  stop=lambda: False,
  driver=None,
  data=None,
  newest=None,
  **changes,
):
  """A run that acts and learns, from its own replay and fixed `data`, and
  from its `newest` steps."""
  settings = types.SimpleNamespace(**{**vars(SETTINGS), **changes})
  store = replay.Replay(LENGTH + 1, 10000, folder / 'replay', chunk_size=32)
  driver = driver or embodied.Driver(env_makers(), parallel=False)
  agent = Checking(driver.obs_space, driver.act_space)
  source = sources.Mixture({'replay': (store, 1.0), **(data or {})})
  run = train.Train(
    learner=learner.Learner(agent, source, BATCH, LENGTH),
    driver=driver,
    replay=store,
    newest=newest,
    trackers=[PonderSteps(), Achievements()],
    logger=make_logger(folder, lambda: run.step),
    terminal=terminal.Terminal(settings.steps),
    checkpoint=memory or Memory(),
    settings=settings,
    stop=stop,
  )
  return run


def make_offline(folder, source, memory=None, stop=lambda: False, **changes):
  """A run that only learns."""
  settings = types.SimpleNamespace(**{**vars(SETTINGS), **changes})
  agent = Checking({}, {})
  run = offline.Offline(
    learner=learner.Learner(agent, source, BATCH, LENGTH),
    logger=make_logger(folder, lambda: run.step),
    terminal=terminal.Terminal(settings.steps),
    checkpoint=memory or Memory(),
    settings=settings,
    stop=stop,
  )
  return run


def close(run):
  run.logger.close()
  run.learner.source.close()


def lines(path):
  return [json.loads(x) for x in path.read_text().splitlines()]
