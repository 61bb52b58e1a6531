"""What thinking costs: the adaptive loop against the masked scan.

    python scripts/bench_ponder.py

Times forward and backward of a GRU core in process CPU seconds, at a depth
that all examples share (2, 4, 8, 16 of 16 levels) and at a spread of depths
(mean 4, largest 16), for the scan, the while loop, and the while loop that
finished examples leave (`compact`). The three alternate within one run, and
`ratio` is the median of the ratios to the scan next to it. Then the agent's
own subgoal model, at the size and with the imagined states of the `cpu`
block. Writes one JSON line per case to scripts/results/ponder.jsonl, with the
compiler's count of temporary memory and the largest error of a gradient
relative to the scan's. Run it on a quiet machine: other work disturbs
the caches, and so the ratios.
"""

import argparse
import json
import pathlib
import time

import cores
import jax
import jax.numpy as jnp
import jsonl
import numpy as np

from ponderdream.goals import immediate, inner
from ponderdream.nets import heads
from ponderdream.ponder import halting, loop

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


def spread(batch, mean=4, most=LEVELS):
  """Depths `[B]` of that mean, geometric but for the cap on the largest."""
  low, high = 1 / most, 1.0
  for _ in range(50):
    rate = (low + high) / 2
    quantiles = (np.arange(batch) + 0.5) / batch
    depths = np.ceil(np.log1p(-quantiles) / np.log1p(-rate))
    depths = np.clip(depths, 1, most).astype(np.int32)
    low, high = (rate, high) if depths.mean() > mean else (low, rate)
  return np.random.default_rng(0).permutation(depths)


def agent_case(depths, feat=768, goal=64, units=128):
  """The same for the agent's subgoal model, sized as in the block `cpu`."""
  model = inner.Inner(feat, goal, units, 'residual', 'none', 0.5, jnp.float32)
  actdec = heads.Head(1, units, OUTPUTS, 0.01, jnp.float32)
  rng = np.random.default_rng(0)
  feats, goals = (
    jnp.asarray(rng.normal(size=(len(depths), size)), jnp.float32)
    for size in (feat, goal)
  )
  params = {
    'inner': model.init(jax.random.key(0), feats, goals, method='touch'),
    'actdec': actdec.init(jax.random.key(1), goals),
  }
  params = {k: v['params'] for k, v in params.items()}
  shared, u, h0 = immediate.start(model, params, feats, goals)
  think = immediate.make_step(model, actdec)

  def step(params, x, h, n):
    h, out, logit = think(params, x['u'], h, n)
    return h, out, logit + jnp.where(n + 1 < x['depth'], -20.0, 20.0)

  return step, shared, {'u': u, 'depth': jnp.asarray(depths)}, h0


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
  runs, seconds = {}, {impl: [] for impl in IMPLS}
  for impl in IMPLS:
    start = time.process_time()
    run = compiled(step, params, x, h0, levels, impl)
    runs[impl] = run, time.process_time() - start
  results = {k: run(params, x['u'], h0) for k, (run, _) in runs.items()}
  for _ in range(rounds):
    for impl, (run, _) in runs.items():
      start = time.process_time()
      jax.block_until_ready(run(params, x['u'], h0))
      seconds[impl].append(time.process_time() - start)
  ratio = lambda impl: np.divide(seconds[impl], seconds['scan'])
  return [
    {
      'core': name,
      'batch': len(depths),
      'levels': levels,
      'depth_mean': round(float(np.mean(depths)), 2),
      'depth_max': int(np.max(depths)),
      'impl': impl,
      'ratio': round(float(np.median(ratio(impl))), 3),
      'cpu_ms': round(1e3 * float(np.median(seconds[impl])), 1),
      'temp_mib': round(memory(run) / 2**20, 1),
      'compile_cpu_s': round(compiling, 1),
      'error': float(f'{error(results[impl], results["scan"]):.1e}'),
    }
    for impl, (run, compiling) in runs.items()
  ]


def memory(run):
  """Bytes that a compiled function needs beside arguments and results."""
  return run.memory_analysis().temp_size_in_bytes


def cases(widths, batch):
  """Name, arguments of `unroll`, number of levels and depths of each case."""
  for width in widths:
    for depth in (2, 4, 8, 16):
      depths = np.full(batch, depth, np.int32)
      yield f'gru{width}', core_case(width, depths), LEVELS, depths
    depths = spread(batch)
    yield f'gru{width}', core_case(width, depths), LEVELS, depths
  # Imagined states of the block `cpu`: 8 sequences, 16 starts, 12 steps. At
  # the prior of 1/2 all think 5 levels; a trained agent need not.
  states, levels = 8 * 16 * 12, 8
  for depths in (
    np.full(states, 5, np.int32),
    spread(states, 4, levels),
    spread(states, 2, levels),
  ):
    yield 'agent', agent_case(depths), levels, depths


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--batch', type=jsonl.count, default=BATCH)
  parser.add_argument(
    '--widths', type=jsonl.count, nargs='+', default=[256, 512]
  )
  parser.add_argument('--rounds', type=jsonl.count, default=15)
  parser.add_argument(
    '--out', type=pathlib.Path, default=jsonl.RESULTS / 'ponder.jsonl'
  )
  options = parser.parse_args()
  lines = []
  for case in cases(options.widths, options.batch):
    name, arguments, levels, depths = case
    for line in measure(name, arguments, levels, depths, options.rounds):
      print(json.dumps(line), flush=True)
      lines.append(line)
  options.out.parent.mkdir(parents=True, exist_ok=True)
  options.out.write_text(''.join(json.dumps(x) + '\n' for x in lines))


if __name__ == '__main__':
  main()
