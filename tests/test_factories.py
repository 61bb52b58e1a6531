"""What the configuration asks for is what is made."""

import textwrap

import numpy as np
import pytest

from embodied import envs, replay
from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import datasets, factories, settings
from tests.naming import naming


def make_replay(tmp_path, **flags):
  flags = {f'replay.{k}': [str(v)] for k, v in flags.items()}
  flags['logdir'] = [str(tmp_path)]
  config = settings.parse(['dummy', 'debug'], flags, ())
  replay = factories.make_replay(config)
  for n in range(1000):
    step = {'count': np.int32(n), 'is_first': n == 0, 'is_last': False}
    replay.add(step, 0)
  while replay._fresh:  # those come first
    replay.sample(1)
  return replay


def test_windows_are_uniform_by_default(tmp_path):
  replay = make_replay(tmp_path)
  first = replay.sample(2000)['count'][:, 0]
  assert abs((first > 900).mean() - 0.09) < 0.03
  replay.close()


def test_priority_prefers_what_is_badly_predicted(tmp_path):
  replay = make_replay(tmp_path, priority=0.5)
  loss = np.zeros((1, 1000), np.float32)
  loss[0, 300:320] = 1e6
  replay.update(np.arange(1000)[None], {'priority': loss})
  data = replay.sample(2000)['count']
  hit = ((data >= 300) & (data < 320)).any(1).mean()
  assert abs(hit - (0.5 + 0.5 * 28 / 992)) < 0.05
  replay.close()


@pytest.mark.parametrize('share', [-0.1, 1.1])
def test_shares_are_between_0_and_1(tmp_path, share):
  with pytest.raises(UsageError, match=naming('replay.priority', share)):
    make_replay(tmp_path, priority=share)


def test_a_suite_with_an_underscore_has_its_settings(tmp_path, monkeypatch):
  monkeypatch.setitem(envs.REGISTRY, 'dummy_like', envs.REGISTRY['dummy'])
  config = settings.parse(['debug'], {'logdir': [str(tmp_path)]}, ())
  flat = {**config.flat, 'task': 'dummy_like_disc'}
  config = Config(flat | {'env.dummy_like.length': 7, 'env.dummy.length': 5})
  assert factories.env_maker(config).keywords['length'] == 7


def learning(tmp_path, *texts, script='train'):
  """A configuration that learns from these sources."""
  flags = {'logdir': [str(tmp_path)], 'data': list(texts)}
  flags |= {'run.script': [script], 'run.parallel': ['False']}
  return settings.parse(['dummy', 'debug'], flags, ())


def test_what_is_learnt_from(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'lr=0.1').mkdir()
  config = learning(tmp_path, 'replay=0.75', 'old=0.25', 'lr=0.1')
  shares = settings.data.shares(config)
  assert shares == {'replay': 0.75, 'old': 0.25, 'lr=0.1': 1.0}
  with pytest.raises(UsageError, match=naming('replay', 'offline')):
    learning(tmp_path, 'old')
  # Whoever learns from the newest steps needs no replay beside other data.
  flags = {'logdir': ['x'], 'data': ['old'], 'loss_scales.ppo': ['1']}
  newest = settings.parse(['dummy', 'debug'], flags, ())
  assert settings.data.shares(newest) == {'old': 1.0}
  config = learning(tmp_path, 'old', script='offline')
  assert settings.data.shares(config) == {'old': 1.0}
  assert settings.data.shares(settings.parse(['debug'], {'logdir': ['x']}, ()))


@pytest.mark.parametrize('where', ['old', 'old/replay'])
def test_a_data_set_is_a_logdir_or_its_replay(tmp_path, where):
  config = learning(tmp_path, str(tmp_path / where), script='offline')
  spaces = factories.make_spaces(config)
  store = replay.Replay(9, 1000, tmp_path / 'old' / 'replay')
  rng = np.random.default_rng(0)
  for _ in range(20):
    step = {k: v.sample(rng) for k, v in (spaces[0] | spaces[1]).items()}
    step |= {'dyn/deter': np.zeros(4, np.float16)}
    step |= {'is_first': np.bool_(False), 'is_last': np.bool_(False)}
    store.add({k: v for k, v in step.items() if k != 'reset'}, 0)
  store.close()
  source = datasets.make(config, spaces, {})
  batch = source.sample(4)
  assert batch.keys() == {
    'step', 'episode', 'token', 'image', 'vector', 'reward', 'action',
    'is_first', 'is_last', 'is_terminal', 'stepid',
  }  # fmt: skip
  # The states of the network that acted mean nothing to this one.
  assert batch['image'].shape == (4, 9, 64, 64, 3)
  source.close()
  other = learning(tmp_path, str(tmp_path / where), script='offline')
  other = other.update({'task': 'dummy_cont'})
  with pytest.raises(UsageError, match=naming("'action'", where)):
    datasets.make(other, factories.make_spaces(other), {})


def test_data_written_as_the_package_says_are_learnt_from(
  tmp_path, monkeypatch
):
  lines = [x for x in replay.__doc__.splitlines() if x[:4] in ('', '    ')]
  picture = np.zeros((64, 64, 3), np.uint8)
  steps = [
    (picture + n, 0.5, n % 17, n % 20 == 0, n % 20 == 19, False)
    for n in range(100)
  ]
  monkeypatch.chdir(tmp_path)
  exec(textwrap.dedent('\n'.join(lines)), {'steps': steps})
  blocks = ['crafter', 'cpu', 'debug']
  flags = {'data': ['logdir/mine'], 'run.script': ['offline']}
  config = settings.parse(blocks, flags | {'logdir': ['new']}, ())
  spaces = factories.make_spaces(config)
  batch = datasets.make(config, spaces, {}).sample(50)
  assert batch['image'].dtype == np.uint8 and (batch['reward'] == 0.5).all()
  assert (batch['action'] == batch['image'][..., 0, 0, 0] % 17).all()


def test_spaces_are_those_of_the_drivers_environments(tmp_path):
  flags = {'logdir': [str(tmp_path)], 'run.parallel': ['False']}
  config = settings.parse(['crafter', 'debug'], flags, ())
  driver = factories.make_driver(config, 1, 0)
  driver.close()
  spaces = factories.make_spaces(config)
  assert spaces == (driver.obs_space, driver.act_space)
