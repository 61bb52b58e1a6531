"""Trains agents on the ladder, where pondering pays, and compares them.

    python -m scripts.experiments.ladder --logdir DIR

Each run is one `python -m ponderdream.train --configs ladder ...` in DIR, one
after another. Finished runs are not repeated. Writes the results as JSON and a
figure, and prints a table.

`--what depth` compares plain, fixed 1, fixed 8 and pondernet, also with more
or fewer steps than in training. `--what credit` compares the settings of
ponder.credit.
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np

from embodied.errors import UsageError
from ponderdream import settings
from scripts import arguments, plots, results

THINK = ('--configs', 'ladder', 'pondernet')
FLAGS = {
  'plain': ('--configs', 'ladder'),
  'fixed 1': (*THINK, '--ponder.mode', 'fixed', '--ponder.max_steps', '1'),
  'fixed 8': (*THINK, '--ponder.mode', 'fixed', '--ponder.max_steps', '8'),
  'pondernet': THINK,  # its credit is levels
  'mixture': (*THINK, '--ponder.credit', 'mixture'),
  'sampled': (*THINK, '--ponder.credit', 'sampled'),
}
# What is compared: by its name in the results, the run of FLAGS.
COMPARED = {
  'depth': {k: k for k in ('plain', 'fixed 1', 'fixed 8', 'pondernet')},
  'credit': {
    'levels': 'pondernet',
    'mixture': 'mixture',
    'sampled': 'sampled',
  },
}
# Evaluations: with a maximum number of steps, and with additional steps.
CASES = {f'most_{k}': {'most': k} for k in (1, 2, 3)}
CASES |= {f'more_{k}': {'more': k} for k in (0, 1, 2, 4, 8, 16)}
AS_LEARNT = 'more_0'
MEASURED = 'success', 'success_by_rows', 'steps_by_rows', 'steps_of_ride'
# Environment steps per point of a learning curve, and episodes at least.
BIN, ENOUGH = 2500, 20
# Environments of an evaluation, with numbers that no training uses.
ENVS, FIRST = 64, 2**41


def train(folder, flags, seed, steps):
  """Trains, unless the run is finished; returns its duration in seconds.

  Raises UsageError: the folder holds a run with other flags.
  """
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
    return before['seconds']
  start = time.monotonic()
  subprocess.run(
    [
      sys.executable, '-m', 'ponderdream.train', *flags,
      '--logdir', str(folder.resolve()),
    ],
    cwd=results.ROOT,
    check=True,
  )  # fmt: skip
  seconds = round(time.monotonic() - start)
  done.write_text(json.dumps({'flags': flags, 'seconds': seconds}))
  return seconds


def curve(folder):
  """Success by environment steps, from the run's log."""
  lines = results.read_lines(folder / 'scores.jsonl')
  place = np.array([x['step'] for x in lines]) // BIN
  success = np.array([x['episode/score'] for x in lines])
  full = [b for b in np.unique(place) if (place == b).sum() >= ENOUGH]
  return {
    'step': [int((b + 1) * BIN) for b in full],
    'success': [float(success[place == b].mean()) for b in full],
  }


def evaluate(folder, episodes, more=0, most=0):
  """Evaluates the last checkpoint, see `play`; None if `more` or `most` do not
  apply to the agent.

  Args:
    more: number of initial ponder steps at which halting is disabled; for a
      fixed number of steps, the number of additional steps.
    most: maximum number of ponder steps; 0 for that of training.
  """
  from ponderdream import agent, checkpoint, factories

  config = factories.setup(settings.recall(str(folder)))
  mode = config.ponder.mode
  if (more and mode == 'none') or (most and mode != 'pondernet'):
    return None
  longer = config.ponder.max_steps + (more if mode == 'fixed' else 0)
  config = config.update(
    {'ponder.max_steps': most or longer, 'run.parallel': False}
  )
  driver = factories.make_driver(config, ENVS, FIRST)
  acting = agent.Acting(suppress=more if mode == 'pondernet' else 0)
  player = factories.make_agent(
    (driver.obs_space, driver.act_space), config, {'eval': acting}
  )
  checkpoint.restore(player, folder / 'checkpoints')
  measured = play(player, driver, episodes)
  driver.close()
  return measured


def play(agent, driver, episodes):
  """Shares and means of whole episodes, by the number of rows."""
  choice = {}  # worker -> ponder steps at the choice
  ride, rows, success, steps = [], [], [], []

  def follow(step, worker):
    ponder = float(step.get('log/ponder_steps', 0))
    if step['is_first']:
      choice[worker] = ponder
    elif not step['is_last']:
      ride.append(ponder)
    else:
      rows.append(int(step['log/rows']))
      success.append(float(step['reward']))
      steps.append(choice[worker])

  driver.on_step(follow)
  driver.reset(agent.init_policy)
  policy = lambda carry, obs: agent.policy(carry, obs, mode='eval')
  driver(policy, episodes=episodes)
  rows, success, steps = map(np.array, (rows, success, steps))
  each = [rows == n for n in range(1, rows.max() + 1)]
  success = [success[x].mean() for x in each]
  return {
    # Short ladders end sooner and would count more often, so all numbers of
    # rows get the same weight.
    'success': np.mean(success),
    'success_by_rows': success,
    'steps_by_rows': [steps[x].mean() for x in each],
    'steps_of_ride': np.mean(ride),
  }


def measure(args):
  """Trains and measures everything: `{name: [one dict per seed]}`."""
  found = {}
  for label, name in COMPARED[args.what].items():
    found[label] = []
    for seed in range(args.seeds):
      folder = args.logdir / f'{name}-{seed}'.replace(' ', '-')
      print(f'{label}, seed {seed}: {folder}', flush=True)
      seconds = train(folder, FLAGS[name], seed, args.steps)
      run = {'seconds': seconds, 'curve': curve(folder)}
      for case, how in CASES.items():
        run[case] = evaluate(folder, args.episodes, **how)
      found[label].append(run)
  return found


def mean(runs, case, key):
  """Mean over seeds of a number or list in the results; None if missing."""
  if any(x[case] is None for x in runs):
    return None
  return np.mean([x[case][key] for x in runs], 0)


def table(found):
  """Prints success, ponder steps and minutes; then the cases."""
  rows, cases = {}, {}
  for name, runs in found.items():
    means = {key: mean(runs, AS_LEARNT, key) for key in MEASURED}
    each = [x[AS_LEARNT]['success'] for x in runs]
    minutes = [x['seconds'] / 60 for x in runs]
    rows[name] = {'success of each seed': each, **means, 'minutes': minutes}
    for case, success, steps in shown(runs):
      line = {'success': success, 'steps at the choice': steps}
      cases[f'{name} {case}'] = line
  results.table(results.plain(rows))
  results.table(results.plain(cases))


def shown(runs):
  """Each case that was measured, its success and steps at the choice."""
  for case in CASES:
    if (success := mean(runs, case, 'success')) is not None:
      yield case, success, np.mean(mean(runs, case, 'steps_by_rows'))


def picture(found, path):
  """Curves, success and ponder steps by rows, more and fewer steps."""
  figure, axes = plots.figure(4, 4.8)
  titles = {
    'Success while training': 'environment steps',
    'Success': 'rows of the ladder',
    'Ponder steps at the choice (dotted: riding)': 'rows of the ladder',
    'Shorter, as learnt (ring), longer': 'ponder steps at the choice',
  }
  for axis, (title, label) in zip(axes, titles.items(), strict=True):
    axis.set(title=title, xlabel=label)
  for color, (name, runs) in zip(plots.COLORS, found.items(), strict=False):
    draw(axes, runs, color=color, label=name)
  axes[1].legend()
  plots.save(figure, path)


def draw(axes, runs, **line):
  """Draws the runs of one name, with a line of this color and label."""
  common = min(len(x['curve']['step']) for x in runs)
  steps = runs[0]['curve']['step'][:common]
  curves = [x['curve']['success'][:common] for x in runs]
  plots.band(axes[0], steps, curves, **line)
  success = mean(runs, AS_LEARNT, 'success_by_rows')
  rows = np.arange(1, len(success) + 1)
  axes[1].plot(rows, success, 'o-', **line)
  ponder = mean(runs, AS_LEARNT, 'steps_by_rows')
  if not ponder.any():
    return
  color = line['color']
  axes[2].plot(rows, ponder, 'o-', **line)
  ride = mean(runs, AS_LEARNT, 'steps_of_ride')
  axes[2].axhline(ride, color=color, ls=':')
  cases, success, steps = zip(*shown(runs), strict=True)
  axes[3].plot(steps, success, 'o-', **line)
  learnt = cases.index(AS_LEARNT)
  ring = {'color': color, 'ms': 12, 'mfc': 'none'}
  axes[3].plot(steps[learnt], success[learnt], 'o', **ring)


def main(argv):
  parser = arguments.parser(__doc__)
  add = parser.add_argument
  add('--logdir', type=pathlib.Path, required=True, help='for the runs')
  add('--what', choices=COMPARED, default='depth')
  add('--seeds', type=arguments.count, default=3, help='runs of each kind')
  add('--episodes', type=arguments.count, default=4000)
  add('--steps', type=arguments.whole(0), default=0,
      help='environment steps; 0 is what the block says')  # fmt: skip
  add('--out', type=pathlib.Path, help='another place, without an ending')
  args = parser.parse_args(argv)
  name = {'depth': 'ladder', 'credit': 'credit'}[args.what]
  out = args.out or results.RESULTS / name
  found = results.plain(measure(args))
  results.write(out, found)
  picture(found, out)
  table(found)
  print(f'Written to {out}.json and {out}.png')


if __name__ == '__main__':
  arguments.run(main)
