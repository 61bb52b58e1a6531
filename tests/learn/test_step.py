"""The update: which loss teaches what, on a tiny agent of every kind."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied import config as config_
from embodied.envs import make_env
from ponderdream import agent as agent_
from ponderdream import settings
from ponderdream.distributed import devices
from ponderdream.dream import posterior
from ponderdream.dream import rollout as imagine
from ponderdream.learn import step as train_step
from ponderdream.objectives import behaviour as actor
from ponderdream.world import rssm

BATCH, TIME = 4, 8


def tiny(*names, task='dummy_disc', **overrides):
  """A tiny agent, and a batch of what a random policy saw."""
  config = config_.resolve(settings.blocks(), ['debug', *names])
  config = config.update({'jax.dtype': 'float32', **overrides})
  env = make_env(task, 0, seed=0, length=6)
  agent = agent_.Agent(env.obs_space, env.act_space, config)
  return types.SimpleNamespace(
    agent=agent, models=agent.models, config=config, batch=batch(env, agent)
  )


def batch(env, agent):
  rng = np.random.default_rng(0)
  dyn = agent.models.dyn
  steps = []
  action = {'reset': True, 'action': env.act_space['action'].sample(rng)}
  for _ in range(BATCH * (TIME + 1)):
    obs = env.step(action)
    action = {
      'reset': obs['is_last'], 'action': env.act_space['action'].sample(rng)
    }  # fmt: skip
    latents = {
      'dyn/deter': rng.normal(size=dyn.deter).astype(np.float16),
      'dyn/stoch': rng.integers(0, dyn.classes, dyn.stoch).astype(np.uint8),
    }
    steps.append({**obs, 'action': action['action'], **latents})
  data = {
    k: np.stack([x[k] for x in steps]).reshape(
      (BATCH, TIME + 1, *np.shape(steps[0][k]))
    )
    for k in steps[0]
  }
  return data | {'stepid': np.zeros((BATCH, TIME + 1), np.int64)}


@pytest.fixture(scope='module')
def ponder():
  return tiny('pondernet')


@pytest.fixture(scope='module')
def plain():
  return tiny()


def update(kit, data=None):
  """One update; returns what it gave."""
  kit.agent.train(data or kit.batch)
  return kit.agent.flush()


def learnt(kit):
  """Gradient of the actor's losses by module, from a dream of two steps."""
  models, params = kit.models, kit.agent.state.params
  start = rssm.initial(models.dyn, 6)
  mask = models.mask(params, start)
  adv = jax.random.normal(jax.random.key(3), (2, 6))

  @jax.jit
  @jax.grad
  def loss(params):
    fixed = jax.lax.stop_gradient(params)
    dream = imagine.rollout(models, fixed, start, mask, 2, jax.random.key(0))
    terms, _ = actor.losses(
      models, params, start, dream, adv[0], adv, jnp.ones(()),
      jax.random.key(1), kit.config,
    )  # fmt: skip
    return sum(v.mean() for v in terms.values())

  return loss(params)


def test_latents_survive_packing(plain):
  dyn = plain.models.dyn
  deter = jax.random.normal(jax.random.key(0), (3, dyn.deter))
  index = jax.random.randint(jax.random.key(1), (3, dyn.stoch), 0, dyn.classes)
  state = rssm.State(deter, jax.nn.one_hot(index, dyn.classes))
  packed = posterior.pack(state)
  assert packed['dyn/deter'].dtype == jnp.float16
  assert packed['dyn/stoch'].dtype == jnp.uint8
  back = posterior.unpack(dyn, packed)
  np.testing.assert_allclose(back.deter, deter, rtol=1e-3)
  np.testing.assert_array_equal(back.stoch, state.stoch)


def test_a_flipped_bit_in_a_latent_costs_no_update(plain):
  dyn, data = plain.models.dyn, dict(plain.batch)
  deter = data['dyn/deter'].copy()
  deter[0, 0, 3], deter[1, 0, 5], deter[2, 0, 0] = np.inf, np.nan, -np.inf
  data['dyn/deter'] = deter
  first = {k: jnp.asarray(data[k][:, 0]) for k in posterior.LATENTS}
  back = posterior.unpack(dyn, first).deter
  assert (back[:3] == 0).all()
  np.testing.assert_array_equal(back[3], deter[3, 0])
  _, metrics = update(plain, data)
  assert all(np.isfinite(v) for v in metrics.values()), metrics


def test_two_processes_after_one_checkpoint_draw_other_actions(plain):
  agent = plain.agent
  first, tree = agent.act_key, agent.save()
  keys = set()
  for seen in (0, 7, 8, 2**32 + 9):
    agent.act_key = first
    agent.load(tree, seen)
    keys.add(str(jax.random.key_data(agent.act_key)))
  assert len(keys) == 4


def test_priority_is_the_loss_of_the_world_model_at_each_step(plain):
  outs, metrics = update(plain)
  assert outs['priority'].shape == outs['stepid'].shape == (BATCH, TIME)
  scales = plain.config.loss_scales
  model = ('dyn', 'rep', 'rew', 'con', 'rec')
  want = sum(
    scales[name] * v
    for k, v in metrics.items()
    if k.startswith('loss/') and (name := k.split('/')[1]) in model
  )
  np.testing.assert_allclose(outs['priority'].mean(), want, rtol=1e-4)
  assert outs['priority'].std() > 0


def test_a_placed_batch_lies_in_parts_on_the_devices(plain):
  placed = plain.agent.place(plain.batch)
  np.testing.assert_array_equal(placed.stepid, plain.batch['stepid'][:, 1:])
  seen = plain.agent.seen(plain.batch)
  assert placed.batch.keys() == seen.keys()
  count = jax.local_device_count()
  for key, value in devices.merge(placed.batch).items():
    np.testing.assert_array_equal(value, seen[key])
    parts = placed.batch[key].addressable_shards
    assert {x.device for x in parts} == set(jax.local_devices())
    assert all(x.data.shape[1] == BATCH // count for x in parts)


def test_the_context_step_gives_state_and_action(plain):
  # Filtering from the stored state of step 0, by hand for the first step.
  models, data = plain.models, plain.agent.seen(plain.batch)
  params, key = plain.agent.state.params, jax.random.key(0)
  post, _ = posterior.filtered(models, params, data, key)
  start = posterior.unpack(
    models.dyn,
    {k: data[k][:, 0] for k in ('dyn/deter', 'dyn/stoch')},
  )
  tokens = models.encode(params, {k: data[k][:, 1] for k in models.obs_space})
  action = jax.nn.one_hot(data['action'][:, 0], 5)
  action = action * (1 - data['is_first'][:, 1, None])
  variables = {'params': params['dyn']}
  apply = functools.partial(models.dyn.apply, variables)
  state, _ = rssm.observe_step(
    models.dyn,
    variables,
    start,
    apply(tokens, method='embed_tokens'),
    apply(action, method='embed_action'),
    data['is_first'][:, 1],
    key,
  )
  np.testing.assert_allclose(post.deter[:, 0], state.deter, atol=1e-5)


def gradient(kit, pick):
  """Gradient of the sum of the losses that `pick` names, by module."""
  data = kit.agent.seen(kit.batch)
  state = kit.agent.state

  def loss(params):
    post, losses, _ = train_step.world_model(
      kit.models, params, data, jax.random.key(0), kit.config
    )
    actor, critic, _, _ = train_step.actor_critic(
      kit.models, params, state, post, data, jax.random.key(1), kit.config
    )
    return (losses | actor | critic)[pick].mean()

  # Heads that start at zero would hide where a gradient may flow.
  params = jax.tree.map(lambda x: x + 0.05, state.params)
  alone = jax.vmap(loss, None, axis_name=devices.AXIS, axis_size=1)
  grads = jax.jit(jax.grad(lambda x: alone(x).sum()))(params)
  moved = lambda tree: any((x != 0).any() for x in jax.tree.leaves(tree))
  return {k for k, v in grads.items() if moved(v)}


WORLD = {'enc', 'dyn'}
TEACHES = {
  'dyn': WORLD,
  'rep': WORLD,
  'rec/image': WORLD | {'imgdec'},
  'rew': WORLD | {'rew'},
  'con': WORLD | {'con'},
  'value': {'val'},
  'repval': WORLD | {'val'},
  'policy': {'actdec'},
}


@pytest.mark.parametrize('loss', TEACHES)
def test_each_loss_teaches_its_own_modules(plain, loss):
  assert gradient(plain, loss) == TEACHES[loss]


def test_the_ponder_losses_teach_the_actor_alone(ponder):
  assert gradient(ponder, 'policy') == {'actdec', 'inner', 'goalenc'}
  # The prior is about halting, which the action decoder has no part in.
  assert gradient(ponder, 'ponder') == {'inner', 'goalenc'}


def test_plain_policy_loss_is_reinforce(plain):
  models, params = plain.models, plain.agent.state.params
  start = rssm.initial(models.dyn, 3)
  dream = imagine.rollout(models, params, start, None, 2, jax.random.key(0))
  adv = jnp.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
  losses, metrics = actor.losses(
    models, params, start, dream, adv[0], adv, jnp.ones(()),
    jax.random.key(1), plain.config,
  )  # fmt: skip
  raw = models.actdec.apply({'params': params['actdec']}, dream.feat[:-1])
  probs = 0.99 * jax.nn.softmax(raw) + 0.01 / 5
  logp = jnp.log(jnp.take_along_axis(probs, dream.action, -1))[..., 0]
  entropy = -(probs * jnp.log(probs)).sum(-1)
  want = -adv * logp - 3e-4 * entropy
  np.testing.assert_allclose(losses['policy'], want, rtol=1e-4, atol=1e-6)
  assert 'ponder' not in losses
  np.testing.assert_allclose(
    metrics['policy/entropy'], entropy.mean(), rtol=1e-4
  )


def test_branches_run_as_many_levels_as_were_reached(ponder):
  models, params = ponder.models, ponder.agent.state.params
  start = rssm.initial(models.dyn, 3)
  raw = jax.random.normal(jax.random.key(0), (4, 3, 5))
  key = jax.random.key(1)
  actions, values = imagine.branch(
    models, params, start, raw, None, jnp.int32(2), 1, key
  )
  assert (values[2:] == 0).all()
  # Level 1 again, with nothing but the model's own parts.
  draw, dream, _ = jax.random.split(jax.random.fold_in(key, 1), 3)
  action = models.action.dist(raw[1], None).sample(draw)
  np.testing.assert_array_equal(actions[1], action)
  state = imagine.move(models, params, start, action, dream)
  feat = rssm.features(state)
  want = (
    models.reward(params, feat).pred()
    + models.cont(params, feat).prob()
    * models.value(params['val'], feat).pred()
  )
  np.testing.assert_allclose(values[1], want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
  'mode, credit',
  [
    ('pondernet', 'mixture'),
    ('pondernet', 'sampled'),
    ('act', 'sampled'),
    ('fixed', 'levels'),
  ],
)
def test_every_credit_and_mode_teaches_the_actor(mode, credit):
  kit = tiny('pondernet', **{'ponder.credit': credit, 'ponder.mode': mode})
  grads = learnt(kit)
  for name in ('inner', 'actdec', 'goalenc'):
    leaves = jax.tree.leaves(grads[name])
    assert all(jnp.isfinite(x).all() for x in leaves), name
    assert any((x != 0).any() for x in leaves), name
  assert not any((x != 0).any() for x in jax.tree.leaves(grads['dyn']))


def test_an_update_with_the_other_cell_feedback_and_loop():
  options = {'inner.cell': 'gru', 'inner.feedback': 'goal'}
  kit = tiny('pondernet', **options, **{'ponder.compact': True})
  before = jax.tree.map(np.array, kit.agent.state.params)
  kit.agent.train(kit.batch)
  _, metrics = update(kit)
  assert np.isfinite(list(metrics.values())).all(), metrics
  after = kit.agent.state.params
  for name in ('inner', 'actdec', 'goalenc'):
    moved = jax.tree.map(
      lambda a, b: (a != b).any(), before[name], after[name]
    )
    assert all(jax.tree.leaves(moved)), (name, moved)


def test_a_loss_that_is_no_number_changes_nothing(plain):
  before = jax.tree.map(np.array, plain.agent.state)
  bad = dict(plain.batch)
  bad['vector'] = np.full_like(bad['vector'], np.nan)
  _, metrics = update(plain, bad)
  after = jax.tree.map(np.array, plain.agent.state)
  jax.tree.map(np.testing.assert_array_equal, before, after)
  assert np.isnan(metrics['loss/rec/vector'])
  # And the update after it works.
  outs, metrics = update(plain)
  assert all(np.isfinite(v) for v in metrics.values()), metrics
  assert outs['dyn/deter'].shape == (BATCH, TIME, plain.config.dyn.deter)
  assert outs['stepid'].shape == (BATCH, TIME)
  assert int(plain.agent.state.updates) == int(before.updates) + 1


def test_the_model_learns_a_batch_by_heart(plain):
  first = update(plain)[1]
  for _ in range(150):
    plain.agent.train(plain.batch)
  last = plain.agent.flush()[1]
  for name in ('rec/image', 'rew', 'con'):
    assert last[f'loss/{name}'] < 0.9 * first[f'loss/{name}'], name


def test_continuous_actions():
  kit = tiny('pondernet', task='dummy_cont')
  grads = learnt(kit)
  assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(grads))
  assert any((x != 0).any() for x in jax.tree.leaves(grads['actdec']))
  carry = kit.agent.init_policy(2)
  obs = {k: v[:2, 0] for k, v in kit.batch.items()}
  _, acts, _ = kit.agent.policy(carry, obs)
  assert acts['action'].shape == (2, 2)
  assert acts['action'].dtype == np.float32


class Masked(embodied.Env):
  """Two of four actions are allowed, and which ones changes every step."""

  def __init__(self):
    self.rng = np.random.default_rng(0)

  @property
  def obs_space(self):
    mask = embodied.Space(bool, (4,), role='mask')
    return {'action_mask': mask, **embodied.SIGNALS}

  @property
  def act_space(self):
    return {
      'action': embodied.Space(np.int32, (), 0, 4),
      'reset': embodied.Space(bool),
    }

  def step(self, action):
    mask = np.zeros(4, bool)
    mask[self.rng.permutation(4)[:2]] = True
    flags = {k: np.bool_(False) for k in ('is_last', 'is_terminal')}
    return {
      'reward': np.float32(0),
      'action_mask': mask,
      'is_first': np.bool_(action['reset']),
      **flags,
    }


def test_masked_actions_are_never_taken():
  config = config_.resolve(settings.blocks(), ['debug', 'pondernet'])
  config = config.update({'jax.dtype': 'float32'})
  env = Masked()
  agent = agent_.Agent(env.obs_space, env.act_space, config)
  data = batch(env, agent)
  carry = agent.init_policy(BATCH)
  for t in range(TIME):
    obs = {k: v[:, t] for k, v in data.items()}
    carry, acts, _ = agent.policy(carry, obs)
    assert obs['action_mask'][np.arange(BATCH), acts['action']].all()
  # In dreams: the start's own mask first, then what the model believes.
  start = rssm.initial(agent.models.dyn, 64)
  mask = jnp.arange(4) < jnp.arange(64)[:, None] % 2 + 1
  dream = imagine.rollout(
    agent.models, agent.state.params, start, mask, 5, jax.random.key(0)
  )
  np.testing.assert_array_equal(dream.mask[0], mask)
  allowed = jnp.take_along_axis(dream.mask, dream.action, -1)[..., 0]
  nothing = ~dream.mask.any(-1)
  assert (allowed | nothing).all()
  kit = types.SimpleNamespace(
    agent=agent, models=agent.models, config=config, batch=data
  )
  assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(learnt(kit)))
