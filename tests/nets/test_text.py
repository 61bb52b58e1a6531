"""Texts as vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ponderdream.nets import text

NET = text.TextEncoder(32, 6, 8, 2, 2, jnp.float32)
RNG = np.random.default_rng(0)
TEXTS = RNG.integers(1, 32, (5, 6))
TEXTS[1, 4:] = TEXTS[2, 1:] = TEXTS[3, :] = 0
PARAMS = NET.init(jax.random.key(0), TEXTS)


def test_padding_changes_nothing():
  found = NET.apply(PARAMS, TEXTS)
  assert found.shape == (5, 8)
  # Four pieces, with or without room for more.
  alone = NET.apply(PARAMS, TEXTS[1:2, :4])
  np.testing.assert_allclose(found[1:2], alone, rtol=1e-4, atol=1e-5)
  np.testing.assert_array_equal(found[3], 0)
  assert np.isfinite(found).all()


def test_order_and_pieces_matter():
  apply = lambda x: NET.apply(PARAMS, x)
  away = abs(apply(TEXTS[:1, ::-1]) - apply(TEXTS[:1]))
  assert away.max() > 1e-3
  grad = jax.grad(lambda p: NET.apply(p, TEXTS).sum())(PARAMS)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(grad))
  for path, x in jax.tree_util.tree_leaves_with_path(grad):
    # A bias of the keys adds the same to all weights of a softmax.
    assert abs(x).max() > 0, path


def test_attention_by_hand():
  # One head of one piece attends to itself: its value, projected.
  block = text.Block(1, jnp.float32)
  x = jax.random.normal(jax.random.key(1), (1, 1, 4))
  all_of_it = jnp.ones((1, 1, 1), bool)
  params = block.init(jax.random.key(2), x, all_of_it)['params']
  norm = lambda x, p: x / np.sqrt((x**2).mean(-1) + 1e-4) * p['scale']
  dense = lambda x, p: x @ p['kernel'] + p['bias']
  y = np.asarray(x[0, 0])
  value = dense(norm(y, params['norm0']), params['qkv'])[8:]
  y = y + dense(value, params['out'])
  up = dense(norm(y, params['norm1']), params['up'])
  want = y + dense(up / (1 + np.exp(-up)), params['down'])
  got = block.apply({'params': params}, x, all_of_it)
  np.testing.assert_allclose(got[0, 0], want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('most', [1, 2, 3, 100])
@pytest.mark.parametrize('different', [1, 3, 7])
def test_each_row_is_computed_once_and_given_to_all(most, different):
  rng = np.random.default_rng(different)
  rows = rng.integers(0, 256, (different, 9))
  texts = rows[rng.integers(different, size=24)]
  weight = jnp.asarray(rng.normal(size=(9, 4)), jnp.float32)
  calls = []

  def function(x, weight):
    jax.debug.callback(lambda: calls.append(1))
    return jnp.tanh(x / 256 @ weight)

  run = lambda weight: text.each_once(
    lambda x: function(x, weight), jnp.asarray(texts), most
  )
  found = jax.jit(run)(weight)
  jax.effects_barrier()
  want = np.tanh(texts / 256 @ np.asarray(weight))
  np.testing.assert_allclose(found, want, rtol=1e-5)
  seen = len(np.unique(texts, axis=0))
  assert len(calls) == -(-seen // min(most, 24))
  # The gradient is that of the plain computation.
  plain = lambda weight: jnp.tanh(jnp.asarray(texts) / 256 @ weight)
  loss = lambda f: jax.grad(lambda w: (f(w) ** 2).sum())(weight)
  np.testing.assert_allclose(loss(run), loss(plain), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  'count, longest', [(0, 0), (1, 1), (4, 2), (5, 3), (9, 6)]
)
def test_padding_is_not_computed(count, longest):
  rng = np.random.default_rng(count)
  texts = np.zeros((9, 6), np.int32)
  for i in range(count):
    size = rng.integers(1, longest + 1) if longest else 0
    texts[i, :size] = rng.integers(1, 32, size)
  if count and longest:
    texts[0, :longest] = 1
  calls = []

  def function(params, rows):
    jax.debug.callback(lambda: calls.append(rows.shape))
    return NET.apply(params, rows)

  def saving(params):
    each = lambda x: function(params, x)
    packed = lambda x: text.packed(each, x, 4)
    return text.briefly(packed, jnp.asarray(texts))

  found = jax.jit(saving)(PARAMS)
  jax.effects_barrier()
  # Blocks of four rows that have a piece, of two columns if that is enough.
  blocks = -(-count // 4) if longest else 0
  assert calls == blocks * [(4, 2 if longest <= 2 else 6)]
  want = NET.apply(PARAMS, texts)
  np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-6)
  # Gradients are those without it, for the parameters that are used.
  weight = jnp.asarray(rng.normal(size=want.shape), jnp.float32)
  grad = lambda f: jax.jit(jax.grad(lambda p: (f(p) * weight).sum()))(PARAMS)
  got, want = grad(saving), grad(lambda p: NET.apply(p, texts))
  for a, b in zip(*map(jax.tree.leaves, (got, want)), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


DEC = text.TextDecoder(32, 6, 8, 2, 2, jnp.float32)
VECTORS = jax.random.normal(jax.random.key(3), (5, 4))


def test_a_piece_is_predicted_from_those_before_it():
  params = DEC.init(jax.random.key(0), VECTORS, TEXTS)['params']
  apply = lambda *xs: DEC.apply({'params': params}, *xs)
  logits = apply(VECTORS, TEXTS)
  assert logits.shape == (5, 6, 32) and logits.dtype == jnp.float32
  for place in range(6):
    changed = TEXTS.copy()
    changed[:, place] = (changed[:, place] + 7) % 32
    after = apply(VECTORS, changed)
    np.testing.assert_allclose(
      after[:, : place + 1], logits[:, : place + 1], atol=1e-5
    )
    if place < 5:
      assert abs(after[:, place + 1] - logits[:, place + 1]).min() > 1e-6
  assert abs(apply(VECTORS + 1, TEXTS) - logits).max(-1).min() > 1e-4


def test_what_is_said_is_the_most_probable_piece_after_each_other():
  params = DEC.init(jax.random.key(0), VECTORS, TEXTS)['params']
  found = np.asarray(jax.jit(lambda v: text.say(DEC, params, v))(VECTORS))
  logits = DEC.apply({'params': params}, VECTORS, found)
  for row, said in zip(np.asarray(logits), found, strict=True):
    over = False
    for place, piece in enumerate(said):
      assert piece == (0 if over else row[place].argmax())
      over = over or piece in (text.END, text.PADDING)


def test_texts_can_be_learnt_by_heart():
  optimizer = optax.adam(1e-2)
  texts = np.where(TEXTS > 1, TEXTS, 2)
  texts[:, -1], texts[2, 2:] = text.END, text.PADDING
  texts[2, 1] = text.END

  def loss(params):
    logits = DEC.apply({'params': params}, VECTORS, texts)
    terms = optax.softmax_cross_entropy_with_integer_labels(logits, texts)
    return (terms * (texts != text.PADDING)).sum()

  @jax.jit
  def step(params, state):
    updates, state = optimizer.update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, updates), state

  params = DEC.init(jax.random.key(0), VECTORS, texts)['params']
  state = optimizer.init(params)
  for _ in range(150):
    params, state = step(params, state)
  np.testing.assert_array_equal(text.say(DEC, params, VECTORS), texts)
