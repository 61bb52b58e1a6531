"""What sharing a batch costs on paper: bytes per step, and efficiency.

python scripts/scaling.py

Weak scaling: every chip has 16 sequences of 64 steps, however many chips
there are. A step computes for `t = FLOP / (peak * utilisation)` and then sums
one message of float32 gradients over all chips, not overlapped with anything.
On a ring each chip sends `2 (D - 1) / D` times the message and waits for
`2 (D - 1)` hops: `efficiency = t / (t + 2 (D-1)/D bytes/rate + 2 (D-1) hop)`.
"""

import jax

from embodied import config as config_
from embodied.envs import make_env
from ponderdream import models, settings

# Of the plain agent at size1m, 16 x 64, as XLA counts them; what is a matrix
# product grows like the parameters.
GFLOP, PARAMETERS = 88.5, 687875
# A TPU v4 chip: bfloat16 products per second at its peak, and what a ring
# gets of its links, two of 50 GB/s. The utilisation and the seconds per hop
# are assumptions, not measurements.
PEAK, RATE, UTILISATION, HOP = 275e12, 2 * 50e9, 0.2, 1e-6
SIZES, CHIPS = ('size12m', 'size200m'), (8, 64, 256)


def parameters(*names):
  """Their number, for Crafter."""
  config = config_.resolve(settings.blocks(), ['crafter', *names])
  config = config.update({'jax.dtype': 'bfloat16'})
  env = make_env('crafter_reward', 0, seed=0)
  built = models.build(config, env.obs_space, env.act_space)
  shapes = jax.eval_shape(built.init, jax.random.key(0))
  return sum(x.size for x in jax.tree.leaves(shapes))


def efficiency(count, chips):
  """Share of the time that is spent on computing, and both times."""
  flop = GFLOP * 1e9 * count / PARAMETERS
  compute = flop / (PEAK * UTILISATION)
  sent = 2 * (chips - 1) / chips * 4 * count / RATE
  wait = sent + 2 * (chips - 1) * HOP
  return compute / (compute + wait), compute, wait


def main():
  print('| | MB per step | computing | sum over 8 / 64 / 256 | efficiency |')
  print('|---|---|---|---|---|')
  for size in SIZES:
    for actor in ((), ('pondernet',)):
      count = parameters(size, *actor)
      cases = [efficiency(count, x) for x in CHIPS]
      waits = ' / '.join(f'{1e3 * x[2]:.1f}' for x in cases)
      shares = ' / '.join(f'{x[0]:.1%}' for x in cases)
      print(
        f'| {" ".join((size, *actor))} | {4 * count / 1e6:.1f} |'
        f' {1e3 * cases[0][1]:.0f} ms | {waits} ms | {shares} |'
      )


if __name__ == '__main__':
  main()
