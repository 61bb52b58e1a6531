"""Kills a training at random moments, again and again, and counts.

python scripts/kill_loop.py [--kills 20] [--seed 0] [--out FILE]

Starts `python -m ponderdream.train` on `dummy_count`, an environment that
counts its own steps, and sends it SIGKILL at a random moment: most often some
time after it wrote down new updates, now and then while it starts. Then it
looks at what is left on the disk, and starts the same command again. For each
kill it writes

  before      steps that the replay's files held at the last look before it
  after       steps that they hold once the process is dead
  lost        before - after, where that is not below zero
  logged      the last line of the log once it is dead: its step, its updates,
              and the loss of the model's predictions
  resumed     step at which the next process says that it goes on, null if
              that one was killed before it could
  checkpoint  the checkpoint that it goes on from: its step and its updates
  next        the first line that it writes about updates, or null

and of the whole run `gaps`, the sum of |after - resumed|; `breaks`, places in
the replay where the environment's own count of steps and episodes does not go
up by one; whether the steps in the log go up; `set_back`, how often a process
had more to do again than what was done since the last checkpoint; `forgot`,
how often the loss was not what it had come to, as after a start from new
networks; and how many updates it made. Everything goes to
scripts/results/kills.json. Exits with 1 if anything was lost, came twice or
was to be learnt anew.
"""

import argparse
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from embodied.replay import chunk as chunk_

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = (
  '--configs', 'dummy', 'pondernet', 'debug', '--task', 'dummy_count',
  '--run.steps', '1e6', '--run.save_every', '2', '--run.log_every', '1',
  '--run.report_every', '1e6', '--run.envs', '2', '--replay.chunk', '32',
  '--replay.capacity', '100000',
)  # fmt: skip
# Of the model's predictions.
LOSSES = r'train/loss/(rec/.*|rew|con)'
# Seconds that a start may take at most, and that it runs on at most.
START, LIFE = 300.0, 12.0


def start(logdir):
  """Starts the training, its output in a file that follows its life."""
  out = (logdir.parent / 'out.txt').open('w')
  return subprocess.Popen(
    [sys.executable, '-m', 'ponderdream.train', *COMMAND, '--logdir', logdir],
    cwd=ROOT,
    stdout=out,
    stderr=subprocess.STDOUT,
  )


def chunks(logdir):
  """The whole chunks of the replay, oldest first."""
  found = []
  for path in sorted((logdir / 'replay').glob('*.chunk')):
    try:
      found.append(chunk_.Chunk.open(path))
    except (chunk_.ChunkError, FileNotFoundError):
      continue  # being made at this moment
  return found


def held(logdir):
  """Steps ever added, as the files say."""
  return max((x.total for x in chunks(logdir)), default=0)


def wait_for(condition, process, seconds):
  """Waits; raises RuntimeError if the process ends or takes too long."""
  end = time.monotonic() + seconds
  while not condition():
    if process.poll() is not None or time.monotonic() > end:
      raise RuntimeError(f'The training did not go on: {process.poll()}.')
    time.sleep(0.1)


def live_and_die(logdir, rng):
  """One life. Returns what was seen of it."""
  known = len(learnt(logdir))
  process = start(logdir)
  moment = 'learning' if rng.random() < 0.8 else 'starting'
  try:
    if moment == 'learning':
      wait_for(lambda: len(learnt(logdir)) > known, process, START)
    time.sleep(rng.uniform(0, LIFE))
    before = held(logdir)
  finally:
    process.send_signal(signal.SIGKILL)
    process.wait()
  # Its environments leave when they see that it is gone.
  after, logged = held(logdir), learnt(logdir)
  return {
    'moment': moment,
    'before': before,
    'after': after,
    'lost': max(0, before - after),
    'logged': logged[-1] if logged else None,
    'saved': saved(logdir),
  }


def went_on(kill, logdir, known):
  """Adds to a kill how the life after it began, when `known` lines of updates
  were in the log."""
  text = (logdir.parent / 'out.txt').read_text()
  found = re.findall(r'Resuming at step (\d+), from the .* (\d+)\.', text)
  step, checkpoint = map(int, found[0]) if found else (None, None)
  updates = kill.pop('saved').get(checkpoint)
  new = learnt(logdir)[known:]
  kill['resumed'] = step
  kill['checkpoint'] = {'step': checkpoint, 'updates': updates}
  kill['next'] = new[0] if new else None
  print(json.dumps(kill), flush=True)


def saved(logdir):
  """Updates of the finished checkpoints, by their steps."""
  found = {}
  for path in (logdir / 'checkpoints').glob('[0-9]*/meta/metadata'):
    name = path.parent.parent.name
    if name.isdigit():
      found[int(name)] = json.loads(path.read_text())['updates']
  return found


def set_back(kill):
  """Whether more is to be done again than was done since the checkpoint."""
  if kill['resumed'] is None:
    return False
  line, start = kill['next'], kill['checkpoint']['updates']
  fewer = line is not None and line['updates'] < start
  return fewer or kill['resumed'] < kill['logged']['step']


def forgot(kill, lines):
  """Whether the loss after a kill is above that before by more than half of
  what was learnt in all `lines`."""
  if kill['next'] is None:
    return False
  losses = [x['loss'] for x in lines]
  above = kill['next']['loss'] - kill['logged']['loss']
  return above > (losses[0] - min(losses)) / 2


def soft_life(logdir):
  """Starts, and ends it softly after some updates; returns the exit code."""
  process = start(logdir)
  known = updates(logdir)
  try:
    wait_for(lambda: updates(logdir) > known, process, START)
  finally:
    process.send_signal(signal.SIGTERM)
    code = process.wait(START)
  return code


def updates(logdir):
  """How many updates the log knows of."""
  return max((x['updates'] for x in learnt(logdir)), default=0)


def learnt(logdir):
  """What the log says about updates: step, updates and loss of each line."""
  found = []
  for line in lines(logdir / 'metrics.jsonl'):
    losses = [v for k, v in line.items() if re.fullmatch(LOSSES, k)]
    if losses:
      count = {'step': line['step'], 'updates': int(line['run/updates'])}
      found.append(count | {'loss': round(sum(losses), 3)})
  return found


def counted(logdir):
  """What the environment itself counted, in all chunks.

  Returns:
    steps, and breaks: places in the middle of a stream where the count does
    not go up by one, or where the episode does not go on.
  """
  steps = breaks = 0
  streams = {}
  for chunk in chunks(logdir):
    streams.setdefault(chunk.stream, []).append(chunk)
  for parts in streams.values():
    parts.sort(key=lambda x: x.offset)
    columns = [
      {k: v[: x.count] for k, v in x.columns().items()} for x in parts
    ]
    join = lambda key, columns=columns: np.concatenate(
      [x[key] for x in columns]
    )
    step, first = join('step'), join('is_first')
    steps += len(step)
    follows = ~first[1:]
    breaks += int((np.diff(step)[follows] != 1).sum())
    breaks += int((step[first] != 0).sum())
    breaks += int((np.diff(join('episode'))[first[1:]] != 1).sum())
  return steps, breaks


def lines(path):
  """The whole lines of a file of JSON."""
  text = path.read_text() if path.exists() else ''
  return [json.loads(x) for x in text.splitlines(True) if x.endswith('\n')]


def run(logdir, kills, rng):
  """Lives and deaths; returns the report."""
  # Compiled programs are kept, so that later lives learn before they end.
  soft_life(logdir)
  each = []
  for _ in range(kills):
    known = len(learnt(logdir))
    kill = live_and_die(logdir, rng)
    if each:
      went_on(each[-1], logdir, known)
    each.append(kill)
  known = len(learnt(logdir))
  code = soft_life(logdir)
  went_on(each[-1], logdir, known)
  logged = learnt(logdir)
  points = [x['step'] for x in logged]
  steps, breaks = counted(logdir)
  known = [x for x in each if x['resumed'] is not None]
  return {
    'kills': len(each),
    'lost': sum(x['lost'] for x in each),
    'gaps': sum(abs(x['after'] - x['resumed']) for x in known),
    'steps': held(logdir),
    'steps_in_chunks': steps,
    'breaks': breaks,
    'log_goes_up': points == sorted(points),
    'set_back': sum(set_back(x) for x in each),
    'forgot': sum(forgot(x, logged) for x in each),
    'loss_first': logged[0]['loss'],
    'loss_last': logged[-1]['loss'],
    'updates': updates(logdir),
    'last_exit_code': code,
    'each': each,
  }


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--kills', type=int, default=20)
  parser.add_argument('--seed', type=int, default=0)
  default = ROOT / 'scripts' / 'results' / 'kills.json'
  parser.add_argument('--out', type=pathlib.Path, default=default)
  args = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    logdir = pathlib.Path(folder) / 'run'
    report = run(logdir, args.kills, random.Random(args.seed))
  args.out.parent.mkdir(parents=True, exist_ok=True)
  args.out.write_text(json.dumps(report, indent=1) + '\n')
  print(json.dumps({k: v for k, v in report.items() if k != 'each'}))
  # Who is killed while it starts says nothing; most are not.
  told = sum(x['resumed'] is not None for x in report['each'])
  right = (
    not any(
      report[x] for x in ('lost', 'gaps', 'breaks', 'set_back', 'forgot')
    )
    and report['steps'] == report['steps_in_chunks']
    and report['log_goes_up']
    and report['last_exit_code'] == 0
    and told >= len(report['each']) / 2
    and report['updates'] > report['each'][0]['logged']['updates']
  )
  return int(not right)


if __name__ == '__main__':
  sys.exit(main())
