"""Acting halts as training assumes."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import act, halting, loop
from tests.naming import naming

B, N, EPS = 64, 7, 0.05


def step(params, x, h, n):
  """Hidden state, two outputs and the logit depend on the data."""
  h = jnp.sin(params * h + x + (n == 0))
  return h, {'h': h, 'level': jnp.full(h.shape, n)}, 3 * h - 1


def table_step(params, x, h, n):
  """Halting logits from a table [B, N]; the output is the level."""
  return h, jnp.full(len(x), n), x[:, n]


@functools.cache
def problem():
  rng = np.random.default_rng(0)
  x, h0 = jnp.asarray(rng.normal(size=(2, B)), jnp.float32)
  return jnp.float32(1.3), x, h0


@functools.cache
def trained():
  run = functools.partial(loop.unroll, step, max_steps=N, eps=EPS)
  return jax.jit(run)(*problem())


@functools.partial(jax.jit, static_argnames='halt')
def play(key, halt='sample'):
  return act.act(step, *problem(), key, max_steps=N, eps=EPS, halt=halt)


@pytest.mark.parametrize('seed', range(3))
def test_acts_as_it_samples_in_training(seed):
  key, done = jax.random.key(seed), trained()
  out, n = play(key)
  want = halting.sample(key, done.logit, done.active)
  np.testing.assert_array_equal(n, want)
  assert len(set(np.asarray(n))) >= 4 and n.dtype == jnp.int32
  np.testing.assert_array_equal(out['level'], n)
  np.testing.assert_allclose(
    out['h'], halting.select(done.out['h'], n), atol=1e-5
  )


def test_acting_distribution_is_the_training_distribution():
  # lambda = .5, .6, .5, .8, ... : survival .5, .2, .1, .02 < eps = .05, so
  # level 3 takes all of .1. One row per draw; chi-square of 3 degrees of
  # freedom exceeds 16.3 once in a thousand.
  lam = jnp.array([0.5, 0.6, 0.5, 0.8, 0.5, 0.5, 0.5])
  draws = 20_000
  x = jnp.log(lam / (1 - lam))[None].repeat(draws, 0)
  arguments = table_step, jnp.float32(0), x, x[:, 0]
  _, n = act.act(*arguments, jax.random.key(3), max_steps=N, eps=EPS)
  done = loop.unroll(
    *(table_step, jnp.float32(0), x[:1], x[:1, 0]), max_steps=N, eps=EPS
  )
  p = halting.distribution(done.logit, done.active)[:, 0]
  np.testing.assert_allclose(p, [0.5, 0.3, 0.1, 0.1, 0, 0, 0], atol=1e-6)
  seen = np.bincount(n, minlength=N)
  assert (seen[4:] == 0).all()
  want = draws * np.asarray(p[:4])
  assert ((seen[:4] - want) ** 2 / want).sum() < 16.3


def test_median():
  out, n = play(jax.random.key(0), 'median')
  done = trained()
  total = halting.distribution(done.logit, done.active).cumsum(0)
  np.testing.assert_array_equal(n, (total < 0.5).sum(0))
  np.testing.assert_array_equal(out['level'], n)
  assert len(set(np.asarray(n))) >= 3
  again = play(jax.random.key(1), 'median')
  np.testing.assert_array_equal(n, again[1])
  # Half is enough.
  x = jnp.zeros((2, N))
  _, n = act.act(
    *(table_step, 0.0, x, x[:, 0], jax.random.key(0)),
    max_steps=N, eps=EPS, halt='median',
  )  # fmt: skip
  np.testing.assert_array_equal(n, [0, 0])


def test_last_level_always_halts():
  x = jnp.full((2, 3), -50.0)
  for halt in ('sample', 'median'):
    out, n = act.act(
      table_step,
      0.0,
      x,
      x[:, 0],
      jax.random.key(0),
      max_steps=3,
      eps=None,
      halt=halt,
    )
    np.testing.assert_array_equal(n, [2, 2])
    np.testing.assert_array_equal(out, n)


def test_runs_as_long_as_the_slowest():
  count = collections.Counter()

  def counted(params, x, h, n):
    jax.debug.callback(lambda n: count.update([int(n)]), n)
    return table_step(params, x, h, n)

  # lambda is 0 and then 1: halts at levels 0, 3 and 1 of 6.
  x = jnp.full((3, 6), -60.0)
  x = x.at[jnp.arange(3), jnp.array([0, 3, 1])].set(60)
  _, n = act.act(
    counted, 0.0, x, x[:, 0], jax.random.key(0), max_steps=6, eps=EPS
  )
  jax.effects_barrier()
  np.testing.assert_array_equal(n, [0, 3, 1])
  assert count == {0: 1, 1: 1, 2: 1, 3: 1}


@pytest.mark.parametrize(
  'change, words',
  [
    ({'halt': 'mean'}, ["'mean'", "'median'", "'sample'"]),
    ({'max_steps': 0}, ['max_steps=0']),
    ({'eps': 1}, ['eps=1']),
    ({'h0': jnp.zeros((1, 3))}, ['x', 'float32[2, 2]', 'h0', 'float32[1, 3]']),
  ],
)
def test_bad_input_gets_a_sentence(change, words):
  x = jnp.zeros((2, 2))
  arguments = {'params': 0.0, 'x': x, 'h0': x[:, 0], 'key': jax.random.key(0)}
  arguments |= {'max_steps': 2, 'eps': EPS} | change
  with pytest.raises(ValueError, match=naming(*words)):
    act.act(table_step, **arguments)
