"""Kills a training at random moments, again and again: nothing is lost.

`python -m ponderdream.train` trains on `dummy_count`, an environment that
counts its own steps, and gets SIGKILL at a random moment: most often some time
after it has logged new updates, now and then while it starts. Then the same
command starts again. The environment variable KILLS says how often;
scripts/results/kills.json sums up 20 kills.

    KILLS=20 bash scripts/test.sh -m slow tests/test_kill_loop.py
"""

import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np
import pytest

from embodied import files
from embodied.replay import chunk as chunks

ROOT = pathlib.Path(__file__).parent.parent
KILLS = int(os.environ.get('KILLS', 3))
COMMAND = (
  '--configs', 'dummy', 'pondernet', 'debug', '--task', 'dummy_count',
  '--run.steps', '1e6', '--run.save_every', '2', '--run.log_every', '1',
  '--run.report_every', '1e6', '--run.envs', '2', '--replay.chunk', '32',
  '--replay.capacity', '100000',
)  # fmt: skip
# Of the model's predictions.
LOSSES = r'train/loss/(rec/.*|rew|con)'
# Seconds that a start may take, and that a process runs at most after that.
START, LIFE = 900.0, 12.0


class Run:
  """A training in a folder, and what its files say."""

  def __init__(self, folder):
    self.logdir = folder / 'run'
    self.output = folder / 'out.txt'

  def start(self):
    command = [sys.executable, '-m', 'ponderdream.train', *COMMAND]
    command += ['--logdir', self.logdir]
    with self.output.open('w') as out:
      return subprocess.Popen(
        command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
      )

  def chunks(self):
    """The complete chunks of the replay."""
    for path in sorted((self.logdir / 'replay').glob('*.chunk')):
      try:
        yield chunks.Chunk.open(files.beside(path), path.name)
      except (chunks.ChunkError, FileNotFoundError):
        continue  # is being written at this moment

  def steps(self):
    """Steps ever added to the replay."""
    return max((x.total for x in self.chunks()), default=0)

  def log(self):
    """Each logged line about updates: step, updates, loss."""
    path = self.logdir / 'metrics.jsonl'
    text = path.read_text() if path.exists() else ''
    for line in text.splitlines(True):
      if line.endswith('\n'):
        line = json.loads(line)
        losses = [v for k, v in line.items() if re.fullmatch(LOSSES, k)]
        if losses:
          yield line['step'], int(line['run/updates']), sum(losses)

  def checkpoints(self):
    """Updates of the finished checkpoints, by their steps."""
    paths = (self.logdir / 'checkpoints').glob('[0-9]*/meta/metadata')
    names = {x.parent.parent.name: x for x in paths}
    return {
      int(name): json.loads(path.read_text())['updates']
      for name, path in names.items()
      if name.isdigit()
    }

  def resumed(self):
    """The step that the last process went on at, and that of its checkpoint;
    None if it was killed before it could say so."""
    pattern = r'Resuming at step (\d+), .* checkpoint of (\d+)'
    found = re.search(pattern, self.output.read_text())
    return found and tuple(map(int, found.groups()))


def wait_for_updates(run, process):
  """Waits until the process has logged new updates."""
  known, end = len(list(run.log())), time.monotonic() + START
  while len(list(run.log())) == known:
    code, late = process.poll(), time.monotonic() > end
    assert code is None and not late, run.output.read_text()
    time.sleep(0.1)


def train_and_stop(run):
  """Trains, and stops by SIGTERM after some updates."""
  process = run.start()
  try:
    wait_for_updates(run, process)
  finally:
    process.terminate()
    code = process.wait(START)
  assert code == 0, run.output.read_text()


def train_and_kill(run, rng):
  """Trains, and kills; returns the steps in the replay just before that."""
  process = run.start()
  try:
    if rng.random() < 0.8:
      wait_for_updates(run, process)
    time.sleep(rng.uniform(0, LIFE))
    return run.steps()
  finally:
    process.kill()
    process.wait()


class Kill(NamedTuple):
  """What was left after a kill.

  Attributes:
    steps: in the replay.
    log: the lines about updates.
    saved: updates of the checkpoints, by their steps.
  """

  steps: int
  log: list[tuple[int, int, float]]
  saved: dict[int, int]


def check_resumed(run, kill):
  """Checks how the last process went on after a kill; returns whether it came
  to say so, and the increase of the loss if it updated."""
  if not run.resumed():
    return False, 0.0
  step, checkpoint = run.resumed()
  assert step == kill.steps >= kill.log[-1][0]
  new = list(run.log())[len(kill.log) :]
  if not new:
    return True, 0.0
  assert new[0][1] >= kill.saved[checkpoint]
  return True, new[0][2] - kill.log[-1][2]


def check_counts(run):
  """The environment's own counts go up by one all through each stream."""
  streams = {}
  for chunk in run.chunks():
    streams.setdefault(chunk.stream, []).append(chunk)
  total = 0
  for parts in streams.values():
    parts.sort(key=lambda x: x.offset)
    columns = [(x.columns(), x.count) for x in parts]
    step, first, episode = (
      np.concatenate([x[key][:count] for x, count in columns])
      for key in ('step', 'is_first', 'episode')
    )
    total += len(step)
    assert (np.diff(step)[~first[1:]] == 1).all()
    assert (step[first] == 0).all()
    assert (np.diff(episode)[first[1:]] == 1).all()
  assert total == run.steps()


@pytest.mark.slow
@pytest.mark.timeout(3600 + 600 * KILLS)
def test_kills_lose_nothing(tmp_path):
  run, rng = Run(tmp_path), random.Random(0)
  # Compiled programs are on disk after that, so later processes learn early.
  train_and_stop(run)
  kill, begun, checks = None, list(run.log())[-1], []
  for _ in range(KILLS):
    before = train_and_kill(run, rng)
    if kill:
      checks.append(check_resumed(run, kill))
    kill = Kill(run.steps(), list(run.log()), run.checkpoints())
    assert kill.steps >= before
  train_and_stop(run)
  checks.append(check_resumed(run, kill))
  check_counts(run)
  steps, updates, losses = zip(*run.log(), strict=True)
  assert list(steps) == sorted(steps)
  assert updates[-1] > begun[1]
  told, increases = zip(*checks, strict=True)
  # A process that is killed while it starts says nothing; most are not.
  assert sum(told) >= KILLS / 2
  # New networks would have lost more than half of what was learnt.
  assert max(increases) <= (losses[0] - min(losses)) / 2
  print(f'{KILLS} kills, {steps[-1]} steps, {updates[-1]} updates')
