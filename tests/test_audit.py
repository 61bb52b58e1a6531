"""No file that the project reads is executed, and none leads elsewhere."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import evaluate, settings, train
from tests.naming import says

ROOT = pathlib.Path(__file__).parent.parent

# Modules whose files can hold code, and calls that run text or objects.
MODULES = {
  'pickle', 'cPickle', 'dill', 'cloudpickle', 'joblib', 'marshal', 'shelve',
  'copyreg',
}  # fmt: skip
CALLS = {'eval', 'exec', 'compile', 'execfile', '__import__'}
# The driver asks pickle whether a function can be sent to a process of ours,
# a game copies itself with it, and a benchmark measures that. None of them
# reads a file.
ALLOWED = {
  'embodied/driver/worker.py': {'pickle'},
  'embodied/envs/fast_crafter/game.py': {'pickle'},
}


def sources():
  for folder in ('ponderdream', 'embodied', 'scripts'):
    for path in sorted((ROOT / folder).rglob('*.py')):
      yield str(path.relative_to(ROOT))


def findings(tree):
  """What a reader of files should not use."""
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from {x.name.split('.')[0] for x in node.names} & MODULES
    elif isinstance(node, ast.ImportFrom):
      yield from {(node.module or '').split('.')[0]} & MODULES
    elif isinstance(node, ast.Call):
      if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        yield node.func.id
      for word in node.keywords:
        value = getattr(word.value, 'value', None)
        if word.arg == 'allow_pickle' and value is not False:
          yield 'allow_pickle'
        if word.arg == 'typ' and value != 'safe':
          yield 'a YAML loader that is not safe'
        if word.arg == 'shell' and value is not False:
          yield 'shell'


@pytest.mark.parametrize('name', list(sources()))
def test_nothing_that_can_run_a_file(name):
  tree = ast.parse((ROOT / name).read_text())
  assert set(findings(tree)) <= ALLOWED.get(name, set())


@pytest.mark.parametrize(
  'text, found',
  [
    ('import pickle', 'pickle'),
    ('from dill import loads', 'dill'),
    ('np.load(path, allow_pickle=True)', 'allow_pickle'),
    ('YAML(typ="unsafe")', 'a YAML loader that is not safe'),
    ('eval(text)', 'eval'),
  ],
)
def test_the_audit_sees_what_it_looks_for(text, found):
  assert list(findings(ast.parse(text))) == [found]


# Fails as soon as any library, Orbax and NumPy included, takes a class or a
# function out of a pickle.
GUARDED = """
import pathlib, sys
from ponderdream import evaluate, train

def guard(event, args):
  if event == 'pickle.find_class':
    raise RuntimeError(f'unpickled {args}')

sys.addaudithook(guard)
logdir = sys.argv[1]
command = ['--configs', 'dummy', 'pondernet', 'debug', '--run.parallel',
           'False', '--task', 'dummy_count', '--logdir', logdir]
for steps in ('60', '80'):
  assert train.main([*command, '--run.steps', steps]) == 0
assert evaluate.main(
  ['--logdir', logdir, '--episodes', '1', '--envs', '1']) == 0
import pickle
try:
  pickle.loads(pickle.dumps(pathlib.Path))
except RuntimeError:
  print('the guard was awake')
"""


@pytest.mark.slow
def test_a_run_is_written_resumed_and_measured_without_pickle(tmp_path):
  done = subprocess.run(
    [sys.executable, '-c', GUARDED, tmp_path],
    cwd=ROOT, capture_output=True, text=True, timeout=400,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  assert says(done.stdout, 'resum*', 60)
  assert 'the guard was awake' in done.stdout


def test_yaml_makes_no_objects(tmp_path):
  mark = tmp_path / 'mark'
  path = tmp_path / 'config.yaml'
  for tag in ('object/apply:os.system', 'object/new:os.system'):
    path.write_text(f'logdir: !!python/{tag} ["touch {mark}"]\n')
    with pytest.raises(UsageError):
      Config.load(path)
  assert not mark.exists()


def test_a_config_leads_nowhere_else(tmp_path, capsys):
  # Somebody else's run: its paths point out of its folder.
  logdir, other = tmp_path / 'run', tmp_path / 'other'
  argv = ['--configs', 'dummy', 'debug', '--run.parallel', 'False']
  config = train.configure([*argv, '--logdir', str(logdir)])
  logdir.mkdir()
  elsewhere = {'logdir': str(other), 'checkpoints': str(other)}
  config.update(elsewhere).save(logdir / 'config.yaml')
  assert settings.recall(str(logdir)).logdir == str(logdir)
  measure = ['--logdir', str(logdir), '--episodes', '1', '--envs', '1']
  assert evaluate.main([*measure, '--random']) == 0
  assert os.listdir(logdir / 'eval') == ['random.json']
  # It looks for checkpoints in the folder that was named.
  assert evaluate.main(measure) == 2
  assert str(logdir / 'checkpoints') in capsys.readouterr().err
  assert not other.exists()


def test_a_config_imports_no_module(tmp_path, capsys, monkeypatch):
  # Somebody else's run, with code that its task has Gymnasium import.
  mark, logdir = tmp_path / 'mark', tmp_path / 'run'
  (tmp_path / 'somebodys.py').write_text(f'open({str(mark)!r}, "w")\n')
  monkeypatch.syspath_prepend(tmp_path)
  argv = ['--configs', 'gymnasium', 'debug', '--logdir', str(logdir)]
  task = 'gymnasium_somebodys:Env-v0'
  logdir.mkdir()
  config = train.configure([*argv, '--task', task])
  config.update({'run.parallel': False}).save(logdir / 'config.yaml')
  assert evaluate.main(['--logdir', str(logdir), '--random']) == 2
  error = capsys.readouterr().err
  assert task in error and '--task' in error and error.count('\n') == 1
  with pytest.raises(UsageError, match='--task'):
    settings.recall(str(logdir), 'gymnasium_other:Env-v0')
  assert not mark.exists()
  assert settings.recall(str(logdir), task).task == task


def test_a_config_imports_no_wrapper(tmp_path, capsys):
  logdir, path = tmp_path / 'run', 'somebodys:Wrapper {by: 2}'
  argv = ['--configs', 'gymnasium', 'debug', '--logdir', str(logdir)]
  logdir.mkdir()
  config = train.configure([*argv, '--env.gymnasium.wrappers', path])
  config.save(logdir / 'config.yaml')
  assert evaluate.main(['--logdir', str(logdir), '--random']) == 2
  error = capsys.readouterr().err
  assert f"--wrappers '{path}'" in error and error.count('\n') == 1
  # Packages that everybody has need no such word.
  known = {'env.gymnasium.wrappers': ['minigrid.wrappers:ImgObsWrapper']}
  config.update(known).save(logdir / 'config.yaml')
  settings.recall(str(logdir))
  config.save(logdir / 'config.yaml')
  found = settings.recall(str(logdir), wrappers=[path])
  assert found.env.gymnasium.wrappers == (path,)
  with pytest.raises(UsageError, match='--wrappers'):
    settings.recall(str(logdir), wrappers=['other:Wrapper'])


def test_a_logdir_is_a_folder(capsys):
  argv = ['--configs', 'dummy', 'debug', '--logdir', 'gs://bucket/run']
  assert train.main(argv) == 2
  error = capsys.readouterr().err
  assert 'gs://bucket/run' in error and '--checkpoints' in error
