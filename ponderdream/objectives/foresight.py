"""How well the world model foresees the newest steps.

From the state of each of the newest steps the model takes the action that was
taken, and predicts the reward and the value of where that leads. The share of
variance that it explains,

    1 - E[(predicted - real)^2] / Var[real],

is 1 for a perfect model and 0 for one that knows nothing but the mean. Dreams
count from `imag.earned` on, as a young model teaches what is not so.

The replay serves new steps first, so the model may have learnt from some of
these steps once already, and late in a run from half of them.
"""

import jax
import jax.numpy as jnp

from ponderdream.dream import rollout
from ponderdream.objectives import ppo
from ponderdream.objectives.terms import Pass, Terms, flat, flat_tree
from ponderdream.state import Foresight

Array = jax.Array
sg = jax.lax.stop_gradient

# Weight of an update in the running numbers.
RATE = 0.01


def losses(p: Pass) -> Terms:
  """No loss; running errors and variances of rewards and values, over the
  steps `[B, T]` of windows `[B, T + 1]` that are followed by another one of
  their episode."""
  counts = ppo.followed(p.batch)
  before = jax.tree.map(lambda x: x[:, :-1], p.post)
  action = flat(p.models.action.flatten(p.batch, 2)[:, :-1])
  after = rollout.move(p.models, p.frozen, flat_tree(before), action, p.key)
  seen = p.models.view(p.frozen, after)
  real = p.models.view(p.frozen, p.post, sg(p.tokens))
  pairs = {
    'reward': (p.models.reward(p.frozen, seen), p.batch['reward'][:, 1:]),
    'value': (
      p.models.value(p.frozen, seen),
      p.models.value(p.frozen, real).pred()[:, 1:],
    ),
  }
  running = p.state.running['foresight']
  for key, (dist, target) in pairs.items():
    predicted = dist.pred().reshape(target.shape)
    running |= {key: updated(running[key], predicted, target, counts)}
  shown = {f'foresight/{k}': explained(v) for k, v in running.items()}
  return Terms({}, shown, running)


def updated(
  before: Foresight, predicted: Array, real: Array, counts: Array
) -> Foresight:
  """The running numbers after predictions `[B, T]` of real numbers."""
  error = ppo.mean_of(jnp.square(predicted - real), counts)
  away = real - ppo.mean_of(real, counts)
  now = Foresight(error, ppo.mean_of(jnp.square(away), counts))
  return jax.tree.map(lambda x, y: x + RATE * (y - x), before, now)


def explained(x: Foresight) -> Array:
  """Share of the variance that is explained, `[]`; below 0 if the mean would
  have been the better prediction."""
  return 1 - x.error / jnp.maximum(x.spread, 1e-9)


def earned(p: Pass) -> Array:
  """1 where the model foresees well enough to dream, else 0, `[]`. Without
  newest steps to measure it on, every model may dream."""
  if not p.config.loss_scales.ppo:
    return jnp.ones(())
  shares = [explained(x) for x in p.state.running['foresight'].values()]
  return (jnp.stack(shares).min() >= p.config.imag.earned).astype(jnp.float32)
