"""The critic, learnt from demonstrations: its loss by hand."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config
from embodied.envs import make_env
from ponderdream import settings
from ponderdream.agent import Agent
from ponderdream.distributed import devices
from ponderdream.losses import returns
from ponderdream.objectives import Pass, demonstrated
from ponderdream.world import rssm
from tests import helpers

STEPS, LAM, DISCOUNT = (2, 5), 0.7, 1 - 1 / 20
TEXTS = np.array([[5, 6, 1, 0], [7, 1, 0, 0]], np.int32)
GOAL = np.array([[0, 0, 0, 0, 0], [1, 1, -1, -1, -1]])
# The second row holds the end of an episode and the start of the next one.
LAST = np.array([[0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
FIRST = np.array([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0]], bool)
REWARD = np.array([[0, 1, 0, -0.1, 2], [0.5, 1, 9, 0, 1]], np.float32)
SURE = np.ones(STEPS, bool)


@pytest.fixture(scope='module')
def kit():
  settled = config.resolve(
    settings.blocks(), ['debug', 'pondernet', 'words', 'phase1']
  )
  settled = settled.update({
    'jax.dtype': 'float32', 'text.length': 4, 'val.bins': 1,
    'loss_scales.demoval': 1.0, 'ppo.lam': LAM, 'loss.horizon': 20,
  })  # fmt: skip
  env = make_env('dummy_disc', 0, seed=0)
  agent = Agent(env.obs_space, env.act_space, settled, task=TEXTS[:1])
  return types.SimpleNamespace(
    models=agent.models,
    config=settled,
    params=helpers.disturbed(agent.save().params),
  )


def a_pass(kit, **changes):
  rng = np.random.default_rng(0)
  dyn, normal = kit.models.dyn, lambda *x: jnp.asarray(rng.normal(size=x))
  post = rssm.State(
    normal(*STEPS, dyn.deter), normal(*STEPS, dyn.stoch, dyn.classes)
  )
  data = {
    'goal': GOAL, 'shared/texts': TEXTS, 'reward': REWARD,
    'known/reward': SURE, 'is_first': FIRST, 'is_last': LAST,
    'is_terminal': LAST,
  } | changes  # fmt: skip
  running = {'ppo': returns.initial_range()}
  state = types.SimpleNamespace(running=running)
  data = {k: jnp.asarray(v) for k, v in data.items()}
  tokens = jnp.zeros((*STEPS, kit.models.shapes.tokens))
  return Pass(
    kit.models, kit.params, kit.params, state, data, post, tokens, None,
    jax.random.key(0), kit.config,
  )  # fmt: skip


def values(kit, p):
  """What the critic says, `[B, T]`, of states with the goals of the batch."""
  goals = np.asarray(kit.models.goals(kit.params, jnp.asarray(TEXTS)))
  goals = np.concatenate([goals, np.zeros_like(goals[:1])])[GOAL]
  view = kit.models.view(kit.params, p.post, p.tokens, None, goals)
  return np.asarray(kit.models.value(kit.params, view).pred(), float)


def target(value, row, t, known=SURE):
  """The lambda-return as a weighted sum of n-step returns, which end with an
  episode and before a reward that is not known."""
  found, weight, ret, gamma = 0.0, 1.0, 0.0, 1.0
  for n in range(t + 1, STEPS[1]):
    ret += gamma * REWARD[row, n]
    gamma *= DISCOUNT * (not LAST[row, n])
    end = n == STEPS[1] - 1 or LAST[row, n] or not known[row, n + 1]
    found += weight * (1.0 if end else 1 - LAM) * (ret + gamma * value[row, n])
    if end:
      return found
    weight *= LAM


def error(value, steps, known=SURE):
  """Mean of half the squared errors at some steps."""
  return np.mean(
    [(value[x] - target(value, *x, known)) ** 2 / 2 for x in steps]
  )


def scale(kit):
  """What the errors of the critic are divided by."""
  return float(kit.params['val']['scale'])


# Nothing follows the last step of a row, nor that of an episode.
FOLLOWED = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 2), (1, 3)]


def loss(p):
  return float(loss_of(p, p.params))


def loss_of(p, params):
  """On one device."""

  def run(params):
    found = demonstrated.losses(p._replace(params=params))
    return found.losses['demoval'].value

  one = jax.tree.map(lambda x: x[None], params)
  return jax.jit(jax.vmap(run, axis_name=devices.AXIS))(one)[0]


def test_the_loss_is_what_the_equation_says(kit):
  p = a_pass(kit)
  value = values(kit, p)
  assert value.std() > 0.01
  want = error(value, FOLLOWED) / scale(kit) ** 2
  np.testing.assert_allclose(loss(p), want, rtol=1e-5)


def test_unknown_rewards_do_not_count(kit):
  known = SURE.copy()
  known[0, 2] = known[1, 1] = False
  p = a_pass(kit, **{'known/reward': known})
  steps = [x for x in FOLLOWED if x not in ((0, 1), (1, 0))]
  want = error(values(kit, p), steps, known) / scale(kit) ** 2
  np.testing.assert_allclose(loss(p), want, rtol=1e-5)


def test_it_teaches_the_critic_and_not_the_actor(kit):
  p = a_pass(kit)
  found = jax.grad(lambda x: loss_of(p, x))(kit.params)
  assert {k for k, v in found.items() if helpers.moved(v)} == {
    'goalenc', 'val',
  }  # fmt: skip
