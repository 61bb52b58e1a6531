"""Parameters of another run, and checkpoints of an earlier form."""

import jax
import numpy as np
import pytest

from ponderdream import state
from tests.helpers import moved, tiny


@pytest.fixture(scope='module')
def kit():
  return tiny()


def test_parameters_are_adopted_where_key_and_shape_agree(kit):
  before = kit.agent.state
  other = jax.tree.map(lambda x: np.asarray(x) + 1, before.params)
  other['val']['out']['bias'] = np.zeros(3, np.float32)
  del other['actdec']
  missing = kit.agent.adopt(other | {'txtdec': {'kernel': np.ones(2)}})
  after = kit.agent.state
  assert 'val/out/bias' in missing
  assert {x.split('/')[0] for x in missing} == {'val', 'actdec'}
  np.testing.assert_array_equal(
    after.params['dyn']['dyngru']['bias'], other['dyn']['dyngru']['bias']
  )
  jax.tree.map(
    np.testing.assert_array_equal,
    after.params['actdec'],
    before.params['actdec'],
  )
  jax.tree.map(
    np.testing.assert_array_equal, after.slow['val'], after.params['val']
  )
  assert after.opt is not None and int(after.updates) == int(before.updates)
  kit.agent.load(before)


def test_the_earlier_form_holds_the_same(kit):
  old = state.earlier_form(kit.agent.state)
  assert set(old) == {'params', 'slowval', 'opt', 'range', 'updates'}
  back = state.from_earlier_form(old)
  assert jax.tree.structure(back) == jax.tree.structure(kit.agent.state)
  jax.tree.map(np.testing.assert_array_equal, back, kit.agent.state)
  assert moved(back.params)
