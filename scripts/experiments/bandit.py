"""A bandit where pondering pays, and four losses for the halting levels.

    python -m scripts.experiments.bandit

One of four answers is right. The core sees it from level m on; m is drawn from
1 to 8. The right answer has the reward 1, and each level costs 0.03. Halting
at level m gives 1 - 0.03 * 4.5 = 0.865 on average, computing always 8 levels
0.76, and guessing at the first level 0.22. Trains with the losses of
`ponderdream.losses.policy_gradient`, and with PonderNet's loss taken
literally, `sum_n p_n L_n` with REINFORCE surrogates as L_n. Writes
scripts/results/bandit.json and bandit.png.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ponderdream.losses import policy_gradient
from ponderdream.page import curves
from ponderdream.ponder import halting, loop
from scripts import arguments, cores, plots, results

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
  """One level. Its input is the answer from level m on, before that zero."""
  visible = (n + 1 >= x['m'])[:, None]
  u = cores.project(params, visible * jax.nn.one_hot(x['answer'], ANSWERS))
  h = cores.advance(CELL, params, u, h, n)
  return h, *cores.read(params, cores.normed(h))


def unroll(params, x):
  """log p `[N, B]`, log pi `[N, B, K]` and the KL to the prior `[B]`."""
  h0 = jnp.zeros((len(x['m']), WIDTH))
  done = loop.unroll(step, params, x, h0, max_steps=LEVELS, eps=EPS)
  log_p = halting.log_distribution(done.logit, done.active)
  kl = halting.kl_geometric(done.logit, done.active, PRIOR)
  return log_p, jax.nn.log_softmax(done.out), kl


def try_all(log_pi, answer, key):
  """One action per level: log pi_n(a_m) `[N, N, B]`, rewards `[N, B]`."""
  action = jax.random.categorical(key, log_pi)
  index = action[None, ..., None]
  log_pi = jnp.take_along_axis(log_pi[:, None], index, -1)[..., 0]
  return log_pi, (action == answer[None]).astype(jnp.float32)


def levels(log_p, log_pi, adv, key):
  """Every level samples an action; see `policy_gradient.levels`."""
  return policy_gradient.levels(log_p, log_pi, adv)


def mixture(log_p, log_pi, adv, key):
  """One level samples an action; see `policy_gradient.mixture`."""
  n = jax.random.categorical(key, log_p, axis=0)
  rows = jnp.arange(n.size)
  return policy_gradient.mixture(log_p, log_pi[:, n, rows], adv[n, rows])


def sampled(log_p, log_pi, adv, key):
  """One level samples an action; see `policy_gradient.sampled`."""
  n = jax.random.categorical(key, log_p, axis=0)
  rows = jnp.arange(n.size)
  log_p, log_pi = log_p[n, rows], log_pi[n, n, rows]
  return policy_gradient.sampled(log_p, log_pi, adv[n, rows])


def literal(log_p, log_pi, adv, key):
  """PonderNet's `sum_n p_n L_n`. It is wrong here, because the value of the
  surrogate L_n is not the loss of level n."""
  log_pi = jnp.diagonal(log_pi, axis1=0, axis2=1).T
  return (jnp.exp(log_p) * -sg(adv) * log_pi).sum(0)


METHODS = {f.__name__: f for f in (levels, mixture, sampled, literal)}


def draw(key, batch):
  """The level from which the answer is visible, and the answer."""
  when, what = jax.random.split(key)
  return {
    'm': jax.random.randint(when, (batch,), 1, LATEST + 1),
    'answer': jax.random.randint(what, (batch,), 0, ANSWERS),
  }


def loss(params, baseline, key, method):
  """The mean loss of a batch, and the mean reward of the behaviour."""
  ask, act, pick = jax.random.split(key, 3)
  x = draw(ask, BATCH)
  log_p, log_pi, kl = unroll(params, x)
  log_pi, reward = try_all(log_pi, x['answer'], act)
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
  log_p, log_pi, _ = unroll(params, {'m': m, 'answer': answer})
  p = jnp.exp(log_p)
  right = jnp.exp(log_pi)[:, jnp.arange(m.size), answer]
  steps = halting.expected_steps(p)
  value = (p * right).sum(0) - COST * steps
  return value.mean(), steps.reshape(LATEST, ANSWERS).mean(1)


def train(method, seeds, updates):
  """Trains all seeds together; one result for each."""
  optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(RATE))
  keys = jax.vmap(jax.random.key)(jnp.arange(seeds))
  make = functools.partial(
    cores.init,
    cell=CELL, inputs=ANSWERS, width=WIDTH, outputs=ANSWERS, prior=PRIOR,
  )  # fmt: skip
  params = jax.vmap(make)(keys)
  state = params, jax.vmap(optimizer.init)(params), jnp.zeros(seeds)
  with results.clock() as took:
    chunk, measured = make_train(method, optimizer), [evaluate(params)]
    for i in range(0, updates, EVERY):
      fold = functools.partial(jax.random.fold_in, data=i + 1)
      state = chunk(state, jax.vmap(fold)(keys))
      measured.append(evaluate(state[0]))
  curves = np.stack([value for value, _ in measured], 1)
  each = enumerate(zip(curves, measured[-1][1], strict=True))
  return [
    results.plain(
      {
        'method': method,
        'seed': seed,
        'J': curve[-1],
        'steps': steps,
        'curve': curve,
        'cpu_seconds': took['cpu'] / seeds,
      }
    )
    for seed, (curve, steps) in each
  ]


def picture(runs, path):
  """Learning, the same near the oracle, and expected steps against m."""
  figure, (learn, close, depth) = plots.figure(3, 4.6)
  levels = np.arange(1, LATEST + 1)
  depth.plot(levels, levels, color=plots.FAINT, ls=':', lw=1.5)
  for i, method in enumerate(METHODS):
    mine = [run for run in runs if run['method'] == method]
    learnt = np.array([run['curve'] for run in mine])
    updates, color = EVERY * np.arange(learnt.shape[1]), plots.COLORS[i]
    for axis in (learn, close):
      plots.band(axis, updates, learnt, color=color)
    steps, low, high = curves.band([run['steps'] for run in mine])
    # The mean of equal numbers may differ from them in the last digit.
    error = abs(steps - low), abs(high - steps)
    # Three methods agree, so they are shifted to be visible.
    depth.errorbar(
      levels + 0.16 * (i - 1.5), steps, error,
      fmt='o', ms=5, color=color, label=method,
    )  # fmt: skip
  for axis in (learn, close):
    axis.set_xlabel('updates of 128 bandits')
    axis.set_xlim(0, updates[-1])
    for value in REFERENCES.values():
      axis.axhline(value, color=plots.FAINT, ls=':', lw=1.5)
  for name, value in REFERENCES.items():
    learn.annotate(
      f'{name} {value:.3g}', (updates[-1], value), (0, -4),
      textcoords='offset points', ha='right', va='top', color=plots.FAINT,
    )  # fmt: skip
  learn.set(title='Reward minus the cost of steps', ylim=(0, 0.95))
  close.set(title='The same, close to the oracle', ylim=(0.8, ORACLE + 0.003))
  depth.set(title='Expected steps', ylim=(0, LATEST + 0.6))
  depth.set(xlabel='level m from which the answer is visible')
  depth.set(xticks=levels, yticks=levels)
  depth.legend(loc='upper left')
  plots.save(figure, path)


def main(argv):
  parser = arguments.parser(__doc__, 'bandit')
  parser.add_argument('--seeds', type=arguments.count, default=5)
  parser.add_argument('--updates', type=arguments.count, default=3000)
  args = parser.parse_args(argv)
  runs = []
  for method in METHODS:
    runs += train(method, args.seeds, args.updates)
    for run in runs[-args.seeds :]:
      print(method, run['seed'], run['J'], run['steps'], flush=True)
  content = {'command': results.command(), 'references': REFERENCES}
  results.write(args.out, content | {'every': EVERY, 'runs': runs})
  picture(runs, args.out)


if __name__ == '__main__':
  arguments.run(main)
