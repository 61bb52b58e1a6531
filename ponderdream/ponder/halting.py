"""From halting logits to probabilities (PonderNet, arXiv 2107.05407).

All functions take `logit [N, B]` and `active [N, B]` as `loop.unroll` returns
them: `active` is True at the first level, and once it is False it stays False.
Everything is computed in log space, in float32 or float64. So halting
probabilities of 0 and 1 give finite values and finite gradients. Levels are
counted from 0.
"""

import math
import numbers
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

# When an example stops: `rule(total, logit, eps) -> (total, continues)`, all
# `[B]` except eps. The rule updates `total` at each level; it is 0 before the
# first.
Rule = Callable[
  [jax.Array, jax.Array, float | None], tuple[jax.Array, jax.Array]
]


def pondernet_rule(
  log_survival: jax.Array, logit: jax.Array, eps: float | None
) -> tuple[jax.Array, jax.Array]:
  """PonderNet's stopping rule: continue while `S_n >= eps`.

  Args:
    log_survival: `log S_{n-1} [B]`.
    logit: halting logits of level n, `[B]`.
    eps: survival in (0, 1) below which an example stops; None never stops.

  Returns:
    `log S_n [B]`, and whether the next level is computed, `[B]`.
  """
  log_survival = log_survival + jax.nn.log_sigmoid(-logit)
  least = -math.inf if eps is None else math.log(eps)
  return log_survival, log_survival >= least


def check_eps(name: str, eps: float | None) -> None:
  """Raises ValueError unless `eps` is a number in (0, 1), or None."""
  if eps is None or (isinstance(eps, numbers.Real) and 0 < eps < 1):
    return
  raise ValueError(
    f'{name} got eps={eps!r}, the survival at which an example stops; choose '
    'a number above 0 and below 1, or None never to stop early.'
  )


def coin(key: jax.Array, n: jax.Array | int, logit: jax.Array) -> jax.Array:
  """Draws Bernoulli(lambda_n) [B] for level n. `n` is folded into the key, so
  that one key can be used for all levels."""
  key = jax.random.fold_in(key, n)
  return jax.random.bernoulli(key, jax.nn.sigmoid(logit))


def at_least_float32(x: jax.Array) -> jax.Array:
  """`x` in float32, or in float64 if it is float64."""
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def log_distribution(logit: jax.Array, active: jax.Array) -> jax.Array:
  """Log halting probabilities `log p_n [N, B]`, -inf where not active.

  `log p_n = log S_{n-1} + log lambda_n`, without `log lambda_n` on the last
  active level. The gradient is finite everywhere. For the KL from a prior use
  `kl_geometric` or `kl`; in other sums of `p log p`, leave out -inf first,
  because 0 times -inf is NaN.
  """
  logit = at_least_float32(logit)
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
  """KL(p || p_ref) [B] in nats, of the decisions at p's active levels.

  By the chain rule, with N_b the number of active levels,
  `sum_{n < min(N_b, N - 1)} S_{n-1} KL(Bern(lambda_n) || Bern(lambda_ref_n))`:
  level N - 1 decides nothing. The decision at an example's last active level
  counts, although p gives that level all that is left. Without it, the KL
  would be 0 as soon as the first level halts with more than 1 - eps, and
  nothing would pull it back.

  Args:
    logit: `[N, B]` of p.
    ref_logit: of the reference, broadcasts to `[N, B]`. It must hold a logit
      at every level that is active for p: unroll a reference with `eps=None`.
    active: of p, `[N, B]`.

  Logits may be infinite. A decision that p never makes adds 0. One that only
  the reference never makes adds 1e38 nats, the largest float32.
  """
  logit, ref_logit = at_least_float32(logit), at_least_float32(ref_logit)
  log_go, log_stay = _log_sigmoid(logit), _log_sigmoid(-logit)
  ref_go, ref_stay = (_log_sigmoid(s * ref_logit) for s in (1, -1))
  bernoulli = jax.nn.sigmoid(logit) * (log_go - ref_go)
  bernoulli += jax.nn.sigmoid(-logit) * (log_stay - ref_stay)
  decides = active.at[-1].set(False)
  reached = jnp.exp(_log_reached(logit, _continues(active)))
  return jnp.where(decides, reached * bernoulli, 0).sum(0)


def kl_geometric(
  logit: jax.Array, active: jax.Array, prior: float | jax.Array
) -> jax.Array:
  """KL(p || geometric(prior)) [B] in nats (eq. 3), see `kl`.

  It is 0 where `logit = log(prior / (1 - prior))` at every level.

  Args:
    prior: halting probability per step, in (0, 1). A prior of 0.2 has a mean
      of 5 steps.

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

  It draws the same numbers as `act.act` with the same key, so both halt at
  the same level. The key is consumed.
  """
  levels = jnp.arange(logit.shape[0], dtype=jnp.int32)
  halts = jax.vmap(coin, (None, 0, 0))(key, levels, at_least_float32(logit))
  halts |= ~_continues(active)
  return jnp.argmax(halts, 0).astype(jnp.int32)


def select(tree: Any, n: jax.Array) -> Any:
  """Level `n [B]` of every array `[N, B, ...]` of a tree: `[B, ...]`."""
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
