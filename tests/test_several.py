"""A run of several worlds: its goals, its data, its settings."""

import numpy as np
import pytest

from embodied.errors import UsageError
from ponderdream import datasets, evaluate, factories, settings, texts, train
from tests.naming import naming
from tests.test_texts import write_plans

TASKS = 'dummy_disc+sokoban_small'
WORDS = 'dummy', 'pondernet', 'debug', 'words'
# Dreams know one goal alone.
AWAKE = {
  f'loss_scales.{x}': 0.0 for x in ('policy', 'ponder', 'value', 'repval')
}


def parsed(tmp_path, *names, **flags):
  flags = {'task': TASKS, 'goal': 'win', 'run.envs': 2} | AWAKE | flags
  flags = {k: v if isinstance(v, list) else [str(v)] for k, v in flags.items()}
  blocks = [*WORDS, *names]
  return settings.parse(blocks, flags | {'logdir': [str(tmp_path)]}, ())


@pytest.fixture(scope='module')
def plans(tmp_path_factory):
  """Data sets of both worlds."""
  folder = tmp_path_factory.mktemp('plans')
  write_plans(folder / 'dummy')
  write_plans(folder / 'rooms', 'sokoban_small', depth=3, actions=4)
  return [str(folder / 'dummy'), str(folder / 'rooms')]


def test_goals(tmp_path):
  both = 'crafter_reward+sokoban_small'
  config = parsed(tmp_path, task=both, goal='')
  (survive,), (solve,) = texts.goals(config)
  assert 'survive' in survive and 'solve' in solve
  many, one = texts.goals(config.update({'run.ask': 0.3}))
  assert len(many) == 23 and one == [solve]
  assert texts.goals(config.update({'goal': 'win'})) == [['win'], ['win']]
  mute = config.update({'goalenc.kind': 'table'})
  assert texts.goals(mute) == [[], []]
  with pytest.raises(UsageError, match=naming('dummy_disc', '--goal')):
    texts.goals(parsed(tmp_path, goal=''))


def test_data_of_both_worlds(plans, tmp_path):
  config = parsed(tmp_path, 'phase1', data=plans)
  spaces = factories.make_spaces(config)
  assert {'image', 'cells', 'mask'} < spaces[0].keys()
  source = datasets.make(config, spaces, {})
  batch = source.sample(8)
  rooms = batch['cells'].any((1, 2, 3))
  assert rooms.sum() == 4  # each world has its share
  assert not batch['image'][rooms].any() and batch['image'][~rooms].any()
  assert batch['mask'].shape == (8, config.batch.length + 1, 5)
  assert batch['mask'][~rooms].all() and batch['mask'][rooms][..., :4].all()
  assert not batch['mask'][rooms][..., 4].any()
  assert (batch['action'][rooms] < 4).all()
  assert (batch['stack'] >= -1).all() and batch['stack'].shape[-1] == 3
  assert not any(k.startswith('has/') for k in batch)
  for key in ('image', 'cells', 'mask'):
    assert batch[key].dtype == spaces[0][key].dtype


def test_what_does_not_fit(plans, tmp_path):
  alone = parsed(
    tmp_path, 'phase1', task='ladder_mixed+dummy_disc', data=plans
  )
  with pytest.raises(
    UsageError, match=naming('sokoban_small', 'ladder_mixed')
  ):
    datasets.make(alone, factories.make_spaces(alone), {})
  with pytest.raises(UsageError, match=naming('2 worlds', 'run.envs')):
    factories.make_driver(parsed(tmp_path), 1, 0)
  with pytest.raises(UsageError, match=naming('run.ask', 'dummy_disc')):
    factories.make_driver(parsed(tmp_path), 2, 0, ask=0.5)
  with pytest.raises(UsageError, match=naming('pong', 'suites')):
    factories.make_driver(parsed(tmp_path, task='dummy_disc+pong'), 2, 0)


def test_no_world_imports_a_module(tmp_path):
  trusted = 'gymnasium_gymnasium.envs:CartPole-v1'
  task = f'{trusted}+gymnasium_somebodys:Env-v0'
  config = parsed(tmp_path, task=task).update({'run.parallel': False})
  config.save(tmp_path / 'config.yaml')
  with pytest.raises(UsageError, match='--task'):
    settings.recall(str(tmp_path))
  with pytest.raises(UsageError, match='--task'):
    settings.recall(str(tmp_path), trusted)
  assert settings.recall(str(tmp_path), task).task == task


@pytest.mark.slow
def test_the_recipe_on_both_worlds(plans, tmp_path, capsys):
  one, five = str(tmp_path / 'one'), str(tmp_path / 'five')
  same = '--task', TASKS, '--goal', 'win', '--run.envs', '2'
  small = '--run.steps', '64', '--logger.outputs', 'jsonl'
  first = ['--configs', 'pondernet', 'cpu', 'words', 'phase1', 'debug']
  assert not train.main(
    [*first, *same, *small, '--data', *plans, '--logdir', one]
  )
  then = ['--configs', 'pondernet', 'cpu', 'words', 'phase4', 'phase5']
  ppo = '--ppo.batch', '2', '--ppo.length', '8'
  data = '--data', 'replay=.5', *plans
  assert not train.main(
    [*then, 'debug', *same, *small, *ppo, *data, '--init_from', one]
    + ['--logdir', five]
  )
  out = capsys.readouterr().out
  assert 'new:' not in out  # all parameters are taken over
  assert not evaluate.main(['--logdir', five, '--episodes', '2'])
  out = capsys.readouterr().out
  assert 'return in dummy_disc' in out and 'return in sokoban_small' in out
  before, after = (params(x) for x in (one, five))
  assert before.keys() == after.keys()
  moved = {
    k.partition('/')[0]
    for k in before
    if not np.array_equal(before[k], after[k])
  }
  assert moved == {'goalenc', 'inner', 'txtdec', 'val'}


def params(logdir):
  """The parameters of a run by key."""
  import contextlib

  import jax

  from ponderdream.checkpoint import Checkpoint

  with contextlib.closing(Checkpoint(f'{logdir}/checkpoints')) as saved:
    tree = saved.load_params()
  return {
    '/'.join(str(x.key) for x in path): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
  }
