"""Weights & Biases and MLflow, without a network."""

import contextlib
import importlib.util
import math
import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

from embodied.config import resolve
from embodied.errors import UsageError
from ponderdream import factories, settings

ROOT = pathlib.Path(__file__).parents[3]

# Twice as a training that is resumed would.
SCRIPT = """
import sys
import numpy as np
from embodied.errors import UsageError
from embodied.log import services
from embodied.log.logger import Record

service, logdir = getattr(services, sys.argv[1]), sys.argv[2]
for steps in ((3, 3), (5,)):
  try:
    output = service(logdir, {'run.steps': 7, 'task': 'x' * 900})
  except UsageError as error:
    sys.exit(str(error))
  for count, step in enumerate(steps):
    scalars = {'loss/a[0]': step + count / 4, 'bad': np.nan}
    output.write(Record(step, scalars, {'halt': np.array([1, 2, np.nan])}, {}))
  output.close()
"""


def run(service, logdir, **variables):
  """Runs the script in a process of its own."""
  if importlib.util.find_spec(service.lower()) is None:
    pytest.skip(f'{service} is not installed.')
  kept = {k: os.environ[k] for k in ('PATH', 'HOME')}
  return subprocess.run(
    [sys.executable, '-W', 'ignore', '-c', SCRIPT, service, str(logdir)],
    env={**kept, 'PYTHONPATH': str(ROOT), **variables},
    cwd=logdir, capture_output=True, text=True, timeout=300,
  )  # fmt: skip


def test_wandb_waits_on_disk(tmp_path):
  logdir = tmp_path / 'cartpole'
  logdir.mkdir()
  done = run('WandB', logdir, WANDB_MODE='offline', WANDB_SILENT='true')
  assert done.returncode == 0, done.stderr[-2000:]
  name = (logdir / 'wandb.id').read_text()
  files = [*logdir.glob(f'wandb/offline-run-*/run-{name}.wandb')]
  found = b''.join(x.read_bytes() for x in files)
  for word in (b'loss/a[0]', b'3.25', b'cartpole', b'halt', b'run.steps'):
    assert word in found, word


def test_wandb_without_an_account_is_a_sentence(tmp_path):
  done = run('WandB', tmp_path, HOME=str(tmp_path), WANDB_SILENT='true')
  assert done.returncode == 1 and 'Traceback' not in done.stderr
  assert 'WANDB_MODE' in done.stderr and 'wandb login' in done.stderr


# Importing it and making its tables takes seconds.
@pytest.mark.slow
def test_mlflow_writes_a_file(tmp_path):
  where = f'sqlite:///{tmp_path}/mlflow.db'
  done = run('MLflow', tmp_path, MLFLOW_TRACKING_URI=where)
  assert done.returncode == 0, done.stderr[-2000:]
  name = (tmp_path / 'mlflow.id').read_text()
  rows = query(tmp_path / 'mlflow.db', 'step, value, is_nan, run_uuid')
  assert {x[3] for x in rows['loss/a_0_']} == {name}
  pairs = sorted(x[:2] for x in rows['loss/a_0_'])
  assert pairs == [(3, 3.0), (3, 3.25), (5, 5.0)]
  assert all(x[2] for x in rows['bad']) and 'halt' not in rows
  params = query(tmp_path / 'mlflow.db', 'value', 'params')
  assert params['run.steps'] == [('7',)]
  assert params['task'] == [('x' * 500,)]


def query(path, columns, table='metrics'):
  """The rows of a table by key."""
  found = {}
  with contextlib.closing(sqlite3.connect(path)) as file:
    for key, *row in file.execute(f'SELECT key, {columns} FROM {table}'):
      found.setdefault(key, []).append(tuple(row))
  return found


@pytest.mark.slow
def test_mlflow_that_cannot_be_reached_is_a_sentence(tmp_path):
  done = run('MLflow', tmp_path, MLFLOW_TRACKING_URI='nowhere://mlflow')
  assert done.returncode == 1
  assert done.stderr.splitlines()[-1].startswith('MLflow cannot start')


@pytest.mark.parametrize(
  'names, words',
  [
    (['jsonl', 'tensorbord'], ['tensorbord', 'tensorboard', 'mlflow']),
    (['wandb'], ['wandb', "pip install -e '.[wandb]'"]),
  ],
)
def test_outputs_that_are_not_there(names, words, monkeypatch):
  monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
  told = lambda x: settings.parse(
    [], {'logdir': ['x'], 'logger.outputs': x}, ()
  )
  told(['jsonl', 'terminal'])
  with pytest.raises(UsageError) as caught:
    told(names)
  for word in words:
    assert word in str(caught.value)


def test_scores_are_always_written(tmp_path, capsys):
  config = resolve(settings.blocks(), ['dummy', 'debug'])
  config = config.update({'logdir': str(tmp_path), 'logger.outputs': []})
  terminal = factories.make_terminal(config, None)
  logger = factories.make_logger(config, terminal, lambda: 3)
  logger.add({'loss': math.pi})
  logger.add({'score': 1.0}, 'episode')
  logger.close()
  terminal.update(3, 1)
  terminal.close()
  assert [x.name for x in tmp_path.iterdir()] == ['scores.jsonl']
  assert not capsys.readouterr().out
