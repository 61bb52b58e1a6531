"""The measurement of thoughts: shares by hand."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.nets import text
from scripts.experiments import thoughts


def test_shares_by_hand():
  # Three steps of plans with depths 2, 1 and 0, and two levels.
  stack = np.array([[0, 2, -1], [1, -1, -1]])
  said = np.array([[True, False, True], [False, False, True]])
  found = {
    'said': said, 'nearest': np.array([[0, 2, 1], [1, 1, 1]]),
    'halt': np.array([2, 2, 1]), 'steps': np.array([1.9, 1.2, 1.0]),
    'action': np.array([3, 4, 0]),
  }  # fmt: skip
  have = thoughts.summary(found, stack, np.array([3, -1, 2]))
  assert have == {
    'steps': 2,
    'said': [0.5, 0.0],  # level 1 of step 0 alone; level 2 of step 0 is wrong
    'nearest': [1.0, 1.0],
    'said_all': pytest.approx(1 / 3),
    'halt': 0.5,
    'rank': pytest.approx(1),
    'action': 1.0,  # the second step's action is not known
  }


def test_what_is_said_is_what_greedy_decoding_says():
  # The right text is said if each piece is the best one after the right ones.
  decoder = text.TextDecoder(9, 5, 8, 1, 2, jnp.float32)
  goal = jax.random.normal(jax.random.key(0), (40, 6))
  params = decoder.init(jax.random.key(1), goal, jnp.ones((40, 5), jnp.int32))
  params = jax.tree.map(lambda x: 3 * x, params['params'])
  greedy = text.say(decoder, params, goal)
  wrong = greedy.at[::2, 0].set(greedy[::2, 0] % 8 + 1)
  models = types.SimpleNamespace(
    apply=lambda params, part, *xs: decoder.apply({'params': params}, *xs)
  )
  assert thoughts.says(models, params, goal, greedy).all()
  found = thoughts.says(models, params, goal, wrong)
  assert found[1::2].all() and not found[::2].any()
