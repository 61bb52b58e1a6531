"""The while loop with a gradient, against a masked scan and by hand."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import halting, loop
from tests.naming import naming

B, D, K, N = 6, 4, 3, 8


def table_step(params, x, h, n):
  """Reads its halting logits from a table: depth is chosen by the test."""
  logit = jax.lax.dynamic_index_in_dim(x, n, 1, keepdims=False)
  return h * params, (n + 1) * h, logit


def core_step(params, x, h, n):
  """A small recurrent core with integers and keys among its inputs."""
  pre = h['s'] @ params['w'] + x['feat'] + (n == 0) * params['flag']
  noise = jax.vmap(
    lambda key: jax.random.normal(jax.random.fold_in(key, n), ())
  )(x['key'])
  s = jnp.tanh(pre + params['bias'][x['kind']])
  out = {'pi': s @ params['pi'], 'count': h['count']}
  logit = s @ params['halt'] + x['ease'] + 0.1 * noise.astype(s.dtype)
  return {'s': s, 'count': h['count'] + 1}, out, logit


@functools.cache
def problem(dtype=jnp.float32):
  rng = np.random.default_rng(0)
  shapes = {'w': (D, D), 'flag': (1, D), 'bias': (2, D), 'pi': (D, K)}
  params = {k: rng.normal(size=v) / 2 for k, v in shapes.items()}
  params['halt'] = rng.normal(size=D)
  x = {
    'feat': rng.normal(size=(B, D)),
    'ease': np.array([3.0, 2.0, 0.0, 1.0, -4.0, -1.0]),
  }
  h0 = {'s': rng.normal(size=(B, D))}
  as_dtype = functools.partial(jax.tree.map, lambda a: jnp.asarray(a, dtype))
  params, x, h0 = as_dtype(params), as_dtype(x), as_dtype(h0)
  x['key'] = jax.random.split(jax.random.key(1), B)
  x['kind'] = jnp.array([0, 1, 0, 1, 0, 1])
  h0['count'] = jnp.zeros(B, jnp.int32)
  return params, x, h0


def losses(done):
  """[B], through every differentiable part of what unroll returns."""
  p = halting.distribution(done.logit, done.active)
  log_pi = jax.nn.log_softmax(done.out['pi'])[..., 0]
  state = (done.h['s'] ** 2).sum(-1)
  kl = halting.kl_geometric(done.logit, done.active, 0.3)
  return (p * (state - log_pi)).sum(0) + kl


def value_and_grad(impl, problem):
  """Loss, gradients by params, x, h0 (floats only) and the unroll."""
  params, x, h0 = problem
  ints = {k: x[k] for k in ('key', 'kind')}

  def loss(params, feat, ease, s):
    inputs = {'feat': feat, 'ease': ease, **ints}
    start = {'s': s, 'count': h0['count']}
    done = loop.unroll(
      core_step, params, inputs, start, max_steps=N, eps=0.05, impl=impl
    )
    return losses(done).mean(), done

  fun = jax.value_and_grad(loss, (0, 1, 2, 3), has_aux=True)
  (value, done), grads = fun(params, x['feat'], x['ease'], h0['s'])
  return value, grads, done


solve = jax.jit(value_and_grad, static_argnums=0)


@functools.cache
def reference():
  """The while loop's answer for the problem, compiled once."""
  return solve('while', problem())


def assert_close(a, b, rtol):
  """Equal to rtol of the largest entry of each array."""
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert x.dtype == y.dtype
    x, y = np.float64(x), np.float64(y)
    assert np.abs(x - y).max() <= rtol * max(np.abs(y).max(), 1e-3)


def test_by_hand():
  # lambda = 1/2 everywhere: survival 1, 1/2, 1/4 before levels 0, 1, 2. With
  # eps 0.3 levels 0 and 1 are active. lambda_0 = sigmoid(9) of the second
  # example leaves 1e-4 < eps: one level. h doubles: 3 -> 6 -> 12; out is
  # (n + 1) times the h entered with: 3, 2 * 6.
  x = jnp.zeros((2, 5)).at[1, 0].set(9.0)
  run = functools.partial(loop.unroll, table_step, max_steps=5, eps=0.3)
  done = run(jnp.float32(2), x, jnp.array([3.0, 5.0]))
  assert done.steps == 2
  np.testing.assert_array_equal(done.h.T, [[6, 12, 0, 0, 0], [10, 0, 0, 0, 0]])
  np.testing.assert_array_equal(done.out.T, [[3, 12, 0, 0, 0], [5] + [0] * 4])
  np.testing.assert_array_equal(
    done.active.T, [[1, 1, 0, 0, 0], [1] + [0] * 4]
  )
  np.testing.assert_array_equal(done.logit.T, [[0] * 5, [9, 0, 0, 0, 0]])
  # sum of h: 3 w + 3 w^2 + 5 w, derivative 3 + 6 w + 5 = 20 at w = 2.
  grad = jax.grad(lambda w: run(w, x, jnp.array([3.0, 5.0])).h.sum())
  assert grad(jnp.float32(2)) == 20


def test_while_equals_scan_float32():
  value, grads, done = reference()
  scan = solve('scan', problem())
  depth = np.asarray(done.active.sum(0))
  assert depth.min() == 1 and len(set(depth)) >= 4, depth
  assert_close((value, grads), scan[:2], 1e-5)
  assert_close(done, scan[2], 1e-5)
  # The hidden counter counts levels and stops with its example.
  rows = np.arange(1, N + 1)[:, None] * np.asarray(done.active)
  np.testing.assert_array_equal(done.h['count'], rows)
  assert all(np.abs(g).max() > 1e-3 for g in jax.tree.leaves(grads))


def test_while_equals_scan_float64():
  with jax.enable_x64(True):
    runs = [solve(i, problem(jnp.float64)) for i in ('while', 'scan')]
    assert runs[0][0].dtype == jnp.float64
    assert runs[0][2].logit.dtype == jnp.float64
    assert_close(runs[0], runs[1], 1e-10)


def test_stops_at_once_and_never():
  x = jnp.full((1, 3), -50.0)
  for eps, max_steps, steps in ((None, 3, 3), (0.99, 3, 3), (0.05, 1, 1)):
    done = loop.unroll(
      table_step, jnp.float32(1), x, jnp.ones(1), max_steps=max_steps, eps=eps
    )
    assert done.steps == steps and done.active.all()
  done = loop.unroll(
    table_step, jnp.float32(1), -x, jnp.ones(1), max_steps=3, eps=None
  )
  assert done.steps == 3  # eps = None: even a survival of 0 goes on.
  # Survival 1, 1/2, 1/4 at eps = 1/2: just enough for the second level.
  done = loop.unroll(
    table_step, jnp.float32(1), 0 * x, jnp.ones(1), max_steps=3, eps=0.5
  )
  assert done.steps == 2


def test_trips_are_the_deepest_example():
  count = collections.Counter()
  phase = []

  def step(params, x, h, n):
    jax.debug.callback(lambda n: count.update([(phase[-1], int(n))]), n)
    return table_step(params, x, h, n)

  # lambda = 1/2 and eps = 0.1: survival 1, .5, .25, .125, then .0625. Depths
  # 4 and, after a lambda of 1, 2; of 7 levels at most.
  x = jnp.zeros((2, 7)).at[1, 1].set(50.0)

  def run(w):
    done = loop.unroll(step, w, x, jnp.ones(2), max_steps=7, eps=0.1)
    return done.h.sum(), done.steps

  phase.append('forward')
  _, pull, steps = jax.vjp(run, jnp.float32(1), has_aux=True)
  jax.effects_barrier()
  phase.append('backward')
  (dw,) = pull(jnp.float32(1))
  jax.effects_barrier()
  assert steps == 4
  assert count == {
    (a, n): 1 for a in ('forward', 'backward') for n in range(4)
  }
  assert dw == 1 + 2 + 3 + 4 + 1 + 2


def test_an_example_does_not_see_its_neighbours():
  params, x, h0 = problem()
  _, grads, done = reference()
  # The same row 2 beside neighbours that all think deep, or all stop at once.
  for ease, steps in ((-9.0, N), (9.0, done.active[:, 2].sum())):
    other = dict(x, ease=jnp.full(B, ease).at[2].set(x['ease'][2]))
    _, grads_b, done_b = solve('while', (params, other, h0))
    assert done_b.steps == steps
    for a, b in zip(leaves(done), leaves(done_b), strict=True):
      np.testing.assert_array_equal(a[:, 2], b[:, 2])
    for a, b in zip(grads[1:], grads_b[1:], strict=True):
      np.testing.assert_array_equal(a[2], b[2])


def leaves(done):
  """All arrays `[N, B, ...]` of an unroll."""
  return jax.tree.leaves(done[:4])


def test_alone_equals_in_a_batch():
  # Up to the last bit: XLA's vector and scalar exp differ in it.
  rng = np.random.default_rng(2)
  ease = np.linspace(-2, 3, B)[:, None]
  x = jnp.asarray(rng.normal(size=(B, 7)) + ease, jnp.float32)
  h0 = jnp.asarray(rng.normal(size=B), jnp.float32)

  def run(x, h0):
    done = loop.unroll(
      table_step, jnp.float32(1.1), x, h0, max_steps=7, eps=0.05
    )
    p = halting.distribution(done.logit, done.active)
    return (p * done.out).sum(), done

  grad = jax.jit(jax.grad(run, (0, 1), has_aux=True))
  whole_grad, whole = grad(x, h0)
  assert len(set(np.asarray(whole.active.sum(0)))) >= 3
  for i in range(B):
    one = slice(i, i + 1)
    alone_grad, alone = grad(x[one], h0[one])
    assert alone.steps == whole.active[:, i].sum()
    assert_close(alone_grad, tuple(g[one] for g in whole_grad), 1e-6)
    for a, b in zip(leaves(alone), leaves(whole), strict=True):
      np.testing.assert_array_equal(a, b[:, one])


def test_p_is_the_prior_at_initialisation():
  # Halting weights of 0 and a bias of log(prior / (1 - prior)): at 0.3 and
  # eps 0.3, survival 1, .7, .49, .343, .2401: p = .3, .21, .147, .343.
  params, x, h0 = problem()
  params = dict(params, halt=0 * params['halt'])
  bias = jnp.full(B, np.log(0.3 / 0.7), jnp.float32)
  step = lambda params, x, h, n: (h, h, h @ params['halt'] + x)
  done = loop.unroll(step, params, bias, h0['s'], max_steps=N, eps=0.3)
  p = halting.distribution(done.logit, done.active)
  want = [0.3, 0.21, 0.147, 0.343, 0, 0, 0, 0]
  np.testing.assert_allclose(p, np.tile(want, (B, 1)).T, atol=1e-6)
  kl = halting.kl_geometric(done.logit, done.active, 0.3)
  np.testing.assert_allclose(kl, 0, atol=1e-6)


def test_bfloat16():
  # Against the same numbers, as bfloat16 holds them, computed in float32.
  rough = problem(jnp.bfloat16)
  widen = lambda a: a.astype(jnp.float32) if a.dtype == jnp.bfloat16 else a
  same = jax.tree.map(widen, rough)
  _, grads, exact = solve('while', same)
  _, half, done = solve('while', rough)
  assert done.logit.dtype == jnp.float32
  np.testing.assert_array_equal(done.active, exact.active)
  for a, b in zip(jax.tree.leaves(half), jax.tree.leaves(grads), strict=True):
    assert a.dtype == jnp.bfloat16
    error = np.linalg.norm(np.float32(a) - b) / np.linalg.norm(b)
    assert error < 0.02


@pytest.mark.parametrize(
  'change, words',
  [
    ({'max_steps': 0}, ['max_steps=0', 1]),
    ({'max_steps': 2.5}, ['max_steps=2.5', 'number']),
    ({'max_steps': True}, ['max_steps=True', 'number']),
    ({'eps': 0}, ['eps=0', 0, 1, None]),
    ({'eps': 1.0}, ['eps=1.0', 0, 1]),
    ({'eps': -0.1}, ['eps=-0.1', 0, 1]),
    ({'eps': float('nan')}, ['eps=nan', 0, 1]),
    ({'eps': '0.05'}, ["eps='0.05'", 'number', 0]),
    ({'eps': jnp.float32(0.05)}, ['eps=Array(0.05*', 'number']),
    ({'impl': 'scan', 'compact': True}, ["impl='scan'", "impl='while'"]),
    ({'x': jnp.ones((3, 3))}, ['x', 'float32[3, 3]', 'h0', 'float32[2]']),
    ({'h0': jnp.ones(3)}, ['h0', 'float32[3]', 'row', 'example']),
    ({'h0': 1.0}, ['h0', 'float32[]', 'row', 'example']),
    ({'x': {'a': jnp.ones((2, 3)), 'b': 2}}, ['b: int32[]', 'h0']),
    ({'x': (), 'h0': {}}, ['x ()', 'h0 {}', 'example']),
    (
      {'x': jnp.ones((0, 3)), 'h0': jnp.ones(0), 'compact': True},
      ['x', 'float32[0, 3]', 'h0', 'float32[0]', 'example'],
    ),
    ({'impl': 'cond'}, ["impl='cond'", "'scan'", "'while'"]),
    (
      {'h0': jnp.ones((2, 1)), 'params': jnp.ones((1, 2))},
      ['float32[2, 1]', 'float32[2, 2]'],
    ),
    ({'h0': jnp.ones(2, jnp.bfloat16)}, ['bfloat16[2]', 'float32[2]']),
    ({'x': jnp.ones((2, 3, 1))}, ['logit', 'float32[2, 1]']),
    ({'x': jnp.ones((2, 3), int)}, ['logit', 'int32[2]']),
  ],
)
def test_bad_input_gets_a_sentence(change, words):
  arguments = {'params': jnp.ones(2), 'x': jnp.ones((2, 3)), 'h0': jnp.ones(2)}
  arguments |= {'max_steps': 3, 'eps': 0.05} | change
  with pytest.raises(ValueError, match=naming(*words)):
    loop.unroll(table_step, **arguments)


def test_rows_are_compared_before_the_step_is_called():
  def never(params, x, h, n):
    raise AssertionError('called')

  with pytest.raises(
    ValueError, match=naming('float32[3, 3]', 'float32[2]', 'row')
  ):
    loop.unroll(
      never, 0.0, jnp.ones((3, 3)), jnp.ones(2), max_steps=3, eps=0.05
    )


@pytest.mark.parametrize(
  'answer, words',
  [
    (lambda h: h, ['float32[2]', '(h, out, logit)']),
    (lambda h: (h, h), ['(float32[2], float32[2])', '(h, out, logit)']),
    (lambda h: (h, h, h, h), ['float32[2])', '(h, out, logit)']),
    (lambda h: None, [None, '(h, out, logit)']),
    (lambda h: (h, h, {'a': h}), ['logit', '{a: float32[2]}']),
    (lambda h: (h, h, None), ['logit', None]),
    (lambda h: (h, (h, 1.0), h), ['output', 'float32[])', 'row']),
    (lambda h: (h, h, h[:1]), ['logit', 'float32[1]', '[2]']),
  ],
)
def test_bad_steps_get_a_sentence(answer, words):
  step = lambda params, x, h, n: answer(h)
  with pytest.raises(ValueError, match=naming(*words)):
    loop.unroll(step, 0.0, (), jnp.ones(2), max_steps=3, eps=0.05)


@pytest.mark.parametrize('impl', loop.IMPLS)
def test_numbers_and_numpy_arrays_will_do(impl):
  # As by hand above: h is 3, 6, 12 and 5, 10, doubled at each of 2 levels
  # and at 1.
  x, h0 = np.zeros((2, 5)), np.array([3.0, 5.0])
  x[1, 0] = 9

  def total(h0):
    done = loop.unroll(table_step, 2.0, x, h0, max_steps=5, eps=0.3, impl=impl)
    return done.h.sum()

  assert total(h0) == 6 + 12 + 10
  np.testing.assert_array_equal(jax.grad(total)(jnp.float32(h0)), [6, 2])
