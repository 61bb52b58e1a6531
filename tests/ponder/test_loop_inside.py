"""The loop inside other transformations, and under several devices."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from jax.sharding import PartitionSpec as P

from ponderdream.ponder import act, halting, loop

B, N, EPS = 6, 5, 0.1

two_devices = pytest.mark.skipif(
  jax.device_count() < 2,
  reason='needs XLA_FLAGS=--xla_force_host_platform_device_count=2',
)


def step(w, x, h, n):
  """One parameter; the depth depends on the data."""
  h = jnp.sin(w * h + x + (n == 0))
  return h, h**2, 2 * h + x


def states(*shape):
  h0 = np.random.default_rng(0).normal(size=shape)
  return jnp.asarray(h0, jnp.float32)


IMPLS = {
  'scan': {'impl': 'scan'},
  'while': {'impl': 'while'},
  'compact': {'impl': 'while', 'compact': True},
}
adaptive = pytest.mark.parametrize('impl', ['while', 'compact'])


def losses(w, x, h0, impl):
  """Loss [B], the state halted on [B] and the steps of each example [B]."""
  done = loop.unroll(step, w, x, h0, max_steps=N, eps=EPS, **IMPLS[impl])
  p = halting.distribution(done.logit, done.active)
  depth = done.active.sum(0)
  return (p * done.out).sum(0), halting.select(done.h, depth - 1), done


def mean_loss(w, x, h0, impl):
  loss, _, done = losses(w, x, h0, impl)
  return loss.mean(), done


grads = jax.jit(jax.grad(mean_loss, (0, 1, 2), has_aux=True), static_argnums=3)


def assert_close(a, b):
  """Equal to 1e-5 of the largest entry of each array."""
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert np.abs(x - y).max() <= 1e-5 * np.abs(y).max()


def inputs():
  """Parameter, inputs and states; the second half thinks deeper."""
  return jnp.float32(0.7), jnp.linspace(2, -2, B), states(B)


@adaptive
def test_under_vmap(impl):
  # An ensemble: parameters and states vary over the mapped axis.
  _, x, h0 = inputs()
  w, h0 = jnp.array([0.7, 1.5]), jnp.stack([h0, -h0])
  grad = jax.grad(mean_loss, (0, 1, 2), has_aux=True)
  run = jax.vmap(lambda w, h0: grad(w, x, h0, impl))
  (dw, dx, dh), _ = jax.jit(run)(w, h0)
  for i in range(2):
    one, _ = grads(w[i], x, h0[i], 'scan')
    assert_close((dw[i], dx[i], dh[i]), one)


def in_scan(impl, wrap):
  """Three states, each pondered: value and gradients of the sum."""

  def total(w, x, h0):
    @wrap
    def body(h, _):
      loss, h, _ = losses(w, x, h, impl)
      return h, loss

    return jax.lax.scan(body, h0, None, 3)[1].sum()

  return jax.jit(jax.value_and_grad(total, (0, 1, 2)))(*inputs())


@adaptive
def test_inside_scan_and_checkpoint(impl):
  want = in_scan('scan', lambda f: f)
  assert_close(in_scan(impl, lambda f: f), want)
  assert_close(in_scan(impl, jax.checkpoint), want)


def on_shard(w, x, h0, impl):
  grad, done = jax.grad(mean_loss, has_aux=True)(w, x, h0, impl)
  return grad, done.steps[None]


def check_shards(dw, steps):
  """The gradient of the whole batch; each half as deep as it needs."""
  (want, _, _), done = grads(*inputs(), 'scan')
  assert_close(dw, want)
  depth = np.asarray(done.active.sum(0)).reshape(2, -1).max(1)
  assert depth[0] < depth[1]
  np.testing.assert_array_equal(np.ravel(steps), depth)


@two_devices
@adaptive
def test_under_pmap(impl):
  def run(w, x, h0):
    dw, steps = on_shard(w, x, h0, impl)
    return jax.lax.pmean(dw, 'data'), steps

  w, x, h0 = inputs()
  check_shards(
    *jax.pmap(run, 'data', in_axes=(None, 0, 0), out_axes=(None, 0))(
      w, x.reshape(2, -1), h0.reshape(2, -1)
    )
  )


def sharded(fun, out_specs, **kwargs):
  kind = (jax.sharding.AxisType.Auto,)
  mesh = jax.make_mesh((2,), ('data',), axis_types=kind)
  specs = (P(), P('data'), P('data'))
  return jax.jit(
    jax.shard_map(
      fun, mesh=mesh, in_specs=specs, out_specs=out_specs, **kwargs
    )
  )


@two_devices
@adaptive
@pytest.mark.parametrize('check_vma', [False, True])
def test_under_shard_map(check_vma, impl):
  def run(w, x, h0):
    dw, steps = on_shard(w, x, h0, impl)
    # With check_vma, the gradient by replicated parameters is summed by jax.
    return dw / 2 if check_vma else jax.lax.pmean(dw, 'data'), steps

  fun = sharded(run, (P(), P('data')), check_vma=check_vma)
  check_shards(*fun(*inputs()))
  # No collective inside a loop: trips differ by device, and it would hang.
  outside, inside = collectives(fun.trace(*inputs()).jaxpr.jaxpr)
  assert outside and not inside


@two_devices
def test_acting_under_shard_map():
  def run(w, x, h0):
    key = jax.random.key(0)
    return act.act(step, w, x, h0, key, max_steps=N, eps=EPS, halt='median')

  got = sharded(run, (P('data'), P('data')))(*inputs())
  assert_close(got, run(*inputs()))


def collectives(jaxpr, looped=False):
  """Names of the collectives outside and inside of while loops."""
  found = ([], [])
  for eqn in jaxpr.eqns:
    name = eqn.primitive.name
    if name.startswith(('psum', 'pmax', 'all_', 'ppermute')):
      found[looped].append(name)
    for inner in jaxprs_in_params(eqn.params):
      deeper = collectives(inner, looped or name == 'while')
      found[0].extend(deeper[0])
      found[1].extend(deeper[1])
  return found


def test_linen_module():
  class Core(nn.Module):
    @nn.compact
    def __call__(self, x, h, first):
      h = nn.tanh(nn.Dense(2)(jnp.concatenate([x, h], -1)) + first)
      return h, h, nn.Dense(1)(h)[..., 0]

  core = Core()

  def step(params, x, h, n):
    return core.apply(params, x, h, n == 0)

  x = states(B, 2)
  params = jax.jit(core.init)(jax.random.key(0), x, x, True)

  @functools.partial(jax.jit, static_argnums=0)
  def grad(impl, params):
    def loss(params):
      done = loop.unroll(
        step, params, x, x * 0, max_steps=5, eps=0.2, **IMPLS[impl]
      )
      p = halting.distribution(done.logit, done.active)
      return (p[..., None] * done.out**2).sum()

    return jax.grad(loss)(params)

  for impl in ('while', 'compact'):
    assert_close(grad(impl, params), grad('scan', params))
