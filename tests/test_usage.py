"""What the command lines make of their arguments, before anything runs."""

import os

import pytest

from embodied.errors import UsageError
from ponderdream import evaluate, settings, train
from ponderdream.distributed import devices
from tests.naming import naming, says

DUMMY = ('--configs', 'dummy', 'pondernet', 'debug')

BAD = {
  'unknown block': (
    ['--configs', 'crafer'], "'crafer'", "'crafter'",
  ),
  'unknown flag': (
    ['--configs', 'dummy', 'debug', '--run.stepz', '3'], 'run.stepz',
    "'run.steps'",
  ),
  'wrong type': (
    ['--configs', 'dummy', 'debug', '--run.steps', '1.5'], 'run.steps',
    "'1.5'",'number',
  ),
  'no task': (
    ['--configs', 'dummy', 'debug', '--task', 'pong_x'], 'pong_x', 'crafter',
  ),
  'no such game': (
    ['--configs', 'dummy', 'debug', '--task', 'gymnasium_Nope-v0'], 'Nope-v0',
    'Gymnasium',
  ),
  'batch': (
    ['--configs', 'dummy', 'debug', '--batch.size', '3'], 'batch*', 3, 2,
    'devices',
  ),
  'a mode that is none': (
    ['--configs', 'dummy', 'debug', '--ponder.mode', 'ponder'], 'ponder.mode',
    'pondernet',
  ),
  'a prior out of range': (
    ['--configs', 'dummy', 'debug', '--ponder.prior', '1.5'], 'ponder.prior',
    '0.999',
  ),
  'precision': (
    ['--configs', 'dummy', 'debug', '--jax.dtype', 'int8'], 'int8',
    'bfloat16',
  ),
  'not a number': (
    ['--configs', 'dummy', 'debug', '--opt.lr', 'nan'], 'opt.lr', 'number',
  ),
  'bins without a middle': (
    ['--configs', 'dummy', 'debug', '--rew.bins', '8'], 'rew.bins', 8,
    'odd',
  ),
  'blocks that do not fit': (
    ['--configs', 'dummy', 'debug', '--dyn.deter', '15'], 'dyn.deter',
    'dyn.blocks',
  ),
  'a picture whose blocks do not fit': (
    ['--configs', 'dummy', 'debug', '--imgdec.blocks', '3'], 'imgdec.blocks',
    3,
  ),
  'a replay without room for a batch': (
    ['--configs', 'dummy', 'debug', '--replay.capacity', '80'],
    'replay.capacity', 80, 90,
  ),
  'negative ratio': (
    ['--configs', 'dummy', 'debug', '--run.train_ratio', '-1'],
    'run.train_ratio', '-1.0', 0.0,
  ),
  'no time at all': (
    ['--configs', 'dummy', 'debug', '--run.timeout', '0'], 'run.timeout',
    '0.001',
  ),
  'a reward for thinking': (
    ['--configs', 'dummy', 'debug', '--ponder.cost', '-0.1'], 'ponder.cost',
    '0.0',
  ),
  'a prior that repels': (
    ['--configs', 'dummy', 'debug', '--ponder.beta', '-1'], 'ponder.beta',
    '0.0',
  ),
  'a run of another name': (
    ['--configs', 'dummy', 'debug', '--run.script', 'ofline'], 'run.script',
    'offline',
  ),
  'offline on a replay that it does not have': (
    ['--configs', 'dummy', 'debug', '--run.script', 'offline'], 'run.script',
    'offline', '--data',
  ),
  'acting without the replay of the run': (
    ['--configs', 'dummy', 'debug', '--data', 'old'], 'run.script', '--data',
    'replay',
  ),
  'a share of nothing': (
    ['--configs', 'dummy', 'debug', '--data', 'replay', 'old=0'], "'old'",
    '0.0',
  ),
  'a share that is not a number': (
    ['--configs', 'dummy', 'debug', '--data', 'replay', 'old=half'], "'half'",
    'FOLDER=SHARE',
  ),
  'a source that is named twice': (
    ['--configs', 'dummy', 'debug', '--data', 'replay=0.5', 'replay=0.5'],
    "'replay'", 'twice',
  ),
  'a critic without a slow copy': (
    ['--configs', 'dummy', 'debug', '--slow.val', '0'], 'slow.val', '0.0',
  ),
  'data that are never learnt from': (
    ['--configs', 'dummy', 'cpu', '--data', 'replay', 'old'], 'old',
    'run.train_ratio', 0,
  ),
  'old data instead of the replay, never learnt from': (
    ['--configs', 'dummy', 'cpu', '--data', 'old'], 'old', 'run.train_ratio',
    0,
  ),
  'a leash on nothing': (
    ['--configs', 'dummy', 'debug', '--loss_scales.leash_act', '1'],
    'loss_scales.leash_act', 'loss_scales.ppo',
  ),
  'a goal in words for an agent without': (
    ['--configs', 'crafter', 'pondernet', 'debug', '--goal', 'eat'], "'eat'",
    'words',
  ),
  'dreams of several worlds, each with goals': (
    ['--configs', 'pondernet', 'words', 'debug', '--task',
     'crafter_reward+sokoban_small'], 'worlds', 'loss_scales.policy',
  ),
  'a task without a module': (
    ['--configs', 'gymnasium', 'debug', '--task', 'gymnasium_:x'], "':x'",
    'MODULE:ID',
  ),
  'a task of no module': (
    ['--configs', 'gymnasium', 'debug', '--task', 'gymnasium_.:x'], "'.:x'",
    'MODULE:ID',
  ),
  'a task of two modules': (
    ['--configs', 'gymnasium', 'debug', '--task', 'gymnasium_json:x:y'],
    "'json:x:y'", 'MODULE:ID',
  ),
  'an unknown kind of bucket': (
    ['--configs', 'dummy', 'debug', '--checkpoints', 'foo://x'], "'foo://x'",
    'gs://BUCKET/FOLDER',
  ),
  'a bucket without a name': (
    ['--configs', 'dummy', 'debug', '--checkpoints', 'gs:///'], "'gs:///'",
    'gs://BUCKET/FOLDER',
  ),
  'no kind of bucket': (
    ['--configs', 'dummy', 'debug', '--checkpoints', '://'], "'://'", 'folder',
  ),
  'a host without a name': (
    ['--configs', 'dummy', 'debug', '--jax.distributed', ':1234',
     '--jax.num_processes', '2', '--jax.process_id', '1'], "':1234'",
    'host:port',
  ),
  'a port beyond all': (
    ['--configs', 'dummy', 'debug', '--jax.distributed', 'localhost:99999',
     '--jax.num_processes', '2', '--jax.process_id', '1'], '99999',
    'host:port',
  ),
  'a host that nobody knows': (
    ['--configs', 'dummy', 'debug', '--jax.distributed', 'no.invalid:1234',
     '--jax.num_processes', '2', '--jax.process_id', '1'], "'no.invalid'",
    'host 0',
  ),
  'no hosts': (
    ['--configs', 'dummy', 'debug', '--jax.distributed', ''],
    'jax.distributed', 'empty',
  ),
  'no platform': (
    ['--configs', 'dummy', 'debug', '--jax.platform', ' '], 'jax.platform',
    'empty',
  ),
  'a folder without data': (
    ['--configs', 'dummy', 'debug', '--data', 'replay', 'nowhere'],
    "'nowhere'", 'logdir',
  ),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD)
def test_bad_input_gets_one_sentence(name, tmp_path, capsys):
  argv, *words = BAD[name]
  if '--run.parallel' not in argv and 'debug' in argv:
    argv = [*argv, '--run.parallel', 'False']
  assert train.main([*argv, '--logdir', str(tmp_path / 'run')]) == 2
  error = capsys.readouterr().err.strip()
  assert error.startswith('Error: ') and '\n' not in error
  assert says(error, *words)


def test_a_mistake_does_not_stand_in_the_way(tmp_path):
  argv = ['--configs', 'dummy', 'debug', '--task', 'no_task']
  assert train.main([*argv, '--logdir', str(tmp_path)]) == 2
  assert not (tmp_path / 'config.yaml').exists()


def test_another_configuration_is_refused(tmp_path, capsys):
  argv = ['--configs', 'dummy', 'debug', '--logdir', str(tmp_path)]
  settings.remember(train.configure(argv))
  changed = [*argv, '--seed', '7', '--run.steps', '5', '--dyn.deter', '32']
  assert train.main(changed) == 2
  error = capsys.readouterr().err
  assert says(error, 'dyn.deter', 16, 32, 'seed', 0, 7)
  assert 'run.steps' not in error
  # What a full disk asks for is allowed.
  assert settings.compare(train.configure([*argv, '--replay.capacity', '500']))


@pytest.mark.parametrize('program', [train, evaluate])
def test_help(program, capsys):
  assert program.main(['--logdir', 'x', '--help']) == 0
  assert 'python -m ponderdream.' in capsys.readouterr().out


def test_no_logdir(capsys):
  assert train.main(['--configs', 'dummy']) == 2
  assert '--logdir' in capsys.readouterr().err


def test_a_small_machine_takes_the_cpu_block(tmp_path, capsys):
  config = train.configure(
    ['--configs', 'crafter', 'pondernet', '--logdir', str(tmp_path)]
  )
  assert config.enc.kind == 'table' and config.jax.dtype == 'float32'
  assert capsys.readouterr().out.count('\n') == 1
  named = train.configure(
    ['--configs', 'crafter', 'size1m', '--logdir', str(tmp_path)]
  )
  assert named.enc.kind == 'conv'
  # An environment's block that brings its own size keeps it.
  own = train.configure(
    ['--configs', 'ladder', 'pondernet', '--logdir', str(tmp_path)]
  )
  assert own.dyn.deter == 128
  assert capsys.readouterr().out == ''


def test_an_accelerator_takes_size12m(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(devices, 'accelerated', lambda: True)
  argv = ['--configs', 'crafter', 'pondernet', '--logdir', str(tmp_path)]
  config = train.configure(argv)
  assert config.dyn.deter == 2048 and config.jax.dtype == 'bfloat16'
  assert 'size12m' in capsys.readouterr().out


@pytest.mark.parametrize(
  'argv, words',
  [
    ([], ['--logdir']),
    (['--logdir', 'nowhere'], ['nowhere', 'config.yaml']),
    (['--logdir', 'x', '--halt', 'never'], ['never', 'median']),
    (['--logdir', 'x', '--page', '--suppress', '2'], ['--page', '--suppress']),
    (['--logdir', 'x', '--episodes', '0'], ['1', 'episode']),
    (['--logdir', 'x', '--episode', '3'], ['episodes']),
    (['--logdir', 'x', '--vidoe'], ['--vidoe', "'video'"]),
    (['--logdir'], ['--logdir', 'value']),
  ],
)
def test_bad_input_of_evaluate(argv, words, capsys):
  assert evaluate.main(argv) == 2
  error = capsys.readouterr().err
  assert says(error, *words)


def test_each_way_to_evaluate_has_files_of_its_own():
  def named(**options):
    return evaluate.named(70, evaluate.OPTIONS.update(options))

  assert named() == '70' and named(greedy=True) == '70-greedy'
  assert named(halt='median', limit=9) == '70-median-limit9'
  assert named(random=True) == 'random'
  assert named(suppress=2, goal='Eat a cow!') == '70-suppress2-eat-a-cow'
  # Nothing of a goal leads out of the folder.
  assert named(goal='../../x') == '70-x'
  assert len(named(goal='cow ' * 90)) == 80


def test_an_empty_folder_of_checkpoints(tmp_path, capsys):
  config = train.configure([*DUMMY, '--logdir', str(tmp_path)])
  config.save(tmp_path / 'config.yaml')
  (tmp_path / 'checkpoints').mkdir()
  assert evaluate.main(['--logdir', str(tmp_path), '--envs', '1']) == 2
  assert says(capsys.readouterr().err, tmp_path, 'checkpoint')
  assert os.listdir(tmp_path / 'checkpoints') == []


def test_a_run_of_before_a_part_was_added_goes_on(tmp_path):
  blocks = ['dummy', 'pondernet', 'words', 'cpu']
  argv = ['--configs', *blocks, '--logdir', str(tmp_path)]
  config = train.configure(argv)
  settings.remember(config)
  path = tmp_path / 'config.yaml'
  text = path.read_text()
  # Before the part goalstate, whose units the block cpu sets, and its loss.
  there = '\n'.join(f'  {k}: {v}' for k, v in config.goalstate.items())
  for part in (f'goalstate:\n{there}\n', '  goalstate: 0.0\n'):
    assert part in text
    text = text.replace(part, '')
  path.write_text(text)
  assert config.goalstate.units != 1024
  assert settings.compare(config)
  used = train.configure([*argv, '--loss_scales.goalstate', '1'])
  with pytest.raises(UsageError, match=naming('loss_scales.goalstate')):
    settings.compare(used)


def test_a_run_of_an_earlier_version_has_the_defaults_it_lacks(tmp_path):
  config = train.configure([*DUMMY, '--logdir', str(tmp_path)])
  settings.remember(config)
  path = tmp_path / 'config.yaml'
  text = path.read_text()
  line = next(x for x in text.splitlines() if x.strip().startswith('beta:'))
  path.write_text(text.replace(line + '\n', ''))
  found = settings.recall(str(tmp_path))
  assert found.ponder.beta == 0.05
  assert settings.compare(config)
  # It may know a setting by another name.
  line = 'slow:\n  val: 0.02\n'
  assert line in text
  path.write_text(text.replace(line, 'slowval:\n  rate: 0.05\n'))
  assert settings.recall(str(tmp_path)).slow.val == 0.05
  # Something that is gone does not matter if it was not used.
  for value, good in ((0.0, True), (0.5, False)):
    gone = f'replay:\n  recency: {value}\n'
    path.write_text(text.replace('replay:\n', gone))
    if good:
      assert settings.recall(str(tmp_path)).replay == config.replay
    else:
      named = naming('version', "'replay.recency'")
      with pytest.raises(UsageError, match=named):
        settings.recall(str(tmp_path))
  line = '  bets: 1.0\n'
  path.write_text(text.replace('ponder:\n', 'ponder:\n' + line))
  with pytest.raises(UsageError, match=naming('version', "'ponder.bets'")):
    settings.recall(str(tmp_path))
