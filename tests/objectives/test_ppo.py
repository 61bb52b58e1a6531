"""Learning from the newest real steps.

Compilations take most of the time, so a test runs on both agents only where
it needs no further one.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.config import resolve
from embodied.envs import make_env
from embodied.errors import UsageError
from ponderdream import factories, settings
from ponderdream.agent import Acting, Agent
from ponderdream.distributed import devices
from ponderdream.dream import levels, posterior
from ponderdream.objectives import ppo
from tests.helpers import BATCH, TIME, disturbed, moved, tiny, update

REAL = {
  'loss_scales.ppo': 1.0, 'inputs': 'tokens', 'enc.kind': 'table',
  'ppo.opt.lr': 1e-3, 'imag.earned': -1e9,
}  # fmt: skip


def debug():
  """The settings without an agent."""
  return resolve(settings.blocks(), ['debug']).update(REAL)


def acted(kit, seed=0):
  """A batch as acting would have stored it: with log-probabilities."""
  rng = np.random.default_rng(seed)
  shape = BATCH, TIME + 1
  log_mu = rng.normal(np.log(1 / 5), 0.1, shape).astype(np.float32)
  return kit.batch | {ppo.LOG_MU: log_mu}


# Replayed steps do not teach `inner`; the newest ones teach all but a bias.
GROUPS = {
  'opt.groups': ['(?!inner/).*=1'],
  'ppo.opt.groups': ['(?!actdec/out/bias).*=1'],
}


@pytest.fixture(scope='module', params=['plain', 'pondernet'])
def kit(request):
  if request.param == 'plain':
    made = tiny(**REAL)
  else:
    made = tiny(request.param, **REAL, **GROUPS)
  # As after each test, so that an update is compiled once.
  made.agent.load(jax.tree.map(np.array, made.agent.save()))
  return made


on_plain = pytest.mark.parametrize('kit', ['plain'], indirect=True)


@pytest.fixture(autouse=True)
def untouched(request):
  """Each test finds the shared agent as it was made."""
  if 'kit' not in request.fixturenames:
    yield
    return
  agent = request.getfixturevalue('kit').agent
  state = jax.tree.map(np.array, agent.save())
  before = agent.act_key, agent.acted
  yield
  agent.load(state)
  agent.act_key, agent.acted = before


def advantages(kit, batch, value):
  """Generalised advantages by the sum over temporal differences."""
  gamma, lam = 1 - 1 / kit.config.loss.horizon, kit.config.ppo.lam
  out = np.zeros((BATCH, TIME))
  for b in range(BATCH):
    for t in range(TIME):
      weight = 1.0
      for k in range(t, TIME):
        if batch['is_last'][b, k] or batch['is_first'][b, k + 1]:
          break
        going = 1 - batch['is_terminal'][b, k + 1]
        after = gamma * going * value[b, k + 1]
        delta = batch['reward'][b, k + 1] + after - value[b, k]
        out[b, t] += weight * delta
        weight *= gamma * going * lam
  return out


def judged(kit, batch):
  """Advantages, values and which steps count, of a pass over a batch."""
  agent, models = kit.agent, kit.models
  data = agent.select_keys(batch, fresh=True)

  def run(state, data):
    seen = posterior.acted(models, state.params, data)
    frozen = jax.lax.stop_gradient(state.params)
    p = ppo.Pass(
      models, state.params, frozen, state, data, *seen, None, kit.config
    )
    view = models.view(state.params, p.post, p.tokens)
    value = models.value(state.params, view).pred()
    counts = ppo.followed(data)
    return ppo.judge(p, view, counts).adv, value, counts

  one = jax.pmap(
    run, axis_name='data', in_axes=(None, 0), devices=jax.devices()[:1]
  )
  out = one(agent.state, jax.tree.map(lambda x: x[None], data))
  return [np.asarray(x[0]) for x in out]


def shaken(kit):
  """The critic's output gets weights; at first it is 0 everywhere."""
  state = kit.agent.state
  out = state.params['val']['out']
  noise = jax.random.normal(jax.random.key(0), out['kernel'].shape)
  # Of the middle bins alone: the outer ones are of millions.
  middle = abs(jnp.arange(noise.shape[1]) - noise.shape[1] // 2) <= 1
  bias = jnp.where(middle, 0, -1e3)
  val = state.params['val'] | {'out': {'kernel': 0.3 * noise, 'bias': bias}}
  kit.agent.load(state._replace(params=state.params | {'val': val}))


@on_plain
def test_advantages_are_sums_of_temporal_differences(kit):
  shaken(kit)
  batch = dict(acted(kit))
  # A restart in the middle of an episode, without a last step.
  first, last = batch['is_first'].copy(), batch['is_last']
  row, at = np.argwhere(~first[:, 2:-1] & ~last[:, 1:-2])[0]
  first[row, at + 2] = True
  batch['is_first'] = first
  adv, value, counts = judged(kit, batch)
  assert abs(value).max() > 0.1
  assert last[:, :-1].any() and batch['is_terminal'].any()
  want = advantages(kit, batch, value)
  np.testing.assert_array_equal(counts, ~(last[:, :-1] | first[:, 1:]))
  np.testing.assert_allclose(
    np.where(counts, adv, 0), np.where(counts, want, 0), rtol=1e-4, atol=1e-5
  )


def trained(kit, batch):
  """One update on the newest steps: the change of the state, and metrics."""
  before = jax.tree.map(np.array, kit.agent.save())
  kit.agent.train(kit.agent.place(batch, fresh=True))
  outs, metrics = kit.agent.flush()
  after = jax.tree.map(np.array, kit.agent.save())
  assert not outs
  return jax.tree.map(lambda a, b: a - b, after.params, before.params), (
    after, before, metrics
  )  # fmt: skip


def test_it_teaches_actor_critic_and_encoder(kit):
  change, (after, before, metrics) = trained(kit, acted(kit))
  teaches = {k for k, v in change.items() if moved(v)}
  actor = {'goalenc', 'inner'} if kit.models.pondering else set()
  # The critic is 0 everywhere at first, and has no gradient for what is
  # before its last layer.
  assert teaches == {'enc', 'val', 'actdec'} | actor
  # Frozen in the pondering agent.
  assert moved(change['actdec']['out']['bias']) != kit.models.pondering
  # The other kind of update is not touched.
  same = jax.tree.map(
    np.array_equal, after.opt['replayed'], before.opt['replayed']
  )
  assert all(jax.tree.leaves(same)) and after.updates == before.updates + 1
  assert ('loss/ppo/ponder' in metrics) == kit.models.pondering
  assert ('ponder/steps' in metrics) == kit.models.pondering


def test_steps_that_nothing_follows_do_not_count(kit):
  batch = acted(kit)
  state = jax.tree.map(np.array, kit.agent.save())
  change, _ = trained(kit, batch)
  kit.agent.load(state)
  off = dict(batch)
  # The action of the last step of an episode, and of the last of a window.
  dead = np.concatenate(
    [batch['is_last'][:, :-1], np.ones((BATCH, 1), bool)], 1
  )
  off['action'] = np.where(dead, (batch['action'] + 1) % 5, batch['action'])
  off[ppo.LOG_MU] = np.where(dead, -9.0, batch[ppo.LOG_MU])
  assert dead[:, :-1].any()
  again, _ = trained(kit, off)
  jax.tree.map(np.testing.assert_array_equal, change, again)


def test_the_policy_learns_what_pays(kit):
  # Action 2 has a reward on arrival, whatever the state.
  batch = dict(acted(kit))
  false = np.zeros_like(batch['is_last'])
  batch |= {'is_last': false, 'is_first': false, 'is_terminal': false}
  reward = np.zeros_like(batch['reward'])
  reward[:, 1:] = batch['action'][:, :-1] == 2
  batch['reward'] = reward
  log_mu = np.full_like(batch[ppo.LOG_MU], np.log(1 / 5))
  batch[ppo.LOG_MU] = log_mu
  chances = [chance(kit, batch)]
  for _ in range(20):
    kit.agent.train(kit.agent.place(batch, fresh=True))
  chances.append(chance(kit, batch))
  # Bounded: the ratio of 1.2 is passed by a few last updates alone.
  assert chances[0] == pytest.approx(0.2, abs=0.02)
  assert 0.23 < chances[1] < 0.4


@pytest.mark.parametrize('size', [0.02, 3.0])
def test_noise_without_rewards_is_not_blown_up(size):
  noise = np.random.default_rng(0).normal(7, size, (2, 3, 50))
  adv = noise.astype(np.float32)
  counts = np.ones((2, 3, 50), bool)
  counts[1, 2, 10:] = False
  adv[~counts] = 1e6
  run = jax.vmap(
    lambda x, y: ppo.normalised(x, y, 0.1), axis_name=devices.AXIS
  )
  found, spread = map(np.asarray, run(adv, counts))
  kept = noise[counts]
  # The deviation is that of the entries of both devices.
  np.testing.assert_allclose(spread, [kept.std()] * 2, rtol=1e-2)
  want = (kept - kept.mean()) / max(kept.std(), 0.1)
  np.testing.assert_allclose(found[counts], want, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize('kit', ['pondernet'], indirect=True)
def test_a_step_costs_rewards_of_any_size(kit):
  size = 100.0
  batch = going_on(kit)
  batch['reward'] = size * batch['reward']
  losses, metrics = terms(kit, batch, **{'ponder.cost': 0.3 * size})
  spread, steps = metrics['ppo/spread'], metrics['ponder/steps']
  assert spread > 0.1
  np.testing.assert_allclose(
    losses['ppo/ponder'], 0.3 * size / spread * steps, rtol=1e-4
  )


@pytest.mark.parametrize('kit', ['pondernet'], indirect=True)
def test_entropy_is_rewarded_and_the_prior_draws(kit):
  batch = going_on(kit)
  params = disturbed(kit.agent.save().params)
  state = kit.agent.state._replace(params=params)
  near = {'ppo.kl': 1e3}
  bare, metrics = terms(kit, batch, state, **near, **{'ppo.entropy': 0.0})
  more, _ = terms(kit, batch, state, **near, **{'ppo.entropy': 0.7})
  entropy = metrics['ppo/entropy']
  assert entropy > 0.1 and metrics['ppo/near'] == 1
  np.testing.assert_allclose(
    more['ppo/policy'], bare['ppo/policy'] - 0.7 * entropy, rtol=1e-3
  )
  drawn, metrics = terms(kit, batch, state, **{'ponder.beta': 0.5})
  assert metrics['ponder/kl'] > 0.01
  np.testing.assert_allclose(
    drawn['ppo/ponder'], 0.5 * metrics['ponder/kl'], rtol=1e-3
  )


def going_on(kit):
  """A batch of an episode that does not end."""
  false = np.zeros((BATCH, TIME + 1), bool)
  ends = {'is_last': false, 'is_first': false, 'is_terminal': false}
  return dict(acted(kit)) | ends


def terms(kit, batch, state=None, **changes):
  """Losses and metrics of a pass over a batch, as floats. Steps cost nothing,
  and the prior does not draw, unless `changes` say so."""
  free = {'ponder.cost': 0.0, 'ponder.beta': 0.0}
  config = kit.config.update(free | changes)
  data = kit.agent.select_keys(batch, fresh=True)

  def run(state, data):
    seen = posterior.acted(kit.models, state.params, data)
    frozen = jax.lax.stop_gradient(state.params)
    found = ppo.losses(
      ppo.Pass(
        kit.models, state.params, frozen, state, data, *seen, None, config
      )
    )
    return levels.means({**found.losses}), levels.means({**found.metrics})

  one = jax.jit(jax.vmap(run, (None, 0), axis_name=devices.AXIS))
  data = jax.tree.map(lambda x: x[None], data)
  return jax.tree.map(
    lambda x: float(x[0]), one(state or kit.agent.state, data)
  )


def test_a_policy_that_is_far_from_the_one_that_acted_is_brought_back(kit):
  # Which always took action 2, with a probability of 0.6, for no reward.
  batch = dict(acted(kit))
  false = np.zeros_like(batch['is_last'])
  batch |= {'is_last': false, 'is_first': false, 'is_terminal': false}
  batch['reward'] = np.zeros_like(batch['reward'])
  batch['action'] = np.full_like(batch['action'], 2)
  batch[ppo.LOG_MU] = np.full_like(batch[ppo.LOG_MU], np.log(0.6))
  near, before = [], chance(kit, batch)
  for _ in range(20):
    kit.agent.train(kit.agent.place(batch, fresh=True))
    near.append(kit.agent.flush()[1]['ppo/near'])
  assert near[0] == 0
  assert before + 0.02 < chance(kit, batch) < 0.6


def chance(kit, batch):
  """Mean probability of action 2 in the states of a batch."""
  data = kit.agent.select_keys(batch, fresh=True)
  return float(chance_of(kit.models)(kit.agent.state.params, data))


@functools.cache
def chance_of(models):
  """The compiled function of `chance`."""

  def run(params, data):
    state, tokens, _ = posterior.acted(models, params, data)
    join = lambda x: x.reshape((-1, *x.shape[2:]))
    view = models.view(params, jax.tree.map(join, state), join(tokens))
    every = models.levels(params, view)
    two = jnp.full((len(view.actor), 1), 2)
    log_pi = models.policy(every.raw, view).log_prob(two[None])
    return jnp.exp(every.log_p + log_pi).sum(0).mean()

  return jax.jit(run)


def test_acting_stores_the_probability_of_its_action(kit):
  # In a thousand copies of one state, the frequency of an action is the
  # probability that is stored with it.
  agent, count = kit.agent, 1000
  before = agent.save()
  out = before.params['actdec']['out']
  bias = jnp.array([0.0, 1.0, -1.0, 0.5, 0.0])
  out = out | {'bias': bias, 'kernel': 20 * out['kernel']}
  actdec = before.params['actdec'] | {'out': out}
  agent.load(before._replace(params=before.params | {'actdec': actdec}))
  obs = {k: np.repeat(v[:1, 0], count, 0) for k, v in kit.batch.items()}
  _, acts, outs = agent.policy(agent.init_policy(count), obs)
  assert outs[ppo.LOG_MU].shape == (count,)
  # The posterior is sampled, and actor and critic do not see that.
  for action in range(5):
    chosen = acts['action'] == action
    said = np.exp(outs[ppo.LOG_MU][chosen])
    np.testing.assert_allclose(said, said[0], rtol=1e-4)
    assert chosen.mean() == pytest.approx(said[0], abs=0.05)


def test_only_training_stores_probabilities(kit, monkeypatch):
  agent = kit.agent

  def traced(*args):
    *arrays, acting, records = args
    run = functools.partial(agent.act, acting=acting, records=records)
    outs = jax.eval_shape(run, *arrays)
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), outs)

  monkeypatch.setattr(agent, '_policy', traced)
  obs = {k: v[:, 0] for k, v in kit.batch.items()}
  for mode in ('train', 'eval'):
    *_, outs = agent.policy(agent.init_policy(BATCH), obs, mode)
    assert (ppo.LOG_MU in outs) == (mode == 'train')


def test_only_sampled_actions_can_be_learnt_from():
  env = make_env('dummy_disc', 0, seed=0)
  config = debug()
  acting = {'train': Acting(greedy=True)}
  with pytest.raises(ValueError, match='train'):
    Agent(env.obs_space, env.act_space, config, acting)


@on_plain
def test_replayed_steps_teach_beside_it(kit):
  before = jax.tree.map(np.array, kit.agent.save().params)
  outs, metrics = update(kit)
  update(kit)  # the learning rate of the first one is 0
  after = jax.tree.map(np.array, kit.agent.save().params)
  change = jax.tree.map(lambda a, b: a - b, after, before)
  assert outs['dyn/deter'].shape[:2] == (BATCH, TIME)
  assert metrics['loss/tok'] > 0 and 'loss/ppo/value' not in metrics
  teaches = {k for k, v in change.items() if moved(v)}
  assert {'tokdec', 'imgdec', 'dyn', 'enc', 'actdec', 'val'} <= teaches


@pytest.mark.parametrize(('envs', 'batch'), [(6, 4), (4, 3)])
def test_windows_that_do_not_divide_are_refused(envs, batch):
  config = debug().update({'run.envs': envs, 'ppo.batch': batch})
  with pytest.raises(UsageError, match='ppo.batch'):
    factories.make_newest(config)
