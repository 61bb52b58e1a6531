"""Types, regex keys, blocks and files of configs."""

import copy
import pickle

import pytest

from embodied import config as configs
from embodied.config import Config
from embodied.errors import UsageError
from tests.naming import naming

BLOCKS = r"""
small: &small
  agent: {'.*\.units': 8}
defaults:
  seed: 0
  logdir: ''
  run: {steps: 1000000, rate: 4e-5, eps: 1e-20, debug: False}
  agent:
    enc: {units: 64, kernel: 5, act: silu}
    dec: {units: 32}
    depths: [2, 3, 4]
    scales: [1, 0.5]
    names: [a, b]
  env: {dummy: {}}
debug:
  <<: *small
  run: {steps: 600}
  .*\.dec\..*: 4
"""


@pytest.fixture
def path(tmp_path):
  path = tmp_path / 'configs.yaml'
  path.write_text(BLOCKS)
  return path


@pytest.fixture
def config(path):
  return configs.resolve(configs.load_blocks(path), [])


def test_attributes_items_and_dotted_keys_are_the_same_leaf(config):
  assert config.run.steps == config['run.steps'] == config['run']['steps']
  assert config.run.steps == 1000000 and type(config.run.steps) is int
  assert config.run.rate == 4e-5 and type(config.run.rate) is float
  assert config.agent.depths == (2, 3, 4)
  # In a list of integers and floats, all become floats.
  assert [type(x) for x in config.agent.scales] == [float, float]
  assert 'run.steps' in config and 'run.step' not in config
  assert dict(config.env.dummy) == {}
  assert list(config) == ['seed', 'logdir', 'run', 'agent', 'env']
  assert config.run.flat == {
    'steps': 1000000,
    'rate': 4e-5,
    'eps': 1e-20,
    'debug': False,
  }
  assert config.flat['agent.enc.act'] == 'silu'


def test_flat_and_nested_spellings_are_equal():
  assert Config({'a.b': 1, 'a': {'c.d': 2}}) == Config(
    {'a': {'b': 1, 'c': {'d': 2}}}
  )


def test_update_leaves_the_original_alone(config):
  new = config.update({'run': {'steps': 5}, 'agent.enc.units': 1})
  assert (new.run.steps, new.agent.enc.units) == (5, 1)
  assert (config.run.steps, config.agent.enc.units) == (1000000, 64)
  assert configs.diff(config, new) == ['agent.enc.units', 'run.steps']
  assert configs.diff(config, new, [r'run\..*']) == ['agent.enc.units']
  assert configs.diff(Config({'a': 1}), Config({'b': 1})) == ['a', 'b']


def test_nothing_can_be_assigned(config):
  with pytest.raises(AttributeError, match=naming('Config', "'seed'")):
    config.seed = 1
  with pytest.raises(TypeError):
    config['seed'] = 1
  with pytest.raises(TypeError):
    config.agent.depths[0] = 1


def test_regex_keys_match_leaves_in_full(config):
  new = config.update({r'.*\.units': 7})
  assert (new.agent.enc.units, new.agent.dec.units) == (7, 7)
  assert configs.diff(config, new) == ['agent.dec.units', 'agent.enc.units']
  # 'units' is only a part of the keys. As a plain name it matches no key.
  for pattern in ('units', '(nits|unit)', r'.*\.unit', r'enc\.units$'):
    with pytest.raises(UsageError, match=naming(f"'{pattern}'")):
      config.update({pattern: 7})


def test_regex_below_a_section_stays_inside_of_it(config):
  new = config.update({'agent': {'(enc|dec)': {'units': 7}}})
  assert configs.diff(config, new) == ['agent.dec.units', 'agent.enc.units']
  with pytest.raises(UsageError, match=naming(r"'run\..*units'")):
    config.update({'run': {r'.*units': 7}})


def test_later_keys_win(config):
  new = config.update({r'.*\.units': 7, 'agent.enc.units': 9})
  assert (new.agent.enc.units, new.agent.dec.units) == (9, 7)
  new = config.update({'agent.enc.units': 9, r'.*\.units': 7})
  assert (new.agent.enc.units, new.agent.dec.units) == (7, 7)


@pytest.mark.parametrize(
  ('key', 'value', 'want'),
  [
    ('seed', 3, 3),
    ('seed', 1e6, 1000000),
    ('seed', '1e6', 1000000),
    ('seed', '-3', -3),
    ('run.rate', 3, 3.0),
    ('run.rate', '1e-4', 1e-4),
    ('run.rate', '-.5', -0.5),
    ('run.debug', True, True),
    ('run.debug', 'True', True),
    ('logdir', 'x,y', 'x,y'),
    ('logdir', '', ''),
    ('agent.depths', [1], (1,)),
    ('agent.depths', '5, 6', (5, 6)),
    ('agent.depths', ['5', '6'], (5, 6)),
    ('agent.scales', [1, 2], (1.0, 2.0)),
    ('agent.names', 'x,y', ('x', 'y')),
    ('agent.names', '', ()),
    ('agent.names', 'x {a: 1, b: [2, 3]}, y', ('x {a: 1, b: [2, 3]}', 'y')),
    ('agent.names', '(a,b)=1,c)=2,d', ('(a,b)=1', 'c)=2', 'd')),
  ],
)
def test_values_become_the_type_of_the_default(config, key, value, want):
  got = config.update({key: value})[key]
  assert got == want and type(got) is type(want)
  if isinstance(want, tuple):
    assert [type(x) for x in got] == [type(x) for x in want]


@pytest.mark.parametrize(
  ('key', 'value', 'words'),
  [
    ('seed', 1.5, ['number', '1.5']),
    ('seed', '1.5', ['number', "'1.5'"]),
    ('seed', True, ['number', True]),
    ('seed', 'inf', ['number', "'inf'"]),
    ('seed', None, ['number', None]),
    ('seed', [1], ['number', '[1]']),
    ('run.rate', 'fast', ['number', "'fast'"]),
    ('run.rate', False, ['number', False]),
    ('run.debug', 'true', [True, False, "'true'"]),
    ('run.debug', 1, [True, False, 1]),
    ('run.debug', 0, [True, False, 0]),
    ('logdir', 5, ['text', 5]),
    ('agent.depths', 5, ['list', 5]),
    ('agent.depths', [1, 2.5], ['number', 2.5]),
    ('agent.depths', '1,x', ['number', "'x'"]),
    ('agent.depths', [], ['list', 'number']),
    ('agent', 5, ['section', 5]),
    ('seed.x', 5, ["'seed'"]),
    ('(', 5, ['regular expression']),
  ],
)
def test_other_types_are_refused_with_a_sentence(config, key, value, words):
  with pytest.raises(UsageError, match=naming(f"'{key}'", *words)):
    config.update({key: value})


@pytest.mark.parametrize(
  ('typo', 'meant'),
  [
    ('run.step', 'run.steps'),
    ('steps', 'run.steps'),
    ('agent.enc.unit', 'agent.enc.units'),
    ('Seed', 'seed'),
  ],
)
def test_an_unknown_key_names_the_nearest(config, typo, meant):
  with pytest.raises(UsageError, match=naming(f"'{typo}'", f"'{meant}'")):
    config.update({typo: 1})
  with pytest.raises(KeyError, match=naming(f"'{typo}'", f"'{meant}'")):
    config[typo]


def test_an_unknown_attribute_names_the_nearest(config):
  with pytest.raises(AttributeError, match=naming("'step'", "'steps'")):
    _ = config.run.step
  assert not hasattr(config, 'stepps')


def test_blocks_merge_left_to_right(path):
  blocks = configs.load_blocks(path)
  config = configs.resolve(blocks, ['debug'])
  assert config.run.steps == 600
  # The merged regular expression sets both to 8; then the block sets dec to 4.
  assert (config.agent.enc.units, config.agent.dec.units) == (8, 4)
  blocks['more'] = {'run.steps': 7}
  assert configs.resolve(blocks, ['debug', 'more']).run.steps == 7
  assert configs.resolve(blocks, ['more', 'debug']).run.steps == 600


def test_a_block_that_is_wrong_is_named(path):
  blocks = configs.load_blocks(path)
  with pytest.raises(UsageError, match=naming("'debugg'", "'debug'")):
    configs.resolve(blocks, ['debugg'])
  blocks['bad'] = {'run': {'stepps': 3}}
  with pytest.raises(
    UsageError, match=naming("'bad'", 'run.stepps', 'run.steps')
  ):
    configs.resolve(blocks, ['bad'])
  with pytest.raises(UsageError, match=naming('block', "'defaults'")):
    configs.resolve({'debug': {}}, [])


def test_what_is_saved_is_loaded(config, tmp_path):
  config = config.update({'logdir': 'True', 'agent.names': []})
  config.save(tmp_path / 'config.yaml')
  loaded = Config.load(tmp_path / 'config.yaml')
  assert loaded == config and configs.diff(loaded, config) == []
  assert list(loaded.flat.items()) == list(config.flat.items())
  for key, value in config.flat.items():
    assert type(loaded[key]) is type(value)


def test_copies_are_equal(config):
  assert pickle.loads(pickle.dumps(config)) == config
  assert copy.deepcopy(config) == config
  assert config.update({}) == config


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('a: [1', ['bad.yaml', 'YAML', 'line 1']),
    ('a: 1\na: 2', ['bad.yaml', 'YAML', 'line 2']),
    ('- a', ['bad.yaml', 'YAML', 'mapping']),
    ('', ['bad.yaml', 'YAML', 'mapping']),
    ('a: null', ["'a'", None]),
    ('a: [1, x]', ["'a'", 'types', "[1, 'x']"]),
    ('a: [[1]]', ["'a'", '[1]', 'list']),
    ('a: {update: 1}', ["'a.update'", 'method']),
    ('a b: 1', ["'a b'", 'letters', 'digits']),
    ('_a: 1', ["'_a'", 'letters', 'digits']),
    ('a: 1\na.b: 2', ["'a.b'", "'a'"]),
    ('a.b: 1\na: 2', ["'a'", 'twice']),
  ],
)
def test_bad_files_are_refused(tmp_path, text, words):
  path = tmp_path / 'bad.yaml'
  path.write_text(text)
  with pytest.raises(UsageError, match=naming(*words)):
    Config.load(path)


def test_missing_files_and_flat_blocks_are_refused(tmp_path):
  with pytest.raises(UsageError, match=naming('none.yaml', 'No such file')):
    Config.load(tmp_path / 'none.yaml')
  path = tmp_path / 'blocks.yaml'
  path.write_text('defaults: {a: 1}\nseed: 3')
  with pytest.raises(UsageError, match=naming("'seed'", 3, 'mapping')):
    configs.load_blocks(path)
