"""Parameters of another run, and checkpoints of an earlier form."""

import jax
import numpy as np
import pytest

from embodied.errors import UsageError
from ponderdream.checkpoint import Checkpoint
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


def test_checkpoints_of_an_earlier_form_are_read(kit, tmp_path):
  now = kit.agent.save()
  newest, newer, older = now.earlier_forms()
  assert set(newest['running']) == {'behaviour'}
  assert set(older) == {'params', 'slowval', 'opt', 'range', 'updates'}
  store = Checkpoint(tmp_path, keep=4)
  for step, form in enumerate((older, newer, newest, now)):
    store.save(step, form, {'updates': 0})
  store.close()
  store = Checkpoint(tmp_path)
  for step in range(4):
    _, back, _ = store.load(now, step)
    assert jax.tree.structure(back) == jax.tree.structure(now)
    jax.tree.map(np.testing.assert_array_equal, back, now)
  assert moved(back.params)


def test_the_parameters_of_another_run_are_read(kit, tmp_path):
  store = Checkpoint(tmp_path / 'run', keep=1)
  with pytest.raises(UsageError, match='no checkpoint'):
    store.load_params()
  store.save(4, kit.agent.save(), {'updates': 0})
  store.close()
  params = Checkpoint(tmp_path / 'run').load_params()
  jax.tree.map(np.testing.assert_array_equal, params, kit.agent.state.params)
  damaged = next((tmp_path / 'run' / '4' / 'state').glob('_METADATA'))
  damaged.write_text('{')
  with pytest.raises(UsageError, match='cannot be read'):
    Checkpoint(tmp_path / 'run').load_params()
