"""The world model: dynamics, rewards, continuation.

Hafner et al. 2023, DreamerV3 (arXiv 2301.04104), equation 5. The
reconstruction of observations is an objective of its own.
"""

import jax
import jax.numpy as jnp

from ponderdream.losses import combine, world
from ponderdream.nets import dists
from ponderdream.objectives.terms import KNOWN, Pass, Terms, rewarded

sg = jax.lax.stop_gradient


def losses(p: Pass) -> Terms:
  """`dyn`, `rep`, `rew` and `con`, each `[B, T]` in nats, and `tok` `[B, T]`,
  the squared error of predicted tokens, which are the input of actor and
  critic in imagination. In a batch with unknown rewards, `rew` is a mean over
  the others."""
  prior = p.models.apply(p.params, 'dyn', p.post.deter, method='prior')
  dyn, rep, kl = world.dynamics(p.logp, prior, p.config.loss.free_nats)
  reward = p.models.reward(p.params, p.view)
  cont = p.models.cont(p.params, p.view)
  target = world.continuation_target(
    p.batch['is_terminal'], p.config.loss.horizon
  )
  nats = -reward.log_prob(p.batch['reward'])
  known = combine.masked(nats, rewarded(p.batch)) if KNOWN in p.batch else nats
  terms: dict[str, combine.Loss] = {
    'dyn': dyn,
    'rep': rep,
    'rew': known,
    'con': -cont.log_prob(target),
  }
  if 'tokdec' in p.models.parts:
    error = p.models.predicted_tokens(p.params, p.post) - sg(p.tokens)
    terms['tok'] = jnp.square(error.astype(jnp.float32)).sum(-1)
  metrics = {
    'dyn/kl': kl.mean(),
    'dyn/prior_entropy': dists.entropy_onehot(prior).mean(),
    'dyn/post_entropy': dists.entropy_onehot(p.logp).mean(),
  }
  return Terms(terms, metrics)
