"""Draws the learning curves of several runs, and writes their data.

    python -m scripts.experiments.curve OUT NAME=LOGDIR [NAME=LOGDIR ...]

Writes OUT.json and OUT.png: returns (mean of 30 episodes), ponder steps, and
the losses of image, reward and dynamics against environment steps. If a logdir
has `eval/random.json` (see `ponderdream.evaluate --random`), its return is
drawn as a line.
"""

import argparse
import json
import pathlib

import numpy as np

from scripts import arguments, plots, results

WINDOW = 30
LOSSES = {'image': 'rec/image', 'reward': 'rew', 'dynamics': 'dyn'}


def read(logdir):
  """The curves of a run."""
  logdir = pathlib.Path(logdir).expanduser()
  scores = results.read_lines(logdir / 'scores.jsonl')
  metrics = results.read_lines(logdir / 'metrics.jsonl')
  metrics = [x for x in metrics if 'train/loss/rew' in x]
  pick = lambda key: [x.get(f'train/{key}') for x in metrics]
  random = logdir / 'eval' / 'random.json'
  return {
    'episode_step': [x['step'] for x in scores],
    'return': [x['episode/score'] for x in scores],
    'step': [x['step'] for x in metrics],
    'ponder_steps': pick('ponder/steps'),
    'ponder_depth': pick('ponder/depth'),
    **{f'loss_{k}': pick(f'loss/{v}') for k, v in LOSSES.items()},
    'random': json.loads(random.read_text()) if random.exists() else None,
  }


def smooth(values):
  """Means over the last 30 values, fewer at the start."""
  sums = np.cumsum([0.0, *values])
  ends = np.arange(1, len(values) + 1)
  starts = np.maximum(0, ends - WINDOW)
  return (sums[ends] - sums[starts]) / (ends - starts)


def picture(runs, path):
  """One panel for returns, one for ponder steps, one per loss."""
  ponder = 'Ponder steps: expected, computed (dashed)'
  titles = [f'Return, mean of {WINDOW} episodes', ponder]
  titles += [f'Loss of {k}' for k in LOSSES]
  figure, axes = plots.figure(len(titles), 4.4, 3.6)
  for color, (name, run) in zip(plots.COLORS, runs.items(), strict=False):
    line = {'color': color, 'label': name}
    axes[0].plot(run['episode_step'], smooth(run['return']), **line)
    if any(run['ponder_steps']):
      axes[1].plot(run['step'], run['ponder_steps'], **line)
      axes[1].plot(run['step'], run['ponder_depth'], ls='--', color=color)
      axes[1].set_ylim(bottom=0)
    for axis, loss in zip(axes[2:], LOSSES, strict=True):
      axis.plot(run['step'], run[f'loss_{loss}'], **line)
      axis.set_yscale('log')
  random = [x['random']['return_mean'] for x in runs.values() if x['random']]
  if random:
    axes[0].axhline(
      random[0], color=plots.FAINT, ls='--', label='random policy'
    )
  for axis, title in zip(axes, titles, strict=True):
    axis.set(title=title, xlabel='environment steps')
  for axis in (axes[0], axes[2]):
    axis.legend()
  plots.save(figure, path)


def pair(text):
  """A type for argparse: NAME=LOGDIR."""
  name, equals, logdir = text.partition('=')
  if not (name and equals and logdir):
    raise argparse.ArgumentTypeError(f"'{text}' is not NAME=LOGDIR")
  return name, logdir


def main(argv):
  parser = arguments.parser(__doc__)
  parser.add_argument('out', type=pathlib.Path, help='without an ending')
  parser.add_argument('runs', type=pair, nargs='+', metavar='NAME=LOGDIR')
  args = parser.parse_args(argv)
  runs = {name: read(logdir) for name, logdir in args.runs}
  results.write(args.out, runs)
  picture(runs, args.out)
  for name, run in runs.items():
    last = np.mean(run['return'][-WINDOW:])
    print(f'{name}: {last:.2f} over the last {WINDOW} episodes')


if __name__ == '__main__':
  arguments.run(main)
