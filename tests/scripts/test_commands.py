"""The experiments as a user types them, but small. Run with `-m slow`."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.naming import naming

ROOT = pathlib.Path(__file__).parents[2]


def run(*args):
  done = subprocess.run(
    [sys.executable, *map(str, args)], cwd=ROOT, text=True, timeout=1500,
    env={k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'},
    capture_output=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_agents_on_the_ladder_are_compared(tmp_path):
  args = ['-m', 'scripts.experiments.ladder', '--logdir', tmp_path]
  args += ['--out', tmp_path / 'out']
  args += ['--seeds', 1, '--episodes', 200, '--steps', 3000]
  out = run(*args)
  found = json.loads((tmp_path / 'out.json').read_text())
  assert list(found) == ['plain', 'fixed 1', 'fixed 8', 'pondernet']
  for name, (one,) in found.items():
    assert name in out
    # Nothing is learnt in so few steps: one of four lanes pays.
    assert 0.1 < one['more_0']['success'] < 0.6
    assert (one['more_4'] is None) == (name == 'plain')
  thought = found['fixed 8'][0]['more_2']
  assert set(thought['steps_by_rows']) == {10.0}
  suppressed = found['pondernet'][0]['more_16']
  assert min(suppressed['steps_by_rows']) >= 17
  assert set(found['pondernet'][0]['most_1']['steps_by_rows']) == {1.0}
  assert (tmp_path / 'out.png').stat().st_size > 10000
  # What was trained is not trained again, nor taken for something else.
  before = (tmp_path / 'plain-0' / 'metrics.jsonl').read_text()
  run(*args)
  assert (tmp_path / 'plain-0' / 'metrics.jsonl').read_text() == before
  with pytest.raises(AssertionError, match=naming('plain-0', 'run.steps')):
    run(*args[:-1], 4000)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_imagined_branches_are_compared_with_real_ones(tmp_path):
  logdir = tmp_path / 'run'
  run(
    '-m', 'ponderdream.train', '--configs', 'crafter', 'pondernet', 'debug',
    '--run.steps', 100, '--logdir', logdir,
  )  # fmt: skip
  out = run(
    '-m', 'scripts.experiments.branch', '--logdir', logdir, '--states', 3,
    '--every', 20, '--repeats', 3, '--length', 4, '--lengths', 1, 2,
  )  # fmt: skip
  assert 'rank_correlation' in out
  path = logdir / 'eval' / 'branch-100.json'
  found = json.loads(path.read_text())
  assert found['states'] == 3 and list(found['imagined']) == ['1', '2']
  for each in (found['real'], *found['imagined'].values()):
    assert each['seconds'] > 0 and each['variance'] >= 0
  np.testing.assert_allclose(np.sum(found['levels']['p'], 1), 1, atol=1e-3)
  assert path.with_suffix('.png').stat().st_size > 10000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_train_steps_are_timed(tmp_path):
  run(
    '-m', 'scripts.bench.train', '--sizes', 'debug', '--actors', 'plain',
    'pondernet', '--batch', 2, '--length', 4, '--repeats', 1,
    '--out', tmp_path / 'train', '--imag.length', 3,
  )  # fmt: skip
  lines = (tmp_path / 'train.jsonl').read_text().splitlines()
  plain, ponder = map(json.loads, lines)
  assert (plain['case'], ponder['case']) == ('plain', 'pondernet')
  assert ponder['construct']['params'] > plain['construct']['params']
  assert ponder['step_by_plain']['cpu'] > 0
  assert len(ponder['objectives']) > 1
  for parts in ponder['objectives'].values():
    assert parts['cpu'][0] > 0
