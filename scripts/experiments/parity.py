"""The parity task of the PonderNet paper (arXiv 2107.05407, section 3.1).

    python -m scripts.experiments.parity

A vector holds zeros and some entries of -1 or 1. Is the number of ones odd?
Trains PonderNet, ACT and cores of fixed depth on 1 to `--trained` nonzeros.
Evaluates accuracy (expected over the halting level) and expected steps on 1 to
`--evaluated` nonzeros; numbers above `--trained` are extrapolation. Writes
scripts/results/parity.json and parity.png.

The default is the paper's extrapolation task scaled down by eight: vectors of
12 instead of 96, trained on 1 to 6 nonzeros. These choices differ from the
paper: beta is 0.1 instead of 0.01, and the learning rate 1e-3 instead of 3e-4.
The paper tries many values of prior and tau; they are 0.3 and 0.01 here. ACT's
eps and initial halting probability follow Graves (2016). Gradients are clipped
to a norm of 1.
"""

import concurrent.futures
import functools
import math
import os
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from scripts import arguments, cores, plots, results

# Updates in one compiled call.
CHUNK = 250
VECTORS = 2000  # of an evaluation, for each number of nonzeros


class Setting(NamedTuple):
  """A task and its hyperparameters, each of which is a flag.

  Attributes:
    length: entries of a vector.
    trained, evaluated: largest number of nonzeros in training and evaluation.
    cell, width: of the core; in the paper a tanh layer of 128.
    levels: N, the maximum number of steps.
    eps, prior, beta: truncation, halting prior and KL weight of PonderNet.
    act_eps, act_prior, tau: truncation, first halting probability and price
      of ACT.
    rate, batch, updates: of Adam; updates come in steps of 250.
  """

  length: int = 12
  trained: int = 6
  evaluated: int = 12
  cell: str = 'rnn'
  width: int = 128
  levels: int = 20
  eps: float = 0.05
  prior: float = 0.3
  beta: float = 0.1
  act_eps: float = 0.01
  act_prior: float = 0.73
  tau: float = 1e-2
  rate: float = 1e-3
  batch: int = 128
  updates: int = 6000


PROBABILITIES = 'eps', 'prior', 'act_eps', 'act_prior'
METHODS = {
  'PonderNet': cores.pondernet,
  'ACT': cores.act,
  'always 5 steps': functools.partial(cores.fixed, 5),
  'always 1 step': functools.partial(cores.fixed, 1),
}


def draw(key, setting, low, high, size):
  """Vectors `[B, L]` with `low` to `high` nonzeros, and whether the number of
  ones is odd `[B]`."""
  many, order, sign = jax.random.split(key, 3)
  shape = size, setting.length
  count = jax.random.randint(many, (size, 1), low, high + 1)
  rank = jax.random.uniform(order, shape).argsort(-1).argsort(-1)
  signs = jax.random.rademacher(sign, shape, jnp.float32)
  x = jnp.where(rank < count, signs, 0)
  return x, (x > 0).sum(-1) % 2


def accuracy(answer, odd):
  """Expected over the halting level, `[B]`."""
  return (answer.p * ((answer.logit > 0) == odd[None])).sum(0)


def loss(params, key, method, setting):
  """The mean loss of a batch, its accuracy and the computed levels."""
  x, odd = draw(key, setting, 1, setting.trained, setting.batch)
  answer = METHODS[method](setting, params, x)
  fit = optax.sigmoid_binary_cross_entropy(answer.logit, odd[None])
  total = (answer.p * fit).sum(0) + answer.price
  levels = answer.levels.mean(dtype=jnp.float32)
  return total.mean(), (accuracy(answer, odd).mean(), levels)


def optimizer(setting):
  return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(setting.rate))


@functools.partial(jax.jit, static_argnames=('method', 'setting'))
def advance(state, key, method, setting):
  """`CHUNK` updates: the state, mean accuracy and mean computed levels."""

  def update(state, key):
    params, opt = state
    grad = jax.grad(loss, has_aux=True)
    grads, seen = grad(params, key, method, setting)
    updates, opt = optimizer(setting).update(grads, opt, params)
    return (optax.apply_updates(params, updates), opt), seen

  state, seen = jax.lax.scan(update, state, jax.random.split(key, CHUNK))
  return state, jax.tree.map(jnp.mean, seen)


@functools.partial(jax.jit, static_argnames=('method', 'setting'))
def evaluate(params, key, method, setting):
  """Accuracy and expected steps for 1, 2, ... nonzeros."""

  def one(count):
    fold = jax.random.fold_in(key, count)
    x, odd = draw(fold, setting, count, count, VECTORS)
    answer = METHODS[method](setting, params, x)
    return accuracy(answer, odd).mean(), answer.steps.mean()

  return jax.lax.map(one, jnp.arange(1, setting.evaluated + 1))


def train(method, seed, setting):
  """One run from its seed: what it learnt, as a dict."""
  key = jax.random.key(seed)
  prior = setting.act_prior if method == 'ACT' else setting.prior
  params = cores.init(
    key, setting.cell, setting.length, setting.width, 1, prior
  )
  state, seen = (params, optimizer(setting).init(params)), []
  for i in range(0, setting.updates, CHUNK):
    fold = jax.random.fold_in(key, i + 1)
    state, both = advance(state, fold, method, setting)
    seen.append(np.float64(both))
  right, steps = evaluate(
    state[0], jax.random.key(seed + 2**20), method, setting
  )
  near, far = np.split(np.float64(right), [setting.trained])
  order = lambda x: results.correlation(results.ranks(x), np.arange(len(x)))
  return {
    'method': method,
    'seed': seed,
    'interpolation': near.mean(),
    'extrapolation': far.mean() if len(far) else None,
    'spearman': order(steps[: setting.trained]),
    'spearman_all': order(steps),
    'levels_trained': np.mean([levels for _, levels in seen]),
    'accuracy': right,
    'steps': steps,
    'curve': [accuracy for accuracy, _ in seen],
  }


def picture(runs, setting, path):
  """Accuracy and steps against nonzeros: mean and range of the seeds."""
  figure, axes = plots.figure(2, 5.6)
  count = np.arange(1, setting.evaluated + 1)
  for color, method in zip(plots.COLORS, METHODS, strict=False):
    mine = [run for run in runs if run['method'] == method]
    for axis, key in zip(axes, ('accuracy', 'steps'), strict=True):
      values = [run[key] for run in mine]
      plots.band(axis, count, values, 'o-', ms=4, color=color, label=method)
  axes[0].axhline(0.5, color=plots.FAINT, ls=':', lw=1.5)
  for axis in axes:
    shade(axis, setting)
    axis.set_xlabel('nonzeros in the vector')
    axis.xaxis.get_major_locator().set_params(integer=True)
  axes[0].set_ylim(0, 1.1)
  axes[0].set_title('Accuracy')
  axes[1].set_ylim(0, axes[1].get_ylim()[1] * 1.15)
  axes[1].set_title('Expected steps')
  axes[0].legend(loc='lower left')
  plots.save(figure, path)


def shade(axis, setting):
  """Marks what was trained on, and what is extrapolation."""
  low, border, high = 0.5, setting.trained + 0.5, setting.evaluated + 0.5
  axis.set_xlim(low, high)
  zones = ('interpolation', low, border), ('extrapolation', border, high)
  for color, (name, start, end) in zip(plots.COLORS, zones, strict=False):
    if end > start:
      axis.axvspan(start, end, color=color, alpha=0.06, lw=0)
      axis.text(
        (start + end) / 2, 0.965, name, ha='center', va='center',
        color=plots.FAINT, transform=axis.get_xaxis_transform(),
      )  # fmt: skip


def parse(argv):
  """The setting and all flags."""
  parser = arguments.parser(__doc__, 'parity')
  parser.add_argument('--seeds', type=arguments.count, default=5)
  parser.add_argument('--cell', choices=cores.GATES, default=Setting().cell)
  for name, default in Setting._field_defaults.items():
    if name != 'cell':
      high = 1 if name in PROBABILITIES else math.inf
      whole = isinstance(default, int)
      kind = arguments.count if whole else arguments.number(high)
      parser.add_argument(f'--{name}', type=kind, default=default)
  args = parser.parse_args(argv)
  setting = Setting(**{name: getattr(args, name) for name in Setting._fields})
  if not setting.trained <= setting.evaluated <= setting.length:
    parser.error(
      f'--trained is {setting.trained}, --evaluated {setting.evaluated} and '
      f'--length {setting.length}; none may be more than the next'
    )
  return setting, args


def main(argv):
  setting, args = parse(argv)
  runs, start = [], time.time()
  for method in METHODS:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      jobs = [
        pool.submit(train, method, i, setting) for i in range(args.seeds)
      ]
      for job in jobs:
        runs.append(results.plain(job.result()))
        print(runs[-1], flush=True)
  content = {
    'command': results.command(),
    'setting': setting._asdict(),
    'minutes': (time.time() - start) / 60,
    'cpu_minutes': time.process_time() / 60,
    'runs': runs,
  }
  results.write(args.out, content)
  picture(runs, setting, args.out)


if __name__ == '__main__':
  arguments.run(main)
