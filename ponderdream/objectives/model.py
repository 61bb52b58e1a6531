"""The world model: dynamics, rewards, continuation.

Hafner et al. 2023, DreamerV3 (arXiv 2301.04104), equation 5. The
reconstruction of observations is an objective of its own.
"""

import jax
import jax.numpy as jnp

from ponderdream.losses import world
from ponderdream.nets import dists
from ponderdream.objectives.terms import Pass, Terms

sg = jax.lax.stop_gradient


def losses(p: Pass) -> Terms:
  """`dyn`, `rep`, `rew` and `con`, each `[B, T]` in nats, and `tok` `[B, T]`,
  the squared error of predicted tokens, which are the input of actor and
  critic in imagination."""
  prior = p.models.apply(p.params, 'dyn', p.post.deter, method='prior')
  dyn, rep, kl = world.dynamics(p.logp, prior, p.config.loss.free_nats)
  reward = p.models.reward(p.params, p.view)
  cont = p.models.cont(p.params, p.view)
  target = world.continuation_target(
    p.batch['is_terminal'], p.config.loss.horizon
  )
  terms = {
    'dyn': dyn,
    'rep': rep,
    'rew': -reward.log_prob(p.batch['reward']),
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
