"""The recurrent model against a second, unoptimised way of computing it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import layers
from ponderdream.nets.cpu import deferred
from ponderdream.world import rssm

DYN = rssm.RSSM(
  deter=8,
  hidden=4,
  stoch=3,
  classes=2,
  blocks=2,
  dynlayers=2,
  imglayers=1,
  obslayers=2,
  unimix=0.01,
  tokens=5,
  action=3,
  dtype=jnp.float32,
)
BATCH, TIME = 2, 4


@pytest.fixture(scope='module')
def params():
  tokens, action = jnp.zeros((1, 5)), jnp.zeros((1, 3))
  return DYN.init(jax.random.key(0), tokens, action, method='touch')


def draw(seed, *shape):
  return jax.random.normal(jax.random.key(seed), shape)


def onehot(seed, *shape):
  return jax.nn.one_hot(draw(seed, *shape).argmax(-1), shape[-1])


def reference_advance(p, deter, stoch, action):
  """DreamerV3's equations with the inputs repeated for every block."""
  p = jax.tree.map(np.asarray, p['params'])
  rms = lambda x, s: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-4) * s
  silu = lambda x: x / (1 + np.exp(-x))
  sigmoid = lambda x: 1 / (1 + np.exp(-x))
  dense = lambda x, name: x @ p[name]['kernel'] + p[name]['bias']

  def blocks(x, name):
    """Each block has its own slice of `x` `[B, g, I]`."""
    out = np.einsum('bgi,gio->bgo', x, p[name]['kernel'])
    return out.reshape((len(x), -1)) + p[name]['bias']

  action = action / np.maximum(1, abs(action))
  inputs = [
    silu(rms(dense(x, f'dynin{i}'), p[f'dynin{i}norm']['scale']))
    for i, x in enumerate([deter, stoch.reshape((len(stoch), -1)), action])
  ]
  shared = np.repeat(np.concatenate(inputs, -1)[:, None], 2, 1)
  x = np.concatenate([deter.reshape((-1, 2, 4)), shared], -1)
  for i in range(2):
    x = silu(rms(blocks(x, f'dynhid_{i}'), p[f'dynhidnorm_{i}']['scale']))
    x = x.reshape((-1, 2, 4))
  gates = blocks(x, 'dyngru').reshape((-1, 2, 3, 4))
  reset, cand, update = (gates[:, :, i].reshape((-1, 8)) for i in range(3))
  cand = np.tanh(sigmoid(reset) * cand)
  update = sigmoid(update - 1)
  return update * cand + (1 - update) * deter


def test_advance_equals_the_equations(params):
  deter, action = draw(1, BATCH, 8), 3 * draw(2, BATCH, 3)
  stoch = onehot(3, BATCH, 3, 2)
  embedded = DYN.apply(params, action, method='embed_action')
  state = rssm.State(deter, stoch)
  got = DYN.apply(params, state, embedded, method='advance')
  want = reference_advance(params, *map(np.asarray, (deter, stoch, action)))
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_observe_equals_single_steps(params):
  tokens, actions = draw(1, BATCH, TIME, 5), draw(2, BATCH, TIME, 3)
  resets = jnp.array(
    [[False, False, True, False], [True, False, False, False]]
  )
  start = rssm.State(draw(3, BATCH, 8), onehot(4, BATCH, 3, 2))
  key = jax.random.key(5)
  got, logp = rssm.observe(DYN, params, start, tokens, actions, resets, key)
  state = start
  for t, k in enumerate(jax.random.split(key, TIME)):
    keep = 1 - resets[:, t].astype(jnp.float32)[:, None]
    state = rssm.State(state.deter * keep, state.stoch * keep[..., None])
    token = DYN.apply(params, tokens[:, t], method='embed_tokens')
    action = DYN.apply(params, actions[:, t] * keep, method='embed_action')
    none = jnp.zeros(BATCH, bool)
    state, want = rssm.observe_step(DYN, params, state, token, action, none, k)
    np.testing.assert_allclose(got.deter[:, t], state.deter, atol=1e-5)
    np.testing.assert_array_equal(got.stoch[:, t].round(), state.stoch.round())
    np.testing.assert_allclose(logp[:, t], want, atol=1e-5)


def test_the_gradient_of_observe_is_that_of_a_plain_scan(params, monkeypatch):
  tokens, actions = draw(1, BATCH, TIME, 5), draw(2, BATCH, TIME, 3)
  resets = jnp.zeros((BATCH, TIME), bool).at[0, 2].set(True)
  start = rssm.State(draw(3, BATCH, 8), onehot(4, BATCH, 3, 2))

  def loss(params):
    key = jax.random.key(5)
    post, logp = rssm.observe(DYN, params, start, tokens, actions, resets, key)
    return (jnp.cos(post.deter) + jnp.exp(logp)[..., :1, 0]).sum()

  got = jax.jit(jax.grad(loss))(params)
  plain = lambda body, params, init, xs: jax.lax.scan(
    functools.partial(body, params), init, xs
  )
  monkeypatch.setattr(deferred, 'scan', plain)
  want = jax.jit(lambda params: jax.grad(loss)(params))(params)
  for a, b in zip(*map(jax.tree.leaves, (got, want)), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5 * max(1e-3, abs(b).max()))


def test_a_reset_forgets_everything_before_it(params):
  tokens, actions = draw(1, BATCH, TIME, 5), draw(2, BATCH, TIME, 3)
  resets = jnp.zeros((BATCH, TIME), bool).at[:, 2].set(True)
  run = functools.partial(
    rssm.observe, DYN, params, resets=resets, key=jax.random.key(0)
  )
  one, _ = run(rssm.initial(DYN, BATCH), tokens, actions)
  other = rssm.State(draw(3, BATCH, 8), onehot(4, BATCH, 3, 2))
  changed = actions.at[:, :3].add(1.0)
  two, _ = run(other, tokens.at[:, :2].add(1.0), changed)
  np.testing.assert_array_equal(one.deter[:, 2:], two.deter[:, 2:])
  assert (one.deter[:, 1] != two.deter[:, 1]).any()


def test_posterior_splits_like_a_concatenation(params):
  deter, tokens = draw(1, BATCH, 8), draw(2, BATCH, 5)
  embedded = DYN.apply(params, tokens, method='embed_tokens')
  got = DYN.apply(params, deter, embedded, method='posterior')
  bound = DYN.bind(params)
  x = layers.normed(bound.obsin(deter, tokens), bound.obsinnorm)
  want = bound.shape_logits(bound.obslogit(bound.obs(x)))
  np.testing.assert_allclose(got, want, atol=1e-5)
  np.testing.assert_allclose(jnp.exp(got).sum(-1), 1, rtol=1e-5)
  assert (jnp.exp(got) >= 0.01 / 2 - 1e-7).all()


def test_features_are_deter_and_stoch_side_by_side():
  state = rssm.State(draw(0, 2, 8), onehot(1, 2, 3, 2))
  feat = rssm.features(state)
  np.testing.assert_array_equal(feat[:, :8], state.deter)
  np.testing.assert_array_equal(feat[:, 8:].reshape((2, 3, 2)), state.stoch)
