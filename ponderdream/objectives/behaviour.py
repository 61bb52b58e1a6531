"""What the actor learns from a dream, all halting levels together."""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream import models as models_
from ponderdream.dream import levels
from ponderdream.dream import rollout as imagine
from ponderdream.losses import policy_gradient as ponder
from ponderdream.nets import dists
from ponderdream.world import rssm

Array = jax.Array
sg = jax.lax.stop_gradient


def losses(
  models: models_.Models,
  params: Any,
  start: rssm.State,
  dream: imagine.Dream,
  value: Array,
  adv: Array,
  scale: Array,
  key: Array,
  config: Any,
) -> tuple[dict[str, Array], dict[str, Array]]:
  """Actor losses `[H, B]` from one unroll over all imagined states.

  Args:
    start: where the dream began, `[B, ...]`.
    dream: H steps of it.
    value: of the start states, `[B]`.
    adv: normalised advantages of the dreamt actions, `[H, B]`.
    scale: what returns are divided by, scalar.
    key: consumed.
  """
  length, batch = adv.shape
  flat = lambda x: None if x is None else x.reshape((-1, *x.shape[2:]))
  every = models.levels(params, flat(dream.feat[:-1]))
  mask = flat(dream.mask)
  dist = models.action.dist(every.raw, mask)
  log_pi = dist.log_prob(flat(dream.action)[None])
  pondernet = models.think.mode == 'pondernet'
  if pondernet and config.ponder.credit == 'sampled':
    # The loop that acted rounds otherwise: keep to a level that is here.
    most = (every.log_p > -jnp.inf).sum(0) - 1
    n = jnp.minimum(flat(dream.steps).astype(jnp.int32) - 1, most)
    take = lambda x: jnp.take_along_axis(x, n[None], 0)[0]
    policy = ponder.sampled(take(every.log_p), take(log_pi), flat(adv))
  else:
    policy = ponder.mixture(every.log_p, log_pi, flat(adv))
  policy = policy.reshape((length, batch))
  metrics = levels.policies(dist, every.log_p) if pondernet else {}
  if pondernet and config.ponder.credit == 'levels':
    branched, worth = branches(
      models,
      params,
      start,
      every.raw[:, :batch],
      every.log_p[:, :batch],
      None if mask is None else mask[:batch],
      value,
      scale,
      key,
      config,
    )
    policy = policy.at[0].set(branched)
    metrics |= worth
  entropy = mixture_entropy(dist, every.log_p).reshape((length, batch))
  price = config.ponder.cost / scale * every.price
  price = price + config.ponder.beta * every.kl
  terms = {'policy': policy - config.imag.entropy * entropy}
  metrics |= {'policy/entropy': entropy.mean()}
  if models.inner is not None:
    terms['ponder'] = price.reshape((length, batch))
    metrics |= {
      'ponder/steps': every.steps.mean(),
      'ponder/depth': every.depth.astype(jnp.float32),
      'ponder/kl': every.kl.mean(),
      'ponder/acted': dream.steps.mean(),
    }
  return terms, metrics


def branches(
  models: models_.Models,
  params: Any,
  start: rssm.State,
  raw: Array,
  log_p: Array,
  mask: Array | None,
  value: Array,
  scale: Array,
  key: Array,
  config: Any,
) -> tuple[Array, dict[str, Array]]:
  """The loss `[B]` that lets the branch of every level credit every level,
  and what the branches were worth, as metrics.

  Args:
    raw: policy outputs at the start states `[N, B, O]`.
    log_p: their log halting probabilities `[N, B]`.
    value: of the start states `[B]`.
  """
  reached = (log_p > -jnp.inf).any(1).sum()
  actions, returned = sg(
    imagine.branch(
      models,
      sg(params),
      start,
      sg(raw),
      mask,
      reached,
      config.ponder.branch_length,
      key,
    )
  )
  dist = models.action.dist(raw[:, None], mask)
  log_pi = dist.log_prob(actions[None])
  loss = ponder.levels(log_p, log_pi, (returned - value[None]) / scale)
  return loss, levels.branches(returned, value, scale, sg(log_p))


def mixture_entropy(dist: Any, log_p: Array) -> Array:
  """Entropy of the behaviour `mu = sum_n p_n pi_n` in nats, `[B]`.

  Exact for one discrete variable. Otherwise the mean entropy of the levels
  with p held fixed, so that halting is not drawn to the most random level.
  """
  if isinstance(dist, dists.Discrete) and len(dist.logps) == 1:
    reached = log_p > -jnp.inf
    logps = jnp.where(reached[..., None], dist.logps[0], 0)
    log_mu = jax.nn.logsumexp(log_p[..., None] + logps, 0)
    return -(jnp.exp(log_mu) * log_mu).sum(-1)
  return (sg(jnp.exp(log_p)) * dist.entropy()).sum(0)
