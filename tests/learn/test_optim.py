"""The optimiser by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.config import Config
from embodied.errors import UsageError
from ponderdream.learn import optim


def run(transform, grads, params):
  state = transform.init(params)
  out = []
  for grad in grads:
    update, state = transform.update(grad, state, params)
    out.append(update)
  return out


class TestAgc:
  def test_clips_to_a_share_of_the_parameter_norm(self):
    # |param| = 5, so the limit is 0.3 * 5 = 1.5; |grad| = 10 shrinks by 0.15.
    params = {'a': jnp.array([[3.0], [4.0]])}
    [got] = run(
      optim.clip_by_agc(0.3, 1e-3), [{'a': jnp.array([[6.0], [8.0]])}], params
    )
    np.testing.assert_allclose(got['a'], [[0.9], [1.2]], rtol=1e-6)

  def test_small_gradients_pass(self):
    params = {'a': jnp.array([3.0, 4.0])}
    [got] = run(
      optim.clip_by_agc(0.3, 1e-3), [{'a': jnp.array([0.9, 1.2])}], params
    )
    np.testing.assert_allclose(got['a'], [0.9, 1.2], rtol=1e-6)

  def test_zero_parameters_count_as_pmin(self):
    # Limit 0.3 * 0.001.
    params = {'a': jnp.zeros(2)}
    [got] = run(
      optim.clip_by_agc(0.3, 1e-3), [{'a': jnp.array([3.0, 4.0])}], params
    )
    np.testing.assert_allclose(got['a'], [1.8e-4, 2.4e-4], rtol=1e-5)


OPT = {
  'lr': 0.5, 'warmup': 0, 'decay': 0, 'final': 1.0, 'agc': 0.3,
  'pmin': 1e-3, 'beta1': 0.9, 'beta2': 0.999, 'eps': 1e-20,
  'groups': ('.*=1',),
}  # fmt: skip


def make(params, **changes):
  return optim.make(Config(OPT | changes), params)


@pytest.mark.parametrize(
  'changes, rates',
  [
    ({}, {0: 0.5, 10**6: 0.5}),
    ({'warmup': 4}, {0: 0, 1: 0.125, 4: 0.5, 99: 0.5}),
    ({'decay': 10, 'final': 0.2}, {0: 0.5, 5: 0.3, 10: 0.1, 99: 0.1}),
    (
      {'warmup': 4, 'decay': 10, 'final': 0.2},
      {0: 0, 2: 0.25, 4: 0.5, 9: 0.3, 14: 0.1, 99: 0.1},
    ),
  ],
)
def test_the_learning_rate_by_hand(changes, rates):
  # A gradient of 1 at every update is normalised to 1.
  params = {'a': jnp.array(100.0)}
  steps = run(make(params, **changes), [{'a': jnp.array(1.0)}] * 100, params)
  for update, rate in rates.items():
    got = float(steps[min(update, 99)]['a'])
    assert got == pytest.approx(-rate, rel=1e-5, abs=1e-9)


def test_laprop_by_hand():
  # Two gradients 2 and 1 on a scalar whose AGC limit (0.3 * 100) is far off.
  # nu: 0.001 * 4 = 0.004, corrected by 1 - 0.999: 4, root 2; 2 / 2 = 1.
  # nu: 0.999 * 0.004 + 0.001 * 1 = 0.004996, corrected by 1 - 0.999^2 =
  # 0.001999: 2.49925, root 1.58090; 1 / 1.58090 = 0.632551.
  # Momentum: 0.1 * 1 / 0.1 = 1; then (0.9 * 0.1 + 0.1 * 0.632551) / 0.19 =
  # 0.806606. Rate 0.5 after no warmup, downhill.
  params = {'a': jnp.array(100.0)}
  first, second = run(
    make(params), [{'a': jnp.array(2.0)}, {'a': jnp.array(1.0)}], params
  )
  np.testing.assert_allclose(first['a'], -0.5, rtol=1e-5)
  np.testing.assert_allclose(second['a'], -0.5 * 0.806606, rtol=1e-5)


def test_warmup_rises_from_zero():
  params = {'a': jnp.array(100.0)}
  steps = run(
    make(params, lr=0.4, warmup=4), [{'a': jnp.array(1.0)}] * 6, params
  )
  got = [float(x['a']) for x in steps]
  np.testing.assert_allclose(got, [0, -0.1, -0.2, -0.3, -0.4, -0.4], rtol=1e-5)


PARAMS = {
  'enc': {'kernel': jnp.array(100.0)},
  'val': {'kernel': jnp.array(100.0), 'bias': jnp.array(100.0)},
}


class TestGroups:
  def test_the_first_group_that_matches_counts(self):
    # Every parameter gets the gradient 2, so its first update is lr times its
    # factor.
    groups = ('val/bias=3', 'val/.*=0.5', '.*=1')
    grads = jax.tree.map(lambda x: x * 0 + 2, PARAMS)
    [got] = run(make(PARAMS, groups=groups), [grads], PARAMS)
    np.testing.assert_allclose(got['enc']['kernel'], -0.5, rtol=1e-5)
    np.testing.assert_allclose(got['val']['kernel'], -0.25, rtol=1e-5)
    np.testing.assert_allclose(got['val']['bias'], -1.5, rtol=1e-5)

  def test_what_no_group_matches_is_frozen(self):
    groups = ('val/.*=1',)
    transform = make(PARAMS, groups=groups)

    def loss(params):
      params = optim.stop_frozen(params, groups)
      return sum(jnp.square(x).sum() for x in jax.tree.leaves(params))

    grads = jax.grad(loss)(PARAMS)
    assert grads['enc']['kernel'] == 0 and grads['val']['kernel'] == 200
    # Nothing moves it, even if there were a gradient.
    grads = jax.tree.map(lambda x: x * 0 + 2, PARAMS)
    first, second = run(transform, [grads, grads], PARAMS)
    assert first['enc']['kernel'] == second['enc']['kernel'] == 0
    np.testing.assert_allclose(first['val']['bias'], -0.5, rtol=1e-5)

  def test_one_group_of_all_is_no_group(self):
    grads = jax.tree.map(lambda x: x * 0 + 2, PARAMS)
    one = make(PARAMS).init(PARAMS)
    two = make(PARAMS, groups=('enc/.*=1', 'val/.*=1')).init(PARAMS)
    assert jax.tree.structure(one) == jax.tree.structure(two)
    [got] = run(make(PARAMS), [grads], PARAMS)
    assert len(set(map(float, jax.tree.leaves(got)))) == 1

  @pytest.mark.parametrize(
    'group', ['val', 'val=', '=', 'val=x', 'val=0', 'val=-1', 'val=inf', '(=1']
  )
  def test_a_group_that_makes_no_sense_is_refused(self, group):
    with pytest.raises(UsageError, match='opt.groups'):
      make(PARAMS, groups=('.*=1', group))

  def test_a_group_that_matches_nothing_is_refused(self):
    with pytest.raises(UsageError, match='actdec.*enc, val'):
      make(PARAMS, groups=('actdec/.*=1', '.*=1'))
    with pytest.raises(UsageError, match='val/bias'):
      make(PARAMS, groups=('.*=1', 'val/bias=2'))
