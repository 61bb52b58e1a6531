"""Draws training runs side by side, and keeps the data beside the picture.

python scripts/curve.py OUT NAME=LOGDIR [NAME=LOGDIR ...]

Writes OUT.json and OUT.png: returns (mean of 30 episodes), ponder steps, and
the losses of image, reward and dynamics against environment steps. If a logdir
has `eval/random.json` (see `ponderdream.evaluate --random`), its return is
drawn as a line.
"""

import json
import pathlib
import sys

import numpy as np

WINDOW = 30
LOSSES = {'image': 'rec/image', 'reward': 'rew', 'dynamics': 'dyn'}


def read(logdir):
  """What a run wrote, thinned to what is drawn."""
  logdir = pathlib.Path(logdir).expanduser()
  load = lambda name: [
    json.loads(x) for x in (logdir / name).read_text().splitlines()
  ]
  scores = load('scores.jsonl')
  metrics = [x for x in load('metrics.jsonl') if 'train/loss/rew' in x]
  pick = lambda key: [x.get(f'train/{key}') for x in metrics]
  baseline = logdir / 'eval' / 'random.json'
  return {
    'episode_step': [x['step'] for x in scores],
    'return': [round(x['episode/score'], 2) for x in scores],
    'step': [x['step'] for x in metrics],
    'ponder_steps': pick('ponder/steps'),
    'ponder_depth': pick('ponder/depth'),
    **{f'loss_{k}': pick(f'loss/{v}') for k, v in LOSSES.items()},
    'random': json.loads(baseline.read_text()) if baseline.exists() else None,
  }


def smooth(values):
  """Means over the last 30 values, fewer at the start."""
  sums = np.cumsum([0.0, *values])
  ends = np.arange(1, len(values) + 1)
  starts = np.maximum(0, ends - WINDOW)
  return (sums[ends] - sums[starts]) / (ends - starts)


def draw(runs, path):
  """One panel for returns, one for ponder steps, one per loss."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  thought = 'ponder steps expected, computed (dashed)'
  titles = [f'return, mean of {WINDOW} episodes', thought]
  titles += [f'{k} loss' for k in LOSSES]
  figure, axes = plt.subplots(1, len(titles), figsize=(20, 3.6))
  for i, (name, run) in enumerate(runs.items()):
    own = {'color': f'C{i}'}
    axes[0].plot(run['episode_step'], smooth(run['return']), label=name, **own)
    if any(run['ponder_steps']):
      axes[1].plot(run['step'], run['ponder_steps'], label=name, **own)
      axes[1].plot(run['step'], run['ponder_depth'], ls='--', **own)
      axes[1].set_ylim(bottom=0)
    for axis, loss in zip(axes[2:], LOSSES, strict=True):
      axis.plot(run['step'], run[f'loss_{loss}'], label=name, **own)
      axis.set_yscale('log')
  found = [x['random']['return_mean'] for x in runs.values() if x['random']]
  if found:
    axes[0].axhline(found[0], color='gray', ls='--', label='random policy')
  for axis, title in zip(axes, titles, strict=True):
    axis.set_title(title)
    axis.set_xlabel('environment steps')
    axis.grid(alpha=0.3)
    axis.legend()
  figure.tight_layout()
  figure.savefig(path, dpi=110)


def main(out, *named):
  runs = {
    name: read(logdir) for name, _, logdir in (x.partition('=') for x in named)
  }
  out = pathlib.Path(out)
  out.with_suffix('.json').write_text(json.dumps(runs) + '\n')
  draw(runs, out.with_suffix('.png'))
  for name, run in runs.items():
    last = np.mean(run['return'][-WINDOW:])
    print(f'{name}: {last:.2f} over the last {WINDOW} episodes')


if __name__ == '__main__':
  if len(sys.argv) < 3:
    sys.exit(__doc__)
  main(*sys.argv[1:])
