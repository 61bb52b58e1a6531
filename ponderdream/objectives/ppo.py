"""Actor and critic, learnt from the newest real steps.

Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347, equation
7) with generalised advantages (arXiv 1506.02438, equation 16). The policy of a
pondering actor is its mixture over halting levels,

    mu(a) = sum_n p_n pi_n(a),   ratio = mu(a) / mu_old(a),

so that one clipped ratio credits levels and halting together. The mixture also
moves with every change of the encoder, be it for the critic's sake, and the
clipped ratio does not hold it. Where it is further from mu_old than `ppo.kl`
nats, a batch brings it back: the policy's loss is their KL divergence then.
"""

from typing import Any

import jax
import jax.numpy as jnp

from ponderdream.distributed import devices
from ponderdream.dream import levels
from ponderdream.losses import combine, policy_gradient, returns, world
from ponderdream.objectives.terms import (
  Pass,
  Terms,
  by_time,
  cut_steps,
  flat,
  flat_tree,
)

Array = jax.Array
sg = jax.lax.stop_gradient

# What acting stores beside a step: `log mu(a)`, in nats.
LOG_MU = 'log_mu'


def losses(p: Pass) -> Terms:
  """`ppo/policy`, `ppo/value`, and `ppo/ponder` if the actor ponders: means
  over the steps `[B, T]` of windows `[B, T + 1]` whose action was followed by
  an observation of the same episode."""
  mask = p.models.allowed(p.batch)
  view = p.models.view(p.params, p.post, p.tokens, mask)
  adv, value_loss, span, metrics = judge(p, view)
  before = cut_steps(p.batch, slice(None, -1))
  counts = followed(p.batch)
  adv = normalised(adv, counts)
  view = flat_tree(jax.tree.map(lambda x: x[:, :-1], view))
  every = p.models.levels(p.params, view)
  dist = p.models.policy(every.raw, view)
  action = flat(p.models.action.flatten(before, 2))
  log_mu = policy_gradient.log_mu(every.log_p, dist.log_prob(action[None]))
  log_ratio = log_mu.reshape(adv.shape) - before[LOG_MU]
  log_ratio = jnp.where(counts, log_ratio, 0)
  policy, clipped = policy_gradient.clipped(log_ratio, adv, p.config.ppo.clip)
  entropy = policy_gradient.entropy(dist, every.log_p).reshape(adv.shape)
  # KL(mu_old || mu) by its estimate r - 1 - log r, which is never negative.
  away = jnp.expm1(log_ratio) - log_ratio
  kl = mean_of(sg(away), counts)
  near = (kl < p.config.ppo.kl).astype(jnp.float32)
  policy = policy - p.config.ppo.entropy * entropy
  terms = {
    'ppo/policy': near * policy + (1 - near) * away,
    'ppo/value': p.config.ppo.value * value_loss,
  }
  metrics |= {
    'ppo/entropy': combine.masked(entropy, counts),
    'ppo/clipped': combine.masked(clipped, counts),
    'ppo/kl': kl,
    'ppo/near': near,
  }
  if p.models.pondering:
    ponder = p.config.ponder
    price = ponder.cost * every.price + ponder.beta * every.kl
    terms['ppo/ponder'] = price.reshape(adv.shape)
    metrics |= levels.pondering(every, every.steps)
  masked = {k: combine.masked(v, counts) for k, v in terms.items()}
  return Terms(masked, metrics, span)


def followed(batch: Any) -> Array:
  """Whether the next step is of the same episode, `[B, T]`; not so after the
  last one of an episode, and where an environment was restarted."""
  return ~(batch['is_last'][:, :-1] | batch['is_first'][:, 1:])


def judge(
  p: Pass, view: Any
) -> tuple[Array, Array, returns.ReturnRange, dict[str, Any]]:
  """Advantages and the critic's loss `[B, T]`, the running range of returns,
  and metrics.

  The lambda-return of the critic of now is the target; what it differs from
  the value is the generalised advantage.
  """
  pred = p.models.value(p.params, view)
  value = by_time(sg(pred.pred()))
  cont = world.continuation_target(
    by_time(p.batch['is_terminal']), p.config.loss.horizon
  )
  counts = followed(p.batch)
  # Returns end where nothing follows; that of the last step is its value.
  ends = jnp.pad(~counts, ((0, 0), (0, 1)))
  ret = returns.lambda_return(
    by_time(p.batch['reward']), cont, value, p.config.ppo.lam, by_time(ends)
  )
  ret, value = by_time(ret), by_time(value)[:, :-1]
  before = jax.tree.map(lambda x: x[:, :-1], view)
  loss = -p.models.value(p.params, before).log_prob(ret)
  error, spread = ((x - mean_of(x, counts)) ** 2 for x in (ret - value, ret))
  metrics = {
    'ppo/return': combine.masked(ret, counts),
    'ppo/explained': 1 - mean_of(error, counts) / mean_of(spread, counts),
  }
  span = returns.update_range(
    p.state.running['ppo'], devices.gather(ret), p.config.retnorm.rate
  )
  return ret - value, loss, span, metrics


def normalised(adv: Array, counts: Array) -> Array:
  """Advantages `[B, T]` with mean 0 and deviation 1 over the entries of all
  devices that count."""
  adv = adv - mean_of(adv, counts)
  return adv / jnp.sqrt(mean_of(jnp.square(adv), counts) + 1e-8)


def mean_of(x: Array, counts: Array) -> Array:
  """The mean of `x` over the entries of all devices that count, `[]`."""
  total, weight = devices.mean(combine.masked(x, counts))
  return total / jnp.maximum(weight, 1e-9)
