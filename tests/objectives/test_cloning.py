"""Behaviour cloning: the loss by hand for every kind of actor, its data."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied import config
from embodied.envs import make_env
from embodied.replay import Replay
from ponderdream import datasets, factories, settings
from ponderdream.agent import Agent
from ponderdream.distributed import devices
from ponderdream.learn import step
from ponderdream.objectives import Pass, cloning
from ponderdream.world import rssm
from tests import helpers
from tests.test_texts import write_plans

STEPS = 2, 3
ACTION = np.array([[3, -1, 1], [0, 2, 1]])
LAST = np.array([[0, 0, 0], [0, 0, 1]], bool)
# What is known and not the last of its episode.
COUNTS = [(0, 0), (0, 2), (1, 0), (1, 1)]
ACTORS = {
  'plain': {},
  'pondernet': {'ponder.mode': 'pondernet', 'ponder.beta': 0.3},
  'fixed': {'ponder.mode': 'fixed'},
  'act': {'ponder.mode': 'act', 'ponder.cost': 0.2},
}


def made(task='dummy_disc', **flags):
  settled = config.resolve(settings.blocks(), ['debug', 'cloning']).update(
    {'jax.dtype': 'float32', 'actdec.layers': 1, **flags}
  )
  env = make_env(task, 0, seed=0)
  agent = Agent(env.obs_space, env.act_space, settled)
  return types.SimpleNamespace(
    models=agent.models,
    config=settled,
    params=helpers.disturbed(agent.save().params),
  )


def a_pass(kit, **data):
  rng, dyn = np.random.default_rng(0), kit.models.dyn
  normal = lambda *x: jnp.asarray(rng.normal(size=(*STEPS, *x)), jnp.float32)
  post = rssm.State(normal(dyn.deter), normal(dyn.stoch, dyn.classes))
  batch = {k: jnp.asarray(v) for k, v in ({'is_last': LAST} | data).items()}
  tokens = jnp.zeros((*STEPS, kit.models.shapes.tokens))
  return Pass(
    kit.models, kit.params, kit.params, None, batch, post, tokens, None,
    jax.random.key(0), kit.config,
  )  # fmt: skip


def loss(p):
  return float(cloning.losses(p).losses['clone'].value)


@pytest.mark.parametrize('actor', ACTORS)
def test_the_loss_by_hand(actor):
  kit = made(**ACTORS[actor])
  p, ponder = a_pass(kit, action=ACTION), kit.config.ponder
  found = []
  for at in COUNTS:
    state = jax.tree.map(lambda x, at=at: x[at][None], p.post)
    view = kit.models.view(kit.params, state, p.tokens[at][None])
    every = kit.models.levels(kit.params, view)
    sum_ = 0.0
    for n, raw in enumerate(np.asarray(every.raw, float)[:, 0]):
      pi = np.exp(raw) / np.exp(raw).sum()
      pi = 0.99 * pi + 0.01 / len(pi)
      sum_ -= np.exp(float(every.log_p[n, 0])) * np.log(pi[ACTION[at]])
    if kit.models.pondering:
      sum_ += ponder.cost * float(every.price[0])
      sum_ += ponder.beta * float(every.kl[0])
    found.append(sum_)
  assert loss(p) == pytest.approx(np.mean(found), rel=1e-4)


def test_only_allowed_actions_are_learnt_from():
  kit = made()
  kit.models = helpers.with_mask(kit.models)
  only = np.eye(5, dtype=bool)[ACTION]
  assert loss(a_pass(kit, action=ACTION, mask=only)) == pytest.approx(0)
  every = np.ones_like(only)
  assert loss(a_pass(kit, action=ACTION, mask=every)) > 0.1


def test_what_was_meant_counts():
  kit = made()
  noise = np.where(ACTION < 0, -1, (ACTION + 1) % 5)
  meant = a_pass(kit, action=noise, intended=ACTION)
  assert loss(meant) == loss(a_pass(kit, action=ACTION))
  assert loss(meant) != loss(a_pass(kit, action=noise))
  # A row of a replay does not say what was meant.
  has = np.array([[True] * 3, [False] * 3])
  mixed = a_pass(kit, action=noise, intended=ACTION, **{'has/intended': has})
  rows = np.where(has, ACTION, noise)
  assert loss(mixed) == loss(a_pass(kit, action=rows))


def test_numbers_are_always_known():
  kit = made('dummy_cont')
  shape = *STEPS, *kit.models.action.parts[0].shape
  action = np.full(shape, -0.5, np.float32)
  found = cloning.losses(a_pass(kit, action=action)).losses['clone']
  assert found.weight == 5 and np.isfinite(found.total)


def test_it_goes_with_imagination():
  kit = helpers.tiny('pondernet', **{'loss_scales.clone': 0.5})
  state, data = kit.agent.state, kit.agent.select_keys(kit.batch)
  args = kit.models, state.params, state, data, jax.random.key(0), kit.config
  one = jax.vmap(lambda: step.loss(*args), axis_name=devices.AXIS, axis_size=1)
  _, found = jax.eval_shape(one)
  assert 'loss/clone' in found.metrics
  assert {'ponder/steps', 'clone/ponder/steps'} <= found.metrics.keys()


# The actions of the plans are random, and can only be remembered.
@pytest.mark.parametrize('kind, gain', [('plans', 0.05), ('replay', 0.2)])
def test_it_learns_from_plans_and_from_replays(kind, gain, tmp_path):
  folder = tmp_path / 'data'
  if kind == 'plans':
    # Deeper than the agent could think in words.
    write_plans(folder, depth=6)
  else:
    env = make_env('dummy_disc', 0, seed=0, length=20)
    replay = Replay(1, 10**6, folder / 'replay')
    action = {'reset': True, 'action': np.int32(0)}
    for _ in range(400):
      obs = env.step(action)
      chosen = np.int32(obs['vector'].argmax() % 5 * (not obs['is_last']))
      action = {'reset': obs['is_last'], 'action': chosen}
      replay.add(obs | {'action': chosen}, 0)
    replay.close()
  parsed = settings.parse(
    ['dummy', 'debug', 'cloning'],
    {'data': [str(folder)], 'logdir': [str(tmp_path / 'run')]}, (),
  ).update({'jax.dtype': 'float32', 'opt.lr': 1e-2})  # fmt: skip
  spaces = factories.make_spaces(parsed)
  source = datasets.make(parsed, spaces, {})
  agent, lines = factories.make_agent(spaces, parsed), []
  for _ in range(101):
    _, metrics = agent.train(source.sample(parsed.batch.size))
    lines.append(metrics)
  losses = [x['loss/clone'] for x in lines[1:]]
  assert np.mean(losses[-10:]) < np.mean(losses[:10]) - gain
