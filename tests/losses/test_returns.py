"""Lambda-returns and their scale by hand."""

import jax.numpy as jnp
import numpy as np

from ponderdream.losses import returns


def column(*values):
  return jnp.array(values)[:, None]


def test_lambda_return_by_hand():
  # lam = 0.5, from the end backwards:
  # R_2 is bootstrapped with v_2 = 8.
  # R_1 = r_2 + c_2 (0.5 v_2 + 0.5 R_2) = 3 + 0.5 * 8 = 7.
  # R_0 = r_1 + c_1 (0.5 v_1 + 0.5 R_1) = 2 + 0.9 * (0.5 * 6 + 3.5) = 7.85.
  got = returns.lambda_return(
    column(99.0, 2.0, 3.0), column(0.1, 0.9, 0.5), column(-5.0, 6.0, 8.0), 0.5
  )
  np.testing.assert_allclose(got, [[7.85], [7.0]], rtol=1e-6)


def test_lambda_one_is_the_monte_carlo_return():
  # 1 + 0.5 (2 + 0.5 (4 + 0.5 * 8)) = 4.
  got = returns.lambda_return(
    column(0.0, 1.0, 2.0, 4.0),
    column(1.0, 0.5, 0.5, 0.5),
    column(0.0, -3.0, -3.0, 8.0),
    1.0,
  )
  np.testing.assert_allclose(got[0], [4.0], rtol=1e-6)


def test_an_episode_that_was_cut_off_ends_in_the_value():
  # Step 1 is the last of its episode, but not terminal: the return is
  # r_1 + c_1 v_1 and nothing of the next episode.
  got = returns.lambda_return(
    column(0.0, 2.0, 100.0),
    column(1.0, 0.9, 1.0),
    column(0.0, 6.0, 100.0),
    0.95,
    column(False, True, False),
  )
  np.testing.assert_allclose(got[0], [2 + 0.9 * 6], rtol=1e-6)


def test_death_ends_the_return():
  got = returns.lambda_return(
    column(0.0, 2.0, 100.0),
    column(1.0, 0.0, 1.0),
    column(0.0, 6.0, 100.0),
    0.95,
    column(False, True, False),
  )
  np.testing.assert_allclose(got[0], [2.0], rtol=1e-6)


def test_range_moves_towards_the_percentiles():
  # Of 0..100 the 5th and 95th percentiles are 5 and 95.
  values = jnp.arange(101.0)
  state = returns.ReturnRange(jnp.float32(0), jnp.float32(0))
  state = returns.update_range(state, values, 0.01)
  np.testing.assert_allclose([state.low, state.high], [0.05, 0.95], rtol=1e-5)
  state = returns.update_range(state, values, 0.01)
  # 0.99 * 0.05 + 0.01 * 5, and likewise with 95.
  np.testing.assert_allclose(
    [state.low, state.high], [0.0995, 1.8905], rtol=1e-5
  )


def test_small_returns_are_not_blown_up():
  span = lambda low, high: returns.ReturnRange(jnp.array(low), jnp.array(high))
  assert returns.scale(span(0.1, 0.3), 1.0) == 1.0
  assert returns.scale(span(-2.0, 3.0), 1.0) == 5.0
