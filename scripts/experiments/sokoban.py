"""Does thinking longer pay in Sokoban? Pondering agents and their rivals.

    python -m scripts.experiments.sokoban --logdir DIR
    python -m scripts.experiments.sokoban --logdir DIR --minutes 5 --seeds 1 \\
      --rivals pondernet 'fixed 4' --out DIR/short
    python -m scripts.experiments.sokoban --logdir DIR --data PLANS

Trains each rival with an equal budget of processor time on `sokoban_small`
(7x7, two boxes), one core each, by `ponderdream.train` with the blocks
`pondernet cpu sokoban`; with `--data`, by cloning the actions of an expert
(`python -m ponderdream.lrxc collect --expert sokoban --out PLANS`) instead of
by reinforcement. Runs are those of core_hour.py: a finished one is not
repeated, and a stopped one is resumed. The agents then play the same rooms,
which no training made, also with more or fewer levels than in training.
Writes JSON and a figure, and prints a table:

  success     share of solved rooms, by the pushes that a room needs
  levels      levels computed per action
  rank        rank correlation of expected levels and the pushes that are left
              (`rank_left`), or that the room needs, at its first state
  next push   accuracy of a linear probe for the agent's next push, by level
"""

import pathlib
import shlex
import signal
import sys

import numpy as np

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from scripts import arguments, plots, results
from scripts.experiments import core_hour, next_push, rooms

FIXED = '--ponder.mode fixed --ponder.max_steps'
# Windows of few steps: those of one room are much alike.
CLONING = (
  '--configs pondernet cpu sokoban cloning --run.save_every 60'
  ' --batch.length 16 --data'
)
IN_DREAMS = '--configs pondernet cpu dreams sokoban --ponder.credit'
# Up to 16 levels, of those that a state needs. At an eps of 0.05 a batch
# computes 14 levels where 4 are expected, and an update takes thrice as long.
SEVERAL = '--ponder.max_steps 16 --ponder.compact True'
PONDERNET = f'{SEVERAL} --ponder.eps 0.25'
RIVALS = {
  'no thought': '--ponder.mode none',
  'fixed 1': f'{FIXED} 1',
  'fixed 4': f'{FIXED} 4',
  'fixed 8': f'{FIXED} 8',
  'fixed 16': f'{FIXED} 16',
  'kl': f'--ponder.mode kl {SEVERAL}',
  'untied': f'{FIXED} 16 --inner.tied False',
  'act': f'--ponder.mode act --ponder.cost 0.01 {SEVERAL}',
  'pondernet': PONDERNET,
  # With the newest real steps alone, the credit is that of the mixture.
  'mixture': f'{IN_DREAMS} mixture {PONDERNET}',
  'sampled': f'{IN_DREAMS} sampled {PONDERNET}',
}
# Evaluations: with additional levels, and with a maximum number of them.
CASES = {f'more_{k}': {'more': k} for k in (0, 1, 2, 4, 8, 16)}
CASES |= {f'most_{k}': {'most': k} for k in (1, 2, 4, 8)}
AS_LEARNT = 'more_0'


def training(args):
  """The arguments of core_hour.py that train the rivals."""
  agents, flags = [f'sokoban {RIVALS[x]}' for x in args.rivals], args.flags
  if args.data:
    folder = shlex.quote(str(args.data.resolve()))
    flags = f'{CLONING} {folder} {flags}'
  argv = ['--logdir', args.logdir, '--agents', *agents]
  for key in ('seeds', 'first', 'minutes', 'jobs'):
    argv += [f'--{key}', getattr(args, key)]
  # It plays some rooms at the end; they are played here, too.
  argv += ['--episodes', 1, f'--flags={flags}']
  return core_hour.options([str(x) for x in argv])


def measured(folder, episodes, probed):
  """`measure`, once for a run and these arguments: it takes minutes."""
  about = [episodes, probed, trained(folder)]
  measuring = lambda: measure(folder, episodes, probed)
  return results.once(folder / 'measured.json', about, measuring)


def measure(folder, episodes, probed):
  """All measurements of a run."""
  found = {}
  for case, how in CASES.items():
    opened = rooms.opened(folder, **how)
    if opened is None:
      found[case] = None
      continue
    player, driver = opened
    played = rooms.play(player, driver, episodes)
    found[case] = rooms.success(played)
    if case == AS_LEARNT:
      found['thinking'] = rooms.thinking(played[:probed])
      found['next_push'] = next_push.accuracy(player, played)
  return found


def compare(args):
  """Trains and measures: `{rival: [one dict per seed]}`."""
  plan = training(args)
  runs = core_hour.plan(plan)
  with lock.hold(Folder(args.logdir)):
    core_hour.perform_all(runs, plan)
  names = {f'sokoban {RIVALS[x]}': x for x in args.rivals}
  found = {}
  for run in runs:
    if not core_hour.finished(run).exists():
      raise UsageError(f'{run["folder"]} is not finished; see its train.log.')
    name, folder = names[run['label']], pathlib.Path(run['folder'])
    print(f'{name}, seed {run["seed"]}: {folder}', flush=True)
    about = {'seed': run['seed'], 'steps': trained(folder)}
    about |= measured(folder, args.episodes, args.probed)
    found.setdefault(name, []).append(about)
  return found


def trained(folder):
  """Environment steps of the training, or updates of cloning."""
  return results.read_lines(folder / 'metrics.jsonl')[-1]['step']


def mean(runs, case, key):
  """Mean over seeds of a number in the results; None if it is missing."""
  if any(x[case] is None for x in runs):
    return None
  return float(np.mean([x[case][key] for x in runs]))


def table(found):
  """Prints a row for each rival, and one for each of its cases."""
  rows, cases = {}, {}
  for name, runs in found.items():
    probes = [x['next_push'] for x in runs if x['next_push']]
    thought = lambda key, runs=runs: mean(runs, 'thinking', key)
    rows[name] = {
      'success': mean(runs, AS_LEARNT, 'success'),
      'of each seed': [x[AS_LEARNT]['success'] for x in runs],
      'levels': mean(runs, AS_LEARNT, 'levels'),
      'steps': float(np.mean([x['steps'] for x in runs])),
      'rank_left': thought('rank_left'),
      'rank_needed': thought('rank_needed'),
      'next push': np.mean(probes, 0).tolist() if probes else None,
    }
    cases[name] = {case: mean(runs, case, 'success') for case in CASES}
  results.table(results.plain(rows))
  results.table(results.plain(cases))


def grouped(runs, case, key):
  """Values and means of `{value: [count, mean]}` over all seeds."""
  total = {}
  for run in runs:
    for value, (count, average) in run[case][key].items():
      own = total.setdefault(float(value), [0, 0.0])
      own[0], own[1] = own[0] + count, own[1] + count * average
  kept = {k: v[1] / v[0] for k, v in sorted(total.items()) if v[0] >= 10}
  return list(kept), list(kept.values())


def picture(found, path):
  """Success by pushes and by levels; levels by pushes left and by time; the
  probe by level."""
  figure, axes = plots.figure(5, 4.2)
  titles = {
    'Success': 'pushes that the room needs',
    'Success (ring: as learnt)': 'levels computed per action',
    'Expected levels': 'pushes left',
    'Expected levels over time': 'step of the episode',
    'Accuracy of the next push': 'level',
  }
  for axis, (title, label) in zip(axes, titles.items(), strict=True):
    axis.set(title=title, xlabel=label)
  colors = [*plots.COLORS, *(f'C{i}' for i in range(10))]
  for color, (name, runs) in zip(colors, found.items(), strict=False):
    draw(axes, runs, color=color, label=name)
  axes[0].legend(fontsize=7)
  plots.save(figure, path)


def draw(axes, runs, **line):
  """Draws the runs of one rival, with a line of this color and label."""
  axes[0].plot(*grouped(runs, AS_LEARNT, 'by_needed'), 'o-', ms=3, **line)
  points = []
  for case in CASES:
    if (success := mean(runs, case, 'success')) is not None:
      points.append((mean(runs, case, 'levels'), success))
  axes[1].plot(*zip(*sorted(points), strict=True), 'o-', ms=3, **line)
  ring = {'color': line['color'], 'ms': 11, 'mfc': 'none'}
  axes[1].plot(*points[0], 'o', **ring)
  if mean(runs, AS_LEARNT, 'levels'):
    for axis, key in zip(axes[2:4], ('by_left', 'by_time'), strict=True):
      axis.plot(*grouped(runs, 'thinking', key), 'o-', ms=3, **line)
  probes = [x['next_push'] for x in runs if x['next_push']]
  if probes:
    plots.band(axes[4], np.arange(len(probes[0])), probes, **line)


def options(argv):
  """Reads the command line."""
  parser = arguments.parser(__doc__, 'sokoban')
  add = parser.add_argument
  add('--logdir', type=pathlib.Path, required=True)
  add('--rivals', nargs='+', choices=RIVALS,
      help='all of them; with --data all that need no dreams')  # fmt: skip
  add('--data', type=pathlib.Path, help='plans of the expert, to be cloned')
  add('--seeds', type=arguments.count, default=3, help='how many')
  add('--first', type=arguments.whole(0), default=0, help='the first seed')
  add('--minutes', type=arguments.number(1e5), default=60.0)
  add('--jobs', type=arguments.count, default=1, help='runs at once')
  add('--episodes', type=arguments.count, default=1000, help='of each case')
  add('--probed', type=arguments.count, default=200,
      help='of these, whose states a solver looks at')  # fmt: skip
  add('--flags', default='', help="for all rivals: '--run.envs 16'")
  args = parser.parse_args(argv)
  fit = [x for x, y in RIVALS.items() if not args.data or IN_DREAMS not in y]
  args.rivals = args.rivals or fit
  if wrong := sorted({*args.rivals} - {*fit}):
    raise UsageError(
      f"The rival '{wrong[0]}' differs in dreams alone; leave it or --data"
      ' out.'
    )
  return args


def main(argv):
  args = options(argv)
  found = results.plain(compare(args))
  results.write(args.out, {'command': results.command(), **found})
  picture(found, args.out)
  table(found)
  print(f'Written to {args.out}.json and {args.out}.png')


if __name__ == '__main__':
  # As after Ctrl-C, the processes of runs are ended.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  arguments.run(main)
