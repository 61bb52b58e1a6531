"""DreamerV3's optimiser: adaptive gradient clipping, then LaProp.

Groups of parameters may have learning rates of their own, or none. A group is
a text `REGEX=FACTOR`: the learning rate of the parameters that the regular
expression matches (in full, such as `dyn/.*` for `dyn/img/linear0/kernel`) is
`factor * lr`. The first group that matches counts. Parameters that no group
matches are frozen.
"""

import re
from collections.abc import Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import optax

from embodied import errors
from embodied.errors import UsageError

# Kinds of updates: on batches of the source, and on the newest steps.
REPLAYED, FRESH = 'replayed', 'fresh'


def by_kind(
  config: Any, params: Any
) -> dict[str, optax.GradientTransformation]:
  """The optimiser of each kind of updates of an agent.

  Args:
    config: the whole configuration.
    params: as for `make`.
  """
  kinds = {REPLAYED: make(config.opt, params)}
  if config.loss_scales.ppo:
    kinds[FRESH] = make(config.ppo.opt, params)
  return kinds


def make(config: Any, params: Any) -> optax.GradientTransformation:
  """AGC, then LaProp (Ziyin et al. 2020, arXiv 2002.04839): the gradient is
  divided by its running size *before* the momentum; both are bias-corrected.

  Args:
    config: the block `opt` or `ppo.opt`, see also `schedule`.
    params: parameters or their shapes.

  Raises:
    UsageError: a group is not `REGEX=FACTOR`, or matches no parameter.
  """
  factors = group_factors(config.groups, params)
  laprop = optax.chain(
    optax.scale_by_rms(
      config.beta2, config.eps, eps_in_sqrt=False, bias_correction=True
    ),
    optax.ema(config.beta1, debias=True),
    optax.scale_by_learning_rate(schedule(config)),
  )
  # One vector of all parameters: a few operations instead of a few hundred.
  clip = clip_by_agc(config.agc, config.pmin)
  transform = optax.chain(clip, optax.flatten(laprop))
  values = set(jax.tree.leaves(factors))
  if 0.0 in values:
    learnt = jax.tree.map(lambda x: x > 0, factors)
    transform = optax.masked(transform, learnt)
  if values == {1.0}:
    return transform
  return optax.chain(transform, scale_by(factors))


def schedule(config: Any) -> float | optax.Schedule:
  """The learning rate by number of updates: it rises linearly from zero to
  `lr` in `warmup` updates, then falls linearly to `lr * final` in `decay`
  updates, unless `decay` is 0, and stays there."""
  lr, warmup, decay = config.lr, config.warmup, config.decay
  after = optax.constant_schedule(lr)
  if decay:
    after = optax.linear_schedule(lr, lr * config.final, decay)
  if warmup:
    rise = optax.linear_schedule(0, lr, warmup)
    return optax.join_schedules([rise, after], [warmup])
  return after if decay else lr


def stop_frozen(params: Any, groups: Sequence[str]) -> Any:
  """The parameters, without a gradient for those that no group matches."""
  stop = lambda x, factor: x if factor else jax.lax.stop_gradient(x)
  return jax.tree.map(stop, params, group_factors(groups, params))


def group_factors(groups: Sequence[str], params: Any) -> Any:
  """The factor of the learning rate of each parameter, 0 for frozen ones: a
  tree of floats like `params`.

  Raises:
    UsageError: a group is not `REGEX=FACTOR`, or matches no parameter.
  """
  rows = [parse_group(x) for x in groups]
  counts = [0] * len(rows)

  def factor(path: Any, _: Any) -> float:
    key = '/'.join(x.key for x in path)
    for i, (pattern, value) in enumerate(rows):
      if pattern.fullmatch(key):
        counts[i] += 1
        return value
    return 0.0

  factors = jax.tree_util.tree_map_with_path(factor, params)
  for text, count in zip(groups, counts, strict=True):
    if not count:
      raise UsageError(
        f'The group {errors.quoted(text)} of opt.groups matches no parameter'
        ' that an earlier group leaves; parameters begin with'
        f' {", ".join(params)}.'
      )
  return factors


def parse_group(text: str) -> tuple[re.Pattern[str], float]:
  """`REGEX=FACTOR` as pattern and factor. Raises UsageError."""
  pattern, sign, factor = text.rpartition('=')
  try:
    value = float(factor)
    found = re.compile(pattern)
  except (ValueError, re.error) as error:
    raise UsageError(
      f'opt.groups holds {errors.quoted(text)}: {error}.'
    ) from None
  if not sign or not 0 < value < float('inf'):
    raise UsageError(
      f'opt.groups holds {errors.quoted(text)}; write REGEX=FACTOR with a'
      " factor above 0, such as 'val/.*=0.5'."
    )
  return found, value


def clip_by_agc(clip: float, pmin: float) -> optax.GradientTransformation:
  """Bounds each tensor's gradient norm by `clip * max(pmin, |param|)`.

  Brock et al. 2021 (arXiv 2102.06171), with one L2 norm per tensor.
  """

  def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    def one(grad: jax.Array, param: jax.Array) -> jax.Array:
      chex.assert_equal_shape([grad, param])
      limit = clip * jnp.maximum(pmin, norm(param))
      return grad / jnp.maximum(1, norm(grad) / limit)

    return jax.tree.map(one, grads, params), state

  return optax.GradientTransformation(
    lambda params: optax.EmptyState(), update
  )


def scale_by(factors: Any) -> optax.GradientTransformation:
  """Multiplies each update by its factor."""
  return optax.stateless(
    lambda updates, _: jax.tree.map(jnp.multiply, updates, factors)
  )


def norm(tree: Any) -> jax.Array:
  """Square root of the sum of all squares in a tree, a scalar."""
  return jnp.sqrt(sum(jnp.square(x).sum() for x in jax.tree.leaves(tree)))
