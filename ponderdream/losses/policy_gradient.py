"""Policy gradients of an actor with several halting levels.

An actor with levels n, policies `pi_n` and halting probabilities `p_n` has the
policy `mu(a|s) = sum_n p_n pi_n(a|s)`. With the advantage A(s, a) and
`J = sum_n p_n E_{a ~ pi_n} A(s, a)`, the gradient of J has two parts. The
first improves the levels, the second moves probability to better levels:

    grad J = sum_n p_n E_{pi_n}[A grad log pi_n] + grad p_n E_{pi_n}[A]

The expected gradient of `mixture`, `levels` and `sampled` is `-grad J`; they
differ in variance, and in the actions that they need. The expected gradient of
`sum_n p_n L_n` with the REINFORCE surrogate `L_n = -A_n log pi_n(a_n)` is not:
the value of a surrogate is not a return, so p_n moves in the wrong direction.
The objectives add the price of steps, the KL to the prior and the entropy.
Advantages are constants here. N levels, batch size B; losses are in units of
the advantage times nats.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from ponderdream.nets import dists

sg = jax.lax.stop_gradient


def mixture(log_p: jax.Array, log_pi: jax.Array, adv: jax.Array) -> jax.Array:
  """`-A log mu(a)` [B] for one action a ~ mu per state.

  Args:
    log_p: `[N, B]`, log halting probabilities, -inf where not active.
    log_pi: `[N, B]`, log probability of the action under every level.
    adv: `[B]`, its advantage.
  """
  chex.assert_rank([log_p, log_pi, adv], [2, 2, 1])
  chex.assert_equal_shape([log_p, log_pi])
  chex.assert_shape(adv, log_p.shape[1:])
  return -sg(adv) * log_mu(log_p, log_pi)


def levels(log_p: jax.Array, log_pi: jax.Array, adv: jax.Array) -> jax.Array:
  """`-sum_m p_m A_m log mu(a_m)` [B] for one action a_m ~ pi_m per level.

  The factors p_m A_m are constants, so the action of every branch changes the
  probabilities of all levels. Values at levels that are not active are
  ignored.

  Args:
    log_p: `[N, B]`, log halting probabilities, -inf where not active.
    log_pi: `[N, M, B]`, `log_pi[n, m] = log pi_n(a_m)`. M <= N: the first M
      levels have branches, and the others must have probability 0.
    adv: `[M, B]`, advantage of a_m.
  """
  chex.assert_rank([log_p, log_pi, adv], [2, 3, 2])
  size, tried, batch = log_pi.shape
  chex.assert_shape(log_p, (size, batch))
  chex.assert_shape(adv, (tried, batch))
  chex.assert_scalar_in(tried, 1, size)
  log_p_m = sg(log_p[:tried])
  taken = log_p_m > -jnp.inf
  weight = jnp.where(taken, jnp.exp(log_p_m) * sg(adv), 0)
  log_pi = jnp.where(taken, log_pi, 0)
  return -(weight * log_mu(log_p[:, None], log_pi)).sum(0)


def sampled(log_p: jax.Array, log_pi: jax.Array, adv: jax.Array) -> jax.Array:
  """`-A (log p_n + log pi_n(a))` [B] for one n ~ p and one a ~ pi_n.

  REINFORCE on the pair (n, a): unbiased, with the largest variance; for
  comparison.

  Args:
    log_p: `[B]`, log probability of the level sampled.
    log_pi: `[B]`, log probability of the action under that level.
    adv: `[B]`, its advantage.
  """
  chex.assert_rank([log_p, log_pi, adv], 1)
  chex.assert_equal_shape([log_p, log_pi, adv])
  return -sg(adv) * (log_p + log_pi)


def clipped(
  log_ratio: jax.Array, adv: jax.Array, clip: float
) -> tuple[jax.Array, jax.Array]:
  """`-min(r A, clip(r, 1 - c, 1 + c) A)` with `r = mu(a) / mu_old(a)`, for one
  action a ~ mu_old per state (Schulman et al. 2017, arXiv 1707.06347, equation
  7). Where r is 1 its gradient is that of `mixture`.

  Args:
    log_ratio: `log r`, of any shape.
    adv: advantages of that shape.
    clip: c.

  Returns:
    The loss, and 1 where r is outside of the bounds, else 0.
  """
  chex.assert_equal_shape([log_ratio, adv])
  ratio = jnp.exp(log_ratio)
  bounded = ratio.clip(1 - clip, 1 + clip)
  loss = -jnp.minimum(ratio * sg(adv), bounded * sg(adv))
  return loss, (ratio != bounded).astype(jnp.float32)


def log_mu(log_p: jax.Array, log_pi: jax.Array) -> jax.Array:
  """`log mu = log sum_n p_n pi_n`, over the leading axis N.

  Args:
    log_p: `[N, ...]`, log halting probabilities, -inf where not active.
    log_pi: `[N, ...]`; ignored where a level is not active.
  """
  log_pi = jnp.where(log_p > -jnp.inf, log_pi, 0)
  return jax.nn.logsumexp(log_p + log_pi, 0)


def divergence(
  now: tuple[Any, jax.Array], before: tuple[Any, jax.Array], action: jax.Array
) -> jax.Array:
  """`KL(mu || mu_ref)` in nats, `[B]`, of two policies `mu = sum_n p_n pi_n`.

  Exact for one discrete variable. Otherwise its estimate `r - 1 - log r` with
  `r = mu_ref(a) / mu(a)` for an action a ~ mu, which is never negative; the
  gradient of the estimate is that of `KL(mu_ref || mu)`.

  Args:
    now, before: of mu and of mu_ref, the policies of the levels, batch shape
      `[N, B]`, and log halting probabilities `[N, B]`.
    action: flat actions `[B, V]`.
  """
  if isinstance(now[0], dists.Discrete) and len(now[0].logps) == 1:
    log, ref = (log_mu(p[..., None], x.logps[0]) for x, p in (now, before))
    return (jnp.exp(log) * (log - ref)).sum(-1)
  log, ref = (log_mu(p, x.log_prob(action[None])) for x, p in (now, before))
  return jnp.expm1(ref - log) - (ref - log)


def entropy(dist: Any, log_p: jax.Array) -> jax.Array:
  """Entropy of `mu = sum_n p_n pi_n` in nats, `[B]`.

  Exact for one discrete variable. Otherwise the mean entropy of the levels
  with p held fixed, so that its gradient does not move probability to the most
  random level.

  Args:
    dist: the policies of the levels, batch shape `[N, B]`.
    log_p: `[N, B]`, log halting probabilities, -inf where not active.
  """
  if isinstance(dist, dists.Discrete) and len(dist.logps) == 1:
    logs = log_mu(log_p[..., None], dist.logps[0])
    return -(jnp.exp(logs) * logs).sum(-1)
  return (sg(jnp.exp(log_p)) * dist.entropy()).sum(0)
