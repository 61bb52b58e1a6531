"""The state that a goal leads to: its loss by hand, masks, gradients."""

import itertools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config
from embodied.envs import make_env
from ponderdream import settings
from ponderdream.agent import Agent
from ponderdream.dream import foreseen
from ponderdream.objectives import Pass, goalstate
from ponderdream.world import rssm
from tests import helpers
from tests.helpers import compiled

STEPS = 2, 4
TEXTS = np.array([[5, 6, 1, 0], [7, 1, 0, 0], [8, 9, 5, 1]], np.int32)
STACK = np.array([
  [[0, 1], [0, -1], [1, 2], [2, 0]], [[2, 0], [-1, -1], [1, 1], [0, 1]],
])  # fmt: skip
# The second entry of the second row has time left, and no goal.
REMAINING = np.array([
  [[3, 1], [2, 0], [1, 0], [0, 0]], [[1, 0], [2, 2], [0, 1], [0, 0]],
])  # fmt: skip
ACHIEVED = [
  (0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 2, 0), (1, 0, 0), (1, 2, 1),
]  # fmt: skip


@pytest.fixture(scope='module')
def kit():
  settled = config.resolve(
    settings.blocks(), ['debug', 'pondernet', 'words', 'phase1']
  ).update({
    'jax.dtype': 'float32', 'text.length': 4, 'loss_scales.goalstate': 1.0,
    'opt.groups': ['.*=1'],
  })  # fmt: skip
  env = make_env('crafter_reward', 0, seed=0)
  agent = Agent(env.obs_space, env.act_space, settled, task=TEXTS[:1])
  return types.SimpleNamespace(
    models=agent.models,
    config=settled,
    params=helpers.disturbed(agent.save().params),
  )


def a_pass(kit, params, nodes=99, **changes):
  """A pass over random states."""
  rng, dyn = np.random.default_rng(0), kit.models.dyn
  normal = lambda *x: jnp.asarray(rng.normal(size=(*STEPS, *x)), jnp.float32)
  post = rssm.State(normal(dyn.deter), normal(dyn.stoch, dyn.classes))
  logp = jax.nn.log_softmax(normal(dyn.stoch, dyn.classes))
  data = {
    'stack': STACK, 'remaining': REMAINING, 'shared/texts': TEXTS
  } | changes  # fmt: skip
  data = {k: jnp.asarray(v) for k, v in data.items()}
  settled = kit.config.update({'imitation.nodes': nodes})
  tokens = jnp.zeros((*STEPS, kit.models.shapes.tokens))
  return Pass(
    kit.models, params, params, None, data, post, tokens, logp,
    jax.random.key(0), settled,
  )  # fmt: skip


def by_hand(kit, p, nodes):
  """The mean over nodes `(row, step, level)`, one after the other."""
  found = []
  for row, step, level in nodes:
    end = step + REMAINING[row, step, level]
    text = TEXTS[STACK[row, step, level]]
    goal = kit.models.goals(kit.params, jnp.asarray(text)[None])[0]
    stoch = np.ravel(p.post.stoch[row, step])
    seen = np.concatenate([p.post.deter[row, step], stoch, goal])[None]
    out = np.asarray(kit.models.apply(kit.params, 'goalstate', seen)[0], float)
    size = kit.models.dyn.deter
    gap = out[:size] - np.asarray(p.post.deter[row, end])
    logits = out[size:].reshape(p.logp.shape[2:])
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    real = np.asarray(p.logp[row, end], float)
    nats = (np.exp(real) * (real - logits)).sum()
    found.append(nats + (gap**2).sum() / 2)
  return np.mean(found)


def loss(p):
  return compiled(goalstate.losses, p).losses['goalstate'].value


def test_the_loss_by_hand(kit):
  p = a_pass(kit, kit.params)
  assert float(loss(p)) == pytest.approx(by_hand(kit, p, ACHIEVED), rel=1e-5)


def test_rows_without_plans_teach_nothing(kit):
  has = np.array([[True] * STEPS[1], [False] * STEPS[1]])
  p = a_pass(kit, kit.params, **{'has/stack': has, 'has/remaining': has})
  first = [x for x in ACHIEVED if x[0] == 0]
  assert float(loss(p)) == pytest.approx(by_hand(kit, p, first), rel=1e-5)
  nothing = a_pass(kit, kit.params, remaining=np.zeros_like(REMAINING))
  assert compiled(goalstate.losses, nothing).losses['goalstate'].weight == 0


def test_a_sample_of_nodes_is_of_those_that_are_achieved(kit):
  p = a_pass(kit, kit.params, nodes=4)
  each = [by_hand(kit, p, [x]) for x in ACHIEVED]
  found = compiled(goalstate.losses, p).losses['goalstate']
  assert float(found.weight) == 4
  sums = [
    sum(np.array(each)[list(x)]) for x in itertools.combinations(range(6), 4)
  ]
  assert np.isclose(sums, float(found.total), rtol=1e-5).any()


def test_it_teaches_its_own_part_alone(kit):
  found = jax.grad(lambda x: loss(a_pass(kit, x)))(kit.params)
  assert {k for k, v in found.items() if helpers.moved(v)} == {'goalstate'}


def test_pictures_of_what_levels_are_after(kit):
  p = a_pass(kit, kit.params)
  view = jax.tree.map(lambda x: x[:, 0], p.models.view(kit.params, p.post))
  found = foreseen.wanted(kit.models, kit.params, view)['think/wanted']
  levels = kit.config.ponder.max_steps
  assert found.shape == (2, levels, 64, 64, 3) and found.dtype == np.uint8
  goal = kit.models.subgoals(kit.params, view).goal[1]
  deter, logp = kit.models.goal_state(kit.params, view.feat, goal)
  stoch = jax.nn.one_hot(logp.argmax(-1), logp.shape[-1])
  state = rssm.State(deter, stoch)
  want = foreseen.picture(kit.models, kit.params, state, 'wanted')
  np.testing.assert_array_equal(found[:, 1], want['wanted'])
  others = found.astype(int) - found[:, :1]
  assert abs(others).max() > 0
