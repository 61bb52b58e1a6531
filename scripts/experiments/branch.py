"""Compares imagined branches with real ones, level by level.

    python -m scripts.experiments.branch --logdir DIR

At states that the trained agent visits, copies of the real environment take
the action of each halting level and then follow the policy. Their returns are
compared with the model's estimates for the same levels. Prints a table; writes
DIR/eval/branch-<step>.json with all numbers, and a figure.
"""

import pathlib
import sys

import numpy as np

from embodied.errors import UsageError
from ponderdream import settings
from scripts import arguments, plots, results

# Environments side by side, with numbers that no training uses.
ENVS, FIRST = 4, 2**41


def parse(argv):
  parser = arguments.parser(__doc__)
  whole, count = arguments.whole, arguments.count
  add = parser.add_argument
  add('--logdir', required=True, help='a training with pondernet')
  add('--task', default='', help="its task, if that is 'module:Env-v0'")
  add('--step', type=whole(0), help='of the checkpoint; default: the newest')
  add('--states', type=count, default=60, help='to branch at')
  add('--every', type=count, default=25, help='steps between two states')
  add('--repeats', type=whole(2), default=16, help='per level and state')
  add('--length', type=count, default=48, help='real steps of a branch')
  add('--lengths', type=count, nargs='+', default=[1, 5, 15],
      help='model steps of a branch, one comparison each')  # fmt: skip
  add('--seed', type=whole(0), default=0)
  add('--out', type=pathlib.Path, help='another place, without an ending')
  return parser.parse_args(argv)


def agreement(model, truth, p):
  """Mean rank correlation (Spearman) over the levels of a state.

  Args:
    model, truth: values `[S, N]`.
    p: halting probabilities `[S, N]`; levels with 0 do not count.

  Returns:
    The mean over the states whose levels truly differ, and their number.
  """
  scores = []
  for got, want, reached in zip(model, truth, p > 0, strict=True):
    if np.ptp(want[reached]) > 0:
      pair = results.ranks(got[reached]), results.ranks(want[reached])
      scores.append(results.correlation(*pair))
  return (float(np.mean(scores)) if scores else float('nan')), len(scores)


def compare(model, truth, p, value):
  """Compares the model's estimates with real branches.

  Args:
    model: V_n by the model, `[S, R, N]`, R estimates at S states.
    truth: V_n by real branches, `[S, R', N]`.
    p: halting probabilities `[S, N]`, 0 for levels not reached.
    value: the critic's values `[S]`. The model's A_n is V_n minus this one;
      the real A_n is V_n minus `sum_n p_n V_n`.

  Returns:
    `rank_correlation` over the levels of a state, and at how many `states`
    these differ; `value_correlation` of V_n and `adv_correlation` of A_n over
    all states and levels; `value_bias` and `adv_bias`, model minus real, and
    `adv_rmse`; and the `variances` of the model.
  """
  mean, want = model.mean(1), truth.mean(1)
  score, states = agreement(mean, want, p)
  reached = p > 0
  adv = (mean - value[:, None])[reached]
  real_adv = (want - (p * want).sum(1, keepdims=True))[reached]
  return {
    'rank_correlation': score,
    'states': states,
    'value_correlation': results.correlation(mean[reached], want[reached]),
    'adv_correlation': results.correlation(adv, real_adv),
    'value_bias': float((mean - want)[reached].mean()),
    'adv_bias': float((adv - real_adv).mean()),
    'adv_rmse': float(np.sqrt(np.square(adv - real_adv).mean())),
    **variances(model, p),
  }


def variances(values, p):
  """Variance of one estimate `[S, R, N]`: of V_n (`variance`) and of
  V_n - sum_m p_m V_m (`level_variance`)."""
  centred = values - (p[:, None] * values).sum(-1, keepdims=True)
  weigh = lambda x: float((p * x.var(1, ddof=1)).sum(-1).mean())
  return {'variance': weigh(values), 'level_variance': weigh(centred)}


def measure(judge, starts, args):
  """V_n of real branches `[S, R, N]`; V_n of imagined ones by their length;
  and the processor seconds of one estimate of all levels."""
  branches = {
    n: lambda i, n=n: judge.imagined(starts[i], n, args.repeats, args.seed + i)
    for n in args.lengths
  }
  branches['real'] = lambda i: judge.real(
    starts[i], args.length, args.repeats, args.seed + i
  )[1]
  for branch in branches.values():
    branch(0)  # compiles
  values = {k: [] for k in branches}
  seconds = dict.fromkeys(branches, 0.0)
  for i in range(len(starts)):
    for k, branch in branches.items():
      with results.clock() as took:
        values[k].append(branch(i))
      seconds[k] += took['cpu'] / (len(starts) * args.repeats)
    print(f'\r{i + 1} of {len(starts)} states', end='', file=sys.stderr)
  print(file=sys.stderr)
  model = {k: np.stack(v) for k, v in values.items()}
  return model.pop('real'), model, seconds


def summary(starts, truth, model, seconds):
  """One entry for the real branches, and one per length of imagined ones."""
  p = np.stack([x.p for x in starts])
  value = np.array([x.value for x in starts])
  halves = agreement(truth[:, ::2].mean(1), truth[:, 1::2].mean(1), p)
  real = variances(truth, p) | {'seconds': seconds['real']}
  # Reliability of half of the repeats, and the root of that of all of them
  # (Spearman 1910, Brown 1910): about what a perfect model would reach.
  half = max(halves[0], 0.0)
  real['rank_correlation_of_halves'] = halves[0]
  real['rank_correlation_of_a_perfect_model'] = (2 * half / (1 + half)) ** 0.5
  imagined = {
    str(n): compare(x, truth, p, value) | {'seconds': seconds[n]}
    for n, x in model.items()
  }
  return {'states': len(starts), 'real': real, 'imagined': imagined}


def picture(content, path):
  """V_n and A_n, model against reality; cost and variance of an estimate."""
  figure, axes = plots.figure(4, 4.6, 4.2)
  length = max(content['imagined'], key=int)
  p, real, imagined = (
    np.array(content['levels'][k]) for k in ('p', 'real', length)
  )
  reached = p > 0
  level = np.broadcast_to(np.arange(1, p.shape[1] + 1), p.shape)[reached]
  centre = lambda v: v - (p * v).sum(1, keepdims=True)
  names = ('V_n', lambda v: v), ('V_n - sum p V', centre)
  for axis, (name, f) in zip(axes, names, strict=False):
    x, y = f(real)[reached], f(imagined)[reached]
    dots = axis.scatter(x, y, c=level, s=12, cmap='viridis')
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    axis.plot(ends, ends, color=plots.FAINT, lw=1)
    axis.set_xlabel(f'{name}, real branches')
    axis.set_ylabel(f'{name}, {length} model steps')
  figure.colorbar(dots, ax=axes[1], label='level')
  score = content['imagined'][length]['rank_correlation']
  axes[0].set_title(f'Rank correlation over levels {score:.2f}')
  parts = {'real': content['real'], **content['imagined']}
  titles = {
    'seconds': 'CPU seconds for all levels',
    'level_variance': 'Variance of one V_n - sum p V',
  }
  for axis, (key, title) in zip(axes[2:], titles.items(), strict=True):
    axis.bar(list(parts), [x[key] for x in parts.values()],
             color=plots.COLORS[0])  # fmt: skip
    axis.set(yscale='log', title=title, xlabel='model steps')
  plots.save(figure, path)


def run(args, config):
  """Measures, prints and writes everything."""
  from ponderdream import checkpoint, factories
  from scripts.experiments import branching

  config = factories.setup(config)
  agent = factories.make_agent(factories.make_spaces(config), config)
  folder = pathlib.Path(config.logdir)
  step = checkpoint.restore(agent, folder / 'checkpoints', args.step)
  judge, make = branching.Judge(agent), factories.env_maker(config)
  envs = [make(FIRST + i) for i in range(ENVS)]
  starts = judge.collect(envs, args.states, args.every)
  truth, model, seconds = measure(judge, starts, args)
  content = {'step': step, 'task': config.task, 'repeats': args.repeats}
  content |= {'length': args.length, 'seed': args.seed}
  content |= summary(starts, truth, model, seconds)
  content['levels'] = {
    'p': np.stack([x.p for x in starts]),
    'real': truth.mean(1),
    **{str(n): x.mean(1) for n, x in model.items()},
  }
  out = args.out or folder / 'eval' / f'branch-{step}'
  results.table({'real': content['real'], **content['imagined']})
  results.write(out, content)
  picture(content, out)
  print(f'Written to {out}.json and {out}.png')


def main(argv):
  args = parse(argv)
  config = settings.recall(args.logdir, args.task)
  if config.ponder.mode != 'pondernet':
    raise UsageError(
      f"The run in {args.logdir} has ponder.mode '{config.ponder.mode}'; only"
      ' pondernet has halting levels to compare.'
    )
  if not config.run.train_ratio:
    raise UsageError(
      f'The run in {args.logdir} has run.train_ratio 0, so its world model is'
      ' not trained and cannot imagine; train with the block dreams, too.'
    )
  run(args, config)


if __name__ == '__main__':
  arguments.run(main)
