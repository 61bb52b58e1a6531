"""The update: which loss teaches what, on a tiny agent of every kind."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied import config
from ponderdream import objectives, settings
from ponderdream.agent import Acting, Agent
from ponderdream.distributed import devices
from ponderdream.dream import rollout
from ponderdream.learn import step
from ponderdream.losses import returns
from ponderdream.models import View
from ponderdream.objectives import Pass, behaviour
from ponderdream.world import rssm
from tests.helpers import BATCH, TIME, disturbed, moved, tiny, update


@pytest.fixture(scope='module')
def ponder():
  return tiny('pondernet')


@pytest.fixture(scope='module')
def plain():
  return tiny()


@pytest.fixture(autouse=True)
def untouched(request):
  """Each test finds the shared agents as they were made."""
  names = {'plain', 'ponder'} & set(request.fixturenames)
  agents = [request.getfixturevalue(x).agent for x in names]
  before = [(x.state, x.act_key, x.acted) for x in agents]
  # An update donates its state.
  before = [(jax.tree.map(jnp.copy, x[0]), *x[1:]) for x in before]
  yield
  for agent, (state, key, acted) in zip(agents, before, strict=True):
    agent.state, agent.act_key, agent.acted = state, key, acted


def actor_gradient(kit):
  """Gradient of the actor's losses by module, from a dream of two steps."""
  models, params = kit.models, kit.agent.state.params
  start = rssm.initial(models.dyn, 6)
  mask = models.mask(params, start)
  adv = jax.random.normal(jax.random.key(3), (2, 6))
  judged = behaviour.Judged(
    adv[0], adv, adv, jnp.ones((2, 6)), jnp.ones(()), None
  )

  @jax.jit
  @jax.grad
  def loss(params):
    fixed = jax.lax.stop_gradient(params)
    act = rollout.policy(models, fixed)
    dream = rollout.rollout(
      models, fixed, act, start, mask, 2, jax.random.key(0)
    )
    key = jax.random.key(1)
    p = Pass(models, params, fixed, *[None] * 5, key, kit.config)
    terms, _ = behaviour.actor_losses(p, dream, judged, key)
    return sum(v.mean() for v in terms.values())

  return loss(params)


def test_two_processes_after_one_checkpoint_draw_other_actions(plain):
  agent = plain.agent
  first, tree = agent.act_key, agent.save()
  keys = set()
  for seen in (0, 7, 8, 2**32 + 9):
    agent.act_key = first
    agent.load(tree, seen)
    keys.add(str(jax.random.key_data(agent.act_key)))
  assert len(keys) == 4


def test_each_update_draws_other_random_numbers(plain):
  first, drawn = plain.agent.state, []
  for updates in (5, 5, 6):
    state = jax.tree.map(jnp.copy, first)
    count = jnp.full_like(state.updates, updates)
    plain.agent.state = state._replace(updates=count)
    drawn.append(update(plain)[0]['dyn/stoch'])
  np.testing.assert_array_equal(drawn[0], drawn[1])
  assert (drawn[0] != drawn[2]).any()


def test_a_greedy_policy_takes_the_likeliest_action(plain, monkeypatch):
  agent, count = plain.agent, 200
  monkeypatch.setitem(agent.acting, 'eval', Acting(greedy=True))
  out = agent.state.params['actdec']['out']
  out = out | {'bias': out['bias'].at[..., 2].add(1.0)}
  params = dict(agent.state.params)
  params['actdec'] = params['actdec'] | {'out': out}
  agent.state = agent.state._replace(params=params)
  obs = {k: np.repeat(v[:1, 0], count, 0) for k, v in plain.batch.items()}
  _, acts, _ = agent.policy(agent.init_policy(count), obs, 'eval')
  np.testing.assert_array_equal(acts['action'], 2)


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
  selected = plain.agent.select_keys(plain.batch)
  assert placed.batch.keys() == selected.keys()
  count = jax.local_device_count()
  for key, value in devices.merge(placed.batch).items():
    np.testing.assert_array_equal(value, selected[key])
    parts = placed.batch[key].addressable_shards
    assert {x.device for x in parts} == set(jax.local_devices())
    assert all(x.data.shape[1] == BATCH // count for x in parts)


def test_what_an_objective_reads_reaches_it(plain, monkeypatch):
  # Rows of four are cut over two devices; the table of texts is not.
  table = np.arange(6.0, dtype=np.float32).reshape(3, 2)
  batch = plain.batch | {'shared/table': table, 'shared/unused': table[:1]}
  batch |= {'text': np.zeros((BATCH, TIME + 1, 5), np.int32)}
  placed = plain.agent.place(batch).batch['shared/table']
  assert placed.shape == (jax.local_device_count(), 3, 2)
  seen = []

  def losses(p):
    seen.append((p.batch['shared/table'].shape, p.batch['text'].shape))
    return objectives.Terms({'rec': p.batch['shared/table'].sum()}, {})

  row = objectives.OBJECTIVES['reconstruction']._replace(
    losses=losses, priority=False, keys=('text',)
  )
  monkeypatch.setitem(objectives.OBJECTIVES, 'reconstruction', row)
  agent = Agent(
    {**plain.models.obs_space, **embodied.SIGNALS},
    plain.agent.act_space,
    plain.config,
  )
  agent.train(batch)
  _, metrics = agent.flush()
  rows = BATCH // jax.local_device_count()
  assert set(seen) == {((3, 2), (rows, TIME, 5))}
  assert metrics['loss/rec'] == 15


@pytest.mark.parametrize(
  'flags, kind, grows',
  [
    ({}, 'replayed', True),
    ({}, 'fresh', True),
    ({'opt.groups': ['(?!enc/).*=1']}, 'replayed', False),
    ({'opt.groups': ['(?!enc/).*=1']}, 'fresh', True),
    ({'ppo.opt.groups': ['val/.*=1']}, 'fresh', False),
    # The reference of a leash knows no more codes than it had.
    ({'loss_scales.leash_act': 1.0}, 'fresh', False),
  ],
)
def test_a_frozen_table_of_patches_does_not_grow(plain, flags, kind, grows):
  settled = plain.config.update(flags)
  kernel = {'kernel': jnp.zeros(1)}
  params = {'enc': {'codes': jnp.zeros((2, 3))}, 'val': kernel, 'rew': kernel}
  assert step.grows(settled, kind, params) == grows
  # A pixel encoder has no table.
  assert not step.grows(settled, kind, params | {'enc': kernel})


def test_the_policy_is_compiled_once(plain, caplog):
  agent = Agent(
    {**plain.models.obs_space, **embodied.SIGNALS},
    plain.agent.act_space,
    plain.config,
  )
  seen = {*plain.models.obs_space, 'is_first'}
  obs = {k: v[:, 0] for k, v in plain.batch.items() if k in seen}
  carry = agent.init_policy(BATCH)
  with jax.log_compiles(), caplog.at_level('WARNING', 'jax'):
    for _ in range(3):
      carry, *_ = agent.policy(carry, obs)
  done = [x for x in caplog.messages if 'XLA compilation of jit(act)' in x]
  assert len(done) == 1


def test_objectives_of_a_kind_answer_to_every_scale_once():
  rows = objectives.OBJECTIVES.values()
  replayed, fresh = (
    [k for row in rows if row.fresh == kind for k in row.scales]
    for kind in (False, True)
  )
  for scales in (replayed, fresh):
    assert len(scales) == len(set(scales))
  defaults = config.resolve(settings.blocks(), [])
  assert {*replayed, *fresh} == set(defaults.loss_scales)


def test_an_objective_without_a_scale_is_not_traced(plain, monkeypatch):
  def fails(p):
    raise AssertionError('This objective was traced.')

  row = objectives.OBJECTIVES['reconstruction']._replace(losses=fails)
  monkeypatch.setitem(objectives.OBJECTIVES, 'reconstruction', row)
  args = plain.models, plain.agent.state.params, plain.agent.state
  data = plain.agent.select_keys(plain.batch)

  def run(config):
    loss = lambda: step.loss(*args, data, jax.random.key(0), config)
    alone = jax.vmap(loss, axis_name=devices.AXIS, axis_size=1)
    return jax.eval_shape(alone)

  without = plain.config.update({'loss_scales.rec': 0.0})
  _, aux = run(without)
  assert 'loss/rew' in aux.metrics
  assert not any(k.startswith('loss/rec') for k in aux.metrics)
  with pytest.raises(AssertionError, match='traced'):
    run(plain.config)


def test_two_objectives_may_not_return_one_loss(plain, monkeypatch):
  same = objectives.OBJECTIVES['model']._replace(scales=('rec',))
  monkeypatch.setitem(objectives.OBJECTIVES, 'reconstruction', same)
  args = plain.models, plain.agent.state.params, plain.agent.state
  data = plain.agent.select_keys(plain.batch)
  loss = lambda: step.loss(*args, data, jax.random.key(0), plain.config)
  with pytest.raises(ValueError, match='dyn.*rew'):
    jax.eval_shape(jax.vmap(loss, axis_name=devices.AXIS, axis_size=1))


def test_plain_policy_loss_is_reinforce(plain):
  models, params = plain.models, plain.agent.state.params
  start = rssm.initial(models.dyn, 3)
  act = rollout.policy(models, params)
  dream = rollout.rollout(
    models, params, act, start, None, 2, jax.random.key(0)
  )
  adv = jnp.array([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]])
  judged = behaviour.Judged(adv[0], adv, adv, adv, jnp.ones(()), None)
  key = jax.random.key(1)
  p = Pass(models, params, params, *[None] * 5, key, plain.config)
  losses, metrics = behaviour.actor_losses(p, dream, judged, key)
  raw = models.apply(params, 'actdec', rssm.features(dream.state)[:-1])
  probs = 0.99 * jax.nn.softmax(raw) + 0.01 / 5
  logp = jnp.log(jnp.take_along_axis(probs, dream.action, -1))[..., 0]
  entropy = -(probs * jnp.log(probs)).sum(-1)
  want = -adv * logp - 3e-4 * entropy
  np.testing.assert_allclose(losses['policy'], want, rtol=1e-4, atol=1e-6)
  assert 'ponder' not in losses
  np.testing.assert_allclose(
    metrics['policy/entropy'], entropy.mean(), rtol=1e-4
  )


@pytest.mark.parametrize(
  'mode, credit',
  [
    ('pondernet', 'mixture'),
    pytest.param('pondernet', 'sampled', marks=pytest.mark.slow),
    pytest.param('act', 'sampled', marks=pytest.mark.slow),
    ('fixed', 'levels'),
  ],
)
def test_every_credit_and_mode_teaches_the_actor(mode, credit):
  kit = tiny('pondernet', **{'ponder.credit': credit, 'ponder.mode': mode})
  grads = actor_gradient(kit)
  for name in ('inner', 'actdec', 'goalenc'):
    leaves = jax.tree.leaves(grads[name])
    assert all(jnp.isfinite(x).all() for x in leaves), name
    assert moved(leaves), name
  assert not moved(grads['dyn'])


@pytest.mark.slow
def test_an_update_with_the_other_cell_feedback_and_loop():
  options = {'inner.cell': 'gru', 'inner.feedback': 'goal'}
  kit = tiny('pondernet', **options, **{'ponder.compact': True})
  before = jax.tree.map(np.array, kit.agent.state.params)
  kit.agent.train(kit.batch)
  _, metrics = update(kit)
  assert np.isfinite(list(metrics.values())).all(), metrics
  after = kit.agent.state.params
  for name in ('inner', 'actdec', 'goalenc'):
    changed = jax.tree.map(
      lambda a, b: (a != b).any(), before[name], after[name]
    )
    assert all(jax.tree.leaves(changed)), (name, changed)


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


def test_the_model_learns_a_batch_by_heart():
  kit = tiny(**{'opt.lr': 4e-3})
  first = update(kit)[1]
  for _ in range(250):
    kit.agent.train(kit.batch)
  last = kit.agent.flush()[1]
  # Seen: 0.006, 0.023 and 0.16 of the first losses.
  for name, share in {'rec/image': 0.1, 'rew': 0.1, 'con': 0.3}.items():
    assert last[f'loss/{name}'] < share * first[f'loss/{name}'], name


def test_continuous_actions():
  kit = tiny('pondernet', task='dummy_cont')
  grads = actor_gradient(kit)
  assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(grads))
  assert moved(grads['actdec'])
  carry = kit.agent.init_policy(2)
  obs = {k: v[:2, 0] for k, v in kit.batch.items()}
  _, acts, _ = kit.agent.policy(carry, obs)
  assert acts['action'].shape == (2, 2)
  assert acts['action'].dtype == np.float32


def test_slow_copies_follow_with_each_update(plain):
  before = jax.tree.map(np.array, plain.agent.save())
  update(plain)
  after = plain.agent.save()
  rate = plain.config.slow.val
  pairs = zip(
    *(
      jax.tree.leaves(x)
      for x in (before.slow['val'], after.params['val'], after.slow['val'])
    ),
    strict=True,
  )
  for old, new, slow in pairs:
    np.testing.assert_allclose(slow, old + rate * (new - old), atol=1e-6)
  assert moved(
    jax.tree.map(lambda a, b: a - b, after.slow['val'], before.slow['val'])
  )


def test_a_critic_and_its_slow_copy_are_rescaled_alike():
  kit = tiny('pondernet', **{'val.bins': 1})
  params = disturbed({'val': kit.agent.state.params['val']})
  slow = {'val': jax.tree.map(lambda x: x * 1.5, params['val'])}
  slow['val']['scale'] = params['val']['scale'] = jnp.ones(())
  span = returns.ReturnRange(jnp.zeros(()), jnp.full((), 300.0))
  after, copied = step.after_update(kit.models, params, slow, span, kit.config)
  assert after['val']['scale'] == copied['val']['scale'] == 300
  seen = jax.random.normal(jax.random.key(1), (6, kit.models.shapes.actor))
  value = lambda params: kit.models.value(params, View(seen, seen)).pred()
  np.testing.assert_allclose(value(after), value(params), rtol=1e-4)
  # Both parts of the average say what they said.
  kernel = lambda tree: tree['val']['head']['out']['kernel']
  want = 0.98 * kernel(slow) + 0.02 * kernel(params)
  np.testing.assert_allclose(kernel(copied) * 300, want, rtol=1e-4)
