"""Splitting command lines and applying them to a config."""

import pytest

from embodied.config import Config, flags
from embodied.errors import UsageError
from tests.naming import naming


@pytest.fixture
def config():
  return Config(
    {
      'seed': 0,
      'run': {'steps': 10, 'rate': 0.5, 'debug': False},
      'agent': {'depths': [1, 2], 'units': 8},
    }
  )


def test_values_follow_by_space_or_equals_sign():
  argv = ['--configs', 'crafter', 'debug', '--run.steps=5', '--logdir', 'a=b']
  assert flags.split_flags(argv) == {
    'configs': ['crafter', 'debug'],
    'run.steps': ['5'],
    'logdir': ['a=b'],
  }
  # The first equals sign separates name and value; -0.5 is not a flag.
  argv = ['--logdir=a=b', '--empty=', '--run.rate', '-0.5']
  assert flags.split_flags(argv) == {
    'logdir': ['a=b'],
    'empty': [''],
    'run.rate': ['-0.5'],
  }
  assert flags.split_flags([]) == {}


def test_switches_may_stand_alone():
  argv = ['--video', '--logdir', 'x']
  want = {'video': ['True'], 'logdir': ['x']}
  assert flags.split_flags(argv, switches=['video']) == want
  argv = ['--video', 'False']
  assert flags.split_flags(argv, switches=['video']) == {'video': ['False']}


def test_a_program_takes_its_own_flags():
  given = {'configs': ['a', 'b'], 'logdir': []}
  assert flags.take(given, 'configs') == ['a', 'b']
  assert flags.take(given, 'configs') == []
  with pytest.raises(UsageError, match=naming('--logdir', 'value')):
    flags.take(given, 'logdir')
  assert given == {}


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    (['crafter'], ["'crafter'", 'flag']),
    (['--seed=3', 'more'], ["'more'", 'flag']),
    (['--seed', '1', '--seed', '2'], ['--seed', 'twice']),
    (['--'], ["'--'", 'flag']),
    (['--=3'], ["'--=3'", 'flag']),
  ],
)
def test_malformed_command_lines_are_refused(argv, words):
  with pytest.raises(UsageError, match=naming(*words)):
    flags.split_flags(argv)


def test_flags_override_with_the_type_of_the_default(config):
  argv = '--seed 1e3 --run.debug True --agent.depths 3 4 5 --run.rate 2'
  new = flags.apply(config, flags.split_flags(argv.split()))
  assert new.flat == {
    'seed': 1000,
    'run.steps': 10,
    'run.rate': 2.0,
    'run.debug': True,
    'agent.depths': (3, 4, 5),
    'agent.units': 8,
  }
  new = flags.apply(config, {r'.*(steps|units)': ['3'], 'agent.depths': ['7']})
  assert (new.run.steps, new.agent.units) == (3, 3)
  assert new.agent.depths == (7,)
  assert config.seed == 0


@pytest.mark.parametrize(
  ('argv', 'words'),
  [
    ('--run.step 3', ['--run.step', "'run.steps'"]),
    ('--confgs x', ['--confgs', "'configs'"]),
    ('--seed 1.5', ['--seed', "'1.5'"]),
    ('--seed 1 2', ['--seed', "['1', '2']"]),
    ('--seed', ['--seed', 'value']),
    ('--seed --run.steps 3', ['--seed', 'value']),
    ('--confgs', ['--confgs', "'configs'"]),
    ('--run.debug yes', ['--run.debug', True, False, "'yes'"]),
    ('--run 3', ["'run'", 'section', "'3'"]),
  ],
)
def test_bad_flags_are_refused(config, argv, words):
  split = flags.split_flags(argv.split())
  with pytest.raises(UsageError, match=naming(*words)):
    flags.apply(config, split, known=['configs', 'logdir'])
