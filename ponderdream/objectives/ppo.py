"""Actor and critic, learnt from the newest real steps.

Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347, equation
7) with generalised advantages (arXiv 1506.02438, equation 16). The policy of a
pondering actor is its mixture over halting levels,

    mu(a) = sum_n p_n pi_n(a),   ratio = mu(a) / mu_old(a),

so that one clipped ratio credits levels and halting together.

Clipping does not limit how far mu moves when other losses change the encoder.
Therefore, in a batch where the mean KL divergence from mu_old to mu is above
`ppo.kl` nats, that divergence replaces the clipped objective and moves mu back
to mu_old.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.distributed import devices
from ponderdream.dream import levels
from ponderdream.losses import combine, policy_gradient, returns, world
from ponderdream.objectives import leash
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
# Smallest deviation of advantages, in units of `retnorm.limit`.
LEAST = 0.1


class Judged(NamedTuple):
  """What the critic says of the newest steps.

  Attributes:
    adv: generalised advantages `[B, T]`.
    loss: of the critic, `[B, T]`.
    span: running range of returns, this batch included.
    metrics: numbers to log.
  """

  adv: Array
  loss: Array
  span: returns.ReturnRange
  metrics: dict[str, Any]


def losses(p: Pass) -> Terms:
  """`ppo/policy`, `ppo/value`, and `ppo/ponder` if the actor ponders: means
  over the steps `[B, T]` of windows `[B, T + 1]` whose action was followed by
  an observation of the same episode."""
  mask = p.models.allowed(p.batch)
  goal = p.models.goal_of(p.params, p.batch)
  view = p.models.view(p.params, p.post, p.tokens, mask, goal)
  judged = judge(p, view, followed(p.batch))
  terms, metrics = actor_losses(p, view, judged.adv)
  terms['ppo/value'] = p.config.ppo.value * judged.loss
  counts = followed(p.batch)
  masked = {k: combine.masked(v, counts) for k, v in terms.items()}
  return Terms(masked, judged.metrics | metrics, judged.span)


def actor_losses(
  p: Pass, view: Any, adv: Array
) -> tuple[dict[str, Array], dict[str, Any]]:
  """`ppo/policy`, and `ppo/ponder` if the actor ponders, `[B, T]`; and
  metrics.

      policy = clipped(ratio, A) - ppo.entropy H[mu], or KL(mu_old || mu)
      ponder = ponder.cost / deviation of A E[n] + ponder.beta KL(p || prior)

  With a leash also `leash_halt` and `leash_act`, see `objectives.leash`.

  Args:
    view: views `[B, T + 1]`.
    adv: advantages `[B, T]`, which are normalised here, see `normalised`.
  """
  config, counts = p.config, followed(p.batch)
  before = cut_steps(p.batch, slice(None, -1))
  view = flat_tree(jax.tree.map(lambda x: x[:, :-1], view))
  every = p.models.levels(p.params, view)
  dist = p.models.policy(every.raw, view)
  action = flat(p.models.action.flatten(before, 2))
  log_mu = policy_gradient.log_mu(every.log_p, dist.log_prob(action[None]))
  log_ratio = log_mu.reshape(adv.shape) - before[LOG_MU]
  log_ratio = jnp.where(counts, log_ratio, 0)
  least = LEAST * config.retnorm.limit
  adv, spread = normalised(adv, counts, least)
  policy, clipped = policy_gradient.clipped(log_ratio, adv, config.ppo.clip)
  entropy = policy_gradient.entropy(dist, every.log_p).reshape(adv.shape)
  # KL(mu_old || mu) by its estimate r - 1 - log r, which is never negative.
  away = jnp.expm1(log_ratio) - log_ratio
  kl = mean_of(sg(away), counts)
  near = (kl < config.ppo.kl).astype(jnp.float32)
  policy = policy - config.ppo.entropy * entropy
  terms = {'ppo/policy': near * policy + (1 - near) * away}
  held = leash.divergences(p, before, view, every, action)
  metrics = {
    'ppo/spread': spread,
    'ppo/entropy': combine.masked(entropy, counts),
    'ppo/clipped': combine.masked(clipped, counts),
    'ppo/kl': kl,
    'ppo/near': near,
  }
  for key, nats in held.items():
    nats = nats.reshape(adv.shape)
    terms[key] = charged(p, nats, counts)
    metrics[f'ppo/{key}'] = combine.masked(nats, counts)
  if p.models.pondering:
    # Advantages were divided by the same.
    cost = config.ponder.cost / jnp.maximum(spread, least)
    price = cost * every.price + config.ponder.beta * every.kl
    terms['ppo/ponder'] = price.reshape(adv.shape)
    metrics |= levels.pondering(every)
  return terms, metrics


def charged(p: Pass, nats: Array, counts: Array) -> Array:
  """What a leash charges for divergences `[B, T]`: what their mean has above
  `leash.delta`, spread over the steps."""
  far = mean_of(sg(nats), counts) > p.config.leash.delta
  return jnp.where(far, nats - p.config.leash.delta, 0)


def followed(batch: Any) -> Array:
  """Whether the next step is of the same episode, `[B, T]`; not so after the
  last one of an episode, and where an environment was restarted."""
  return ~(batch['is_last'][:, :-1] | batch['is_first'][:, 1:])


def judge(p: Pass, view: Any, counts: Array) -> Judged:
  """Advantages, and what the critic learns from, of views `[B, T + 1]`.

  The target of the critic is the lambda-return of its own values; their
  difference is the generalised advantage.

  Args:
    counts: steps `[B, T]` that are followed by another one of their episode,
      with a known reward. Returns end after the others.
  """
  pred = p.models.value(p.params, view)
  value = by_time(sg(pred.pred()))
  cont = world.continuation_target(
    by_time(p.batch['is_terminal']), p.config.loss.horizon
  )
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
  return Judged(ret - value, loss, span, metrics)


def normalised(adv: Array, counts: Array, least: float) -> tuple[Array, Array]:
  """Advantages `[B, T]` with mean 0 and deviation 1 over the entries of all
  devices that count, and their deviation before, `[]`.

  A deviation below `least` counts as `least`: where no reward was met,
  advantages are errors of the critic, and must not teach as much as rewards.
  """
  adv = adv - mean_of(adv, counts)
  spread = jnp.sqrt(mean_of(jnp.square(adv), counts))
  return adv / jnp.maximum(spread, least), spread


def mean_of(x: Array, counts: Array) -> Array:
  """The mean of `x` over the entries of all devices that count, `[]`."""
  total, weight = devices.mean(combine.masked(x, counts))
  return total / jnp.maximum(weight, 1e-9)
