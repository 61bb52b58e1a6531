"""Actions, learnt from data: behaviour cloning for every kind of actor.

At each step whose action a is known,

    clone = sum_n p_n (-log pi_n(a)) + ponder.cost E[n]
            + ponder.beta KL(p || prior)    in nats,

PonderNet's loss (Banino et al. 2021, arXiv 2107.05407, equation 4) with the
policy's cross-entropy as the loss of a level. An actor that does not ponder
has one level. Plans in words teach more, see `objectives.imitation`.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.dream import levels
from ponderdream.losses import combine
from ponderdream.objectives.terms import Pass, Terms, flat, flat_tree

Array = jax.Array

# The action that was meant, where it differs from the one that was taken.
INTENDED = 'intended'


def losses(p: Pass) -> Terms:
  """`clone`, over the steps `[B, T]` with an action that is known. The last
  step of an episode has none."""
  mask = p.models.allowed(p.batch)
  view = flat_tree(p.models.view(p.params, p.post, p.tokens, mask))
  every = p.models.levels(p.params, view)
  dist = p.models.policy(every.raw, view)
  action = meant(p)
  known = (action[:, : len(p.models.action.classes)] >= 0).all(-1)
  counts = known & ~flat(p.batch['is_last'])
  p_halt = jnp.exp(every.log_p)
  nats = -dist.log_prob(action[None])
  right = (dist.mode() == action[None]).all(-1).astype(jnp.float32)
  loss = (p_halt * nats).sum(0)
  if p.models.pondering:
    ponder = p.config.ponder
    loss += ponder.cost * every.price + ponder.beta * every.kl
  shown: dict[str, Any] = {
    'clone/nats': combine.masked((p_halt * nats).sum(0), counts),
    'clone/action': combine.masked((p_halt * right).sum(0), counts),
  }
  if p.models.pondering:
    found = levels.pondering(every)
    shown |= {f'clone/{k}': v for k, v in found.items()}
  return Terms({'clone': combine.masked(loss, counts)}, shown)


def meant(p: Pass) -> Array:
  """Flat actions `[B T, V]`; classes are -1 where unknown."""
  acts = {k: p.batch[k] for k in p.models.action.keys}
  if INTENDED in p.batch:
    # Data with plans have one discrete action.
    key, has = p.models.action.keys[0], p.batch.get(f'has/{INTENDED}', True)
    acts[key] = jnp.where(has, p.batch[INTENDED], acts[key])
  return flat(p.models.action.flatten(acts, 2))
