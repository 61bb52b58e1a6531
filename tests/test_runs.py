"""The runs by `run.script`, put together around an agent that only counts."""

import json
import re

import numpy as np
import pytest

import embodied
from ponderdream import factories, runs, train
from tests.naming import says

DUMMY = (
  '--configs', 'dummy', 'debug', '--task', 'dummy_count', '--run.parallel',
  'False', '--run.log_every', '0',
)  # fmt: skip


class Counting(embodied.RandomAgent):
  """Counts its updates; the latents it stores count how often they came."""

  def __init__(self, obs_space, act_space):
    super().__init__(obs_space, act_space)
    self.updates = self.newest = 0
    self.keys = set()

  def policy(self, carry, obs, mode='train'):
    carry, acts, _ = super().policy(carry, obs, mode)
    deter = np.zeros((len(obs['is_first']), 2), np.float16)
    return carry, acts, {'dyn/deter': deter}

  def place(self, data, fresh=False):
    self.newest += fresh
    return data

  def train(self, data):
    self.updates += 1
    self.keys = set(data)
    if 'stepid' not in data:
      return {}, {'loss/ppo/value': 1.0}
    steps = data['stepid'][:, 1:]
    outs = {'stepid': steps, 'priority': np.ones(steps.shape, np.float32)}
    if 'dyn/deter' in data:
      outs['dyn/deter'] = np.ones((*steps.shape, 2), np.float16)
    return outs, {'loss/rew': 1 / self.updates}

  def save(self):
    return {'updates': np.array(self.updates)}

  def load(self, tree, seen=0):
    self.updates = int(tree['updates'])


@pytest.fixture
def agents(monkeypatch):
  """The agents of the processes of a test, in order."""
  made = []

  def make(spaces, config, acting=None):
    made.append(Counting(*spaces))
    return made[-1]

  monkeypatch.setattr(factories, 'make_agent', make)
  return made


def run(*args):
  return train.main([*DUMMY, *map(str, args)])


def lines(logdir):
  text = (logdir / 'metrics.jsonl').read_text()
  return [json.loads(x) for x in text.splitlines()]


def contents(folder):
  return {x.name: x.read_bytes() for x in folder.iterdir()}


def test_offline_on_the_replay_of_an_earlier_run(agents, tmp_path, capsys):
  old, new = tmp_path / 'old', tmp_path / 'new'
  assert run('--logdir', old, '--run.steps', 100) == 0
  assert 'dyn/deter' in agents[0].keys
  before = contents(old / 'replay')
  offline = ('--run.script', 'offline', '--data', old, '--logdir', new)
  assert run(*offline, '--run.steps', 30) == 0
  assert says(capsys.readouterr().out, 'finish*', 30)
  assert agents[1].updates == 30
  # The states of the other network are not offered.
  assert agents[1].keys == agents[0].keys - {'dyn/deter'}
  assert run(*offline, '--run.steps', 50) == 0
  assert says(capsys.readouterr().out, 'resum*', 30)
  assert agents[2].updates == 50
  names = {x.name for x in (new / 'checkpoints').iterdir()}
  assert {'30', '50'} <= names
  assert not (new / 'replay').exists()
  assert contents(old / 'replay') == before
  record = lines(new)[-1]
  assert record['step'] == record['run/updates'] == 50
  assert record['data0/windows'] == 100 - 8
  losses = [x.get('train/loss/rew') for x in lines(new)]
  assert [x for x in losses if x][-1] == 1 / 50
  # Its logdir is that of another run.
  assert run('--logdir', new, '--run.steps', 60) == 2
  assert says(capsys.readouterr().err, 'run.script', 'offline', 'train')


def test_acting_beside_the_replay_of_an_earlier_run(agents, tmp_path):
  old, new = tmp_path / 'old', tmp_path / 'new'
  assert run('--logdir', old, '--run.steps', 100) == 0
  before = contents(old / 'replay')
  data = ('--data', 'replay=0.25', f'{old}=0.75')
  assert run(*data, '--logdir', new, '--run.steps', 120) == 0
  assert agents[1].keys == agents[0].keys | {'has/dyn/deter'}
  assert contents(old / 'replay') == before
  record = lines(new)[-1]
  assert record['replay/total'] == 120
  assert record['data1/windows'] == 100 - 8


def test_acting_and_learning_from_the_newest_steps(agents, tmp_path):
  flags = ('--loss_scales.ppo', 1, '--run.envs', 4, '--ppo.length', 5)
  flags += ('--ppo.batch', 2, '--ppo.epochs', 3, '--run.train_ratio', 0)
  assert run(*flags, '--logdir', tmp_path, '--run.steps', 4 * 11) == 0
  assert agents[0].newest == agents[0].updates == 2 * 2 * 3


def test_data_of_another_task_is_refused(agents, tmp_path, capsys):
  old, new = tmp_path / 'old', tmp_path / 'new'
  assert run('--logdir', old, '--run.steps', 30) == 0
  capsys.readouterr()
  argv = ['--configs', 'dummy', 'debug', '--run.script', 'offline', '--data']
  assert train.main([*argv, str(old), '--logdir', str(new)]) == 2
  error = capsys.readouterr().err
  assert says(error, 'Error:', old, "'token'")
  assert not (new / 'config.yaml').exists()


@pytest.mark.parametrize(
  'flags, said, unsaid',
  [
    (['crafter', 'cpu'], ['ppo', 'nothing', 'run.train_ratio'], ['rew']),
    (['crafter', 'cpu', 'dreams'], ['ppo', 'rew', 'policy'], ['nothing']),
    (['crafter', 'size1m'], ['rew', 'repval', 'replayed'], ['ppo', 'newest']),
    (['crafter', 'cpu', '--run.script', 'offline', '--data', 'x'],
     ['rew', 'data', 'no policy'], ['ppo', 'newest']),
    (['crafter', 'cpu', 'cloning', '--data', 'x'],
     ['clone', 'demoval', 'data'], ['rew', 'no']),
    (['crafter', 'pondernet', 'cpu', 'words', 'phase4'],
     ['ppo', 'leash_act', 'say', 'replayed'], ['dyn', 'nothing', 'policy']),
  ],
)  # fmt: skip
def test_what_is_learnt_is_said(flags, said, unsaid, tmp_path):
  argv = ['--configs', *flags, '--logdir', str(tmp_path)]
  found = runs.learnt(train.configure(argv))
  words = set(re.findall(r'\w+', found))
  assert says(found, *said) and not words & {*unsaid}
