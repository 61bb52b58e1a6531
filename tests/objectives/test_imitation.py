"""Learning from plans: losses by hand, masks, teacher forcing, gradients."""

import dataclasses
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config
from embodied.envs import make_env
from ponderdream import settings
from ponderdream.agent import Agent
from ponderdream.goals import immediate
from ponderdream.losses import combine
from ponderdream.nets import dists
from ponderdream.objectives import Pass, imitation
from ponderdream.world import rssm
from tests import helpers
from tests.helpers import compiled

LEVELS, LENGTH, STEPS = 4, 6, (2, 3)
# Three texts, and a row that no text fills.
TEXTS = np.array(
  [[5, 6, 1, 0, 0, 0], [7, 1, 0, 0, 0, 0], [8, 9, 5, 1, 0, 0], [0] * 6],
  np.int32,
)
# Depths 2, 1, 0 and 3, 2, 0; the last step has a goal and no plan.
STACK = np.array(
  [
    [[1, 2, -1], [2, -1, -1], [-1, -1, -1]],
    [[1, 0, 2], [0, 0, -1], [-1, -1, -1]],
  ]
)
GOAL = np.array([[0, 0, -1], [1, 1, 1]])
ACTION = np.array([[3, -1, 1], [0, 2, 1]])
# Actions at steps with a plan alone.
PLANNED = np.where(STACK[..., 0] < 0, -1, ACTION)


@pytest.fixture(scope='module')
def kit():
  settled = config.resolve(
    settings.blocks(), ['debug', 'pondernet', 'words', 'phase1']
  )
  settled = settled.update({'jax.dtype': 'float32', 'text.length': LENGTH})
  env = make_env('dummy_disc', 0, seed=0)
  agent = Agent(env.obs_space, env.act_space, settled, task=TEXTS[:1])
  params = helpers.disturbed(agent.save().params)
  return types.SimpleNamespace(
    agent=agent, models=agent.models, config=settled, params=params
  )


def batch(**changes):
  no = np.zeros(STEPS, bool)
  return {
    'goal': GOAL, 'stack': STACK, 'intended': ACTION,
    # What noise made of it.
    'action': np.full(STEPS, 4),
    'shared/texts': TEXTS, 'is_first': no,
  } | changes  # fmt: skip


def a_pass(kit, params, data, **changes):
  """A pass over random states, without teacher forcing by default."""
  rng = np.random.default_rng(0)
  dyn = kit.models.dyn
  post = rssm.State(
    jnp.asarray(rng.normal(size=(*STEPS, dyn.deter)), jnp.float32),
    jnp.asarray(
      rng.normal(size=(*STEPS, dyn.stoch, dyn.classes)), jnp.float32
    ),
  )
  state = types.SimpleNamespace(updates=jnp.int32(0))
  settled = kit.config.update(
    {'imitation.force': 0.0, 'imitation.ask': 0.0, **changes}
  )
  data = {k: jnp.asarray(v) for k, v in data.items()}
  tokens = jnp.zeros((*STEPS, kit.models.shapes.tokens))
  return Pass(
    kit.models, params, params, state, data, post, tokens, None,
    jax.random.key(0), settled,
  )  # fmt: skip


def means(terms):
  return {k: float(v.value) for k, v in terms.losses.items()}


def levels(kit, p, forced=None):
  """Outputs of all levels in a Python loop, one step of the goal model after
  the other: subgoals `[N, M, G]`, raw `[N, M, O]`, log halting probabilities.
  """
  models, params = kit.models, p.params
  plans = imitation.read(p, p.key)
  view = models.view(params, p.post, p.tokens, None, plans.goal)
  flat = lambda x: x.reshape((-1, x.shape[-1]))
  subgoal, actdec = models._actor()
  shared, x, state = immediate.start(
    subgoal, actdec, params, flat(view.actor), flat(view.goal)
  )
  step = immediate.make_step(subgoal, actdec, shown=True)
  goals, raws, left, log_p = [], [], 0.0, []
  for n in range(LEVELS):
    if forced is not None and n:
      want = plans.embedded[plans.stack[n - 1]]
      use = (forced & (plans.stack[n - 1] >= 0))[:, None]
      state = state._replace(goal=jnp.where(use, want, state.goal))
    state, (raw, goal), logit = step(shared, x, state, jnp.int32(n))
    last = n == LEVELS - 1
    log_p.append(left + (0 if last else jax.nn.log_sigmoid(logit)))
    left = left + jax.nn.log_sigmoid(-logit)
    goals.append(goal), raws.append(raw)
  return jnp.stack(goals), jnp.stack(raws), jnp.stack(log_p)


def test_the_losses_are_what_the_equations_say(kit):
  goals, raws, log_p = levels(kit, a_pass(kit, kit.params, batch()))
  # An action that the level at which a plan ends takes, and the last does not.
  planned = PLANNED.copy()
  planned[0, 0] = raws[1, 0].argmax()
  assert raws[-1, 0].argmax() != planned[0, 0]
  p = a_pass(kit, kit.params, batch(intended=planned))
  terms = compiled(imitation.losses, p)
  found = means(terms)
  embedded = kit.models.goals(kit.params, jnp.asarray(TEXTS))
  stack, action = STACK.reshape((-1, 3)), planned.ravel()
  say, align, halt, bc = [], [], [], []
  right, first, best, error = [], [], [], []
  for m, plan in enumerate(stack):
    depth = (plan >= 0).sum()
    for n in range(depth):
      near = goals[n, m] @ embedded[:3].T / embedded.shape[1] / 0.1
      align.append(-jax.nn.log_softmax(near)[plan[n]])
      right.append(near.argmax() == plan[n])
      first += right[-1:] if n == 0 else []
      pieces = TEXTS[plan[n]]
      logits = kit.models.apply(
        kit.params, 'txtdec', goals[n, m][None], jnp.asarray(pieces)[None]
      )[0]
      score = jax.nn.log_softmax(logits)
      say += [-score[i, x] for i, x in enumerate(pieces) if x]
    if depth:
      halt.append(-log_p[depth - 1, m])
      steps = np.exp(log_p[:, m]) @ np.arange(1, LEVELS + 1)
      error.append(abs(steps - depth))
    if depth and action[m] >= 0:
      dist = kit.models.action.dist(raws[depth - 1, m][None], None)
      bc.append(-dist.log_prob(jnp.full((1, 1), action[m], jnp.float32))[0])
      best.append(raws[depth - 1, m].argmax() == action[m])
  assert len(align) == 2 + 1 + 3 + 2 and len(halt) == 4 and len(bc) == 3
  want = {'say': say, 'align': align, 'halt': halt, 'bc': bc}
  assert found == pytest.approx(
    {k: float(np.mean(v)) for k, v in want.items()}, rel=1e-4
  )
  shown = {k: float(getattr(v, 'value', v)) for k, v in terms.metrics.items()}
  want = {'right': right, 'goal': first, 'action': best, 'depth_error': error}
  want = {f'imitation/{k}': np.mean(v) for k, v in want.items()}
  assert shown == pytest.approx(want | {'imitation/force': 0}, rel=1e-4)
  assert 0 < shown['imitation/right'] < 1


def test_losses_with_teacher_forcing_are_of_what_was_taught(kit):
  force = {'imitation.force': 1.0, 'imitation.fade': 10**6}
  p = a_pass(kit, kit.params, batch(intended=PLANNED), **force)
  depths = (STACK.reshape((-1, 3)) >= 0).sum(-1)
  halts = []
  for forced in (None, jnp.ones(len(depths), bool)):
    *_, log_p = levels(kit, p, forced)
    nats = [-log_p[n - 1, m] for m, n in enumerate(depths) if n]
    halts.append(float(np.mean(nats)))
  free, taught = halts
  assert abs(free - taught) > 1e-3
  found = means(compiled(imitation.losses, p))
  assert found['halt'] == pytest.approx(taught, rel=1e-4)


@pytest.mark.parametrize('how', ['a step', 'all steps'])
def test_without_a_plan_every_level_learns_the_action(kit, how):
  plans = how == 'a step'
  p = a_pass(kit, kit.params, batch(), **{
    'imitation.plans': plans, 'ponder.beta': 0.3, 'ponder.prior': 0.5,
  })  # fmt: skip
  terms = compiled(imitation.losses, p)
  _, raws, log_p = levels(kit, p)
  prior = np.array([0.5 ** min(n + 1, LEVELS - 1) for n in range(LEVELS)])
  bc, none = [], 0
  for m, action in enumerate(ACTION.ravel()):
    depth = (STACK.reshape((-1, 3))[m] >= 0).sum() if plans else 0
    if action < 0:
      continue
    score = [
      kit.models.action.dist(raws[n, m][None], None).log_prob(
        jnp.full((1, 1), action, jnp.float32)
      )[0] for n in range(LEVELS)
    ]  # fmt: skip
    halts = np.exp(log_p[:, m])
    far = (halts * (log_p[:, m] - np.log(prior))).sum()
    free = -(halts * np.array(score)).sum() + 0.3 * far
    bc.append(-score[depth - 1] if depth else free)
    none += not depth
  assert none == (2 if plans else 5)
  np.testing.assert_allclose(terms.losses['bc'].value, np.mean(bc), rtol=1e-4)
  assert (terms.losses['say'].weight > 0) == plans
  assert (terms.losses['halt'].weight > 0) == plans


def test_at_a_fixed_depth_the_last_level_acts_and_says_the_action(kit):
  p = a_pass(kit, kit.params, batch(intended=PLANNED))
  want = imitation.read(p, p.key)
  ponder = kit.models.ponder._replace(mode='fixed')
  p = p._replace(models=dataclasses.replace(kit.models, ponder=ponder))
  plans = imitation.read(p, p.key)
  found = compiled(imitation.losses, p)
  _, raws, _ = levels(kit, p)
  bc = []
  for m, plan in enumerate(STACK.reshape((-1, 3)).tolist()):
    texts = [x for x in plan if x >= 0]
    texts += texts[-1:] * (LEVELS - len(texts)) if texts else [-1] * LEVELS
    assert plans.stack[:, m].tolist() == texts
    if (action := PLANNED.ravel()[m]) >= 0:
      dist = kit.models.action.dist(raws[-1, m][None], None)
      bc.append(-dist.log_prob(jnp.full((1, 1), action, jnp.float32))[0])
  assert means(found)['bc'] == pytest.approx(float(np.mean(bc)), rel=1e-4)
  assert means(found)['halt'] == 0
  # Said and aligned at every level, 4 steps with a plan.
  assert found.losses['align'].weight == 4 * LEVELS
  assert (want.stack >= 0).sum() == 8


def test_with_teacher_forcing_levels_are_asked_with_the_right_goals(kit):
  p = a_pass(kit, kit.params, batch(), **{'imitation.force': 1.0})
  plans = imitation.read(p, p.key)
  everywhere = jnp.ones(plans.stack.shape[1], bool)
  goals, raws, _ = levels(kit, p, everywhere)
  taught, forced = imitation.lesson(plans, jnp.ones(plans.stack.T.shape, bool))
  view = kit.models.view(p.params, p.post, p.tokens, None, plans.goal)
  flat = lambda x: None if x is None else x.reshape((-1, x.shape[-1]))
  view = type(view)(*map(flat, view))
  found = kit.models.thoughts(p.params, view, (taught, forced))
  np.testing.assert_allclose(found.goal, goals, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(found.raw, raws, rtol=1e-4, atol=1e-5)
  own, _, _ = levels(kit, p)
  assert abs(own[1] - goals[1]).max() > 1e-3
  np.testing.assert_array_equal(own[0], goals[0])


def test_a_step_may_be_asked_for_any_of_its_subgoals(kit):
  p = a_pass(kit, kit.params, batch(), **{'imitation.ask': 1.0})
  # Those of one level, and those without a plan, stay what they are.
  fixed = {1: (0, [2]), 2: (None, []), 4: (0, [0]), 5: (1, [])}
  fixed |= {0: (1, [2])}
  deep = {(1, (0, 2)), (0, (2,))}  # the fourth step: g > 1 > 0 > 2
  seen = set()
  for i in range(20):
    plans = imitation.read(p, jax.random.key(i))
    goals = np.asarray(plans.goal.reshape((6, -1)))
    stacks = [[x for x in row if x >= 0] for row in plans.stack.T.tolist()]
    for m, (text, stack) in fixed.items():
      wanted = 0 * goals[m] if text is None else plans.embedded[text]
      np.testing.assert_array_equal(goals[m], wanted)
      assert stacks[m] == stack
    (text,) = (k for k in range(3) if (goals[3] == plans.embedded[k]).all())
    seen.add((text, tuple(stacks[3])))
  assert seen == deep


def test_so_many_steps_are_asked_for_a_subgoal():
  depth = jnp.tile(jnp.array([0, 1, 2, 5]), (4000, 1))
  shift = np.asarray(imitation.drawn(jax.random.key(0), depth, 0.4))
  assert not shift[:, :2].any()
  found = [[(shift[:, k] == j).mean() for j in range(6)] for k in (2, 3)]
  want = [[0.6, 0.4, 0, 0, 0, 0], [0.6, *[0.1] * 4, 0]]
  np.testing.assert_allclose(found, want, atol=0.03)


def test_forcing_fades(kit):
  at = lambda n: imitation.forcing(
    a_pass(kit, kit.params, batch(), **{
      'imitation.force': 0.8, 'imitation.fade': 100,
    })._replace(state=types.SimpleNamespace(updates=jnp.int32(n)))
  )  # fmt: skip
  assert [float(at(n)) for n in (0, 25, 100, 300)] == pytest.approx(
    [0.8, 0.6, 0, 0]
  )


def gradient(kit, data, loss):
  """The gradient of one loss, as a function of the parameters."""

  @jax.jit
  @jax.grad
  def slope(params):
    terms = imitation.losses(a_pass(kit, params, data)).losses
    return combine.total({loss: terms[loss]}, {loss: 1.0})

  return slope(kit.params)


def test_the_halting_gradient_against_enumeration(kit):
  # -log p_K = -log lambda_K - sum_{n<K} log(1 - lambda_n), so its derivative
  # by the logit of level n is lambda_n before K and lambda_K - 1 at K. The
  # bias of the halting layer adds to all of them; the last level has none.
  p = a_pass(kit, kit.params, batch())
  _, _, log_p = levels(kit, p)
  p_n = np.exp(np.asarray(log_p, np.float64))
  left = 1 - np.cumsum(p_n, 0) + p_n  # chance to reach each level
  lam = p_n / left
  depth = (STACK.reshape((-1, 3)) >= 0).sum(-1)
  want = [lam[:k, m].sum() - 1 for m, k in enumerate(depth) if k]
  found = gradient(kit, batch(), 'halt')['inner']['halt']['bias']
  assert float(found[0]) == pytest.approx(np.mean(want), rel=1e-3)


@pytest.mark.parametrize('loss', ['say', 'align', 'halt', 'bc'])
def test_each_loss_teaches_its_own_modules(kit, loss):
  moved = {
    k for k, v in gradient(kit, batch(), loss).items() if helpers.moved(v)
  }
  more = {'say': {'txtdec'}, 'bc': {'actdec'}}.get(loss, set())
  assert moved == {'inner', 'goalenc'} | more


def test_steps_without_a_plan_teach_nothing(kit):
  none = batch(stack=np.full((*STEPS, 3), -1), intended=np.full(STEPS, -1))
  terms = compiled(imitation.losses, a_pass(kit, kit.params, none))
  assert all(v.weight == 0 for v in terms.losses.values())
  for loss in ('say', 'halt', 'bc'):
    assert not helpers.moved(gradient(kit, none, loss))
  # Rows of a source without plans are filled with zeros, which mean nothing.
  has = np.array([[True] * 3, [False] * 3])
  mixed = batch(**{'has/stack': has, 'has/goal': has})
  p = a_pass(kit, kit.params, mixed)
  plans = imitation.read(p, p.key)
  assert (plans.stack[:, 3:] == -1).all() and not plans.goal[1].any()
  np.testing.assert_array_equal(plans.stack[:3, :3].T, STACK[0])
  # What was done there does not matter for the others.
  both = [means(compiled(imitation.losses, a_pass(kit, kit.params, x)))
          for x in (batch(), batch(action=ACTION))]  # fmt: skip
  assert both[0] == both[1]


def test_a_whole_update_learns_a_plan(kit):
  agent = kit.agent
  env = make_env('dummy_disc', 0, seed=0)
  data = helpers.batch(env, agent)
  size = data['is_first'].shape
  rng = np.random.default_rng(0)
  # What is wanted depends on the observation: the sign of a sum.
  sign = data['vector'].sum(-1) > 0 if 'vector' in data else (
    rng.integers(2, size=size) > 0
  )  # fmt: skip
  stack = np.where(sign[..., None], [0, 2, -1], [1, -1, -1])
  data |= {
    'goal': np.zeros(size, np.int32), 'stack': stack.astype(np.int32),
    'intended': data['action'], 'shared/texts': TEXTS,
    'known/reward': np.ones(size, bool),
  }  # fmt: skip
  losses = []
  before = jax.tree.map(np.array, agent.state.params)
  for _ in range(60):
    agent.train(data)
    _, metrics = agent.flush()
    losses.append(sum(metrics[f'loss/{k}'] for k in ('say', 'align', 'halt')))
  assert losses[-1] < 0.6 * losses[0]
  # What has to be remembered for it is learnt, too; nothing that nobody reads.
  changed = jax.tree.map(
    lambda a, b: bool((a != b).any()), before, agent.state.params
  )
  for name in ('dyn', 'val'):
    assert any(jax.tree.leaves(changed[name])), name
  for name in ('imgdec', 'rew', 'con'):
    assert not any(jax.tree.leaves(changed[name])), name


def test_only_allowed_actions_are_learnt_from(kit):
  # Where one action is allowed, every level takes it.
  models = helpers.with_mask(kit.models)
  data = batch(intended=PLANNED, mask=np.eye(5, dtype=bool)[PLANNED])
  p = a_pass(kit, kit.params, data)._replace(models=models)
  bc = compiled(imitation.losses, p).losses['bc']
  assert bc.weight > 0 and float(bc.value) == pytest.approx(0, abs=1e-6)


def test_unit_subgoals_and_goals(kit):
  p = a_pass(kit, kit.params, batch())
  goals, _, _ = levels(kit, p)
  embedded = kit.models.goals(kit.params, jnp.asarray(TEXTS[:3]))
  for x in (goals, embedded):
    np.testing.assert_allclose(jnp.square(x).mean(-1), 1, rtol=1e-2)
  assert isinstance(
    kit.models.policy(jnp.zeros((1, 5)), p.view), dists.ActionDist
  )
