"""The range of every number in configs.yaml."""

import re
import sys

import jax
import pytest

from embodied.config import resolve
from embodied.config.flags import split_flags
from embodied.envs import make_env
from embodied.errors import UsageError
from ponderdream import models, settings
from ponderdream.settings import ranges

BLOCKS = settings.blocks()
DEFAULTS = resolve(BLOCKS, ['dummy', 'debug'])
NUMBERS = {
  k: v
  for k, v in DEFAULTS.flat.items()
  if isinstance(v[0] if isinstance(v, tuple) and v else v, int | float)
  and not isinstance(v, bool)
}
RANGED = [k for k in NUMBERS if ranges.bounds(k)]


@pytest.fixture(autouse=True)
def read_once(monkeypatch):
  """The file takes longer to read than all else here."""
  module = sys.modules['ponderdream.settings.parse']
  monkeypatch.setattr(module, 'blocks', lambda: BLOCKS)


def test_every_number_has_a_range_and_every_range_a_number():
  assert len(NUMBERS) > 80
  bare = NUMBERS.keys() - set(RANGED)
  assert all(k.startswith('env.') for k in bare), f'RANGES lacks {bare}.'
  for pattern in ranges.RANGES:
    assert any(re.fullmatch(pattern, k) for k in NUMBERS), pattern
  for key in DEFAULTS.flat.keys() - NUMBERS.keys():
    assert ranges.bounds(key) is None, key


def beyond(key):
  """Values just outside of the range of a setting, and far outside."""
  low, high = ranges.bounds(key)
  whole = all(isinstance(x, int) for x in (low, high))
  step = 1 if whole else 1e-3 * max(abs(low), 1e-9)
  yield from (low - step, high + max(step, 1e-6 * high))
  yield from (x for x in (0, -1, 10**9) if not low <= x <= high)


def told(key, value):
  """Sets one number by its flag, as the command line does."""
  text = repr(value)
  given = {key: [text]}
  names = ['dummy', 'debug']
  return settings.parse(names, {**given, 'logdir': ['run']}, ())


@pytest.mark.parametrize('key', RANGED)
def test_what_is_out_of_range_is_refused_by_name(key):
  for value in beyond(key):
    with pytest.raises(UsageError) as caught:
      told(key, value)
    message = str(caught.value)
    assert key in message and '\n' not in message and len(message) < 200


@pytest.mark.parametrize('block', BLOCKS)
def test_every_block_is_within_the_ranges(block):
  names = [] if block == 'defaults' else [block]
  ranges.check(resolve(BLOCKS, names))


NETWORKS = [
  k
  for k in RANGED
  if k.split('.')[0] in (*models.PARTS, 'ponder') and '.' in k
]


@pytest.mark.slow
def test_the_lowest_numbers_make_networks():
  # One after the other: each key at its lowest, all others as they are.
  env = make_env('dummy_disc', 0, seed=0)
  base = resolve(BLOCKS, ['dummy', 'debug', 'pondernet'])
  base = base.update({'jax.dtype': 'float32', 'inputs': 'tokens'})
  for key in NETWORKS:
    low, _ = ranges.bounds(key)
    low = (low,) if isinstance(NUMBERS[key], tuple) else low
    config = base.update({key: low})
    try:
      settings.check(config)
      built = models.build(config, env.obs_space, env.act_space)
    except UsageError:
      continue  # it does not fit to another setting
    params = jax.eval_shape(built.init, jax.random.key(0))
    assert all(x.size for x in jax.tree.leaves(params)), key


def test_a_long_value_is_shown_in_short():
  with pytest.raises(UsageError) as caught:
    told('run.steps', 'x' * 10**6)
  assert len(str(caught.value)) < 200 and 'run.steps' in str(caught.value)
  for flags in (['y' * 10**5], ['--' + 'y' * 10**5, '1']):
    with pytest.raises(UsageError) as caught:
      split = split_flags(flags)
      settings.parse(['dummy'], split, ())
    assert len(str(caught.value)) < 400
