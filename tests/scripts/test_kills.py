"""Kills lose nothing, and what would be lost is noticed.

KILLS=6 bash scripts/test.sh -m slow tests/scripts/test_kills.py
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from scripts import trainings, victims
from scripts.experiments import kills
from scripts.trainings import Left
from scripts.victims import Lost
from tests.test_hostile import counted_run

KILLS = os.environ.get('KILLS', '2')
LEFT = Left(40, [(8, 1, 5.0), (30, 9, 1.0)], {0: 0, 20: 6})


@pytest.fixture(scope='module')
def run_of_old(tmp_path_factory):
  """A run of 250 steps, with episodes of 101."""
  logdir = tmp_path_factory.mktemp('old') / 'run'
  return counted_run(logdir, 250, '--replay.chunk', '32')


@pytest.fixture
def run(run_of_old, tmp_path):
  return trainings.Training(shutil.copytree(run_of_old, tmp_path / 'run'))


def test_a_run_that_is_whole(run):
  seen = run.whole(0)
  assert seen['steps'] == 250 and seen['episodes'] == 2
  assert seen['episodes_not_told'] == 0
  left = run.look()
  assert left.steps == 250 and max(left.saved) == 250
  run.keeps(left, left)


def test_what_is_missing_of_a_run_is_noticed(run):
  names = sorted(x.name for x in (run.folder / 'replay').glob('*.chunk'))
  (run.folder / 'replay' / names[3]).unlink()
  with pytest.raises(Lost, match='chunk'):
    run.whole(0)


@pytest.mark.parametrize('key', ['is_first', 'step'])
def test_steps_that_do_not_follow_are_noticed(run, key):
  chunk = list(run.chunks())[1]
  value = chunk.columns()[key][5] + 1
  chunk.overwrite(5, {key: np.array([value], chunk.schema[key].dtype)})
  with pytest.raises(Lost, match='mixes|missing'):
    run.whole(0)


def test_episodes_that_are_told_twice_or_not_are_noticed(run):
  path = run.folder / 'scores.jsonl'
  whole = path.read_text()
  path.write_text(whole + whole)
  with pytest.raises(Lost, match='4 lines of 2'):
    run.whole(3)
  path.write_text('')
  assert run.whole(2)['episodes_not_told'] == 2
  with pytest.raises(Lost, match='0 lines of 2'):
    run.whole(1)


@pytest.mark.parametrize(
  'after, what',
  [
    (LEFT._replace(steps=39), 'Steps'),
    (LEFT._replace(log=LEFT.log[1:]), 'log'),
    (LEFT._replace(saved={0: 0}), 'checkpoint'),
  ],
)
def test_what_goes_back_is_noticed(after, what, tmp_path):
  run = trainings.Training(tmp_path)
  run.keeps(LEFT, LEFT._replace(steps=41))
  with pytest.raises(Lost, match=what):
    run.keeps(LEFT, after)


@pytest.mark.parametrize(
  'step, checkpoint, line, what',
  [
    (40, 20, (45, 7, 1.5), None),
    (39, 20, (45, 7, 1.5), 'went on at 39'),
    (40, 0, (45, 7, 1.5), 'Checkpoint'),
    (40, 20, (39, 7, 1.5), 'log'),
    (40, 20, (45, 5, 1.5), 'updates'),
    (40, 20, (45, 7, 3.5), 'loss'),
  ],
)
def test_how_a_run_goes_on_is_checked(step, checkpoint, line, what, tmp_path):
  run = trainings.Training(tmp_path / 'run')
  run.folder.mkdir()
  run.output.write_text('Starting.\n')
  assert not run.resumed(LEFT)
  said = f'Resuming at step {step}, from the checkpoint of {checkpoint}.\n'
  run.output.write_text(said)
  with (run.folder / 'metrics.jsonl').open('w') as file:
    for at, updates, loss in (*LEFT.log, line):
      found = {'step': at, 'run/updates': updates, 'train/loss/rew': loss}
      file.write(json.dumps(found) + '\n')
  problem = pytest.raises(Lost, match=what) if what else None
  with problem or contextlib.nullcontext():
    assert run.resumed(LEFT)


def test_files_that_change_or_are_left_are_noticed(tmp_path):
  for name in ('right', 'made'):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'a.json').write_text('1')
  victim = victims.Files(tmp_path / 'made', tmp_path / 'right')
  before = victim.look()
  assert victim.whole(1) == {'files': 1}
  (victim.folder / '.b.json.7.tmp').write_text('')
  with pytest.raises(Lost, match='was left'):
    victim.whole(1)
  (victim.folder / 'a.json').write_text('2')
  with pytest.raises(Lost, match=r'a\.json'):
    victim.keeps(before, victim.look())
  with pytest.raises(Lost, match='differs'):
    victim.whole(1)


def test_children_that_live_on_are_noticed(tmp_path, monkeypatch):
  monkeypatch.setattr(victims, 'ORPHANED', 0.3)
  victim = victims.Victim(tmp_path / 'x')
  victim.marks.append('test')
  variables = os.environ | {victims.MARK: 'test'}
  child = subprocess.Popen([sys.executable, '-c', 'input()'], env=variables,
                           stdin=subprocess.PIPE)  # fmt: skip
  with child:
    assert victims.children('test') == [child.pid]
    with pytest.raises(Lost, match=str(child.pid)):
      victim.check_orphans()
    child.kill()
  victim.check_orphans()


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize('kind', kills.KINDS)
def test_kills_lose_nothing(kind, tmp_path):
  out = tmp_path / 'kills'
  argv = ('--logdir', tmp_path / 'work', '--kinds', kind, '--kills', KILLS)
  kills.main([*map(str, argv), '--out', str(out)])
  found = json.loads(out.with_suffix('.json').read_text())
  assert [x['kills'] for x in found[kind]] == [int(KILLS)]
