"""Thinking about places: a step by hand, what it sees, and what it needs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied.config import resolve
from embodied.errors import UsageError
from ponderdream import models, settings
from ponderdream.goals import immediate, inner, spatial
from ponderdream.nets import heads
from ponderdream.world.encoder import Encoder
from tests import helpers
from tests.naming import naming

BATCH, REST, GOAL, UNITS = 2, 3, 2, 8
GRID = spatial.Grid(3, 4, 5)
FEAT = REST + GRID.size


def make(cell, feedback='none'):
  model = spatial.Spatial(
    FEAT, GOAL, UNITS, cell, feedback, 0.5, jnp.float32, grid=GRID
  )
  feat, goal = jnp.zeros((1, FEAT)), jnp.zeros((1, GOAL))
  params = model.init(jax.random.key(0), feat, goal, method='touch')['params']
  leaves, tree = jax.tree.flatten(params)
  keys = jax.random.split(jax.random.key(1), len(leaves))
  pairs = zip(leaves, keys, strict=True)
  noise = [x + 0.3 * jax.random.normal(k, x.shape) for x, k in pairs]
  return model, tree.unflatten(noise)


def inputs():
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
  return draw(BATCH, FEAT), draw(BATCH, GOAL), draw(BATCH, 12, UNITS)


def norm(x, scale):
  return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-4) * scale


def silu(x):
  return x / (1 + np.exp(-x))


def linear(x, layer):
  return x @ layer['kernel'] + layer['bias']


def by_hand(cell, p, feat, goal, hidden, first):
  """The new hidden state and what is read from it, cell by cell."""
  told = linear(np.concatenate([feat[:REST], goal, [first]]), p['input'])
  tokens = feat[REST:].reshape((12, GRID.depth))
  x = linear(tokens, p['tokens']) + p['places'] + told
  z = x + linear(norm(hidden, p['hiddennorm']['scale']), p['recur'])
  z = silu(norm(z, p['innorm']['scale']))
  if cell == 'conv':
    mixed = np.zeros_like(z)
    for i in range(3):
      for j in range(4):
        for di in (-1, 0, 1):
          for dj in (-1, 0, 1):
            row, col = i + di, j + dj
            if 0 <= row < 3 and 0 <= col < 4:
              tap = p['kernel'][di + 1, dj + 1]
              mixed[4 * i + j] += z[4 * row + col] @ tap
    mixed += linear(np.concatenate([z.mean(0), z.max(0)]), p['inject'])
  else:
    query, key, value = np.split(linear(z, p['ask']), 3, -1)
    mixed = z.copy()
    for head in range(4):
      part = slice(2 * head, 2 * head + 2)
      score = query[:, part] @ key[:, part].T / np.sqrt(2)
      weight = np.exp(score) / np.exp(score).sum(-1, keepdims=True)
      mixed[:, part] += weight @ value[:, part]
  new = hidden + linear(silu(norm(mixed, p['mixnorm']['scale'])), p['output'])
  y = norm(new, p['outnorm']['scale'])
  return new, np.concatenate([y.mean(0), y.max(0)])


@pytest.mark.parametrize('cell', spatial.CELLS)
@pytest.mark.parametrize('first', [0.0, 1.0])
def test_a_step_by_hand(cell, first):
  model, params = make(cell)
  feat, goal, hidden = inputs()
  apply = lambda *xs, method: model.apply(
    {'params': params}, *xs, method=method
  )
  x = apply(feat, goal, method='project')
  state = inner.PonderState(hidden, None)
  state, subgoal, logit = apply(x, state, jnp.float32(first), method='step')
  p = jax.tree.map(np.asarray, params)
  for b in range(BATCH):
    new, y = by_hand(cell, p, feat[b], goal[b], hidden[b], first)
    np.testing.assert_allclose(state.hidden[b], new, rtol=2e-4, atol=2e-4)
    want = linear(y, p['subgoal'])
    np.testing.assert_allclose(subgoal[b], want, rtol=2e-4, atol=2e-4)
    want = linear(y, p['halt'])[0]  # the prior of 1/2 adds 0
    np.testing.assert_allclose(logit[b], want, rtol=2e-4, atol=2e-4)


def reached(cell, params, model, steps):
  """Cells whose hidden state depends on the token of the first cell."""
  feat, goal, _ = inputs()

  def think(feat):
    apply = lambda *xs, method: model.apply(
      {'params': params}, *xs, method=method
    )
    x, state = apply(feat, goal, method='project'), inner.initial(model, goal)
    for n in range(steps):
      state, *_ = apply(x, state, jnp.float32(n == 0), method='step')
    return state.hidden[0]

  slope = jax.jacobian(think)(jnp.asarray(feat))[:, :, 0, REST : REST + 5]
  return np.abs(slope).max((1, 2)).reshape((3, 4)) > 0


def test_more_steps_see_further():
  model, params = make('conv')
  # Without the mean and the maximum of all cells, only neighbours are seen.
  params['inject'] = jax.tree.map(jnp.zeros_like, params['inject'])
  far = np.maximum(*np.indices((3, 4)))
  for steps in (1, 2, 3):
    np.testing.assert_array_equal(
      reached('conv', params, model, steps), far <= steps
    )
  assert reached('conv', *make('conv')[::-1], 1).all()
  assert reached('attention', *make('attention')[::-1], 1).all()


@pytest.mark.parametrize('cell', spatial.CELLS)
def test_it_halts_and_learns_as_every_subgoal_model(cell):
  model, params = make(cell, 'goal')
  actdec = heads.Head(1, UNITS, 3, 1.0, jnp.float32)
  feat, goal, _ = map(jnp.asarray, inputs())
  params = {
    'inner': params,
    'actdec': actdec.init(jax.random.key(3), goal)['params'],
  }
  ponder = immediate.PonderConfig('pondernet', 4, None, 0.5, False)

  def total(params, compact=False):
    every = immediate.all_levels(
      model, actdec, params, feat, goal, ponder._replace(compact=compact)
    )
    return (every.raw**2).sum() + every.steps.sum(), every

  (value, every), grads = jax.value_and_grad(total, has_aux=True)(params)
  assert every.raw.shape == (4, BATCH, 3)
  np.testing.assert_allclose(total(params, True)[0], value, rtol=1e-5)
  flat, _ = jax.tree_util.tree_flatten_with_path(grads)
  assert all(abs(x).max() > 0 for _, x in flat), [
    k for k, x in flat if not x.any()
  ]
  # And the one that acts computes the level that learning computes.
  raw, steps = immediate.choose(
    model, actdec, params, feat, goal, ponder, jax.random.key(0),
    immediate.SAMPLED,
  )  # fmt: skip
  for b, n in enumerate(steps.astype(int)):
    np.testing.assert_allclose(raw[b], every.raw[n - 1, b], rtol=1e-4)


PICTURE = embodied.Space(np.uint8, (12, 17, 3))
BOARD = embodied.Space(np.int32, (3, 5), 0, 4)
SPEED = embodied.Space(np.float32, (2,))


@pytest.mark.parametrize(
  'kind, spaces, grid',
  [
    ('patch', {'image': PICTURE, 'speed': SPEED}, (3, 5, 6)),
    ('table', {'image': PICTURE, 'speed': SPEED}, (3, 5, 6)),
    ('conv', {'image': PICTURE, 'speed': SPEED}, (3, 5, 12)),
    ('patch', {'board': BOARD, 'speed': SPEED}, (3, 5, 6)),
  ],
)
def test_the_tokens_of_the_cells_come_last(kind, spaces, grid):
  module = Encoder(
    spaces, kind, 6, (1, 2), 3, 4, 1, 7, 16, jnp.float32, cells=True
  )
  assert module.grid() == grid
  rng = np.random.default_rng(0)
  obs = {k: v.sample(rng)[None] for k, v in spaces.items()}
  tokens, params = module.init_with_output(jax.random.key(0), obs)
  size = int(np.prod(grid))
  assert tokens.shape == (1, 7 + size)
  # Another speed changes nothing in the cells, and the last cell changes in
  # the last token alone.
  other, _ = module.apply(params, obs | {'speed': obs['speed'] + 1}), None
  np.testing.assert_array_equal(other[:, -size:], tokens[:, -size:])
  assert (other[:, :-size] != tokens[:, :-size]).any()
  if kind == 'conv':
    return
  key = 'board' if 'board' in obs else 'image'
  changed = np.array(obs[key])
  changed[:, -1, -1] = (changed[:, -1, -1] + 2) % 4
  cells = lambda x: np.asarray(x[:, -size:]).reshape(grid)
  differs = (
    cells(module.apply(params, obs | {key: changed})) != cells(tokens)
  ).any(-1)
  assert not differs.ravel()[:-1].any()
  if kind == 'patch':
    assert differs[-1, -1]


@pytest.mark.slow
@pytest.mark.parametrize('cell', spatial.CELLS)
@pytest.mark.parametrize('kind', ['conv', 'table'])
def test_a_whole_update_moves_all_its_parameters(cell, kind):
  kit = helpers.tiny(
    'pondernet',
    **{'inner.cell': cell, 'inputs': 'tokens', 'enc.kind': kind},
    **{'loss_scales.ppo': 0.0, 'enc.mults': (2, 3)},
  )
  before = jax.tree.map(np.array, kit.agent.state.params['inner'])
  for _ in range(3):
    kit.agent.train(kit.batch)
  _, metrics = kit.agent.flush()
  assert np.isfinite(list(metrics.values())).all(), metrics
  after = kit.agent.state.params['inner']
  changed = jax.tree.map(lambda a, b: (a != b).any(), before, after)
  assert all(jax.tree.leaves(changed)), changed


def settled(*names, **overrides):
  found = resolve(settings.blocks(), ['debug', 'pondernet', *names])
  return found.update({'jax.dtype': 'float32', **overrides})


def test_what_it_needs_is_said():
  act = {
    'action': embodied.Space(np.int32, (), 0, 3), 'reset': embodied.Space(bool)
  }  # fmt: skip
  config = settled(**{'inner.cell': 'conv', 'inputs': 'tokens'})
  with pytest.raises(UsageError, match=naming('inner.cell', 'residual')):
    models.build(config, {'speed': SPEED}, act)
  for changes, words in (
    ({'inner.cell': 'conv'}, ['inputs', 'tokens']),
    (
      {'inner.cell': 'attention', 'inputs': 'tokens', 'inner.units': 6},
      ['inner.units', 6, 4],
    ),
  ):
    flags = {k: [str(v)] for k, v in changes.items()}
    with pytest.raises(UsageError, match=naming(*words)):
      settings.parse(['dummy', 'debug', 'pondernet'], flags, ())
