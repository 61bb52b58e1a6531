"""Whether dreams count: what the model foresees of steps it never saw."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.dream import posterior, rollout
from ponderdream.objectives import Pass, behaviour, foresight
from ponderdream.state import Foresight
from tests.helpers import BATCH, TIME, moved, tiny

REAL = {'loss_scales.ppo': 1.0, 'inputs': 'tokens', 'enc.kind': 'table'}


@pytest.fixture(scope='module')
def kit():
  return tiny(**REAL)


def passed(kit, params, data, state, key=None):
  """A pass over the newest steps."""
  seen = posterior.acted(kit.models, params, data)
  frozen = jax.lax.stop_gradient(params)
  given = (kit.models, params, frozen, state, data, *seen)
  return Pass(*given, key, kit.config)


def on_one_device(function, *args):
  """Runs it as a step runs: inside of `pmap`."""
  args = jax.tree.map(lambda x: x[None], args)
  one = jax.pmap(function, 'data', devices=jax.devices()[:1])
  return jax.tree.map(lambda x: np.asarray(x[0]), one(*args))


def test_errors_are_those_of_the_step_that_follows(kit):
  batch = dict(kit.batch) | {'log_mu': np.zeros((BATCH, TIME + 1), np.float32)}
  data = kit.agent.select_keys(batch, fresh=True)
  state = jax.tree.map(jnp.copy, kit.agent.state)
  rew = state.params['rew']
  rew['out']['bias'] = rew['out']['bias'].at[-1].set(-9)  # 0 at first
  key = jax.random.key(3)
  val = state.params['val']['out']
  middle = abs(jnp.arange(val['bias'].shape[-1]) - val['bias'].size // 2) <= 1
  val['bias'] = jnp.where(middle, 0, -1e3)
  val['kernel'] = jax.random.normal(key, val['kernel'].shape)

  def run(state, data):
    p = passed(kit, state.params, data, state, key)
    terms = foresight.losses(p)
    assert not terms.losses
    # By hand: each state alone, moved by its action.
    before = jax.tree.map(
      lambda x: x[:, :-1].reshape((-1, *x.shape[2:])), p.post
    )
    action = data['action'][:, :-1].reshape((-1, 1))
    after = rollout.move(kit.models, state.params, before, action, key)
    view = kit.models.view(state.params, after)
    later = jax.tree.map(lambda x: x[:, 1:], (p.post, p.tokens))
    real = kit.models.value(
      state.params, kit.models.view(state.params, *later)
    )
    values = kit.models.value(state.params, view).pred(), real.pred()
    predicted = kit.models.reward(state.params, view).pred()
    return terms.running, predicted, values

  running, predicted, values = on_one_device(run, state, data)
  counts = ~(data['is_last'][:, :-1] | data['is_first'][:, 1:])
  real = data['reward'][:, 1:][counts]
  error = (predicted.reshape(counts.shape)[counts] - real) ** 2
  assert 0 < counts.mean() < 1 and error.mean() > 0
  rate, start = foresight.RATE, 1e-3
  want = Foresight(
    (1 - rate) * start + rate * error.mean(),
    (1 - rate) * start + rate * real.var(),
  )
  np.testing.assert_allclose(running['reward'], want, rtol=1e-4)
  seen, known = (x.reshape(counts.shape)[counts] for x in values)
  assert known.std() > 0.1
  want = Foresight(
    (1 - rate) * start + rate * ((seen - known) ** 2).mean(),
    (1 - rate) * start + rate * known.var(),
  )
  np.testing.assert_allclose(running['value'], want, rtol=1e-4)


@pytest.mark.parametrize('error, share', [(0.0, 1.0), (0.5, 0.75), (4.0, -1)])
def test_the_share_that_is_explained(error, share):
  x = Foresight(jnp.float32(error), jnp.float32(2))
  assert foresight.explained(x) == share


@pytest.mark.parametrize(
  'reward, value, wanted',
  [(0.1, 0.1, 1), (0.9, 0.1, 0), (0.1, 0.9, 0), (0.7, 0.7, 1)],
)
def test_rewards_and_values_have_to_be_foreseen(kit, reward, value, wanted):
  errors = {'reward': reward, 'value': value}
  running = {
    k: Foresight(jnp.float32(v), jnp.ones(())) for k, v in errors.items()
  }
  state = types.SimpleNamespace(running={'foresight': running})
  config = kit.config.update({'imag.earned': 0.25})
  p = types.SimpleNamespace(state=state, config=config)
  assert foresight.earned(p) == wanted
  p.config = config.update({'loss_scales.ppo': 0.0})
  assert foresight.earned(p) == 1


def test_dreams_of_a_model_that_foresees_nothing_teach_nothing(kit):
  data = kit.agent.select_keys(kit.batch)

  def run(state, data, error):
    running = {k: Foresight(error, jnp.ones(())) for k in ('reward', 'value')}
    running = state.running | {'foresight': running}
    state = state._replace(running=running)

    def loss(params):
      p = passed(kit, params, data, state, jax.random.key(0))
      return sum(x.mean() for x in behaviour.losses(p).losses.values())

    return jax.grad(loss)(state.params)

  batch = jax.tree.map(jnp.asarray, data)
  state = jax.tree.map(jnp.copy, kit.agent.state)
  good, bad = (
    on_one_device(run, state, batch, jnp.float32(error)) for error in (0.1, 1)
  )
  assert moved(good['actdec']) and moved(good['val'])
  assert not moved(bad)
