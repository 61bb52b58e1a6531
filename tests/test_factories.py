"""What the configuration asks for is what is made."""

import numpy as np
import pytest

from embodied import envs
from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import factories, settings
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


def test_recency_prefers_the_new(tmp_path):
  replay = make_replay(tmp_path, recency=1.0)
  first = replay.sample(2000)['count'][:, 0]
  # log(91) / log(992) of the 991 windows.
  assert abs((first > 900).mean() - 0.65) < 0.05
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


def test_spaces_are_those_of_the_drivers_environments(tmp_path):
  flags = {'logdir': [str(tmp_path)], 'run.parallel': ['False']}
  config = settings.parse(['crafter', 'debug'], flags, ())
  driver = factories.make_driver(config, 1, 0)
  driver.close()
  spaces = factories.make_spaces(config)
  assert spaces == (driver.obs_space, driver.act_space)
