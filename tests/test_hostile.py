"""A run folder of somebody else: links, pipes and devices in the place of
what is written or read. Nothing outside of the folder changes."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from ponderdream import evaluate, factories, train
from tests.naming import says
from tests.test_runs import Counting

ROOT = pathlib.Path(__file__).parent.parent
DUMMY = (
  '--configs', 'dummy', 'debug', '--task', 'dummy_count', '--run.parallel',
  'False',
)  # fmt: skip

# What training writes or reads, and folders it writes in; and what evaluation
# does. Those that differ least from others are slow.
TRAINED = {
  'lock': 'link', 'config.yaml': 'link', '.config.yaml': 'link',
  'metrics.jsonl': 'link', 'scores.jsonl': 'pipe', 'replay': 'link',
  'replay/lock': 'link', 'checkpoints': 'link', 'checkpoints/lock': 'pipe',
  'videos': 'link', 'checkpoints/0': 'link',
  'checkpoints/0/meta/metadata': 'pipe',
  'checkpoints/0/_CHECKPOINT_METADATA': 'pipe',
}  # fmt: skip
EVALUATED = {
  'config.yaml': 'pipe', 'eval': 'link', 'eval/random.json': 'link',
  'eval/.random.json': 'link',
}  # fmt: skip
OTHER = {'link': 'pipe', 'pipe': 'link'}


def cases(names):
  """Names and kinds; every other kind is slow."""
  slow = pytest.mark.slow
  others = [pytest.param(k, OTHER[v], marks=slow) for k, v in names.items()]
  return [*names.items(), *others]


@pytest.fixture(autouse=True)
def counting(monkeypatch):
  """An agent that needs no compiler."""
  make = lambda spaces, config, acting=None: Counting(*spaces)
  monkeypatch.setattr(factories, 'make_agent', make)


@pytest.fixture(scope='module')
def run_of_old(tmp_path_factory):
  """A run of 20 steps."""
  return counted_run(tmp_path_factory.mktemp('old') / 'run', 20)


def counted_run(logdir, steps, *argv):
  """A run of an agent that needs no compiler."""
  with pytest.MonkeyPatch.context() as patch:
    make = lambda spaces, config, acting=None: Counting(*spaces)
    patch.setattr(factories, 'make_agent', make)
    argv = [*argv, '--logdir', str(logdir), '--run.steps', str(steps)]
    assert train.main([*DUMMY, *argv]) == 0
  return logdir


@pytest.fixture
def logdir(run_of_old, tmp_path):
  return shutil.copytree(run_of_old, tmp_path / 'run')


def put(kind, path, outside):
  """Puts a link or a pipe into the place of a file or folder."""
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.is_dir():
    shutil.rmtree(path)
  path.unlink(missing_ok=True)
  if kind == 'pipe':
    os.mkfifo(path)
  else:
    path.symlink_to(outside / path.name.lstrip('.'))


def contents(folder):
  return {
    str(x.relative_to(folder)): x.read_bytes() if x.is_file() else None
    for x in folder.rglob('*')
  }


@pytest.fixture
def outside(tmp_path):
  """What a link may lead to: a file, and a folder."""
  folder = tmp_path / 'outside'
  for name in ('replay', 'checkpoints', 'videos', 'eval', '0', '50'):
    (folder / name).mkdir(parents=True)
  (folder / 'metrics.jsonl').write_text('# of a shell')
  (folder / 'config.yaml').write_text('seed: 5')
  return folder


def refused(main, argv, capsys, *words):
  """Runs a command, which is refused in one sentence."""
  capsys.readouterr()
  assert main([*map(str, argv)]) == 2
  error = capsys.readouterr().err.strip()
  assert error.startswith('Error: ') and '\n' not in error
  assert says(error, *words)


@pytest.mark.timeout(60)
@pytest.mark.parametrize('name, kind', cases(TRAINED))
def test_training_stays_in_its_folder(name, kind, logdir, outside, capsys):
  put(kind, logdir / name, outside)
  before = contents(outside)
  argv = (*DUMMY, '--logdir', logdir, '--run.steps', 50)
  refused(train.main, argv, capsys, logdir / name, kind)
  assert contents(outside) == before
  (logdir / name).unlink()


@pytest.mark.timeout(60)
@pytest.mark.parametrize('name, kind', cases(EVALUATED))
def test_evaluation_stays_in_its_folder(name, kind, logdir, outside, capsys):
  put(kind, logdir / name, outside)
  before = contents(outside)
  argv = ('--logdir', logdir, '--episodes', 1, '--random')
  refused(evaluate.main, argv, capsys, logdir / name, kind)
  assert contents(outside) == before


@pytest.mark.timeout(60)
def test_chunks_that_are_links_are_left_out(logdir, outside, capsys, caplog):
  (chunk,) = (logdir / 'replay').glob('*.chunk')
  shutil.move(chunk, outside / chunk.name)
  put('link', chunk, outside)
  put('pipe', logdir / 'replay' / f'{10**6:015d}.chunk', outside)
  before = contents(outside)
  argv = [*DUMMY, '--logdir', str(logdir), '--run.steps', '50']
  assert train.main(argv) == 0
  assert contents(outside) == before
  assert says(caplog.text, chunk.name, 'link')
  assert says(caplog.text, f'{10**6:015d}.chunk', 'pipe')


def test_a_logdir_may_be_a_link(logdir, tmp_path, capsys):
  link = tmp_path / 'link'
  link.symlink_to(logdir)
  argv = [*DUMMY, '--logdir', str(link), '--run.steps', '30']
  assert train.main(argv) == 0
  assert says(capsys.readouterr().out, 'resum*', 20)
  argv = ['--logdir', str(link), '--episodes', '1', '--random']
  assert evaluate.main(argv) == 0


def test_one_folder_is_locked_once(tmp_path):
  # It is that of the run, and of its checkpoints.
  argv = [*DUMMY, '--run.steps', '9', '--logdir', str(tmp_path)]
  assert train.main([*argv, '--checkpoints', str(tmp_path)]) == 0


# Trains and evaluates in one folder after another, each with a link or a pipe
# in another place, and in one that is as it should be.
EVERYWHERE = """
import contextlib, itertools, pathlib, shutil, sys
from tests import test_hostile as here
from ponderdream import evaluate, factories, train

old, work = map(pathlib.Path, sys.argv[1:])
factories.make_agent = lambda spaces, *_: here.Counting(*spaces)
names = [*here.TRAINED, *here.EVALUATED, 'eval/random.mp4', 'tokenizer.json']
codes = []
for kind, name in [('', ''), *itertools.product(here.OTHER, names)]:
  logdir = shutil.copytree(old, work / 'run')
  if name:
    here.put(kind, logdir / name, work / 'outside')
  flags = ['--logdir', str(logdir)]
  with contextlib.redirect_stderr(sys.stdout):
    codes += [
      train.main([*here.DUMMY, *flags, '--run.steps', '50']),
      evaluate.main([*flags, '--episodes', '1', '--envs', '1', '--random']),
    ]
  shutil.rmtree(logdir)
print('codes', *codes)
"""


@pytest.mark.slow
def test_a_tracer_sees_no_file_outside(run_of_old, outside, tmp_path):
  if not shutil.which('strace'):
    pytest.skip('strace is not installed.')
  before, trace = contents(outside), tmp_path / 'trace'
  temporary = tmp_path / 'temporary'
  temporary.mkdir()
  calls = 'open,openat,creat,truncate,rename,renameat,renameat2,link,linkat'
  done = subprocess.run(
    ['strace', '-f', '-y', '-o', trace, '-e', f'trace={calls}',
     sys.executable, '-c', EVERYWHERE, run_of_old, tmp_path],
    cwd=ROOT, capture_output=True, text=True, timeout=500,
    env=os.environ | {'TMPDIR': str(temporary)},
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  codes = done.stdout.split('codes ')[1].split()
  assert codes[:2] == ['0', '0'] and codes.count('2') > 30
  assert contents(outside) == before
  cache = pathlib.Path.home() / '.cache'
  allowed = (tmp_path / 'run', temporary, cache, '/dev/null', '/proc/')
  written = written_in(trace.read_text())
  # Git refreshes its index when it is asked for the version.
  written = [x for x in written if '/.git/' not in x]
  assert sum(x.startswith(f'{tmp_path}/run/') for x in written) > 50
  assert not [x for x in written if not x.startswith(tuple(map(str, allowed)))]


def written_in(trace):
  """Real paths of files that were opened for writing."""
  pattern = r'O_(?:WRONLY|RDWR).*\) = \d+<([^>]*)>'
  return re.findall(pattern, trace)
