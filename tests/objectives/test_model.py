"""The world model on data that lack rewards."""

import jax
import numpy as np
import pytest

from ponderdream.objectives.terms import rewarded
from tests.helpers import BATCH, TIME, disturbed, tiny, update

KNOWN = 'known/reward'


def test_which_rewards_are_known():
  reward = np.zeros((2, 3))
  known = np.array([[True, False, True], [False, False, False]])
  has = np.array([[True] * 3, [False] * 3])
  assert rewarded({'reward': reward}).all()
  got = rewarded({'reward': reward, KNOWN: known})
  np.testing.assert_array_equal(got, known)
  # A row of a replay has all.
  got = rewarded({'reward': reward, KNOWN: known, f'has/{KNOWN}': has})
  np.testing.assert_array_equal(got, [known[0], [True] * 3])


@pytest.fixture(scope='module')
def kit():
  return tiny(**{'loss.free_nats': 50.0})


def test_unknown_rewards_teach_nothing(kit):
  state = jax.tree.map(np.array, kit.agent.save())
  # A new head finds all rewards as likely.
  params = jax.tree.map(np.array, disturbed(state.params))
  state = state._replace(params=params)
  known = np.arange(BATCH * (TIME + 1)).reshape((BATCH, TIME + 1)) % 3 > 0

  def loss(unknown, told):
    kit.agent.load(state)
    reward = np.where(known, kit.batch['reward'], np.float32(unknown))
    _, metrics = update(kit, kit.batch | {'reward': reward, KNOWN: told})
    return metrics['loss/rew']

  assert loss(0, known) == loss(50, known)
  every = np.ones_like(known)
  assert loss(0, every) != pytest.approx(loss(50, every), rel=1e-4)


def test_a_divergence_below_the_free_nats_counts_as_these(kit):
  # Four variables of four classes diverge by some nats at most.
  _, metrics = update(kit)
  assert 0 < metrics['dyn/kl'] < 50
  assert metrics['loss/dyn'] == metrics['loss/rep'] == 50
