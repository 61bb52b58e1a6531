"""Thoughts, halting and actions, learnt from plans in words.

At a step of a plan, the goals in force are a stack: what is wanted above all,
then s_1 to s_K, each for the one before; s_K is the action in words. Level n
of the goal model is taught to put out the goal s_n, and to halt at level K:

    say    -log P(s_n | y_n) of the text decoder, nats per piece
    align  -log softmax_u(y_n E(s_u) / t)[s_n] over the texts of the batch
           (InfoNCE, van den Oord et al. 2018, arXiv 1807.03748)
    halt   -log p_K
    bc     -log pi_K(a) of the action a that was intended; at a step without a
           plan PonderNet's loss (Banino et al. 2021, arXiv 2107.05407)
           sum_n p_n (-log pi_n(a)) + `ponder.beta` KL(p || prior)

y_n is the subgoal of level n, E the goal encoder, t `imitation.temperature`.
While `imitation.force` lasts, a level is asked with E(s_{n-1}) instead of
y_{n-1} (teacher forcing). A share `imitation.ask` of the steps is asked for
one of s_1 to s_{K-1}, as likely each, as if it were g, and what is below it is
the plan: so the agent can be asked for any of the goals. Without
`imitation.plans` the actions alone are learnt, and what is wanted above all.
An actor of fixed depth (`ponder.mode fixed`) says the action in words at all
levels from K to the last, which acts.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.goals.immediate import Thoughts
from ponderdream.losses import combine
from ponderdream.nets import text
from ponderdream.objectives.terms import Pass, Terms, flat, flat_tree

Array = jax.Array
sg = jax.lax.stop_gradient

# Texts of the batch, int `[U, L]` in pieces, to which goals point.
TEXTS = 'shared/texts'


class Plans(NamedTuple):
  """What is wanted at the M steps of a batch `[B, T]`.

  Attributes:
    goal: goals `[B, T, G]`; zeros where none is known.
    stack: the goal of each level as an index of the texts, int `[N, M]`; -1
      from where there are none.
    embedded: goals of all texts, `[U, G]`.
  """

  goal: Array
  stack: Array
  embedded: Array

  @property
  def depth(self) -> Array:
    """Number of levels K, `[M]`; 0 without a plan."""
    return (self.stack >= 0).sum(0)


def losses(p: Pass) -> Terms:
  """`say`, `align`, `halt` and `bc`, each over the steps that have what it
  needs."""
  ask, force, draw = jax.random.split(p.key, 3)
  plans = read(p, ask)
  mask = p.models.allowed(p.batch)
  view = flat_tree(p.models.view(p.params, p.post, p.tokens, mask, plans.goal))
  forced = jax.random.bernoulli(force, forcing(p), plans.stack.T.shape)
  found = p.models.thoughts(p.params, view, lesson(plans, forced))
  terms, metrics = aligned(p, plans, found.goal)
  terms['say'] = said(p, plans, found.goal, draw)
  acted, more = imitated(p, plans, view, found)
  return Terms(terms | acted, metrics | more | {'imitation/force': forcing(p)})


def forcing(p: Pass) -> Array:
  """The probability of teacher forcing, which falls to 0 in `imitation.fade`
  updates."""
  config = p.config.imitation
  left = 1 - p.state.updates.astype(jnp.float32) / config.fade
  return config.force * jnp.clip(left, 0, 1)


def read(p: Pass, key: Array) -> Plans:
  """The plans of a batch with `goal` `[B, T]` and `stack` `[B, T, K]`."""
  embedded = p.models.goals(p.params, p.batch[TEXTS])
  goal, stack = (known(p.batch, k) for k in ('goal', 'stack'))
  shift = drawn(key, (stack >= 0).sum(-1), p.config.imitation.ask)
  goal, stack = lowered(goal, stack, shift)
  if not p.config.imitation.plans:
    stack = jnp.full_like(stack, -1)
  stack = flat(stack).T
  levels = p.models.ponder.max_steps
  more = jnp.full((levels - len(stack), stack.shape[1]), -1, stack.dtype)
  stack = jnp.concatenate([stack, more])
  if p.models.ponder.mode == 'fixed':
    stack = held(stack)
  return Plans(wanted(embedded, goal), stack, embedded)


def held(stack: Array) -> Array:
  """Stacks `[N, M]` whose last goal stays to the last level."""
  last = jnp.maximum((stack >= 0).sum(0) - 1, 0)
  lowest = jnp.take_along_axis(stack, last[None], 0)
  return jnp.where(stack >= 0, stack, lowest)


def wanted(embedded: Array, goal: Array) -> Array:
  """The goals `[B, T, G]` of indices `[B, T]`; zeros for -1."""
  return jnp.where((goal >= 0)[..., None], embedded[goal], 0)


def drawn(key: Array, depth: Array, share: float) -> Array:
  """How many levels lower plans of a depth begin: in a share of those of two
  levels or more, 1 to depth - 1, as likely each; else 0."""
  first, second = jax.random.split(key)
  ask = jax.random.bernoulli(first, share, depth.shape) & (depth > 1)
  lower = jax.random.randint(second, depth.shape, 1, jnp.maximum(depth, 2))
  return jnp.where(ask, lower, 0)


def lowered(goal: Array, stack: Array, shift: Array) -> tuple[Array, Array]:
  """Goals `[...]` and stacks `[..., K]` that begin `shift` levels lower: what
  is wanted is s_shift, and the levels below it are the stack."""
  count = stack.shape[-1]
  rows = jnp.concatenate(
    [goal[..., None], stack, jnp.full_like(stack, -1)], -1
  )
  level = jax.lax.broadcasted_iota(
    jnp.int32, (*goal.shape, count + 1), goal.ndim
  )
  taken = jnp.take_along_axis(rows, shift[..., None] + level, -1)
  return taken[..., 0], taken[..., 1:]


def known(batch: Mapping[str, Array], key: str) -> Array:
  """Indices `[B, T, ...]` of a batch; -1 in rows that do not have the key."""
  index, has = batch[key], batch.get(f'has/{key}')
  if has is None:
    return index
  return jnp.where(
    has.reshape((*has.shape, *[1] * (index.ndim - 2))), index, -1
  )


def lesson(plans: Plans, forced: Array) -> tuple[Array, Array]:
  """The goals that each level may be asked with, `[M, N, G]`, and whether it
  is, bool `[M, N]`: only after the first level, and only if it is known."""
  before = jnp.roll(plans.stack, 1, 0).at[0].set(-1).T
  return plans.embedded[before], forced & (before >= 0)


def aligned(
  p: Pass, plans: Plans, goal: Array
) -> tuple[dict[str, combine.Loss], dict[str, Any]]:
  """`align`, and the share of subgoals whose nearest text is the right one.

  Args:
    goal: subgoals `[N, M, G]`.
  """
  real = p.batch[TEXTS][:, 0] != text.PADDING
  near = jnp.einsum('nmg,ug->nmu', goal, plans.embedded) / goal.shape[-1]
  logits = jnp.where(real, near / p.config.imitation.temperature, -1e9)
  known = plans.stack >= 0
  score = jax.nn.log_softmax(logits.astype(jnp.float32))
  nats = -jnp.take_along_axis(score, plans.stack[..., None], -1)[..., 0]
  right = (logits.argmax(-1) == plans.stack).astype(jnp.float32)
  metrics = {'imitation/right': combine.masked(right, known)}
  metrics['imitation/goal'] = combine.masked(right[0], known[0])
  return {'align': combine.masked(nats, known)}, metrics


def said(p: Pass, plans: Plans, goal: Array, key: Array) -> combine.Mean:
  """`say` of `imitation.nodes` subgoals of the batch."""
  known = (plans.stack >= 0).ravel()
  count = min(p.config.imitation.nodes, known.size)
  chance = jax.random.uniform(key, known.shape) - ~known
  _, nodes = jax.lax.top_k(chance, count)
  pieces = p.batch[TEXTS][plans.stack.ravel()[nodes]]
  vector = goal.reshape((-1, goal.shape[-1]))[nodes]

  def nats_of(few: Array) -> Array:
    logits = p.models.apply(p.params, 'txtdec', vector, few)
    score = jax.nn.log_softmax(logits)
    nats = -jnp.take_along_axis(score, few[..., None], -1)[..., 0]
    return jnp.pad(nats, ((0, 0), (0, pieces.shape[1] - few.shape[1])))

  nats = text.briefly(nats_of, pieces)
  counts = (pieces != text.PADDING) & known[nodes][:, None]
  return combine.masked(nats, counts)


def imitated(
  p: Pass, plans: Plans, view: Any, found: Thoughts
) -> tuple[dict[str, combine.Loss], dict[str, Any]]:
  """`halt` and `bc`: what the level at which the plan ends is taught, and all
  levels where there is no plan."""
  whole, last = plans.depth > 0, jnp.maximum(plans.depth - 1, 0)
  at_last = lambda x: jnp.take_along_axis(x, last[None], 0)[0]
  dist = p.models.policy(found.raw, view)
  meant = {p.models.action.keys[0]: known(p.batch, 'intended')}
  action = flat(p.models.action.flatten(meant, 2))
  acts = (action >= 0).all(-1)
  p_halt = jnp.exp(found.log_p)
  nats = -dist.log_prob(action[None])
  free = (p_halt * nats).sum(0) + p.config.ponder.beta * found.kl
  right = (dist.mode() == action[None]).all(-1).astype(jnp.float32)
  best = jnp.where(whole, at_last(right), (p_halt * right).sum(0))
  steps = p_halt * jnp.arange(1, len(found.log_p) + 1)[:, None]
  error = abs(steps.sum(0) - plans.depth)
  terms: dict[str, combine.Loss] = {
    'halt': combine.masked(-at_last(found.log_p), whole),
    'bc': combine.masked(jnp.where(whole, at_last(nats), free), acts),
  }
  metrics = {
    'imitation/action': combine.masked(best, acts),
    'imitation/depth_error': combine.masked(error, whole),
  }
  return terms, metrics
