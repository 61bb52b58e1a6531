"""The bandit where thinking pays, and four ways to give credit to levels.

    python scripts/bandit.py

One of four answers is right. It becomes visible to the core at level m, drawn
from 1 to 8 and not told; the right answer is rewarded by 1 and every level
costs 0.03. Who halts at level m gets 1 - 0.03 * 4.5 = 0.865 in the mean, who
always thinks 8 levels 0.76, who guesses at once 0.22. Trains with the losses
of `ponderdream.losses.ponder`, and with the literal transplant of PonderNet's
loss, `sum_n p_n L_n` with REINFORCE surrogates as L_n, and writes
scripts/results/bandit.json and bandit.png.
"""

import argparse
import functools
import pathlib
import time

import cores
import jax
import jax.numpy as jnp
import jsonl
import numpy as np
import optax
import record

from ponderdream.losses import policy_gradient as ponder
from ponderdream.ponder import halting, loop

CELL, WIDTH, ANSWERS, LATEST, LEVELS = 'gru', 32, 4, 8, 12
COST, EPS, PRIOR, BETA = 0.03, 0.05, 0.2, 0.003
BATCH, RATE, EVERY = 128, 3e-3, 50
ORACLE = 1 - COST * (1 + LATEST) / 2
REFERENCES = {
  'oracle': ORACLE,
  f'always {LATEST}': 1 - COST * LATEST,
  'blind': 1 / ANSWERS - COST,
}
sg = jax.lax.stop_gradient


def step(params, x, h, n):
  """Sees nothing before level m, and the answer from then on."""
  seen = (n + 1 >= x['m'])[:, None]
  u = cores.project(params, seen * jax.nn.one_hot(x['answer'], ANSWERS))
  h = cores.advance(CELL, params, u, h, n)
  return h, *cores.read(params, cores.normed(h))


def think(params, x):
  """log p `[N, B]`, log pi `[N, B, K]` and the KL to the prior `[B]`."""
  h0 = jnp.zeros((len(x['m']), WIDTH))
  done = loop.unroll(step, params, x, h0, max_steps=LEVELS, eps=EPS)
  log_p = halting.log_distribution(done.logit, done.active)
  kl = halting.kl_geometric(done.logit, done.active, PRIOR)
  return log_p, jax.nn.log_softmax(done.out), kl


def tried(log_pi, answer, key):
  """One action per level: log pi_n(a_m) `[N, N, B]`, rewards `[N, B]`."""
  action = jax.random.categorical(key, log_pi)
  index = action[None, ..., None]
  log_pi = jnp.take_along_axis(log_pi[:, None], index, -1)[..., 0]
  return log_pi, (action == answer).astype(jnp.float32)


def levels(log_p, log_pi, adv, key):
  """Every level tries an action, and every branch credits every level."""
  return ponder.levels(log_p, log_pi, adv)


def mixture(log_p, log_pi, adv, key):
  """The action of one level, sampled, credits all levels."""
  n = jax.random.categorical(key, log_p, axis=0)
  rows = jnp.arange(n.size)
  return ponder.mixture(log_p, log_pi[:, n, rows], adv[n, rows])


def sampled(log_p, log_pi, adv, key):
  """The action of one level, sampled, credits that level."""
  n = jax.random.categorical(key, log_p, axis=0)
  rows = jnp.arange(n.size)
  return ponder.sampled(log_p[n, rows], log_pi[n, n, rows], adv[n, rows])


def literal(log_p, log_pi, adv, key):
  """PonderNet's sum of p_n L_n. Wrong: L_n is not what level n costs."""
  own = jnp.diagonal(log_pi, axis1=0, axis2=1).T
  return (jnp.exp(log_p) * -sg(adv) * own).sum(0)


METHODS = {f.__name__: f for f in (levels, mixture, sampled, literal)}


def draw(key, batch):
  """When the answer becomes visible, and what it is."""
  when, what = jax.random.split(key)
  return {
    'm': jax.random.randint(when, (batch,), 1, LATEST + 1),
    'answer': jax.random.randint(what, (batch,), 0, ANSWERS),
  }


def loss(params, baseline, key, method):
  """The mean loss of a batch, and the mean reward of the behaviour."""
  ask, act, pick = jax.random.split(key, 3)
  x = draw(ask, BATCH)
  log_p, log_pi, kl = think(params, x)
  log_pi, reward = tried(log_pi, x['answer'], act)
  credit = METHODS[method](log_p, log_pi, reward - baseline, pick)
  p = jnp.exp(log_p)
  price = COST * halting.expected_steps(p)
  return (credit + price + BETA * kl).mean(), (p * reward).sum(0).mean()


def make_train(method, optimizer):
  """`EVERY` updates of all seeds at once."""

  def update(state, key):
    params, opt, baseline = state
    grad = jax.grad(loss, has_aux=True)
    grads, reward = grad(params, baseline, key, method)
    updates, opt = optimizer.update(grads, opt, params)
    baseline += 0.05 * (reward - baseline)
    return (optax.apply_updates(params, updates), opt, baseline), None

  def chunk(state, key):
    return jax.lax.scan(update, state, jax.random.split(key, EVERY))[0]

  return jax.jit(jax.vmap(chunk))


@jax.jit
@jax.vmap
def evaluate(params):
  """Exact: the objective J, and the expected steps for every m `[8]`."""
  m, answer = (a.ravel() for a in jnp.mgrid[1 : LATEST + 1, :ANSWERS])
  log_p, log_pi, _ = think(params, {'m': m, 'answer': answer})
  p = jnp.exp(log_p)
  right = jnp.exp(log_pi)[:, jnp.arange(m.size), answer]
  steps = halting.expected_steps(p)
  value = (p * right).sum(0) - COST * steps
  return value.mean(), steps.reshape(LATEST, ANSWERS).mean(1)


def train(method, seeds, updates):
  """Trains all seeds together; one result for each."""
  start = time.process_time()
  optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(RATE))
  keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
  make = functools.partial(
    cores.init,
    cell=CELL, inputs=ANSWERS, width=WIDTH, outputs=ANSWERS, prior=PRIOR,
  )  # fmt: skip
  params = jax.vmap(make)(keys)
  state = params, jax.vmap(optimizer.init)(params), jnp.zeros(seeds)
  chunk, found = make_train(method, optimizer), [evaluate(params)]
  for i in range(0, updates, EVERY):
    fold = functools.partial(jax.random.fold_in, data=i + 1)
    state = chunk(state, jax.vmap(fold)(keys))
    found.append(evaluate(state[0]))
  seconds = (time.process_time() - start) / seeds
  curves = np.stack([value for value, _ in found], 1)
  return [
    {
      'method': method,
      'seed': seed,
      'J': record.rounded(curve[-1]),
      'steps': record.rounded(steps),
      'curve': record.rounded(curve),
      'cpu_seconds': round(seconds, 1),
    }
    for seed, (curve, steps) in enumerate(
      zip(curves, found[-1][1], strict=True)
    )
  ]


def draw_picture(runs, path):
  """Learning, the same near the oracle, and steps thought against m."""
  figure, (learn, close, think) = record.figure(3, 4.6)
  levels = np.arange(1, LATEST + 1)
  colors = zip(record.COLORS, METHODS, strict=True)
  think.plot(levels, levels, color=record.FAINT, ls=':', lw=1.5)
  for i, (color, method) in enumerate(colors):
    mine = [run for run in runs if run['method'] == method]
    curves = np.array([run['curve'] for run in mine])
    updates = EVERY * np.arange(curves.shape[1])
    for axis in (learn, close):
      axis.plot(updates, curves.T, color=color, lw=0.8, alpha=0.5)
      axis.plot(updates, curves.mean(0), color=color)
    steps = np.array([run['steps'] for run in mine])
    # The seeds of three methods lie on each other: beside each other, then.
    apart = levels + 0.16 * (i - 1.5)
    error = np.abs([steps.min(0), steps.max(0)] - steps.mean(0))
    think.errorbar(
      apart, steps.mean(0), error, fmt='o', ms=5, color=color, label=method
    )
  for axis in (learn, close):
    for name, value in REFERENCES.items():
      axis.axhline(value, color=record.FAINT, ls=':', lw=1.5)
      if axis is learn:
        end = updates[-1], value
        axis.annotate(
          f'{name} {value:.3g}', end, (0, -4), textcoords='offset points',
          ha='right', va='top', color=record.FAINT,
        )  # fmt: skip
    axis.set_xlabel('updates of 128 bandits')
    axis.set_xlim(0, updates[-1])
  learn.set_title('Reward less the price of thinking')
  learn.set_ylim(0, 0.95)
  close.set_title('The same, close to the oracle')
  close.set_ylim(0.8, ORACLE + 0.003)
  think.set_title('Expected steps')
  think.set_xlabel('level m at which the answer shows')
  think.set_ylim(0, LATEST + 0.6)
  think.set_xticks(levels)
  think.set_yticks(levels)
  think.legend(loc='upper left')
  figure.tight_layout(w_pad=2)
  figure.savefig(record.named(path, '.png'))


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--seeds', type=jsonl.count, default=5)
  parser.add_argument('--updates', type=jsonl.count, default=3000)
  parser.add_argument(
    '--out', type=pathlib.Path, default=jsonl.RESULTS / 'bandit'
  )
  options = parser.parse_args()
  runs = []
  for method in METHODS:
    runs += train(method, options.seeds, options.updates)
    for run in runs[-options.seeds :]:
      print(method, run['seed'], run['J'], run['steps'], flush=True)
  record.save(options.out, runs, references=REFERENCES, every=EVERY)
  draw_picture(runs, options.out)


if __name__ == '__main__':
  main()
