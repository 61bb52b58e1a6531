"""One update: the gradient of the sum of all losses.

A batch holds `T + 1` steps. The model state stored with the first one is the
start from which the posterior states of the other `T` are computed (replay
context). For the newest steps, the stored states of all steps are used.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ponderdream import objectives
from ponderdream.distributed import devices, keys
from ponderdream.dream import levels, posterior
from ponderdream.learn import optim
from ponderdream.losses import combine, returns
from ponderdream.models import Models
from ponderdream.objectives import Pass, Terms
from ponderdream.objectives.terms import cut_steps, flat
from ponderdream.state import TrainState, update_slow
from ponderdream.world import rssm

Array = jax.Array
sg = jax.lax.stop_gradient


class Aux(NamedTuple):
  """What `loss` returns in addition to the loss.

  Attributes:
    latents: refreshed model states `[B, T, ...]` for the replay, with the
      loss of the world model as `priority` `[B, T]`.
    running: running statistics of the objectives.
    metrics: numbers to log.
  """

  latents: dict[str, Array]
  running: dict[str, Any]
  metrics: dict[str, Any]


def make(
  models: Models,
  optimizer: optax.GradientTransformation,
  config: Any,
  kind: str = optim.REPLAYED,
) -> Callable:
  """The step `(state, batch, key) -> (state, latents, metrics)` to `pmap`.

  Updates on replayed batches and updates on the newest steps are two kinds.
  Each kind has its own objectives and optimiser.

  If the loss, the gradient or the new parameters are not finite, the state
  does not change. The metrics show which loss was not finite.
  """

  def step(
    state: TrainState, batch: Mapping[str, Array], key: Array
  ) -> tuple[TrainState, dict[str, Array], dict[str, Array]]:
    key = keys.fold(jax.random.fold_in(key, state.updates))
    grad = jax.value_and_grad(loss, argnums=1, has_aux=True)
    (total, aux), grads = grad(
      models, state.params, state, batch, key, config, kind == optim.FRESH
    )
    grads, metrics = devices.mean_flat(grads), over_devices(aux.metrics)
    updates, opt = optimizer.update(grads, state.opt[kind], state.params)
    params = optax.apply_updates(state.params, updates)
    if grows(config, kind, params):
      seen = observations(models, batch)
      params = models.grow(params, seen, devices.gather)
    params, slow = after_update(
      models, params, state.slow, aux.running['ppo'], config
    )
    metrics |= {
      f'opt/{kind}/loss': devices.mean(total),
      f'opt/{kind}/grad_norm': optim.norm(grads),
      'opt/param_norm': optim.norm(params),
    }
    sizes = [v for k, v in metrics.items() if k.startswith('opt/')]
    good = jnp.isfinite(jnp.stack(sizes)).all()
    opt = state.opt | {kind: opt}
    new = TrainState(params, slow, opt, aux.running, state.updates + 1)
    new = jax.tree.map(lambda a, b: jnp.where(good, a, b), new, state)
    return new, aux.latents, metrics

  return step


def grows(config: Any, kind: str, params: Any) -> bool:
  """Whether an update may add patches to the encoder's table: not if the table
  is frozen, nor if the reference of a leash has a copy of it, to which new
  codes mean nothing."""
  scales = config.loss_scales
  if scales.leash_halt or scales.leash_act:
    return False
  groups = config.ppo.opt.groups if kind == optim.FRESH else config.opt.groups
  return bool(optim.group_factors(groups, params)['enc'].get('codes', 0))


def after_update(
  models: Models,
  params: Any,
  slow: Any,
  span: returns.ReturnRange,
  config: Any,
) -> tuple[Any, Any]:
  """The parameters and their slow copies after an update: both critics are for
  returns in the range `span`, and the copies have moved on."""
  size = returns.scale(span, config.retnorm.limit)
  params = models.rescaled(params, size)
  slow = update_slow(models.rescaled(slow, size), params, config.slow)
  return params, slow


def over_devices(metrics: dict[str, Any]) -> dict[str, Array]:
  """Means over the states of all devices, inside of `pmap`. The depth is the
  largest of all devices, because the others wait for that device."""
  deepest = {k: v for k, v in metrics.items() if k == 'ponder/depth'}
  return levels.means(devices.mean(metrics)) | devices.most(deepest)


def loss(
  models: Models,
  params: Any,
  state: TrainState,
  batch: Mapping[str, Array],
  key: Array,
  config: Any,
  fresh: bool = False,
) -> tuple[Array, Aux]:
  """The sum of the losses of all active objectives, inside of `pmap`.

  Args:
    batch: steps `[B, T + 1, ...]`.
    key: consumed.
    fresh: whether they are the newest ones. Then the model states are those
      that were stored while acting, without a gradient, and objectives get
      all `T + 1` steps.

  Raises:
    ValueError: two objectives return a loss or a metric of the same key.
  """
  groups = config.ppo.opt.groups if fresh else config.opt.groups
  params = optim.stop_frozen(params, groups)
  split = jax.random.split(key, len(objectives.OBJECTIVES))
  draws = dict(zip(objectives.OBJECTIVES, split, strict=True))
  if fresh:
    now = batch
    seen = posterior.acted(models, params, batch)
  else:
    now = cut_steps(batch, slice(1, None))
    seen = posterior.filtered(models, params, batch, draws['model'])
  shared = (models, params, sg(params), state, now, *seen)
  terms = {
    name: row.losses(Pass(*shared, draws[name], config))
    for name, row in objectives.active(config.loss_scales, fresh).items()
  }
  losses = combine.merged(
    combine.counted(x.losses, config.loss_scales) for x in terms.values()
  )
  metrics = combine.merged(x.metrics for x in terms.values())
  metrics |= {f'loss/{k}': combine.mean(v) for k, v in losses.items()}
  total = combine.total(losses, config.loss_scales, devices.mean)
  latents = {}
  if not fresh:
    latents = latents_of(seen[0], terms, config.loss_scales)
  running = state.running | {
    k: x.running for k, x in terms.items() if x.running is not None
  }
  return total, Aux(latents, running, metrics)


def observations(
  models: Models, batch: Mapping[str, Array]
) -> dict[str, Array]:
  """The observations of a batch one after the other, `[B (T + 1), ...]`."""
  return {k: flat(batch[k]) for k in models.obs_space}


def latents_of(
  post: rssm.State, terms: Mapping[str, Terms], scales: Mapping[str, float]
) -> dict[str, Array]:
  """Model states for the replay, and the `priority` of their steps."""
  by_step = combine.merged(
    x.losses
    for name, x in terms.items()
    if objectives.OBJECTIVES[name].priority
  )
  losses = combine.counted(by_step, scales)
  arrays = {k: v for k, v in losses.items() if not isinstance(v, combine.Mean)}
  priority = combine.scaled(arrays, scales)
  priority = jnp.broadcast_to(priority, post.deter.shape[:2])
  return jax.tree.map(sg, posterior.pack(post)) | {'priority': sg(priority)}
