"""Trains agents on the ladder, where thinking pays, and compares them.

python scripts/grid.py --logdir DIR

Every run is one `python -m ponderdream.train --configs ladder ...` in DIR, one
after the other; runs that are finished stay. Writes the results as JSON, a
picture beside them, and prints the table.

  --logdir DIR   where the runs go
  --what depth   depth: plain, fixed 1, fixed 8, pondernet, and what they do
                 when they are made to think longer or shorter;
                 credit: pondernet by ponder.credit
  --seeds 3      runs of each kind
  --episodes 4000  of every evaluation
  --steps 0      environment steps of a run; 0 is what the block says
  --out PATH     without its ending, scripts/results/grid or .../credit
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np

from embodied.config import Config
from embodied.config import flags as flags_
from embodied.errors import UsageError
from ponderdream import settings
from ponderdream import train as command

OPTIONS = Config(
  {
    'logdir': '',
    'what': 'depth',
    'seeds': 3,
    'episodes': 4000,
    'steps': 0,
    'out': '',
  }
)
ROOT = pathlib.Path(__file__).parent.parent
NAMES = {'depth': 'grid', 'credit': 'credit'}
THINK = ('--configs', 'ladder', 'pondernet')
FLAGS = {
  'plain': ('--configs', 'ladder'),
  'fixed 1': (*THINK, '--ponder.mode', 'fixed', '--ponder.max_steps', '1'),
  'fixed 8': (*THINK, '--ponder.mode', 'fixed', '--ponder.max_steps', '8'),
  'pondernet': THINK,  # whose credit is levels
  'mixture': (*THINK, '--ponder.credit', 'mixture'),
  'sampled': (*THINK, '--ponder.credit', 'sampled'),
}
# What is compared, and the runs it is called after.
COMPARED = {
  'depth': {k: k for k in ('plain', 'fixed 1', 'fixed 8', 'pondernet')},
  'credit': {
    'levels': 'pondernet',
    'mixture': 'mixture',
    'sampled': 'sampled',
  },
}
# Halts that are suppressed at test time, the first ones.
MORE = (0, 1, 2, 4, 8, 16)
# The most steps that are left to it at test time.
MOST = (1, 2, 3)
CASES = [*(f'most_{k}' for k in MOST), *(f'more_{k}' for k in MORE)]
# Environment steps per point of a learning curve.
BIN = 2500
ENVS, FIRST = 64, 2**41


def train(folder, flags, seed, steps):
  """Runs one training to its end, unless that was reached before; returns
  its seconds."""
  done = folder / 'finished.json'
  flags = [*flags, '--seed', str(seed)]
  flags += ['--run.steps', str(steps)] if steps else []
  if done.exists():
    before = json.loads(done.read_text())
    if before['flags'] != flags:
      raise UsageError(
        f'{folder} holds a run with {" ".join(before["flags"])}; delete it, or'
        ' name another --logdir.'
      )
    settings.compare(command.configure([*flags, '--logdir', str(folder)]))
    return before['seconds']
  begun = time.monotonic()
  subprocess.run(
    [
      sys.executable, '-m', 'ponderdream.train', *flags,
      '--logdir', str(folder.resolve()),
    ],
    cwd=ROOT,
    check=True,
  )  # fmt: skip
  seconds = round(time.monotonic() - begun)
  done.write_text(json.dumps({'flags': flags, 'seconds': seconds}))
  return seconds


def curve(folder):
  """Success by environment steps, as training wrote it down."""
  lines = (folder / 'scores.jsonl').read_text().splitlines()
  lines = [json.loads(x) for x in lines]
  step = np.array([x['step'] for x in lines])
  won = np.array([x['episode/score'] for x in lines])
  which = step // BIN
  full = [b for b in np.unique(which) if (which == b).sum() >= 20]
  return {
    'step': [int((b + 1) * BIN) for b in full],
    'success': [float(won[which == b].mean()) for b in full],
  }


def evaluate(folder, episodes, more=0, most=0):
  """Success and ponder steps by the number of rows, with the first `more`
  halts suppressed (with a fixed number, so many steps more), or with `most`
  steps at the most; None where that makes no difference."""
  from ponderdream import checkpoint, factories
  from ponderdream.agent import Acting

  config = factories.setup(settings.recall(str(folder)))
  mode = config.ponder.mode
  if (more and mode == 'none') or (most and mode != 'pondernet'):
    return None
  longer = config.ponder.max_steps + (more if mode == 'fixed' else 0)
  config = config.update(
    {'ponder.max_steps': most or longer, 'run.parallel': False}
  )
  driver = factories.make_driver(config, ENVS, FIRST)
  acting = Acting(suppress=more if mode == 'pondernet' else 0)
  spaces = driver.obs_space, driver.act_space
  agent = factories.make_agent(spaces, config, {'eval': acting})
  saved = checkpoint.Checkpoint(folder / 'checkpoints')
  agent.load(saved.load(agent.save())[1])
  saved.close()
  found = play(agent, driver, episodes)
  driver.close()
  return found


def play(agent, driver, episodes):
  """Plays; returns shares and means by the number of rows."""
  thought = {}  # worker -> steps at the choice
  ride, rows, won, steps = [], [], [], []

  def follow(step, worker):
    depth = float(step.get('log/ponder_steps', 0))
    if step['is_first']:
      thought[worker] = depth
    elif not step['is_last']:
      ride.append(depth)
    else:
      rows.append(int(step['log/rows']))
      won.append(float(step['reward']))
      steps.append(thought[worker])

  driver.on_step(follow)
  driver.reset(agent.init_policy)
  policy = lambda carry, obs: agent.policy(carry, obs, mode='eval')
  driver(policy, episodes=episodes)
  rows, won, steps = map(np.array, (rows, won, steps))
  # Short ladders end sooner and would count more often: weigh rows alike.
  each = [rows == n for n in range(1, rows.max() + 1)]
  success = [float(won[x].mean()) for x in each]
  return {
    'success': float(np.mean(success)),
    'success_by_rows': success,
    'steps_by_rows': [float(steps[x].mean()) for x in each],
    'steps_of_ride': float(np.mean(ride)),
  }


def results(options):
  """Trains and measures everything: `{name: [one dict per seed]}`."""
  found = {}
  for label, name in COMPARED[options.what].items():
    found[label] = []
    for seed in range(options.seeds):
      folder = pathlib.Path(options.logdir, f'{name}-{seed}'.replace(' ', '-'))
      print(f'{label}, seed {seed}: {folder}', flush=True)
      seconds = train(folder, FLAGS[name], seed, options.steps)
      run = {'seconds': seconds, 'curve': curve(folder)}
      for k in MORE:
        run[f'more_{k}'] = evaluate(folder, options.episodes, more=k)
      for k in MOST:
        run[f'most_{k}'] = evaluate(folder, options.episodes, most=k)
      found[label].append(run)
  return found


def mean(runs, *keys):
  """Mean over seeds of a number or list in the results; None if missing."""
  values = runs
  for key in keys:
    values = [x and x.get(key) for x in values]
  if any(x is None for x in values):
    return None
  return np.mean(values, 0)


def table(found):
  """Prints success and thought, means over seeds."""
  print(f'{"":18}success (each seed)        by rows 1, 2, ...')
  for name, runs in found.items():
    each = ' '.join(f'{x["more_0"]["success"]:.3f}' for x in runs)
    rows = ' '.join(
      f'{x:.2f}' for x in mean(runs, 'more_0', 'success_by_rows')
    )
    print(f'{name:18}{mean(runs, "more_0", "success"):.3f} ({each})  {rows}')
  print(f'{"":18}ponder steps at the choice by rows 1, 2, ...   riding')
  for name, runs in found.items():
    rows = mean(runs, 'more_0', 'steps_by_rows')
    ride = mean(runs, 'more_0', 'steps_of_ride')
    text = ' '.join(f'{x:.2f}' for x in rows)
    print(f'{name:18}{text}   {ride:.2f}')
  print(f'{"":18}minutes of training, each seed')
  for name, runs in found.items():
    text = ' '.join(f'{x["seconds"] / 60:.1f}' for x in runs)
    print(f'{name:18}{text}')
  print(f'{"":18}success and ponder steps at the choice, with')
  for name, runs in found.items():
    for case in CASES:
      if success := mean(runs, case, 'success'):
        steps = np.mean(mean(runs, case, 'steps_by_rows'))
        print(f'{name:18}{case:8} {success:.3f} {steps:6.2f}')


def draw(path, found):
  """Curves, success and thought by difficulty, thinking more and less."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  figure, axes = plt.subplots(1, 4, figsize=(20, 4))
  for i, (name, runs) in enumerate(found.items()):
    color = f'C{i}'
    common = min(len(x['curve']['step']) for x in runs)
    steps = runs[0]['curve']['step'][:common]
    curves = np.array([x['curve']['success'][:common] for x in runs])
    axes[0].plot(steps, curves.mean(0), color=color, label=name)
    axes[0].fill_between(
      steps, curves.min(0), curves.max(0), color=color, alpha=0.15
    )
    success = mean(runs, 'more_0', 'success_by_rows')
    rows = np.arange(1, len(success) + 1)
    axes[1].plot(rows, success, 'o-', color=color, label=name)
    thought = mean(runs, 'more_0', 'steps_by_rows')
    if thought.any():
      axes[2].plot(rows, thought, 'o-', color=color, label=name)
      ride = mean(runs, 'more_0', 'steps_of_ride')
      axes[2].axhline(ride, color=color, ls=':')
    cases = [x for x in CASES if mean(runs, x, 'success') is not None]
    if thought.any():
      steps = [np.mean(mean(runs, x, 'steps_by_rows')) for x in cases]
      line = [mean(runs, x, 'success') for x in cases]
      axes[3].plot(steps, line, 'o-', color=color, label=name)
      free = cases.index('more_0')
      axes[3].plot(
        steps[free], line[free], 'o', color=color, ms=12, mfc='none'
      )
  titles = {
    'success while training': 'environment steps',
    'success': 'rows of the ladder',
    'ponder steps at the choice (dotted: riding)': 'rows of the ladder',
    'thinking shorter, as learnt (ring), longer': 'ponder steps at the choice',
  }
  for axis, (title, label) in zip(axes, titles.items(), strict=True):
    axis.set_title(title)
    axis.set_xlabel(label)
    axis.grid(alpha=0.3)
    axis.legend()
  figure.tight_layout()
  figure.savefig(path, dpi=110)


def main(argv):
  """Runs the command line; returns the exit code."""
  try:
    options = flags_.apply(OPTIONS, flags_.split_flags(argv))
    if not options.logdir:
      raise UsageError('Add --logdir DIR, where the runs go.')
    if options.what not in COMPARED:
      raise UsageError(f"--what is depth or credit, not '{options.what}'.")
    if min(options.seeds, options.episodes) < 1 or options.steps < 0:
      raise UsageError('There is at least one seed, episode and step.')
    found = results(options)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2
  out = options.out or f'{ROOT}/scripts/results/{NAMES[options.what]}'
  out = pathlib.Path(out)
  out.parent.mkdir(parents=True, exist_ok=True)
  out.with_suffix('.json').write_text(json.dumps(found) + '\n')
  draw(out.with_suffix('.png'), found)
  table(found)
  print(f'Written to {out}.json and {out}.png')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
