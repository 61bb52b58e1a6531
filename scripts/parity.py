"""The parity task of the PonderNet paper (arXiv 2107.05407, section 3.1).

    python scripts/parity.py

A vector holds 0 but for some entries of -1 or 1: is the number of ones odd?
Trains PonderNet, ACT and cores of fixed depth on 1 to `--trained` nonzeros
and evaluates them on 1 to `--evaluated`: accuracy (expected over the halting
level) and expected steps for each number. Beyond `--trained` that is
extrapolation. Writes scripts/results/parity.json and parity.png.

The default is the paper's extrapolation scaled down by eight: vectors of 12,
trained on 1 to 6 nonzeros. `--preset paper64` and `--preset paper96` are the
paper's own sizes (interpolation on 64, extrapolation on 96), for an
accelerator. What is not the paper's: by default beta is 0.1 instead of 0.01,
the learning rate 1e-3 instead of 3e-4, and prior and tau, of which the paper
tries many, are 0.3 and 0.01 (0.2 and 0.001 in the presets); ACT's eps and
first halting probability follow Graves (2016); gradients are clipped to a
norm of 1, which the paper does not mention, and how long it trained it does
not say.
"""

import argparse
import concurrent.futures
import functools
import math
import os
import pathlib
import time
from typing import NamedTuple

import cores
import jax
import jax.numpy as jnp
import jsonl
import methods
import numpy as np
import optax
import record

CHUNK = 250


class Setting(NamedTuple):
  """A task, and how it is learnt; see above for what is not the paper's.

  Attributes:
    length: entries of a vector.
    trained, evaluated: the most nonzeros in training and in evaluation.
    cell, width: of the core; the paper's is a tanh layer of 128.
    levels: N, the most steps.
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


# Those of them that are probabilities.
SHARES = 'eps', 'prior', 'act_eps', 'act_prior'
# A million updates is our guess.
PAPER = {'prior': 0.2, 'beta': 0.01, 'tau': 1e-3, 'rate': 3e-4}
PAPER |= {'updates': 10**6}
PRESETS = {
  'scaled': {},
  'paper64': {'length': 64, 'trained': 64, 'evaluated': 64, **PAPER},
  'paper96': {'length': 96, 'trained': 48, 'evaluated': 96, **PAPER},
}


METHODS = {
  'PonderNet': methods.pondernet,
  'ACT': methods.act,
  'always 5 steps': functools.partial(methods.fixed, 5),
  'always 1 step': functools.partial(methods.fixed, 1),
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
  return (answer.p * ((answer.logit > 0) == odd)).sum(0)


def loss(params, key, method, setting):
  """The mean loss of a batch; beside it accuracy and levels computed."""
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
  """`CHUNK` updates; mean accuracy and levels computed beside the state."""

  def update(state, key):
    params, opt = state
    grad = jax.grad(loss, has_aux=True)
    grads, seen = grad(params, key, method, setting)
    updates, opt = optimizer(setting).update(grads, opt, params)
    return (optax.apply_updates(params, updates), opt), seen

  state, seen = jax.lax.scan(update, state, jax.random.split(key, CHUNK))
  return state, jax.tree.map(jnp.mean, seen)


@functools.partial(jax.jit, static_argnames=('method', 'setting', 'size'))
def evaluate(params, key, method, setting, size=2000):
  """Accuracy and expected steps for 1, 2, ... nonzeros."""

  def one(count):
    x, odd = draw(jax.random.fold_in(key, count), setting, count, count, size)
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
  near = slice(setting.trained)
  far = slice(setting.trained, None)
  return {
    'method': method,
    'seed': seed,
    'interpolation': record.rounded(right[near].mean()),
    'extrapolation': record.rounded(right[far].mean())
    if len(right[far])
    else None,
    'spearman': record.rounded(record.spearman(steps[near])),
    'spearman_all': record.rounded(record.spearman(steps)),
    'levels_trained': record.rounded(np.mean([levels for _, levels in seen])),
    'accuracy': record.rounded(right),
    'steps': record.rounded(steps),
    'curve': record.rounded([accuracy for accuracy, _ in seen]),
  }


def draw_picture(runs, setting, path):
  """Accuracy and steps against nonzeros: mean and range of the seeds."""
  figure, axes = record.figure(2, 5.6)
  count = np.arange(1, setting.evaluated + 1)
  for color, method in zip(record.COLORS, METHODS, strict=True):
    mine = [run for run in runs if run['method'] == method]
    for axis, key in zip(axes, ('accuracy', 'steps'), strict=True):
      values = np.array([run[key] for run in mine])
      axis.plot(count, values.mean(0), 'o-', ms=4, color=color, label=method)
      low, high = values.min(0), values.max(0)
      axis.fill_between(count, low, high, color=color, alpha=0.15, lw=0)
  axes[0].axhline(0.5, color=record.FAINT, ls=':', lw=1.5)
  for axis in axes:
    shade(axis, setting)
    axis.set_xlabel('nonzeros in the vector')
    axis.xaxis.get_major_locator().set_params(integer=True)
  axes[0].set_ylim(0, 1.1)
  axes[0].set_title('Accuracy')
  axes[1].set_ylim(0, axes[1].get_ylim()[1] * 1.15)
  axes[1].set_title('Expected steps')
  axes[0].legend(loc='lower left')
  figure.tight_layout(w_pad=2)
  figure.savefig(record.named(path, '.png'))


def shade(axis, setting):
  """Marks what was trained on, and what is extrapolation."""
  low, border, high = 0.5, setting.trained + 0.5, setting.evaluated + 0.5
  axis.set_xlim(low, high)
  zones = ('interpolation', low, border), ('extrapolation', border, high)
  for color, (name, start, end) in zip(record.COLORS, zones, strict=False):
    if end > start:
      axis.axvspan(start, end, color=color, alpha=0.06, lw=0)
      axis.text(
        (start + end) / 2, 0.965, name, ha='center', va='center',
        color=record.FAINT, transform=axis.get_xaxis_transform(),
      )  # fmt: skip


def parse():
  """Flags: a preset, and any field of it."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--preset', choices=PRESETS, default='scaled')
  for name, default in Setting._field_defaults.items():
    if name == 'cell':
      parser.add_argument('--cell', choices=cores.GATES)
    elif isinstance(default, int):
      parser.add_argument(f'--{name}', type=jsonl.count)
    else:
      kind = record.number(1 if name in SHARES else math.inf)
      parser.add_argument(f'--{name}', type=kind)
  parser.add_argument('--seeds', type=jsonl.count, default=5)
  parser.add_argument(
    '--out', type=pathlib.Path, default=jsonl.RESULTS / 'parity'
  )
  options = vars(parser.parse_args())
  given = {k: v for k, v in options.items() if v is not None}
  fields = {k: v for k, v in given.items() if k in Setting._fields}
  setting = Setting(**PRESETS[options['preset']] | fields)
  if not setting.trained <= setting.evaluated <= setting.length:
    parser.error(
      f'--trained is {setting.trained}, --evaluated {setting.evaluated} and '
      f'--length {setting.length}; none may be more than the next'
    )
  return setting, options['seeds'], options['out']


def main():
  setting, seeds, out = parse()
  runs, start = [], time.time()
  for method in METHODS:
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
      jobs = [pool.submit(train, method, i, setting) for i in range(seeds)]
      for job in jobs:
        runs.append(job.result())
        print(runs[-1], flush=True)
  record.save(
    out,
    runs,
    setting=setting._asdict(),
    minutes=round((time.time() - start) / 60, 1),
    cpu_minutes=round(time.process_time() / 60, 1),
  )
  draw_picture(runs, setting, out)


if __name__ == '__main__':
  main()
