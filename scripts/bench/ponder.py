"""The cost of the ponder loop, compared with the masked scan.

    python -m scripts.bench.ponder

Times the forward and backward pass of a GRU core in CPU seconds: for examples
of equal depth (2, 4, 8, 16 of 16 levels) and of different depths (mean 4,
largest 16); for the scan, the while loop, and the while loop with `compact`.
The three take turns. `ratio` is the median over the rounds of the time divided
by that of the scan in the same round. Writes a line per case, with the
compiler's count of temporary memory and the largest error of a gradient
relative to the scan's. Run it on an idle machine: other work disturbs the
caches, and so the ratios.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.ponder import halting, loop
from scripts import arguments, cores, results

LEVELS, BATCH, OUTPUTS, EPS, PRIOR = 16, 1024, 17, 0.05, 0.3
IMPLS = {
  'scan': {'impl': 'scan'},
  'while': {'impl': 'while'},
  'compact': {'impl': 'while', 'compact': True},
}


def core_step(params, x, h, n):
  """A GRU that halts where `x` says, with gradients to all it reads."""
  h = cores.advance('gru', params, x['u'], h, n)
  out, logit = cores.read(params, h)
  return h, out, logit + jnp.where(n + 1 < x['depth'], -20.0, 20.0)


def core_case(width, depths):
  """Step and arguments of `unroll` for a batch of these depths `[B]`."""
  rng = np.random.default_rng(0)
  params = cores.init(jax.random.key(0), 'gru', 1, width, OUTPUTS, 0.5)
  u = rng.normal(size=(len(depths), 3 * width))
  x = {'u': jnp.asarray(u, jnp.float32), 'depth': jnp.asarray(depths)}
  return core_step, params, x, jnp.zeros((len(depths), width))


def spread(batch):
  """Depths `[B]` with a mean of 4, from a truncated geometric distribution."""
  low, high = 1 / LEVELS, 1.0
  for _ in range(50):
    rate = (low + high) / 2
    quantiles = (np.arange(batch) + 0.5) / batch
    depths = np.ceil(np.log1p(-quantiles) / np.log1p(-rate))
    depths = np.clip(depths, 1, LEVELS).astype(np.int32)
    low, high = (rate, high) if depths.mean() > 4 else (low, rate)
  return np.random.default_rng(0).permutation(depths)


def compiled(step, params, x, h0, levels, impl):
  """The compiled loss and gradients by params, inputs and hidden state."""

  def loss(params, u, h0):
    done = loop.unroll(
      *(step, params, x | {'u': u}, h0),
      max_steps=levels, eps=EPS, **IMPLS[impl],
    )  # fmt: skip
    log_p = halting.log_distribution(done.logit, done.active)
    log_pi = jax.nn.log_softmax(done.out)[..., 0]
    kl = halting.kl_geometric(done.logit, done.active, PRIOR)
    return (kl - (jnp.exp(log_p) * log_pi).sum(0)).mean()

  both = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
  return both.lower(params, x['u'], h0).compile()


def error(got, want):
  """Largest difference, relative to the largest entry of each array."""
  pairs = zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
  return max(
    float(jnp.abs(a - b).max() / jnp.maximum(jnp.abs(b).max(), 1e-30))
    for a, b in pairs
  )


def measure(name, case, levels, depths, rounds):
  """One dict per implementation; the implementations take turns."""
  step, params, x, h0 = case
  args, runs, compiling = (params, x['u'], h0), {}, {}
  for impl in IMPLS:
    with results.clock() as took:
      runs[impl] = compiled(step, params, x, h0, levels, impl)
    compiling[impl] = took['cpu']
  outs = {impl: run(*args) for impl, run in runs.items()}
  wait = lambda run: jax.block_until_ready(run(*args))
  timed = lambda run: functools.partial(results.timed, wait, run)
  times = results.turns({k: timed(v) for k, v in runs.items()}, rounds)
  return [
    {
      'core': name,
      'batch': len(depths),
      'levels': levels,
      'depth_mean': np.mean(depths),
      'depth_max': np.max(depths),
      'impl': impl,
      'ratio': results.ratio(times[impl], times['scan'], 'cpu'),
      'cpu_ms': 1e3 * results.spread(times[impl])['cpu'][0],
      'temp_mib': run.memory_analysis().temp_size_in_bytes / 2**20,
      'compile_cpu_s': compiling[impl],
      'error': error(outs[impl], outs['scan']),
    }
    for impl, run in runs.items()
  ]


def cases(widths, batch):
  """Name, arguments of `unroll`, number of levels and depths of each case."""
  for width in widths:
    same = [np.full(batch, depth, np.int32) for depth in (2, 4, 8, 16)]
    for depths in (*same, spread(batch)):
      yield f'gru{width}', core_case(width, depths), LEVELS, depths


def main(argv):
  parser = arguments.parser(__doc__, 'ponder')
  add, count = parser.add_argument, arguments.count
  add('--batch', type=count, default=BATCH)
  add('--widths', type=count, nargs='+', default=[256, 512])
  add('--rounds', type=count, default=15)
  args = parser.parse_args(argv)
  lines = results.Lines(args.out)
  for case in cases(args.widths, args.batch):
    for line in measure(*case, args.rounds):
      lines.add(line)


if __name__ == '__main__':
  arguments.run(main)
