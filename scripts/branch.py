"""Compares imagined branches with real ones, level by level.

python scripts/branch.py --logdir DIR

At states that the trained agent visits, copies of the real simulator act with
every halting level and go on with the policy; the model says what it expects
of the same levels. Prints a table; writes DIR/eval/branch-<step>.json with
all numbers, and a picture.

  --logdir DIR    a training with ponder.mode pondernet
  --task T        what it was trained on; needed if that is 'module:Env-v0'
  --step S        which checkpoint; the newest by default
  --states 60     states to branch at
  --every 25      environment steps between two of them
  --repeats 16    branches per level and state, real and imagined
  --length 48     real steps of a branch; then the critic takes over
  --lengths 1 5 15  model steps of an imagined branch, one comparison each
  --seed 0
  --out PATH      without its ending, instead of DIR/eval/branch-<step>
"""

import json
import pathlib
import sys

import numpy as np

from embodied.config import Config
from embodied.config import flags as flags_
from embodied.errors import UsageError
from ponderdream import settings

OPTIONS = Config(
  {
    'logdir': '',
    'task': '',
    'step': -1,
    'states': 60,
    'every': 25,
    'repeats': 16,
    'length': 48,
    'lengths': [1, 5, 15],
    'seed': 0,
    'out': '',
  }
)
# Environments side by side, numbered as no training numbers them.
ENVS, FIRST = 4, 2**41


def check(options, config):
  """Raises UsageError for what cannot be compared."""
  for key, least in {
    'states': 1, 'every': 1, 'repeats': 2, 'length': 1, 'seed': 0,
  }.items():  # fmt: skip
    if options[key] < least:
      raise UsageError(f'--{key} is {least} or more, not {options[key]}.')
  if min(options.lengths) < 1:
    raise UsageError('Each of --lengths is 1 or more.')
  if config.ponder.mode != 'pondernet':
    raise UsageError(
      f"The run in {options.logdir} has ponder.mode '{config.ponder.mode}';"
      ' only pondernet has halting levels to compare.'
    )


def restored(config, step):
  """The agent of a checkpoint, the step, and a maker of environments."""
  from ponderdream import agent as agent_
  from ponderdream import checkpoint, factories

  make = factories.env_maker(config)
  env = make(FIRST)
  agent = agent_.Agent(env.obs_space, env.act_space, config)
  env.close()
  folder = pathlib.Path(config.logdir) / 'checkpoints'
  saved = checkpoint.Checkpoint(folder)
  step, state, _ = saved.load(agent.save(), None if step < 0 else step)
  saved.close()
  agent.load(state)
  return agent, step, make


def measure(agent, starts, options):
  """All estimates: real `[S, R, N]`, imagined by length, and their seconds."""
  from ponderdream import judge

  repeats, seed = options.repeats, options.seed
  compare = lambda i, length: judge.imagined(
    agent, starts[i], length, repeats, seed + i
  )
  branch = lambda i: judge.real(
    agent, starts[i], options.length, repeats, seed + i
  )[1]
  truth, model, seconds = [], {n: [] for n in options.lengths}, {}
  # All that is compiled, before the clock runs.
  for n in options.lengths:
    compare(0, n)
  branch(0)
  judge.compile_sizes(agent, starts[0], repeats * len(starts[0].p))
  for i in range(len(starts)):
    values, took = judge.timed(branch, i)
    truth.append(values)
    seconds['real'] = seconds.get('real', 0.0) + took
    for n in options.lengths:
      values, took = judge.timed(compare, i, n)
      model[n].append(values)
      seconds[n] = seconds.get(n, 0.0) + took
    print(f'\r{i + 1} of {len(starts)} states', end='', file=sys.stderr)
  print(file=sys.stderr)
  share = len(starts) * repeats
  return (
    np.stack(truth),
    {n: np.stack(x) for n, x in model.items()},
    {k: v / share for k, v in seconds.items()},
  )


def summarise(starts, truth, model, seconds):
  """What is printed: one entry per length of an imagined branch."""
  from ponderdream import judge

  p = np.stack([x.p for x in starts])
  value = np.array([x.value for x in starts])
  halves = judge.agreement(truth[:, ::2].mean(1), truth[:, 1::2].mean(1), p)
  found = {
    'states': len(starts),
    'real': {
      **judge.spread(truth, p),
      'seconds': seconds['real'],
      # What a perfect model could reach against half of the repeats.
      'rank_correlation_of_halves': halves[0],
    },
    'imagined': {
      str(n): judge.compare(x, truth, p, value) | {'seconds': seconds[n]}
      for n, x in model.items()
    },
  }
  return found


def table(found):
  """Prints the summary."""
  rows = ['rank_correlation', 'value_correlation', 'adv_correlation']
  rows += ['value_bias', 'adv_bias', 'adv_rmse', 'variance', 'level_variance']
  columns = {'real': found['real']} | {
    f'{n} model steps': x for n, x in found['imagined'].items()
  }
  print(f'{"":18}' + ''.join(f'{x:>16}' for x in columns))
  for row in [*rows, 'seconds']:
    cells = [x.get(row) for x in columns.values()]
    show = ['' if x is None else f'{x:.4f}' for x in cells]
    print(f'{row:18}' + ''.join(f'{x:>16}' for x in show))
  halves = found['real']['rank_correlation_of_halves']
  print(f'The real halves agree with each other by {halves:.4f}.')


def draw(path, starts, truth, model, found):
  """V_n and A_n, model against reality; what an estimate costs and varies."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  figure, axes = plt.subplots(1, 4, figsize=(18, 4.2))
  p = np.stack([x.p for x in starts])
  length = max(model)
  real, imagined = truth.mean(1), model[length].mean(1)
  center = lambda v: v - (p * v).sum(1, keepdims=True)
  reached = p > 0
  level = np.broadcast_to(np.arange(1, p.shape[1] + 1), p.shape)[reached]
  for axis, f, name in ((axes[0], lambda v: v, 'V_n'), (axes[1], center, 'A')):
    x, y = f(real)[reached], f(imagined)[reached]
    dots = axis.scatter(x, y, c=level, s=12, cmap='viridis')
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    axis.plot([low, high], [low, high], color='gray', lw=1)
    axis.set_xlabel(f'{name}, real branches')
    axis.set_ylabel(f'{name}, {length} model steps')
  axes[1].set_xlabel('V_n - sum p V, real branches')
  axes[1].set_ylabel(f'V_n - sum p V, {length} model steps')
  figure.colorbar(dots, ax=axes[1], label='level')
  names = ['real', *found['imagined']]
  parts = [found['real'], *found['imagined'].values()]
  for axis, key, title in (
    (axes[2], 'seconds', 'CPU seconds per estimate of all levels'),
    (axes[3], 'level_variance', 'variance of one V_n - sum p V'),
  ):
    axis.bar(names, [x[key] for x in parts])
    axis.set_yscale('log')
    axis.set_title(title)
    axis.set_xlabel('model steps')
  score = found['imagined'][str(length)]['rank_correlation']
  axes[0].set_title(f'rank correlation over levels {score:.2f}')
  figure.tight_layout()
  figure.savefig(path, dpi=110)


def run(options):
  from ponderdream import factories, judge

  config = settings.recall(options.logdir, options.task)
  check(options, config)
  config = factories.setup(config)
  agent, step, make = restored(config, options.step)
  envs = [make(FIRST + i) for i in range(ENVS)]
  starts = judge.collect(agent, envs, options.states, options.every)
  truth, model, seconds = measure(agent, starts, options)
  found = {'step': step, 'task': config.task}
  found |= {k: options[k] for k in ('repeats', 'length', 'seed')}
  found |= summarise(starts, truth, model, seconds)
  out = options.out or f'{config.logdir}/eval/branch-{step}'
  out = pathlib.Path(out)
  out.parent.mkdir(parents=True, exist_ok=True)
  # As float64: float32 rounded to four digits is written with sixteen.
  brief = lambda x: x.astype(np.float64).round(4).tolist()
  table(found)
  draw(out.with_suffix('.png'), starts, truth, model, found)
  found['levels'] = {
    'p': brief(np.stack([x.p for x in starts])),
    'real': brief(truth.mean(1)),
    **{str(n): brief(x.mean(1)) for n, x in model.items()},
  }
  out.with_suffix('.json').write_text(json.dumps(found) + '\n')
  print(f'Written to {out}.json and {out}.png')


def main(argv):
  """Runs the command line; returns the exit code."""
  try:
    options = flags_.apply(OPTIONS, flags_.split_flags(argv))
    if not options.logdir:
      raise UsageError('Add --logdir DIR, the folder of a training.')
    run(options)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
