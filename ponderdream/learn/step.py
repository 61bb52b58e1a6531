"""One update: world model, actor and critic from one loss, one gradient.

A batch holds `T + 1` steps. The first one only gives the model state that was
stored with it, from which the other `T` are filtered (replay context).
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ponderdream import models as models_
from ponderdream import state as state_
from ponderdream.distributed import devices, keys
from ponderdream.dream import levels, posterior
from ponderdream.dream import rollout as imagine
from ponderdream.learn import optim
from ponderdream.losses import combine, returns
from ponderdream.losses import critic as imagine_losses
from ponderdream.losses import world as model
from ponderdream.nets import dists
from ponderdream.objectives import behaviour as actor
from ponderdream.world import decoder, rssm

Array = jax.Array
sg = jax.lax.stop_gradient


def make(
  models: models_.Models,
  optimizer: optax.GradientTransformation,
  config: Any,
) -> Callable:
  """The step `(state, batch, key) -> (state, latents, metrics)` to `pmap`.

  An update whose loss, gradient or outcome is not finite leaves the state as
  it was; the metrics show which loss it was.
  """

  def step(state: state_.TrainState, batch: Mapping[str, Array], key: Array):
    key = keys.fold(jax.random.fold_in(key, state.updates))
    grad = jax.value_and_grad(loss, argnums=1, has_aux=True)
    (total, aux), grads = grad(models, state.params, state, batch, key, config)
    latents, span, metrics = aux
    grads, metrics = devices.mean_flat(grads), over_devices(metrics)
    updates, opt = optimizer.update(grads, state.opt, state.params)
    params = optax.apply_updates(state.params, updates)
    slowval = optax.incremental_update(
      params['val'], state.slowval, config.slowval.rate
    )
    metrics |= {
      'opt/grad_norm': optim.norm(grads),
      'opt/param_norm': optim.norm(params),
    }
    sizes = [v for k, v in metrics.items() if k.startswith('opt/')]
    good = jnp.isfinite(jnp.stack([*sizes, devices.mean(total)])).all()
    new = state_.TrainState(params, slowval, opt, span, state.updates + 1)
    new = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, state)
    return new, latents, metrics

  return step


def over_devices(metrics: dict[str, Any]) -> dict[str, Array]:
  """Means over the states of all devices, inside of `pmap`; but the depth is
  that of the device which thinks longest, as the others wait for it."""
  deepest = {k: v for k, v in metrics.items() if k == 'ponder/depth'}
  return levels.means(devices.mean(metrics)) | devices.most(deepest)


def loss(
  models: models_.Models,
  params: Any,
  state: state_.TrainState,
  batch: Mapping[str, Array],
  key: Array,
  config: Any,
) -> tuple[Array, tuple[dict, returns.ReturnRange, dict]]:
  """The sum of all losses for a batch of `[B, T + 1, ...]`.

  Returns:
    The total, and: refreshed latents `[B, T, ...]` for the replay, with the
    loss of the world model as `priority` `[B, T]`; the range of returns;
    metrics.
  """
  observe, dream = jax.random.split(key)
  post, losses, metrics = world_model(models, params, batch, observe, config)
  priority = sg(combine.scaled(losses, config.loss_scales))
  acting, values, span, more = actor_critic(
    models, params, state, post, batch, dream, config
  )
  losses |= acting | values
  metrics |= more
  metrics |= {f'loss/{k}': v.mean() for k, v in losses.items()}
  latents = jax.tree.map(sg, posterior.pack(post)) | {'priority': priority}
  return combine.total(losses, config.loss_scales), (
    latents,
    span,
    metrics,
  )


def world_model(
  models: models_.Models,
  params: Any,
  batch: Mapping[str, Array],
  key: Array,
  config: Any,
) -> tuple[rssm.State, dict[str, Array], dict[str, Array]]:
  """Posterior states, losses `[B, T]` and metrics of the world model."""
  post, logp = posterior.filtered(models, params, batch, key)
  prior = models.dyn.apply(
    {'params': params['dyn']}, post.deter, method='prior'
  )
  dyn, rep, kl = model.dynamics(logp, prior, config.loss.free_nats)
  losses = {'dyn': dyn, 'rep': rep}
  now = {k: v[:, 1:] for k, v in batch.items()}
  flat = lambda x: x.reshape((-1, *x.shape[2:]))
  recons = models.decode(params, jax.tree.map(flat, post))
  for name, raw in recons.items():
    fit = decoder.log_prob(
      models.obs_space[name], raw, flat(now[name]), models.imgdec.cut
    )
    losses[f'rec/{name}'] = -fit.reshape(dyn.shape)
  feat = rssm.features(post)
  losses['rew'] = -models.reward(params, feat).log_prob(now['reward'])
  target = model.continuation_target(now['is_terminal'], config.loss.horizon)
  losses['con'] = -models.cont(params, feat).log_prob(target)
  metrics = {
    'dyn/kl': kl.mean(),
    'dyn/prior_entropy': dists.entropy_onehot(prior).mean(),
    'dyn/post_entropy': dists.entropy_onehot(logp).mean(),
  }
  return post, losses, metrics


def actor_critic(
  models: models_.Models,
  params: Any,
  state: state_.TrainState,
  post: rssm.State,
  batch: Mapping[str, Array],
  key: Array,
  config: Any,
) -> tuple[dict, dict, returns.ReturnRange, dict]:
  """Learns to act and to judge from dreams that start in a batch.

  Dreams start from the last `imag.last` states of every sequence, or from
  all of them if it is 0.

  Returns:
    Losses of the actor `[H, B']`, losses of the critic, the range of returns
    that advantages were divided by, metrics.
  """
  frozen = sg(params)
  length = post.deter.shape[1]
  last = min(config.imag.last or length, length)
  ends = {k: v[:, -last:] for k, v in batch.items()}
  tail = jax.tree.map(lambda x: x[:, -last:], post)
  flat = lambda x: x.reshape((-1, *x.shape[2:]))
  start = sg(jax.tree.map(flat, tail))
  mask = models.allowed(jax.tree.map(flat, ends))
  roll, think = jax.random.split(key)
  dream = sg(
    imagine.rollout(models, frozen, start, mask, config.imag.length, roll)
  )
  reward = models.reward(frozen, dream.feat).pred()
  cont = models.cont(frozen, dream.feat).prob()
  critic = models.value(params['val'], dream.feat)
  slow = models.value(state.slowval, dream.feat[:-1]).pred()
  value = sg(critic.pred())
  ret = returns.lambda_return(reward, cont, value, config.imag.lam)
  span = returns.update_range(
    state.range, devices.gather(ret), config.retnorm.rate
  )
  scale = returns.scale(span, config.retnorm.limit)
  weight = jnp.cumprod(cont, 0)[:-1]
  adv = (ret - value[:-1]) / scale

  acting, metrics = actor.losses(
    models, params, start, dream, value[0], adv, scale, think, config
  )
  acting = {k: weight * v for k, v in acting.items()}
  before = dists.TwoHot(critic.logits[:-1])
  fit = imagine_losses.value(before, slow, ret, config.imag.slowreg)
  feat = rssm.features(tail)
  critics = {
    'value': weight * fit,
    'repval': replayed_value(
      models, params, state, feat, ends, ret[0], config
    ),
  }
  metrics |= {
    'imag/return': ret.mean(),
    'imag/reward': reward[1:].mean(),
    'imag/value': value.mean(),
    'imag/cont': cont.mean(),
    'imag/adv': adv.mean(),
    'imag/adv_std': adv.std(),
    'ret/low': span.low,
    'ret/high': span.high,
  }
  return acting, critics, span, metrics


def replayed_value(
  models: models_.Models,
  params: Any,
  state: state_.TrainState,
  feat: Array,
  batch: Mapping[str, Array],
  boot: Array,
  config: Any,
) -> Array:
  """Critic loss on replayed sequences, `[T - 1, B]`; trains the model too.

  Args:
    feat: posterior features `[B, T, F]`, with their gradient.
    batch: the same steps, `[B, T, ...]`.
    boot: imagined returns `[B * T]`, what replayed returns end in.
  """
  time = lambda x: x.swapaxes(0, 1)
  last = time(batch['is_last'])
  feat = time(feat)
  boot = time(boot.reshape(batch['reward'].shape))
  cont = model.continuation_target(
    time(batch['is_terminal']), config.loss.horizon
  )
  ret = returns.lambda_return(
    time(batch['reward']), cont, boot, config.imag.lam, last
  )
  critic = models.value(params['val'], feat[:-1])
  slow = models.value(state.slowval, feat[:-1]).pred()
  fit = imagine_losses.value(critic, slow, ret, config.imag.slowreg)
  return (1 - last[:-1].astype(jnp.float32)) * fit
