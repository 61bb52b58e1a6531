"""The immediate goal: the subgoal model, applied until it halts.

`all_levels` computes all halting levels, with a gradient, for learning.
`choose` stops at the level that halts, for acting. The plain agent and the
other ponder modes use the same two functions with a single level.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ponderdream.goals import inner
from ponderdream.goals.actdec import ActionDecoder
from ponderdream.goals.modes import MODES, Settling, single_level
from ponderdream.goals.modes import HaltingLevels as HaltingLevels
from ponderdream.goals.modes import PonderConfig as PonderConfig
from ponderdream.nets import heads
from ponderdream.ponder import act, halting, loop, settle

Array = jax.Array
Decoder = heads.Head | ActionDecoder


class Acting(NamedTuple):
  """How an action is chosen.

  Attributes:
    halt: 'sample' or 'median', see `ponder.act`; only for `ponder.mode:
      pondernet`.
    greedy: take the most probable action instead of a sample.
    suppress: number of initial steps at which halting is disabled. It is
      added to the maximum number of steps; in mode 'fixed', to the number of
      steps. Not for an actor whose levels have parameters of their own.
    aloud: whether the subgoals of all levels are said, too, by an agent whose
      goals are texts.
    foresees: whether the action of every level is told, and what the model
      expects of it.
  """

  halt: str = 'sample'
  greedy: bool = False
  suppress: int = 0
  aloud: bool = False
  foresees: bool = False


# As in training: halting and actions are sampled.
SAMPLED = Acting()


class Thoughts(NamedTuple):
  """All levels of an actor, with what each of them is after.

  Attributes:
    raw: outputs of the policy network, `[N, B, O]`.
    goal: subgoals, `[N, B, G]`.
    log_p: log halting probabilities, `[N, B]`.
    kl: nats from the geometric prior, `[B]`.
  """

  raw: Array
  goal: Array
  log_p: Array
  kl: Array


class Given(NamedTuple):
  """What is the same at every ponder step.

  Attributes:
    input: projected input of the subgoal model, `[B, U]`; if each level has
      parameters of its own, what it projects: states `[B, F]` and goals `[B,
      G]`.
    state: that of the action decoder, `[B, U']`; None if it sees nothing but
      the goal.
    mask: allowed actions `[B, O]`, or None.
    lesson: goals `[B, N, G]`, and where each level is asked with them instead
      of with the subgoal of the level before, bool `[B, N]`; or None.
  """

  input: Any
  state: Array | None
  mask: Array | None = None
  lesson: tuple[Array, Array] | None = None


# Halting logit of a step at which halting is disabled: the probability is 0.
NO_HALT = -1e9


@functools.cache
def make_step(
  subgoal: inner.Inner,
  actdec: Decoder,
  suppress: int = 0,
  shown: bool = False,
) -> Callable:
  """The step of the ponder loop: subgoal model, then action decoder.

  Args:
    suppress: number of initial steps at which halting is disabled.
    shown: whether the output is a pair with the subgoal.
  """

  def step(
    params: Any, x: Given, state: inner.PonderState, n: Array
  ) -> tuple[inner.PonderState, Any, Array]:
    first = (n == 0).astype(jnp.float32)
    if x.lesson is not None and state.goal is not None:
      taught, forced = (a[:, n] for a in x.lesson)
      fed = jnp.where(forced[:, None], taught, state.goal)
      state = state._replace(goal=fed)
    own, seen = {'params': params['inner']}, x.input
    if not subgoal.tied:
      own = jax.tree.map(lambda stack: stack[n], own)
      seen = subgoal.apply(own, *x.input, method='project')
    state, goal, logit = subgoal.apply(own, seen, state, first, method='step')
    read = (goal,) if x.state is None else (goal, x.state)
    raw = actdec.apply({'params': params['actdec']}, *read)
    if suppress:
      logit = jnp.where(n < suppress, NO_HALT, logit)
    return state, (raw, goal) if shown else raw, logit

  return step


@functools.cache
def make_settling(
  subgoal: inner.Inner, actdec: Decoder, settling: Settling, suppress: int
) -> Callable:
  """The step that halts where two levels in a row agree, see `settle`."""
  apart = lambda x, before, now: settling.divergence(now, before, x.mask)
  plain, first = make_step(subgoal, actdec), max(1, suppress)
  return settle.settling(plain, apart, settling.nats, first)


def start(
  subgoal: inner.Inner, actdec: Decoder, params: Any, feat: Array, goal: Array
) -> tuple[Any, Given, inner.PonderState]:
  """The arguments of the loop for `feat` `[B, F]` and `goal` `[B, G]`: the
  parameters of a step, the projected inputs and the initial ponder state."""
  x, own = (feat, goal), {'params': params['inner']}
  if subgoal.tied:
    x = subgoal.apply(own, feat, goal, method='project')
  seen = None
  if isinstance(actdec, ActionDecoder):
    seen = actdec.apply({'params': params['actdec']}, feat, method='project')
  shared = {k: params[k] for k in ('inner', 'actdec')}
  return shared, Given(x, seen), inner.initial(subgoal, goal)


def all_levels(
  subgoal: inner.Inner | None,
  actdec: Decoder,
  params: Any,
  feat: Array,
  goal: Array | None,
  ponder: PonderConfig,
  mask: Array | None = None,
  suppress: int = 0,
) -> HaltingLevels:
  """Every level's policy for `feat` `[B, F]` and `goal` `[B, G]`.

  Args:
    subgoal: the subgoal model, or None for the plain agent, which has one
      level and no goal.
    params: dict with `actdec`, and with `inner` where there is one.
    mask: allowed actions `[B, O]`, or None.
    suppress: see `Acting`.
  """
  if subgoal is None or goal is None:
    raw = actdec.apply({'params': params['actdec']}, feat)
    none = jnp.zeros(feat.shape[:1], jnp.float32)
    return single_level(raw, none, none, jnp.int32(0))
  stop, levels = MODES[ponder.mode]
  step = make_step(subgoal, actdec, suppress)
  h0: Any
  shared, x, h0 = start(subgoal, actdec, params, feat, goal)
  if ponder.settling:
    x = x._replace(mask=mask)
    h0 = settle.begin(step, shared, x, h0)
    step = make_settling(subgoal, actdec, ponder.settling, suppress)
  done = loop.unroll(
    step,
    shared,
    x,
    h0,
    max_steps=ponder.max_steps + suppress,
    eps=None if stop is None else ponder.eps,
    compact=ponder.compact,
    stop=stop or halting.pondernet_rule,
  )
  return levels(done, ponder)


def thoughts(
  subgoal: inner.Inner,
  actdec: Decoder,
  params: Any,
  feat: Array,
  goal: Array,
  lesson: tuple[Array, Array],
  ponder: PonderConfig,
) -> Thoughts:
  """All `max_steps` levels for `feat` `[B, F]` and `goal` `[B, G]`, whatever
  the halting says.

  Args:
    subgoal: a model with feedback 'goal'.
    lesson: see `Given`.
  """
  taught, forced = lesson
  shared, x, state = start(subgoal, actdec, params, feat, goal)
  done = loop.unroll(
    make_step(subgoal, actdec, shown=True),
    shared,
    x._replace(lesson=(taught.astype(subgoal.dtype), forced)),
    state,
    max_steps=ponder.max_steps,
    eps=None,
  )
  raw, subgoals = done.out
  if ponder.mode == 'fixed':
    log_p = jnp.full_like(done.logit, -jnp.inf).at[-1].set(0)
    return Thoughts(raw, subgoals, log_p, jnp.zeros_like(log_p[0]))
  log_p = halting.log_distribution(done.logit, done.active)
  kl = halting.kl_geometric(done.logit, done.active, ponder.prior)
  return Thoughts(raw, subgoals, log_p, kl)


def sample_level(every: HaltingLevels, key: Array) -> tuple[Array, Array]:
  """Outputs `[B, O]` of a level that is drawn by its halting probability, and
  its number of steps `[B]`; 0 for an actor of one level. The key is consumed.
  """
  if len(every.raw) == 1:
    return every.raw[0], every.steps
  n = jax.random.categorical(key, every.log_p, axis=0)
  raw = jnp.take_along_axis(every.raw, n[None, :, None], 0)[0]
  return raw, (n + 1).astype(jnp.float32)


def choose(
  subgoal: inner.Inner | None,
  actdec: Decoder,
  params: Any,
  feat: Array,
  goal: Array | None,
  ponder: PonderConfig,
  key: Array,
  acting: Acting,
  mask: Array | None = None,
) -> tuple[Array, Array]:
  """The policy of the level that halts, without a gradient.

  Args:
    key: consumed.
    mask: allowed actions `[B, O]`, or None.

  Returns:
    Outputs of the policy network `[B, O]` and the number of steps `[B]`,
    counted from one; 0 for the plain agent.

  Raises:
    ValueError: `acting.suppress` for an actor that has no further levels.
  """
  if acting.suppress and (subgoal is None or not subgoal.tied):
    raise ValueError(
      f'Acting was asked for {acting.suppress} levels more; this actor has no'
      ' levels with shared weights that could go on.'
    )
  if subgoal is None or goal is None or ponder.mode != 'pondernet':
    every = all_levels(
      subgoal, actdec, params, feat, goal, ponder, mask, acting.suppress
    )
    return every.raw[0], every.steps
  raw, n = act.act(
    make_step(subgoal, actdec, acting.suppress),
    *start(subgoal, actdec, params, feat, goal),
    key,
    max_steps=ponder.max_steps + acting.suppress,
    eps=ponder.eps,
    halt=acting.halt,
  )
  return raw, (n + 1).astype(jnp.float32)
