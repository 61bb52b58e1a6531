"""Thinking: one step by hand, and all its modes against each other."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.goals import immediate, inner
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


def by_hand(p, cell, feedback, feat, goal, prior):
  """Subgoal and halting logit of each step, in numpy."""
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  silu = lambda x: x * sigmoid(x)
  mean = lambda x: (x**2).mean(-1, keepdims=True)
  rms = lambda x, name: x / np.sqrt(mean(x) + 1e-4) * p[name]['scale']
  dense = lambda x, name: x @ p[name]['kernel'] + p[name]['bias']
  hidden, flag = np.zeros((BATCH, UNITS)), np.ones((BATCH, 1))
  while True:
    u = dense(np.concatenate([feat, goal, flag], -1), 'input')
    normed = rms(hidden, 'hiddennorm')
    if cell == 'gru':
      both = np.concatenate([normed, silu(rms(u, 'innorm'))], -1)
      reset, cand, update = np.split(dense(both, 'gates'), 3, -1)
      cand = np.tanh(sigmoid(reset) * cand)
      update = sigmoid(update - 1)
      hidden = update * cand + (1 - update) * hidden
    else:
      u = silu(rms(u + dense(normed, 'recur'), 'innorm'))
      hidden = hidden + dense(u, 'output')
    y = rms(hidden, 'outnorm')
    subgoal = dense(y, 'subgoal')
    yield subgoal, dense(y, 'halt')[:, 0] + np.log(prior / (1 - prior))
    goal, flag = subgoal if feedback == 'goal' else goal, 0 * flag


def noisy(params):
  """The parameters with no bias at zero and no scale at one."""
  leaves, tree = jax.tree.flatten(params)
  rng = np.random.default_rng(0)
  noise = (0.3 * rng.normal(size=x.shape) for x in leaves)
  pairs = zip(leaves, noise, strict=True)
  return tree.unflatten([jnp.float32(x + e) for x, e in pairs])


@pytest.mark.parametrize('cell', ['residual', 'gru'])
@pytest.mark.parametrize('feedback', ['none', 'goal'])
def test_steps_by_hand(cell, feedback):
  model, actdec, params = make(cell, feedback, 0.3)
  feat, goal = inputs()
  params = noisy(params)
  numbers = jax.tree.map(np.float64, params['inner'])
  given = (np.float64(x) for x in (feat, goal))
  want = by_hand(numbers, cell, feedback, *given, 0.3)
  every = immediate.all_levels(
    model, actdec, params, feat, goal, think('pondernet', 3, None)
  )
  bound = model.bind({'params': params['inner']})
  x, thought = bound.project(feat, goal), inner.initial(model, goal)
  close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4)
  for n, (subgoal, logit) in zip(range(3), want, strict=False):
    thought, *got = bound.step(x, thought, jnp.float32(n == 0))
    close(got[0], subgoal)
    close(got[1], logit)
    # What is acted on is this step's subgoal, decoded.
    raw = actdec.apply({'params': params['actdec']}, jnp.float32(subgoal))
    close(every.raw[n], raw)
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
  shared, x, thought = immediate.start(model, params, feat, goal)
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
