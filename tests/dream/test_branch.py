"""Branches: one level by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.dream import branch, rollout
from ponderdream.world import rssm
from tests.helpers import opinionated


def test_a_branch_is_the_action_then_reward_and_critic():
  built, params, _ = opinionated(4, 5)
  start = rssm.initial(built.dyn, 3)
  raw = jax.random.normal(jax.random.key(0), (4, 3, 5))
  key = jax.random.key(1)
  actions, values = branch.branch(
    built, params, start, raw, None, jnp.int32(2), 1, key
  )
  # Two levels were reached.
  assert (values[:2] != 0).all() and (values[2:] == 0).all()
  # The second one again, with nothing but the model's own parts.
  draw, dream, _ = jax.random.split(jax.random.fold_in(key, 1), 3)
  action = built.action.dist(raw[1], None).sample(draw)
  np.testing.assert_array_equal(actions[1], action)
  state = rollout.move(built, params, start, action, dream)
  view = built.view(params, state)
  want = (
    built.reward(params, view).pred()
    + built.cont(params, view).prob() * built.value(params, view).pred()
  )
  np.testing.assert_allclose(values[1], want, rtol=1e-5, atol=1e-6)
