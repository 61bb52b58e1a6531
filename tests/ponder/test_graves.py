"""ACT's stop, weights and price, by hand and against PonderNet's buffers."""

import collections
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.ponder import graves, loop
from tests.naming import naming

halt = jax.jit(graves.halt, static_argnames='eps')


def logits(p):
  p = np.array(p)
  return jnp.asarray(np.log(p / (1 - p)), jnp.float32)


def test_by_hand():
  # h = .3, .5, .4: sums .3, .8, 1.2 >= .99 at the third. R = 1 - .8 = .2,
  # n + R = 3.2. The second example passes at once: p = R = 1, cost 2. The
  # third, .2 each, is cut by its mask after two levels: .2, .8, cost 2.8.
  logit = logits(
    [[0.3, 0.995, 0.2], [0.5, 0.5, 0.2], [0.4, 0.5, 0.2], [0.4, 0.5, 0.2]]
  )
  active = jnp.ones((4, 3), bool).at[2:, 2].set(False)
  got = halt(logit, active, eps=0.01)
  want = [[0.3, 0.5, 0.2, 0], [1, 0, 0, 0], [0.2, 0.8, 0, 0]]
  np.testing.assert_allclose(got.p.T, want, atol=1e-6)
  np.testing.assert_allclose(got.remainder, [0.2, 1, 0.8], atol=1e-6)
  np.testing.assert_array_equal(got.steps, [3, 1, 2])
  np.testing.assert_allclose(graves.cost(got), [3.2, 2, 2.8], atol=1e-6)


def test_gradient_of_the_cost():
  # R = 1 - h_0 - h_1: -h (1 - h) for each logit before the last, else 0.
  h = np.array([0.3, 0.5, 0.4, 0.4])
  active = jnp.ones((4, 1), bool)
  grad = jax.grad(lambda a: graves.cost(halt(a, active, eps=0.01)).sum())(
    logits(h)[:, None]
  )
  np.testing.assert_allclose(grad[:, 0], [-0.21, -0.25, 0, 0], atol=1e-6)


def test_mean():
  p = jnp.array([[0.25], [0.75]])
  tree = {'a': jnp.array([[4.0], [8.0]]), 'b': jnp.ones((2, 1, 3))}
  half = jax.tree.map(lambda a: a.astype(jnp.bfloat16), tree)
  for given in (tree, half):
    got = graves.mean(given, p)
    np.testing.assert_array_equal(got['a'], [7])
    np.testing.assert_array_equal(got['b'], np.ones((1, 3)))
    assert got['a'].dtype == given['a'].dtype


@pytest.mark.parametrize('eps', [0.01, 0.2])
def test_unroll_computes_all_that_act_needs(eps):
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.normal(size=(200, 9)) - 1, jnp.float32)

  def step(params, x, h, n):
    return h, h, x[:, n]

  done = loop.unroll(step, 0.0, x, x[:, 0], max_steps=9, eps=eps)
  got = halt(done.logit, done.active, eps=eps)
  np.testing.assert_allclose(got.p.sum(0), 1, atol=1e-6)
  total = (1 / (1 + np.exp(-np.float64(x)))).cumsum(1)
  want = 1 + (total[:, :-1] < 1 - eps).sum(1)
  np.testing.assert_array_equal(got.steps, want)
  assert len(set(want)) > 3 and (got.remainder > 0).all()
  # By its own rule these are all that run, and the weights are the same.
  own = loop.unroll(
    step, 0.0, x, x[:, 0], max_steps=9, eps=eps, stop=graves.act_rule
  )
  np.testing.assert_array_equal(own.active.sum(0), want)
  assert (done.active.sum(0) > want).any()
  for a, b in zip(halt(own.logit, own.active), got, strict=True):
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
  'compact, sizes', [(False, [4, 4, 4]), (True, [4, 2, 1])]
)
def test_no_level_runs_that_act_does_not_need(compact, sizes):
  # Sums of h: .995 | .5, 1 | .4, .8, 1.2 | .995, so 1, 2, 3 and 1 levels of
  # 9. The third would survive all 9 levels by PonderNet's rule: .6 ** 8 > eps.
  x = jnp.tile(logits([[0.995], [0.5], [0.4], [0.995]]), (1, 9))
  count = collections.Counter()
  phase = []

  def step(params, x, h, n):
    size = len(h)
    jax.debug.callback(lambda n: count.update([(phase[-1], size, int(n))]), n)
    return h * params, h, x[:, n]

  def run(w):
    done = loop.unroll(
      *(step, w, x, jnp.ones(4)),
      max_steps=9, eps=0.01, compact=compact, stop=graves.act_rule,
    )  # fmt: skip
    return done.h.sum(), done

  phase.append('forward')
  _, pull, done = jax.vjp(run, jnp.float32(1), has_aux=True)
  jax.effects_barrier()
  phase.append('backward')
  (dw,) = pull(jnp.float32(1))
  jax.effects_barrier()
  np.testing.assert_array_equal(done.active.sum(0), [1, 2, 3, 1])
  assert done.steps == 3
  assert count == {
    (a, size, n): 1
    for a in ('forward', 'backward')
    for n, size in enumerate(sizes)
  }
  # d/dw of w + ... + w^depth at w = 1: 1 + 3 + 6 + 1.
  assert dw == 11


IMPLS = {
  'scan': {'impl': 'scan'},
  'while': {'impl': 'while'},
  'compact': {'impl': 'while', 'compact': True},
}


@functools.partial(jax.jit, static_argnames='impl')
def solve(arrays, impl):
  """Value and gradients of a loss on ACT's means and price."""

  def step(w, x, h, n):
    h = jnp.sin(w * h + x + (n == 0))
    return h, h**2, x + h / 2

  def loss(arrays):
    done = loop.unroll(
      step, *arrays, max_steps=7, eps=0.05, stop=graves.act_rule, **IMPLS[impl]
    )
    weights = graves.halt(done.logit, done.active)
    out, h = graves.mean((done.out, done.h), weights.p)
    return (out + h + graves.cost(weights)).sum(), done

  return jax.value_and_grad(loss, has_aux=True)(arrays)


@pytest.mark.parametrize('impl', ['while', 'compact'])
@pytest.mark.parametrize('x64, rtol', [(False, 1e-5), (True, 1e-10)])
def test_all_implementations_stop_alike(impl, x64, rtol):
  with jax.enable_x64(x64):
    x = np.linspace(-2.5, 4, 12)[np.random.default_rng(0).permutation(12)]
    arrays = jax.tree.map(jnp.asarray, (0.7, x, np.cos(x)))
    got, want = solve(arrays, impl), solve(arrays, 'scan')
  depth = np.asarray(want[0][1].active.sum(0))
  assert depth.min() == 1 and len(set(depth)) > 3, depth
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    assert a.dtype == b.dtype and a.shape == b.shape
    a, b = np.float64(a), np.float64(b)
    assert np.abs(a - b).max() <= rtol * max(np.abs(b).max(), 1e-3)


def test_without_eps_nobody_stops_early():
  x = jnp.full((2, 3), 50.0)
  step = lambda params, x, h, n: (h, h, x[:, n])
  done = loop.unroll(
    step, 0.0, x, x[:, 0], max_steps=3, eps=None, stop=graves.act_rule
  )
  assert done.steps == 3 and done.active.all()


@pytest.mark.parametrize('eps', [0, 1, -0.1, np.nan, '0.1', True])
def test_bad_eps_gets_a_sentence(eps):
  with pytest.raises(ValueError, match=naming('ACT', f'eps={eps!r}', 1)):
    graves.halt(jnp.zeros((2, 1)), jnp.ones((2, 1), bool), eps=eps)
