"""Actor and critic, trained on imagined sequences that start in the batch.

The policy is rolled out in the model. The lambda-returns of a rollout are the
targets of the critic and give the advantages of the actor (Hafner et al. 2023,
DreamerV3, arXiv 2301.04104, equations 6 to 12). See `losses.policy_gradient`
for the three losses of an actor with several halting levels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.distributed import devices
from ponderdream.dream import branch, levels, rollout
from ponderdream.goals.modes import HaltingLevels
from ponderdream.losses import critic, policy_gradient, returns, world
from ponderdream.nets import dists
from ponderdream.objectives import foresight
from ponderdream.objectives.terms import (
  Pass,
  Terms,
  by_time,
  cut_steps,
  flat,
  flat_tree,
  rewarded,
)
from ponderdream.world import rssm

Array = jax.Array
sg = jax.lax.stop_gradient


def losses(p: Pass) -> Terms:
  """`policy` and `value` `[H, B']`, `repval` `[T', B]`, and `ponder` `[H, B']`
  if the actor ponders.

  Dreams start from the last `imag.last` states of every sequence, or from all
  of them if it is 0: T' states of B sequences, B' in all.
  """
  roll_key, branch_key = jax.random.split(p.key)
  tail = last_states(p)
  act = rollout.policy(p.models, p.frozen)
  start = sg(flat_tree(tail.post))
  mask = p.models.allowed(tail.batch)
  mask = None if mask is None else flat(mask)
  dream = sg(
    rollout.rollout(
      p.models, p.frozen, act, start, mask, p.config.imag.length, roll_key
    )
  )
  judged, value_loss, metrics = judge(p, dream)
  actor, actor_metrics = actor_losses(p, dream, judged, branch_key)
  terms = {k: judged.weight * v for k, v in actor.items()}
  terms['value'] = judged.weight * value_loss
  terms['repval'] = replayed_value_loss(tail, judged.ret[0])
  count = foresight.earned(p)
  terms = {k: count * v for k, v in terms.items()}
  return Terms(terms, actor_metrics | metrics, judged.span)


def last_states(p: Pass) -> Pass:
  """The pass over the last `imag.last` steps of every sequence."""
  length = p.post.deter.shape[1]
  last = slice(-min(p.config.imag.last or length, length), None)
  cut = lambda tree: jax.tree.map(lambda x: x[:, last], tree)
  batch = cut_steps(p.batch, last)
  post, tokens, logp = cut((p.post, p.tokens, p.logp))
  return p._replace(batch=batch, post=post, tokens=tokens, logp=logp)


class Judged(NamedTuple):
  """Returns and advantages of a rollout, without a gradient.

  Attributes:
    value: of the start states, `[B]`.
    ret: lambda-returns `[H, B]`.
    adv: `(ret - value) / scale`, `[H, B]`.
    weight: probability that the episode has not ended, times the discount so
      far, `[H, B]`.
    scale: by which returns are divided, `[]`.
    span: running range of returns after this batch.
  """

  value: Array
  ret: Array
  adv: Array
  weight: Array
  scale: Array
  span: returns.ReturnRange


def judge(
  p: Pass, dream: rollout.Dream
) -> tuple[Judged, Array, dict[str, Array]]:
  """Returns and advantages of a dream, the critic's loss `[H, B]` on it, and
  metrics."""
  config = p.config
  view = p.models.view(p.frozen, dream.state)
  reward = p.models.reward(p.frozen, view).pred()
  cont = p.models.cont(p.frozen, view).prob()
  pred = p.models.value(p.params, view)
  before = jax.tree.map(lambda x: x[:-1], view)
  slow = p.models.value(p.state.slow, before).pred()
  value = sg(pred.pred())
  ret = returns.lambda_return(reward, cont, value, config.imag.lam)
  span = returns.update_range(
    p.state.running['behaviour'], devices.gather(ret), config.retnorm.rate
  )
  scale = returns.scale(span, config.retnorm.limit)
  adv = (ret - value[:-1]) / scale
  weight = jnp.cumprod(cont, 0)[:-1]
  loss = critic.value(pred[:-1], slow, ret, config.imag.slowreg)
  metrics = {
    'imag/return': ret.mean(),
    'imag/reward': reward[1:].mean(),
    'imag/value': value.mean(),
    'imag/cont': cont.mean(),
    'imag/adv': adv.mean(),
    'imag/adv_std': adv.std(),
    'ret/low': span.low,
    'ret/high': span.high,
  }
  return Judged(value[0], ret, adv, weight, scale, span), loss, metrics


def replayed_value_loss(p: Pass, boot: Array) -> Array:
  """The critic's loss on replayed steps, `[T - 1, B]`; its gradient reaches
  the world model too.

  Args:
    boot: imagined returns `[B * T]`, for bootstrapping replayed returns.
  """
  # Returns end with an episode, and before a reward that is not known.
  unknown = jnp.pad(~rewarded(p.batch)[:, 1:], ((0, 0), (0, 1)))
  last = by_time(p.batch['is_last'] | unknown)
  boot = by_time(boot.reshape(p.batch['reward'].shape))
  cont = world.continuation_target(
    by_time(p.batch['is_terminal']), p.config.loss.horizon
  )
  ret = returns.lambda_return(
    by_time(p.batch['reward']), cont, boot, p.config.imag.lam, last
  )
  seen = jax.tree.map(lambda x: by_time(x)[:-1], (p.post, p.tokens))
  view = p.models.view(p.params, *seen)
  pred = p.models.value(p.params, view)
  slow = p.models.value(p.state.slow, view).pred()
  loss = critic.value(pred, slow, ret, p.config.imag.slowreg)
  return (1 - last[:-1].astype(jnp.float32)) * loss


def actor_losses(
  p: Pass, dream: rollout.Dream, judged: Judged, key: Array
) -> tuple[dict[str, Array], dict[str, Any]]:
  """`policy`, and `ponder` if the actor ponders, `[H, B]`; and metrics.

      policy = credit(A) - imag.entropy H[mu]
      ponder = ponder.cost / scale E[n] + ponder.beta KL(p || prior)

  computed by one pass of the actor over all imagined states. The key is
  consumed.
  """
  ponder, shape = p.config.ponder, judged.adv.shape
  states = jax.tree.map(lambda x: x[:-1], dream.state)
  # The actor learns, and not what predicts the tokens that it sees.
  goal = None
  if 'goalenc' in p.models.parts:
    goal = p.models.own_goal(p.params, shape)
  view = p.models.view(p.frozen, states, None, dream.mask, goal)
  every = p.models.levels(p.params, flat_tree(view))
  dist = p.models.policy(every.raw, flat_tree(view))
  imagined = Imagined(dream, judged, every, dist)
  policy, metrics = CREDIT[credit(p)](p, imagined, key)
  entropy = policy_gradient.entropy(dist, every.log_p).reshape(shape)
  terms = {'policy': policy - p.config.imag.entropy * entropy}
  metrics['policy/entropy'] = entropy.mean()
  if p.models.pondering:
    price = ponder.cost / judged.scale * every.price + ponder.beta * every.kl
    terms['ponder'] = price.reshape(shape)
    metrics |= levels.pondering(every) | {'ponder/acted': dream.steps.mean()}
  if p.models.ponder.mode == 'pondernet':
    metrics |= levels.policies(dist, every.log_p)
  return terms, metrics


def credit(p: Pass) -> str:
  """The row of CREDIT; always 'mixture' for an actor with a single level."""
  several = p.models.ponder.mode == 'pondernet'
  return p.config.ponder.credit if several else 'mixture'


class Imagined(NamedTuple):
  """What the policy gradient is computed from.

  Attributes:
    dream: H steps from B states.
    judged: returns and advantages of the dream.
    every: halting levels at its states, time and batch flat: `[N, H B]`.
    dist: policies of these levels, batch shape `[N, H B]`.
  """

  dream: rollout.Dream
  judged: Judged
  every: HaltingLevels
  dist: dists.ActionDist

  def log_pi(self) -> Array:
    """Log-probability of each action of the dream under every level,
    `[N, H B]`."""
    return self.dist.log_prob(flat(self.dream.action)[None])


def mixture_credit(
  p: Pass, imagined: Imagined, key: Array
) -> tuple[Array, dict[str, Any]]:
  """`-A log mu(a)` at every state of the dream, `[H, B]`."""
  adv = imagined.judged.adv
  loss = policy_gradient.mixture(
    imagined.every.log_p, imagined.log_pi(), flat(adv)
  )
  return loss.reshape(adv.shape), {}


def sampled_credit(
  p: Pass, imagined: Imagined, key: Array
) -> tuple[Array, dict[str, Any]]:
  """`-A (log p_n + log pi_n(a))` for the level that acted, `[H, B]`."""
  log_p, log_pi = imagined.every.log_p, imagined.log_pi()
  # The acting loop rounds differently: use a level that this pass reached.
  deepest = (log_p > -jnp.inf).sum(0) - 1
  n = flat(imagined.dream.steps).astype(jnp.int32) - 1
  n = jnp.minimum(n, deepest)
  take = lambda x: jnp.take_along_axis(x, n[None], 0)[0]
  adv = imagined.judged.adv
  loss = policy_gradient.sampled(take(log_p), take(log_pi), flat(adv))
  return loss.reshape(adv.shape), {}


def levels_credit(
  p: Pass, imagined: Imagined, key: Array
) -> tuple[Array, dict[str, Any]]:
  """At the start states, the branch of every level credits every level; at
  later states as `mixture_credit`. `[H, B]`."""
  dream, judged, every, _ = imagined
  loss, _ = mixture_credit(p, imagined, key)
  batch = judged.adv.shape[1]
  start = jax.tree.map(lambda x: x[0], dream.state)
  mask = None if dream.mask is None else dream.mask[0]
  raw, log_p = every.raw[:, :batch], every.log_p[:, :batch]
  branched, metrics = branch_loss(p, start, mask, raw, log_p, judged, key)
  return loss.at[0].set(branched), metrics


# `credit(p, imagined, key) -> loss [H, B], metrics`, by `ponder.credit`.
CREDIT: dict[str, Callable[..., tuple[Array, dict[str, Any]]]] = {
  'levels': levels_credit,
  'mixture': mixture_credit,
  'sampled': sampled_credit,
}


def branch_loss(
  p: Pass,
  start: rssm.State,
  mask: Array | None,
  raw: Array,
  log_p: Array,
  judged: Judged,
  key: Array,
) -> tuple[Array, dict[str, Any]]:
  """`policy_gradient.levels` `[B]` from one branch per level; and metrics.

  Args:
    start: start states `[B, ...]`.
    mask: allowed actions there, `[B, O]` or None.
    raw: outputs of the actor there, `[N, B, O]`.
    log_p: their log halting probabilities `[N, B]`.
    key: consumed.
  """
  reached = (log_p > -jnp.inf).any(1).sum()
  length = p.config.ponder.branch_length
  actions, worth = sg(
    branch.branch(
      p.models, p.frozen, start, sg(raw), mask, reached, length, key
    )
  )
  log_pi = p.models.action.dist(raw[:, None], mask).log_prob(actions[None])
  adv = (worth - judged.value[None]) / judged.scale
  loss = policy_gradient.levels(log_p, log_pi, adv)
  return loss, levels.branches(worth, judged.value, judged.scale, sg(log_p))
