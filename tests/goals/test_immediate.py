"""Thinking: one step by hand, and all its modes against each other."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.goals import immediate, inner, modes
from ponderdream.nets import heads

BATCH, FEAT, GOAL, UNITS, OUT = 6, 5, 3, 8, 4


def make(cell='residual', feedback='none', prior=0.5):
  model = inner.Inner(FEAT, GOAL, UNITS, cell, feedback, prior, jnp.float32)
  actdec = heads.Head(1, UNITS, OUT, 1.0, jnp.float32)
  feat, goal = jnp.zeros((1, FEAT)), jnp.zeros((1, GOAL))
  keys = jax.random.split(jax.random.key(0))
  params = {
    'inner': model.init(keys[0], feat, goal, method='touch')['params'],
    'actdec': actdec.init(keys[1], goal)['params'],
  }
  # A halting layer that is not flat, so that depths differ.
  kernel = jax.random.normal(keys[0], params['inner']['halt']['kernel'].shape)
  params['inner']['halt']['kernel'] = kernel
  return model, actdec, params


def inputs():
  feat = jax.random.normal(jax.random.key(1), (BATCH, FEAT))
  goal = jax.random.normal(jax.random.key(2), (BATCH, GOAL))
  return feat, goal


def think(mode, max_steps=5, eps=0.05, compact=False):
  return immediate.PonderConfig(mode, max_steps, eps, 0.5, compact)


def dense(kernel, *bias):
  return {'kernel': jnp.array(kernel, jnp.float32), 'bias': jnp.array(bias)}


# Two units, a state and a goal of one number each. All sums of the input are
# multiples of (1, -1), so that the norm leaves (1, -1) or (-1, 1), and as
# silu(1) - silu(-1) = 1, what follows is by hand:
#   input    feat (1, -1), goal (-1, 1), first step (2, -2)
#   subgoal  y_1 + 3 y_2 + 4 for y = norm(h) * (1, 2)
#   halting  2 y_1 - y_2 + 5 + log(.2 / .8)
SHARED = {
  'input': dense([[1, -1], [-1, 1], [2, -2]], 0.0, 0.0),
  'hiddennorm': {'scale': jnp.array([1.0, 1.0])},
  'innorm': {'scale': jnp.array([1.0, 1.0])},
  'outnorm': {'scale': jnp.array([1.0, 2.0])},
  'subgoal': dense([[1], [3]], 4.0),
  'halt': dense([[2], [-1]], 5.0),
}
# Adds (1, 1) to h if the norm left (1, -1), and (-1, 1) otherwise; the state
# adds 3 (n_2 - n_1) (1, -1) to the input for n = norm(h).
RESIDUAL = SHARED | {
  'recur': dense([[-3, 3], [3, -3]], 0.0, 0.0),
  'output': dense([[1, 0], [-1, 0]], 0.0, 1.0),
}
# The reset gate is 3/4; the candidate tanh 1 = .7616 times (1, 1) if the norm
# left (1, -1), and times (-1, 1) otherwise; the update gate is
# sigmoid(log 3 - n_1 log 9) for n = norm(h).
FLAT, LOG3 = [0.0] * 2, math.log(3)
GRU = SHARED | {
  'gates': dense(
    [
      [*FLAT, *FLAT, -2 * LOG3, -2 * LOG3], [*FLAT] * 3,
      [*FLAT, 4 / 3, 0, *FLAT], [*FLAT, -4 / 3, 0, *FLAT],
    ],
    LOG3, LOG3, 0.0, 4 / 3, 1 + LOG3, 1 + LOG3,
  )
}  # fmt: skip
# With feat 1 and goal 2 the input is (-1, 1), and (1, -1) at the first step.
STATES = {
  # The first state adds 3 (1 - 1) = 0, the second 3 * 2^.5 > 1, which turns
  # the sign of the third input.
  ('residual', 'none'): [(1, 1), (0, 2), (1, 3)],
  # The goal is -11 (1, -1) at the second step and -12.5 (1, -1) at the third,
  # and the state does not turn its sign.
  ('residual', 'goal'): [(1, 1), (0, 2), (-1, 3)],
  # Update gates 3/4 and, as the norm of the first state is (1, 1), 1/4: over
  # tanh 1, 3/4 (1, 1), then 1/4 (-1, 1) + 3/4 * 3/4 (1, 1).
  ('gru', 'none'): [(3 / 4, 3 / 4), (5 / 16, 13 / 16)],
  ('gru', 'goal'): [(3 / 4, 3 / 4), (5 / 16, 13 / 16)],
}


@pytest.mark.parametrize('cell, feedback', STATES)
def test_steps_by_hand(cell, feedback):
  states = np.array(STATES[cell, feedback])
  y = states / np.sqrt(np.square(states).mean(-1, keepdims=True)) * [1, 2]
  subgoals = (y @ [[1], [3]] + 4).astype(np.float32)
  logits = y @ [2, -1] + 5 - math.log(4)
  model = inner.Inner(1, 1, 2, cell, feedback, 0.2, jnp.float32)
  actdec = heads.Head(1, UNITS, OUT, 1.0, jnp.float32)
  decode = actdec.init(jax.random.key(0), jnp.zeros((1, 1)))
  params = {
    'inner': RESIDUAL if cell == 'residual' else GRU,
    'actdec': decode['params'],
  }
  feat, goal = jnp.array([[1.0]]), jnp.array([[2.0]])
  every = immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', len(y), None)
  )
  bound = model.bind({'params': params['inner']})
  x, thought = bound.project(feat, goal), inner.initial(model, goal)
  close = functools.partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-3)
  for n in range(len(y)):
    thought, subgoal, logit = bound.step(x, thought, jnp.float32(n == 0))
    close(subgoal[0], subgoals[n])
    close(logit[0], logits[n])
    # What is acted on is this step's subgoal, decoded.
    close(every.raw[n], actdec.apply(decode, subgoals[None, n]))
  # Nothing is carried that no step reads.
  assert (thought.goal is None) == (feedback == 'none')


@pytest.mark.parametrize('prior', [0.2, 0.5])
def test_halting_starts_at_the_prior(prior):
  model = inner.Inner(
    FEAT, GOAL, UNITS, 'residual', 'none', prior, jnp.float32
  )
  feat, goal = inputs()
  variables = model.init(jax.random.key(0), feat, goal, method='touch')
  logit = model.apply(variables, feat, goal, method='touch')
  np.testing.assert_allclose(jax.nn.sigmoid(logit), prior, atol=0.02)
  assert math.isclose(np.mean(jax.nn.sigmoid(logit)), prior, abs_tol=0.01)


@pytest.mark.parametrize('cell', ['residual', 'gru'])
def test_p_is_the_prior_at_initialisation(cell):
  # The geometric prior of 1/4, truncated where survival is below 0.2:
  # survival 1, 3/4, .5625, .4219, .3164, .2373, .1780.
  prior = 0.25
  model = inner.Inner(FEAT, GOAL, UNITS, cell, 'none', prior, jnp.float32)
  feat, goal = inputs()
  _, actdec, params = make(cell)
  fresh = model.init(jax.random.key(0), feat, goal, method='touch')
  params = params | {'inner': fresh['params']}
  setting = immediate.PonderConfig('pondernet', 8, 0.2, prior, False)
  every = immediate.all_levels(model, actdec, params, feat, goal, setting)
  stays = (1 - prior) ** np.arange(6)
  want = [*(prior * stays[:5]), stays[5], 0, 0]
  p = jnp.exp(every.log_p)
  # Up to the small start of the halting kernel, a hundredth of a logit ...
  np.testing.assert_allclose(p, np.tile(want, (BATCH, 1)).T, atol=0.01)
  np.testing.assert_allclose(every.kl, 0, atol=2e-4)
  # ... and without it, exactly.
  params['inner']['halt']['kernel'] *= 0
  every = immediate.all_levels(model, actdec, params, feat, goal, setting)
  p = jnp.exp(every.log_p)
  np.testing.assert_allclose(p, np.tile(want, (BATCH, 1)).T, atol=1e-6)
  np.testing.assert_allclose(every.kl, 0, atol=1e-6)


@pytest.mark.parametrize('cell', ['residual', 'gru'])
@pytest.mark.parametrize('feedback', ['none', 'goal'])
def test_acting_takes_the_level_it_halted_on(cell, feedback):
  model, actdec, params = make(cell, feedback)
  feat, goal = inputs()
  every = immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet')
  )
  raw, steps = immediate.choose(
    model, actdec, params, feat, goal, think('pondernet'),
    jax.random.key(3), immediate.SAMPLED,
  )  # fmt: skip
  n = steps.astype(int) - 1
  np.testing.assert_allclose(
    raw, every.raw[n, jnp.arange(BATCH)], rtol=1e-5, atol=1e-6
  )
  assert (jnp.exp(every.log_p)[n, jnp.arange(BATCH)] > 0).all()
  np.testing.assert_allclose(jnp.exp(every.log_p).sum(0), 1, rtol=1e-5)


def test_states_that_are_done_may_leave():
  model, actdec, params = make()
  feat, goal = inputs()
  run = lambda compact: immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', compact=compact)
  )
  for a, b in zip(run(True), run(False), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('suppress', [1, 4])
@pytest.mark.parametrize('halt', ['sample', 'median'])
def test_suppressed_halts_think_so_many_steps_more(suppress, halt):
  model, actdec, params = make()
  # Nobody would think for long.
  params['inner']['halt']['bias'] = jnp.full((1,), 8.0)
  feat, goal = inputs()
  args = (model, actdec, params, feat, goal, think('pondernet'))
  key = jax.random.key(3)
  _, steps = immediate.choose(*args, key, immediate.Acting(halt))
  assert (steps == 1).all()
  raw, steps = immediate.choose(
    *args, key, immediate.Acting(halt, suppress=suppress)
  )
  np.testing.assert_array_equal(steps, suppress + 1)
  # What is acted on is the same thought, carried further.
  longer = think('pondernet', suppress + 1, None)
  every = immediate.all_levels(model, actdec, params, feat, goal, longer)
  np.testing.assert_allclose(raw, every.raw[suppress], rtol=1e-4, atol=1e-5)


def test_feedback_hands_the_subgoal_on():
  plain, actdec, params = make(feedback='none')
  fed = inner.Inner(FEAT, GOAL, UNITS, 'residual', 'goal', 0.5, jnp.float32)
  feat, goal = inputs()
  run = lambda model: immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', eps=None)
  )
  one, two = run(plain), run(fed)
  # The first step sees the goal itself either way; the second one does not.
  np.testing.assert_allclose(one.raw[0], two.raw[0], atol=1e-5)
  assert abs(one.raw[1] - two.raw[1]).max() > 1e-3


def test_fixed_is_the_last_level_of_all():
  model, actdec, params = make()
  feat, goal = inputs()
  got = immediate.all_levels(
    model, actdec, params, feat, goal, think('fixed', 3)
  )
  want = immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', 3, None)
  )
  np.testing.assert_allclose(got.raw[0], want.raw[2], atol=1e-6)
  assert got.steps.tolist() == [3.0] * BATCH
  assert got.depth == 3


def test_act_is_a_weighted_mean_of_the_levels():
  model, actdec, params = make()
  feat, goal = inputs()
  got = immediate.all_levels(model, actdec, params, feat, goal, think('act'))
  every = immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', eps=None)
  )
  # The same computed example by example, from the definition.
  shared, x, thought = immediate.start(model, actdec, params, feat, goal)
  step = immediate.make_step(model, actdec)
  weights = []
  for n in range(5):
    thought, _, logit = step(shared, x, thought, jnp.int32(n))
    weights.append(np.asarray(jax.nn.sigmoid(logit)))
  for b in range(BATCH):
    total, want, n = 0.0, 0.0, 0
    for n in range(5):
      h = weights[n][b]
      last = total + h >= 1 - 0.05 or n == 4
      p = 1 - total if last else h
      want = want + p * np.asarray(every.raw[n, b])
      if last:
        break
      total += h
    np.testing.assert_allclose(got.raw[0, b], want, rtol=1e-4, atol=1e-5)
    assert got.steps[b] == n + 1
    np.testing.assert_allclose(got.price[b], n + 1 + p, rtol=1e-4)


@pytest.mark.parametrize('compact', [False, True])
def test_act_computes_no_level_that_it_does_not_weigh(compact):
  # Halting probabilities of 1/2: the sum is there after two levels, while
  # a survival of 1/32 < .05 takes five.
  model, actdec, params = make()
  params['inner']['halt']['kernel'] *= 0
  feat, goal = inputs()
  run = lambda mode: immediate.all_levels(
    *(model, actdec, params, feat, goal), think(mode, 8, compact=compact)
  )
  got = run('act')
  assert got.depth == 2 and run('pondernet').depth == 5
  np.testing.assert_array_equal(got.steps, 2)
  np.testing.assert_allclose(got.price, 2.5, rtol=1e-6)


def test_the_plain_agent_has_one_level():
  actdec = heads.Head(2, UNITS, OUT, 1.0, jnp.float32)
  feat, _ = inputs()
  variables = actdec.init(jax.random.key(0), feat)
  params = {'actdec': variables['params']}
  got = immediate.all_levels(None, actdec, params, feat, None, think('none'))
  assert got.raw.shape == (1, BATCH, OUT)
  np.testing.assert_array_equal(got.log_p, np.zeros((1, BATCH)))
  np.testing.assert_allclose(
    got.raw[0], actdec.apply(variables, feat), atol=1e-6
  )


def test_a_level_is_drawn_as_often_as_it_halts():
  p = np.array([0.5, 0.125, 0.375])
  size = 20000
  log_p = jnp.log(jnp.tile(p[:, None], (1, size)))
  raw = jnp.tile(jnp.arange(3.0)[:, None, None], (1, size, 2))
  zeros = jnp.zeros(size)
  every = modes.HaltingLevels(raw, log_p, zeros, zeros, zeros, jnp.int32(3))
  drawn, steps = immediate.sample_level(every, jax.random.key(0))
  found = np.bincount(drawn[:, 0].astype(int), minlength=3) / size
  # Deviations of at most sqrt(.25 / 20000) = 0.0035.
  np.testing.assert_allclose(found, p, atol=0.015)
  np.testing.assert_array_equal(steps, drawn[:, 0] + 1)
