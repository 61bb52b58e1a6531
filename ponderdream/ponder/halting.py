"""From halting logits to probabilities (PonderNet, arXiv 2107.05407).

All functions take `logit [N, B]` and `active [N, B]` as `loop.unroll` returns
them: `active` is True for at least the first level, and once False stays
False. Everything is computed in log space and in float32 at the least, so
saturated halting probabilities give finite values and finite gradients.
Levels count from 0.
"""

import math
import numbers
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# When an example stops: `rule(tally, logit, eps) -> (tally, goes_on)`, all
# `[B]` but eps. The tally is what the rule keeps in mind from level to level;
# it is zero before the first.
Rule = Callable[
  [jax.Array, jax.Array, float | None], tuple[jax.Array, jax.Array]
]


def survive(
  log_survival: jax.Array, logit: jax.Array, eps: float | None
) -> tuple[jax.Array, jax.Array]:
  """PonderNet's rule: on while the product of the `1 - lambda` is large.

  Takes the log survival [B] past one level: returns `log S_n [B]` and whether
  `S_n >= eps [B]`, that is whether the next level may be reached; with an
  `eps` of None it always may.
  """
  log_survival = log_survival + jax.nn.log_sigmoid(-logit)
  least = -math.inf if eps is None else math.log(eps)
  return log_survival, log_survival >= least


def check_eps(name: str, eps: float | None) -> None:
  """Raises ValueError unless `eps` is a number in (0, 1), or None."""
  if eps is None or (isinstance(eps, numbers.Real) and 0 < eps < 1):
    return
  raise ValueError(
    f'{name} got eps={eps!r}; it is the survival at which thinking stops, so '
    'choose a number above 0 and below 1, or None never to stop early.'
  )


def coin(key: jax.Array, n: jax.Array | int, logit: jax.Array) -> jax.Array:
  """Draws Bernoulli(lambda_n) [B] for level n; one key serves all levels."""
  key = jax.random.fold_in(key, n)
  return jax.random.bernoulli(key, jax.nn.sigmoid(logit))


def wide(logit: jax.Array) -> jax.Array:
  """The logit in float32, or in float64 where it is that already."""
  return logit.astype(jnp.promote_types(logit.dtype, jnp.float32))


def log_distribution(logit: jax.Array, active: jax.Array) -> jax.Array:
  """Log halting probabilities `log p_n [N, B]`, -inf where not active.

  `log p_n = log S_{n-1} + log lambda_n`, without `log lambda_n` on the last
  active level. The gradient is finite everywhere. Add to it or take
  `logsumexp` of it, but for sums `p log p` use `kl_geometric` or `kl`: 0 times
  -inf is NaN.
  """
  logit = wide(logit)
  continues = _continues(active)
  halts = jnp.where(continues, jax.nn.log_sigmoid(logit), 0)
  log_p = _log_reached(logit, continues) + halts
  return jnp.where(active, log_p, -jnp.inf)


def distribution(logit: jax.Array, active: jax.Array) -> jax.Array:
  """Halting probabilities `p_n [N, B]` (eq. 2): sum to 1, 0 if not active."""
  return jnp.exp(log_distribution(logit, active))


def expected_steps(p: jax.Array) -> jax.Array:
  """Mean number of steps `sum_n (n + 1) p_n [B]` of `p [N, B]`, 1 to N."""
  count = jnp.arange(1, p.shape[0] + 1, dtype=p.dtype)
  return jnp.tensordot(count, p, 1)


def kl(logit: jax.Array, ref_logit: jax.Array, active: jax.Array) -> jax.Array:
  """KL(p || p_ref) [B] in nats, both truncated at p's last active level.

  By the chain rule, with N_b the number of active levels,
  `sum_{n < N_b - 1} S_{n-1} KL(Bern(lambda_n) || Bern(lambda_ref_n))`.

  Args:
    logit: `[N, B]` of p; the mask `active [N, B]` is p's too.
    ref_logit: broadcasts to `[N, B]`. It must hold a logit at every level
      that is active for p: unroll a reference with `eps=None`.

  Infinite logits are welcome: what p never does costs nothing, and what only
  the reference never does 1e38 nats in float32, the largest number.
  """
  logit, ref_logit = wide(logit), wide(ref_logit)
  log_go, log_stay = _log_sigmoid(logit), _log_sigmoid(-logit)
  ref_go, ref_stay = (_log_sigmoid(s * ref_logit) for s in (1, -1))
  bernoulli = jax.nn.sigmoid(logit) * (log_go - ref_go)
  bernoulli += jax.nn.sigmoid(-logit) * (log_stay - ref_stay)
  continues = _continues(active)
  reached = jnp.exp(_log_reached(logit, continues))
  return jnp.where(continues, reached * bernoulli, 0).sum(0)


def kl_geometric(
  logit: jax.Array, active: jax.Array, prior: float | jax.Array
) -> jax.Array:
  """KL(p || geometric(prior)) [B] in nats (eq. 3), truncated alike.

  `prior` is the halting probability per step, in (0, 1): a prior of 0.2
  thinks for 5 steps in the mean. Zero where `logit = log(prior / (1 -
  prior))` on every level.

  Raises:
    ValueError: a `prior` whose value is known lies outside (0, 1).
  """
  if not isinstance(prior, jax.core.Tracer):
    # Not by jnp, which under jit would make a tracer of a known value.
    values = prior.tolist() if hasattr(prior, 'tolist') else prior
    if not all(0 < value < 1 for value in jax.tree.leaves(values)):
      raise ValueError(
        f'The halting prior is {prior}; it is a probability per step, so '
        'choose a number above 0 and below 1.'
      )
  odds = jnp.log(prior) - jnp.log1p(-jnp.asarray(prior))
  return kl(logit, jnp.expand_dims(odds, range(2 - odds.ndim)), active)


def sample(key: jax.Array, logit: jax.Array, active: jax.Array) -> jax.Array:
  """Samples a level n ~ p, int32 [B], counted from 0.

  Tosses the coins that `act.act` tosses for the same key, so both halt at
  the same level. The key is consumed.
  """
  levels = jnp.arange(logit.shape[0], dtype=jnp.int32)
  halts = jax.vmap(coin, (None, 0, 0))(key, levels, wide(logit))
  halts |= ~_continues(active)
  return jnp.argmax(halts, 0).astype(jnp.int32)


def select(tree: Any, n: jax.Array) -> Any:
  """Takes level `n [B]` of every array `[N, B, ...]` of a tree: `[B, ...]`."""
  rows = jnp.arange(n.shape[0])
  return jax.tree.map(lambda leaf: leaf[n, rows], tree)


def _log_sigmoid(logit: jax.Array) -> jax.Array:
  """Finite for infinite logits too, so that 0 times it is 0."""
  return jnp.maximum(jax.nn.log_sigmoid(logit), jnp.finfo(logit.dtype).min)


def _continues(active: jax.Array) -> jax.Array:
  """True [N, B] at the active levels that are not an example's last."""
  after = jnp.concatenate([active[1:], jnp.zeros_like(active[:1])])
  return active & after


def _log_reached(logit: jax.Array, continues: jax.Array) -> jax.Array:
  """`log S_{n-1} [N, B]` up to the last active level, constant after it."""
  stays = jnp.where(continues, jax.nn.log_sigmoid(-logit), 0)
  return jnp.concatenate([jnp.zeros_like(stays[:1]), stays[:-1].cumsum(0)])
