"""What sharing a batch costs on paper: bytes per step, and efficiency.

python scripts/scaling.py

Weak scaling: every chip has 16 sequences of 64 steps, however many chips
there are. A step computes for `t = FLOP / (peak * utilisation)` and then sums
one message of float32 gradients over all chips, not overlapped with anything.
On a ring each chip sends `2 (D - 1) / D` times the message and waits for
`2 (D - 1)` hops: `efficiency = t / (t + 2 (D-1)/D bytes/rate + 2 (D-1) hop)`.

XLA counts the FLOP of each part of the networks for one example, forward;
`total` says how often a step runs it. (Its count of a whole step has the body
of every loop once: one step of the dreams, one level of thought.) A gradient
costs twice what the value does. The ponder agent is reckoned at 5 levels
everywhere, where it begins: with a prior of 1/2, 2^-5 is the first survival
below `ponder.eps`, and the loops run as long as their longest example.
"""

import jax
import jax.numpy as jnp

from embodied import config as config_
from embodied.envs import make_env
from ponderdream import models, settings
from ponderdream.dream import rollout as imagine
from ponderdream.goals import immediate
from ponderdream.world import rssm

# Replayed states per chip, imagined steps from each, levels of thought.
STATES, HORIZON, LEVELS = 16 * 64, 15, 5
# A TPU v4 chip: bfloat16 products per second at its peak, and what a ring
# gets of its links, two of 50 GB/s. The utilisation and the seconds per hop
# are assumptions, not measurements.
PEAK, RATE, UTILISATION, HOP = 275e12, 2 * 50e9, 0.2, 1e-6
SIZES, CHIPS = ('size12m', 'size200m'), (8, 64, 256)
# Examples that the parts are counted for.
EXAMPLES = 8


def build(*names):
  """The networks for Crafter, and the shapes of their parameters."""
  config = config_.resolve(settings.blocks(), ['crafter', *names])
  config = config.update({'jax.dtype': 'bfloat16'})
  env = make_env('crafter_reward', 0, seed=0)
  built = models.build(config, env.obs_space, env.act_space)
  return built, jax.eval_shape(built.init, jax.random.key(0))


def parts(built, params):
  """FLOP for one example in each part of the networks."""

  def count(part, *args):
    traced = jax.jit(part).trace(params, *args)
    # A CPU computes convolutions in loops, whose body would count once.
    cost = traced.lower(lowering_platforms=('tpu',)).cost_analysis()
    return cost['flops'] / EXAMPLES

  zeros = lambda *shape: jnp.zeros((EXAMPLES, *shape))
  obs = {k: zeros(*v.shape) for k, v in built.obs_space.items()}
  obs = {k: v.astype(built.obs_space[k].dtype) for k, v in obs.items()}
  state = rssm.initial(built.dyn, EXAMPLES)
  feat, action = rssm.features(state), zeros(built.action.variables)
  tokens, encoded = zeros(built.dyn.tokens), zeros(built.action.width)
  dyn = lambda p, *xs: built.dyn.apply(
    {'params': p['dyn']}, *xs, method='touch'
  )
  found = {
    'see': count(built.encode, obs) + count(dyn, tokens, encoded),
    'decode': count(built.decode, state),
    'move': count(
      lambda p, s, a: imagine.move(built, p, s, a, jax.random.key(0)),
      state,
      action,
    ),
    'rew': count(lambda p, x: built.reward(p, x).logits, feat),
    'con': count(lambda p, x: built.cont(p, x).prob(), feat),
    'val': count(lambda p, x: built.value(p['val'], x).logits, feat),
  }
  if built.inner is None:
    act = lambda p, x: built.actdec.apply({'params': p['actdec']}, x)
    return found | {'project': 0, 'level': count(act, feat)}
  goal = zeros(built.inner.goal)
  begin = lambda p, x: immediate.start(built.inner, p, x, goal)
  _, x, thought = jax.eval_shape(begin, params, feat)
  step = immediate.make_step(built.inner, built.actdec)
  return found | {
    'project': count(lambda p, x: begin(p, x)[1:], feat),
    'level': count(lambda p, *xs: step(p, *xs, jnp.int32(1)), x, thought),
  }


def total(part, levels):
  """FLOP of a step on one chip. Branches are those of `credit: levels`, one
  model step long; `levels` is 0 for the plain agent."""
  judge = part['rew'] + part['con']
  policy = part['project'] + max(levels, 1) * part['level']
  world = 3 * (part['see'] + part['decode'] + judge)
  dream = HORIZON * (part['move'] + policy)
  dream += (HORIZON + 1) * (judge + 3 * part['val']) + HORIZON * part['val']
  learn = 3 * HORIZON * policy + 4 * part['val']
  branch = levels * (part['move'] + judge + part['val'])
  return STATES * (world + dream + learn + branch)


def efficiency(flop, count, chips):
  """Share of the time that is spent on computing, and both times."""
  compute = flop / (PEAK * UTILISATION)
  sent = 2 * (chips - 1) / chips * 4 * count / RATE
  wait = sent + 2 * (chips - 1) * HOP
  return compute / (compute + wait), compute, wait


def main():
  print('| | MB | TFLOP | computing | sum over 8 / 64 / 256 | efficiency |')
  print('|---|---|---|---|---|---|')
  for size in SIZES:
    for actor in ((), ('pondernet',)):
      built, params = build(size, *actor)
      count = sum(x.size for x in jax.tree.leaves(params))
      flop = total(parts(built, params), LEVELS if actor else 0)
      cases = [efficiency(flop, count, x) for x in CHIPS]
      waits = ' / '.join(f'{1e3 * x[2]:.1f}' for x in cases)
      shares = ' / '.join(f'{x[0]:.1%}' for x in cases)
      print(
        f'| {" ".join((size, *actor))} | {4 * count / 1e6:.1f} |'
        f' {flop / 1e12:.2f} | {1e3 * cases[0][1]:.0f} ms | {waits} ms |'
        f' {shares} |'
      )


if __name__ == '__main__':
  main()
