"""What the world looks like once a goal is achieved, learnt from plans.

From the state where a goal s of a plan is in force, the part `goalstate`
predicts the model state at the step where it is achieved, t' > t:

    goalstate = KL(q(z_t') || p(z | h_t, z_t, E(s))) + 1/2 |h_t' - h|^2

with the posterior q and the deterministic state h_t' of the world model, and
E the goal encoder. Only the part itself gets a gradient: the states stay what
the world model makes of them. The decoder makes pictures of what is predicted,
see `dream.foreseen.wanted`.
"""

import jax
import jax.numpy as jnp

from ponderdream.losses import combine
from ponderdream.nets import dists
from ponderdream.objectives import imitation
from ponderdream.objectives.terms import Pass, Terms
from ponderdream.world import rssm

Array = jax.Array
sg = jax.lax.stop_gradient

# Steps until each goal of the stack is achieved, `[B, T, K]`; 0 if unknown.
REMAINING = 'remaining'


def losses(p: Pass) -> Terms:
  """`goalstate`, in nats, of `imitation.nodes` goals of the batch that are
  achieved in their window."""
  stack = imitation.known(p.batch, 'stack')
  left = imitation.known(p.batch, REMAINING)
  achieved = (left > 0) & (stack >= 0)
  count = min(p.config.imitation.nodes, achieved.size)
  chance = jax.random.uniform(p.key, achieved.shape) - ~achieved
  _, nodes = jax.lax.top_k(chance.ravel(), count)
  row, step, _ = jnp.unravel_index(nodes, stack.shape)
  end = step + left.ravel()[nodes]
  counts = achieved.ravel()[nodes]
  embedded = p.models.goals(p.params, p.batch[imitation.TEXTS])
  goal = sg(embedded[stack.ravel()[nodes]])
  feat = sg(rssm.features(p.post)[row, step])
  deter, logp = p.models.goal_state(p.params, feat, goal)
  gap = deter - sg(p.post.deter.astype(jnp.float32)[row, end])
  nats = dists.kl_onehot(sg(p.logp[row, end]), logp)
  away = jnp.square(gap).sum(-1) / 2
  return Terms(
    {'goalstate': combine.masked(nats + away, counts)},
    {
      'goalstate/kl': combine.masked(nats, counts),
      'goalstate/deter': combine.masked(away, counts),
    },
  )
