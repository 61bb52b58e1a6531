"""Checkpoints: what is read is what was there when it was saved."""

import json
import shutil
import types
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.log.timer import Clock
from ponderdream import checkpoint, meta, runs, train
from ponderdream.distributed import devices
from ponderdream.losses import returns
from tests.naming import naming, says


def tree(value):
  span = returns.ReturnRange(jnp.float32(value), jnp.float32(2 * value))
  state = {'kernel': jnp.full((300, 400), value), 'range': span}
  return devices.replicate(state)


def same(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_it_keeps_the_newest_and_reads_them_back(tmp_path):
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  for step in (10, 20, 30):
    store.save(step, tree(step), {'updates': step + 1})
  store.close()
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  assert store.steps() == [20, 30]
  step, state, meta = store.load(tree(0))
  assert (step, meta) == (30, {'updates': 31})
  same(state, tree(30))
  assert type(state['range']) is returns.ReturnRange
  step, state, _ = store.load(tree(0), 20)
  same(state, tree(20))
  with pytest.raises(UsageError, match=naming(15, 20, 30)):
    store.load(tree(0), 15)


@pytest.mark.parametrize('before, after', [(1, 2), (2, 1)])
def test_another_number_of_devices_reads_it(
  before, after, tmp_path, monkeypatch
):
  devices = jax.devices()
  monkeypatch.setattr(jax, 'devices', lambda: devices[:before])
  store = checkpoint.Checkpoint(tmp_path, keep=1)
  store.save(1, tree(3), {'updates': 0})
  store.close()
  monkeypatch.setattr(jax, 'devices', lambda: devices[:after])
  _, state, _ = checkpoint.Checkpoint(tmp_path).load(tree(0))
  assert state['kernel'].devices() == set(devices[:after])
  assert state['kernel'].is_fully_replicated
  same(state, tree(3))


def test_an_update_after_the_save_does_not_reach_the_file(tmp_path):
  # The write goes on in the background while the update, which is given the
  # memory of the state, overwrites it.
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  step = devices.pmap(
    lambda state, batch, key: (
      jax.tree.map(lambda x: x + 1, state),
      batch,
      key,
    )
  )
  state, batch = tree(5), {'x': np.zeros((jax.device_count(), 1))}
  store.save(1, state, {'updates': 0})
  for _ in range(20):
    state, _, _ = step(state, batch, jnp.zeros(()))
  assert (state['kernel'] == 25).all()
  store.close()
  _, found, _ = checkpoint.Checkpoint(tmp_path).load(tree(0))
  same(found, tree(5))


def test_a_damaged_one_is_named_and_passed_over(tmp_path, caplog):
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  for step in (1, 2):
    store.save(step, tree(step), {'updates': 0})
  store.close()
  damage(tmp_path / '2')
  step, state, _ = checkpoint.Checkpoint(tmp_path).load(tree(0))
  assert step == 1
  same(state, tree(1))
  assert says(caplog.text, 'checkpoint', 2)
  damage(tmp_path / '1')
  with pytest.raises(UsageError, match=naming('checkpoint', 2, 1)):
    checkpoint.Checkpoint(tmp_path).load(tree(0))


def test_the_best_is_not_the_newest(tmp_path):
  class Agent:
    def save(self):
      return tree(0)

    def load(self, state):
      self.state = state

  store, agent = checkpoint.Checkpoint(tmp_path, keep=1), Agent()
  scores = 5.0, 9.0, 9.0, 2.0, np.nan
  for step, score in enumerate(scores, 1):
    store.save(step, tree(step), {'updates': 0}, score)
  store.close()
  # Of equal ones the newest. A return that is no number is none.
  assert checkpoint.restore(agent, tmp_path, best=True) == 3
  same(agent.state, tree(3))
  assert checkpoint.restore(agent, tmp_path) == 5
  same(agent.state, tree(5))


def test_a_damaged_one_is_written_anew(tmp_path):
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  for step in (1, 2):
    store.save(step, tree(step), {'updates': 0})
  store.close()
  damage(tmp_path / '2')
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  assert store.load(tree(0))[0] == 1
  store.save(2, tree(7), {'updates': 0})
  store.close()
  step, state, _ = checkpoint.Checkpoint(tmp_path).load(tree(0))
  assert step == 2
  same(state, tree(7))


def test_it_knows_the_settings_of_its_run(tmp_path):
  argv = ['--configs', 'dummy', 'debug', '--logdir', str(tmp_path / 'run')]
  config = train.configure(argv)
  folder = tmp_path / 'checkpoints'
  store = checkpoint.Checkpoint(folder, 2, config.flat)
  assert store.config() == {}
  for step in (1, 2):
    store.save(step, tree(step), {'updates': step})
  store.wait()
  assert store.load(tree(0))[2]['updates'] == 2
  (folder / '2' / 'meta' / 'metadata').write_text('{"upd')
  # The logdir, and its config.yaml with it, is lost.
  run = types.SimpleNamespace(
    sync_hosts=lambda: None, resume=lambda: 2, step=2
  )
  longer = config.update({'run.steps': 7, 'logdir': '/b'})
  runs.resume(run, store, longer, False)
  changed = config.update({'dyn.deter': 32, 'enc.mults': (3,)})
  with pytest.raises(UsageError) as error:
    runs.resume(run, store, changed, False)
  assert says(str(error.value), 'dyn.deter', 16, 32, 'enc.mults', folder)
  store.close()


def damage(folder):
  files = [x for x in folder.rglob('*') if x.is_file()]
  for path in files:
    if path.parent.name == 'd':
      path.write_bytes(path.read_bytes()[:10])


def test_there_is_none(tmp_path):
  with pytest.raises(UsageError, match=naming(tmp_path / 'new')):
    checkpoint.Checkpoint(tmp_path / 'new')
  assert not (tmp_path / 'new').exists()
  with pytest.raises(UsageError, match=naming(tmp_path, 'checkpoint')):
    checkpoint.Checkpoint(tmp_path).load(tree(0))


GOOD = {
  'updates': 3, 'forgotten': 0, 'totals': {'0': 7}, 'config': {'seed': 1},
  'ratio': {'start': -1, 'done': 0}, 'return': 0.5,
  'seconds': {'wall': 9.5, 'core': 0},
}  # fmt: skip
ODD = [
  [], None, 3, 'text', {}, {'forgotten': 1}, {'updates': '3'},
  {'updates': -1}, {'updates': 2**70}, {'updates': 1.5}, {'updates': True},
  GOOD | {'forgotten': '0'}, GOOD | {'totals': [7]},
  GOOD | {'totals': {'a': 7}}, GOOD | {'totals': {'0': '7'}},
  GOOD | {'seconds': 3}, GOOD | {'seconds': {'wall': 1.0}},
  GOOD | {'seconds': {'wall': -1.0, 'core': 1.0}},
  GOOD | {'ratio': 3}, GOOD | {'ratio': {'start': 0}},
  GOOD | {'ratio': {'start': '0', 'done': 0}}, GOOD | {'config': [1]},
  GOOD | {'config': {'a': {}}}, GOOD | {'return': 'high'},
  GOOD | {'return': float('nan')}, GOOD | {'more': 1}, GOOD | {'step': 5},
  GOOD | {'arrays': 5}, GOOD | {'checksum': 5},
]  # fmt: skip
TEXTS = [b'', b'{', b'\xff', b'[' * 10**5, b'{"updates":' + b'[' * 10**5]


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """Checkpoints of steps 1 and 2."""
  folder = tmp_path_factory.mktemp('saved') / 'checkpoints'
  store = checkpoint.Checkpoint(folder, keep=2)
  for step in (1, 2):
    store.save(step, tree(float(step)), {'updates': step})
  store.close()
  return folder


@pytest.mark.parametrize(
  'text', [*(json.dumps(x).encode() for x in ODD), *TEXTS]
)
def test_an_odd_meta_is_none(text):
  with pytest.raises(ValueError, match='meta|copy'):
    meta.unseal(text, 5)


def test_the_seconds_of_a_run_are_in_order():
  assert meta.KINDS['seconds'](Clock().seconds())


def test_what_is_sealed_is_found_again():
  sealed = meta.seal(GOOD, 5, {'a': np.arange(3, dtype=np.uint8)})
  text = json.dumps(sealed).encode()
  # CRC-32 of the bytes 0, 1 and 2.
  assert meta.unseal(text, 5) == (GOOD, zlib.crc32(bytes([0, 1, 2])))
  with pytest.raises(ValueError, match=naming('copy', 5)):
    meta.unseal(text, 6)
  # Of earlier versions, without a seal.
  assert meta.unseal(json.dumps(GOOD).encode(), 9) == (GOOD, None)


def test_each_flipped_bit_of_a_meta_is_found():
  sealed = meta.seal(GOOD, 5, {'a': np.arange(3)})
  text = json.dumps(sealed).encode()
  for at in range(len(text)):
    for bit in (1, 4, 32):
      flipped = text[:at] + bytes([text[at] ^ bit]) + text[at + 1 :]
      try:
        assert meta.unseal(flipped, 5)[0] == GOOD  # 'E' is 'e' in a number
      except ValueError:
        continue


def falls_back(folder, caplog, *words):
  store = checkpoint.Checkpoint(folder)
  step, state, _ = store.load(tree(0.0))
  store.close()
  assert step == 1
  same(state, tree(1.0))
  assert says(caplog.text, 'checkpoint', 2, *words)


def test_a_copy_under_another_number_is_none(saved, tmp_path, caplog):
  folder = shutil.copytree(saved, tmp_path / 'x')
  shutil.rmtree(folder / '2')
  shutil.copytree(folder / '1', folder / '2')
  falls_back(folder, caplog, 'copy', 1)


def test_a_flipped_number_of_an_array_is_found(saved, tmp_path, caplog):
  # The arrays of another checkpoint: sound files, but not what was saved.
  folder = shutil.copytree(saved, tmp_path / 'x')
  shutil.rmtree(folder / '2' / 'state')
  shutil.copytree(folder / '1' / 'state', folder / '2' / 'state')
  falls_back(folder, caplog, 'arrays', 'checksum')


@pytest.mark.parametrize('how', ['shape', 'finite'])
def test_arrays_that_cannot_be_used_are_a_sentence(how, tmp_path, caplog):
  odd = tree(2.0)
  if how == 'shape':
    odd |= {'kernel': odd['kernel'][:5]}
  else:
    odd |= {'kernel': odd['kernel'].at[3, 4].set(jnp.nan)}
  store = checkpoint.Checkpoint(tmp_path, keep=2)
  store.save(1, tree(1.0), {'updates': 1})
  store.save(2, devices.replicate(odd), {'updates': 2})
  store.close()
  words = ('kernel', 'finite') if how == 'finite' else ('(300, 400)',)
  falls_back(tmp_path, caplog, *words)


@pytest.mark.parametrize('when', ['before', 'while'])
@pytest.mark.parametrize('kind', ['link', 'folder'])
def test_a_folder_that_is_exchanged_is_noticed(when, kind, tmp_path):
  own, other = tmp_path / 'checkpoints', tmp_path / 'other'
  store = checkpoint.Checkpoint(own, keep=2)
  store.save(1, tree(1), {'updates': 1})
  store.wait()

  def exchange():
    other.mkdir()
    own.rename(tmp_path / 'before')
    own.symlink_to(other) if kind == 'link' else other.rename(own)

  if when == 'while':
    store.save(2, tree(2), {'updates': 2})
  exchange()
  with pytest.raises(UsageError, match=naming(own, 'exchanged')):
    store.wait() if when == 'while' else store.save(2, tree(2), {'updates': 2})
  if when == 'before':
    assert not any(other.rglob('*') if kind == 'link' else own.rglob('*'))
  # Nothing is written any more, wherever that would be.
  with pytest.raises(UsageError, match=naming('exchanged')):
    store.save(3, tree(3), {'updates': 3})
  with pytest.raises(UsageError, match=naming('exchanged')):
    store.close()
