"""Examples that are done leave the batch: the same numbers, for less."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.ponder import chain, halting, loop

N = 7


def step(params, x, h, n):
  """Integers, keys and hidden counters among the inputs; depth by `ease`."""
  noise = jax.vmap(
    lambda key: jax.random.normal(jax.random.fold_in(key, n), ())
  )(x['key'])
  s = jnp.tanh(params['w'][x['kind']] * h['s'] + x['in'] + (n == 0))
  out = s * params['out']
  logit = s.sum(-1) + x['ease'] + 0.1 * noise.astype(s.dtype)
  return {'s': s, 'count': h['count'] + 1}, out, logit


def problem(dtype, batch):
  rng = np.random.default_rng(0)
  arrays = {
    'w': rng.normal(size=(2, 3)),
    'out': rng.normal(size=(1, 3)),
    'in': rng.normal(size=(batch, 3)),
    'ease': np.linspace(-3, 3, batch)[rng.permutation(batch)],
    's': rng.normal(size=(batch, 3)),
  }
  return {k: jnp.asarray(v, dtype) for k, v in arrays.items()}


@functools.partial(jax.jit, static_argnames=('impl', 'compact'))
def solve(arrays, impl, compact):
  """Value and gradients through all that unroll returns, and the unroll."""
  batch = len(arrays['s'])
  fixed = {
    'key': jax.random.split(jax.random.key(1), batch),
    'kind': jnp.arange(batch) % 2,
  }

  def loss(arrays):
    x = {k: arrays[k] for k in ('in', 'ease')} | fixed
    h0 = {'s': arrays['s'], 'count': jnp.zeros(batch, jnp.int32)}
    done = loop.unroll(
      step, arrays, x, h0, max_steps=N, eps=0.05, impl=impl, compact=compact
    )
    p = halting.distribution(done.logit, done.active)
    kl = halting.kl_geometric(done.logit, done.active, 0.3)
    both = (done.out**2).sum(-1) + done.h['s'].sum(-1)
    return ((p * both).sum(0) + kl).mean(), done

  return jax.value_and_grad(loss, has_aux=True)(arrays)


def test_values_and_gradients_are_those_of_the_whole_batch():
  arrays = problem(jnp.float32, 32)
  got, want = (solve(arrays, 'while', compact) for compact in (True, False))
  assert_close(got, want, 1e-6)
  active = np.asarray(want[0][1].active)
  depth = active.sum(0)
  assert (depth == 1).any() and (depth == N).any() and len(set(depth)) > 3
  count = np.arange(1, N + 1)[:, None] * active
  np.testing.assert_array_equal(got[0][1].h['count'], count)


def test_the_scan_agrees_in_float64():
  with jax.enable_x64(True):
    arrays = problem(jnp.float64, 13)
    got, want = solve(arrays, 'while', True), solve(arrays, 'scan', False)
    assert got[0][0].dtype == jnp.float64
    assert_close(got, want, 1e-10)


def assert_close(a, b, rtol):
  """Equal to rtol of the largest entry of each array."""
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert x.dtype == y.dtype and x.shape == y.shape
    x, y = np.float64(x), np.float64(y)
    assert np.abs(x - y).max() <= rtol * max(np.abs(y).max(), 1e-3)


def table_step(params, x, h, n):
  """Halting logits from a table [B, N]."""
  h = h * params
  return h, h, jax.lax.dynamic_index_in_dim(x, n, 1, keepdims=False)


def test_rows_are_halved_forward_and_backward():
  # Active after the levels 0, 1, ...: 4, 2, 2, 2, 1, 1, 0 of 8 rows. Level 0
  # runs on 8 rows, 1 on 4, 2 to 4 on 2, and 5 and 6 on 1.
  depth = np.array([1, 7, 1, 2, 1, 5, 2, 1])
  x = jnp.where(jnp.arange(9)[None] + 1 >= depth[:, None], 50.0, -50.0)
  count = collections.Counter()
  phase = []

  def counted(params, x, h, n):
    size = len(h)
    jax.debug.callback(lambda n: count.update([(phase[-1], size, int(n))]), n)
    return table_step(params, x, h, n)

  def run(w):
    done = loop.unroll(
      *(counted, w, x, jnp.ones(8)), max_steps=9, eps=0.05, compact=True
    )
    return done.h.sum(), done

  phase.append('forward')
  _, pull, done = jax.vjp(run, jnp.float32(1), has_aux=True)
  jax.effects_barrier()
  phase.append('backward')
  (dw,) = pull(jnp.float32(1))
  jax.effects_barrier()
  sizes = [8, 4, 2, 2, 2, 1, 1]
  assert count == {
    (a, size, n): 1
    for a in ('forward', 'backward')
    for n, size in enumerate(sizes)
  }
  assert done.steps == 7
  np.testing.assert_array_equal(done.active.sum(0), depth)
  # d/dw of w + w^2 + ... + w^depth at w = 1.
  assert dw == (depth * (depth + 1) / 2).sum()


def whole_step(params, x, h, n):
  """Whole numbers alone: products of another size round nothing."""
  h = params * h + x['in']
  logit = jax.lax.dynamic_index_in_dim(x['halt'], n, 1, keepdims=False)
  return h, (n + 1) * h, logit


@functools.partial(jax.jit, static_argnames='compact')
def one_of_many(depth, compact):
  """Gradients of the loss of row 2 of 16, and what the row computed."""
  halt = jnp.where(jnp.arange(9)[None] + 1 >= depth[:, None], 50.0, -50.0)
  x = {'in': jnp.arange(16.0), 'halt': halt}

  def loss(params, x, h0):
    done = loop.unroll(
      whole_step, params, x, h0, max_steps=9, eps=0.05, compact=compact
    )
    row = jax.tree.map(lambda a: a[:, 2], done[:4])
    return (row[0] + row[1] + 3 * row[2]).sum(), row

  grad = jax.grad(loss, (0, 1, 2), has_aux=True)
  return grad(jnp.float32(2), x, jnp.arange(16.0))


def test_an_example_does_not_see_who_leaves():
  # Row 2 thinks 4 levels; the others 1, 9, or 1 to 9, so that it is moved
  # into smaller batches early, never, or by and by.
  others = jnp.full(16, 1), jnp.full(16, 9), 1 + jnp.arange(16) * 5 % 9
  want = one_of_many(others[0].at[2].set(4), False)
  assert want[1][3].sum() == 4
  for depth in others:
    got = one_of_many(depth.at[2].set(4), True)
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_loops_may_be_skipped():
  # After the first level one of 16 rows is left: no loop of 8, 4 or 2 runs.
  x = jnp.full((16, 4), 50.0).at[11, :3].set(-50.0)
  h = jnp.arange(1.0, 17.0)

  @jax.jit
  def grad(h):
    def total(h):
      done = loop.unroll(
        *(table_step, jnp.float32(2), x, h),
        max_steps=4, eps=0.05, compact=True,
      )  # fmt: skip
      return done.h.sum(), done

    return jax.grad(total, has_aux=True)(h)

  slope, done = grad(h)
  want = np.zeros((4, 16))
  want[0], want[:, 11] = 2 * h, 12 * np.array([2, 4, 8, 16])
  np.testing.assert_array_equal(done.h, want)
  np.testing.assert_array_equal(done.active, want > 0)
  np.testing.assert_array_equal(slope, np.where(h == 12, 2 + 4 + 8 + 16, 2))


def test_halves():
  assert chain.halves(40) == (40, 20, 10, 5, 2)
  assert chain.halves(3) == (3, 1) and chain.halves(1) == (1,)
