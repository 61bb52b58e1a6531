"""The optimiser by hand."""

import jax.numpy as jnp
import numpy as np

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


def test_laprop_by_hand():
  # Two gradients 2 and 1 on a scalar whose AGC limit (0.3 * 100) is far off.
  # nu: 0.001 * 4 = 0.004, corrected by 1 - 0.999: 4, root 2; 2 / 2 = 1.
  # nu: 0.999 * 0.004 + 0.001 * 1 = 0.004996, corrected by 1 - 0.999^2 =
  # 0.001999: 2.49925, root 1.58090; 1 / 1.58090 = 0.632551.
  # Momentum: 0.1 * 1 / 0.1 = 1; then (0.9 * 0.1 + 0.1 * 0.632551) / 0.19 =
  # 0.806606. Rate 0.5 after no warmup, downhill.
  transform = optim.make(0.5, 0, 0.3, 1e-3, 0.9, 0.999, 1e-20)
  first, second = run(
    transform,
    [{'a': jnp.array(2.0)}, {'a': jnp.array(1.0)}],
    {'a': jnp.array(100.0)},
  )
  np.testing.assert_allclose(first['a'], -0.5, rtol=1e-5)
  np.testing.assert_allclose(second['a'], -0.5 * 0.806606, rtol=1e-5)


def test_warmup_rises_from_zero():
  transform = optim.make(0.4, 4, 0.3, 1e-3, 0.9, 0.999, 1e-20)
  steps = run(transform, [{'a': jnp.array(1.0)}] * 6, {'a': jnp.array(100.0)})
  got = [float(x['a']) for x in steps]
  np.testing.assert_allclose(got, [0, -0.1, -0.2, -0.3, -0.4, -0.4], rtol=1e-5)
