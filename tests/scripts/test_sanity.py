"""What the table of other worlds says of a run."""

import shlex

import numpy as np
import pytest

from embodied.config import flags
from embodied.errors import UsageError
from ponderdream import settings
from scripts.experiments import sanity

WORLD = sanity.World('', 1, wanted=10, slack=2)


def episodes(scores):
  """One episode per minute and per 100 steps."""
  count = np.arange(1, len(scores) + 1)
  return np.stack([60 * count, 100 * count, scores], 1).astype(float)


def test_a_world_is_learnt_and_kept():
  # Twenty episodes of 10 are complete with the 30th; of those that follow,
  # one of ten falls below 8.
  found = episodes([0] * 10 + [10] * 20 + [9] * 9 + [7.9])
  assert sanity.judge(found, WORLD) == {
    'steps': 4000,
    'reached': 30,
    'best': 10,
    # From step 3600 on.
    'last': pytest.approx((4 * 9 + 7.9) / 5),
    'kept': 0.9,
  }


def test_a_world_that_is_not_learnt():
  found = sanity.judge(episodes([3] * 40), WORLD)
  assert found['reached'] is None and found['kept'] is None
  assert found['best'] == found['last'] == 3
  with pytest.raises(UsageError, match='19'):
    sanity.judge(episodes([3] * 19), WORLD)


def test_unknown_worlds_are_refused(tmp_path):
  argv = ['--logdir', str(tmp_path), '--worlds', 'Nowhere']
  with pytest.raises(UsageError, match='Nowhere'):
    sanity.options(argv)


def test_a_run_is_taken_for_its_own_arguments_alone(tmp_path, monkeypatch):
  trained = []

  def train(folder, flags, seconds):
    trained.append(seconds)
    folder.mkdir()
    return episodes([500] * 30)

  monkeypatch.setattr(sanity, 'train', train)
  argv = ['--logdir', str(tmp_path), '--worlds', 'CartPole-v1']

  def perform(*more):
    return sanity.perform(sanity.options([*argv, *more]), 'CartPole-v1', 3)

  assert perform() == perform()
  assert perform()['best'] == 500 and trained == [360]
  with pytest.raises(UsageError, match='minutes 6, not 7'):
    perform('--minutes', '7')
  with pytest.raises(UsageError, match='flags .*--ppo.kl'):
    perform('--flags', '--ppo.kl 1')
  (tmp_path / 'CartPole-v1-3' / 'finished.json').unlink()
  with pytest.raises(UsageError, match='not finished'):
    perform()


@pytest.mark.parametrize('name', sanity.WORLDS)
def test_the_settings_of_every_world_are_valid(name):
  found = flags.split_flags(shlex.split(sanity.WORLDS[name].flags))
  names = flags.take(found, 'configs')
  config = settings.parse(names, {**found, 'logdir': ['run']}, ())
  wrappers = config.env.gymnasium.wrappers
  assert all(x.count('{') == x.count('}') for x in wrappers)
