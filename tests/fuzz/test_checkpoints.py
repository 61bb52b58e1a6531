"""Damaged, odd and copied checkpoints: passed over, or refused."""

import json
import random
import shutil
import time

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from embodied.errors import UsageError
from ponderdream import checkpoint, meta
from ponderdream.distributed import devices
from tests.fuzz import mutate

META = {
  'updates': 3, 'forgotten': 0, 'totals': {'0': 7}, 'config': {'seed': 1},
  'ratio': {'start': -1, 'done': 0}, 'return': 0.5,
}  # fmt: skip


def tree(value):
  noise = np.random.default_rng(int(value)).normal(size=(30, 40))
  kernel = jnp.asarray(noise, jnp.float32)
  return devices.replicate({'kernel': kernel, 'bias': jnp.float32(value)})


SEALED = meta.seal(META, 5, {'a': np.arange(3)})


def odd_meta(rng):
  """Bytes where a meta is expected."""
  text = json.dumps(mutate.odd_json(rng, rng.choice([SEALED, META]))).encode()
  return mutate.flipped(rng, text) if rng.random() < 0.3 else text


METAS = st.builds(odd_meta, mutate.RANDOM)
KEPT = b'{}', b'[]', b'null', b'[' * 10**5, b'{"updates": "3"}', b'{"updates'


def check_meta(text):
  try:
    found, _ = meta.unseal(text, 5)
  except ValueError as error:
    assert 5 < len(str(error)) < 200 and '\n' not in str(error)
    return None
  assert 'updates' in found and not found.keys() - META.keys()
  return found


def test_three_hundred_odd_metas():
  taken, refused = mutate.fuzz(check_meta, METAS, 300, KEPT)
  assert taken and refused > 100


@pytest.mark.slow
def test_twenty_thousand_odd_metas():
  mutate.fuzz(check_meta, METAS, 20000, new=True)


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  folder = tmp_path_factory.mktemp('saved') / 'checkpoints'
  store = checkpoint.Checkpoint(folder, keep=2)
  for step in (1, 2):
    store.save(step, tree(step), {'updates': step})
  store.close()
  return folder


def damage(rng, folder):
  """Damages the newer one of two checkpoints."""
  files = sorted(x for x in (folder / '2').rglob('*') if x.is_file())
  path = rng.choice(files)
  match rng.randrange(6):
    case 0 | 1 | 2:
      path.write_bytes(mutate.flipped(rng, path.read_bytes()))
    case 3:
      mutate.replaced(rng, path)
    case 4:
      path = folder / '2' / 'meta' / 'metadata'
      value = mutate.odd_json(rng, json.loads(path.read_text()))
      path.write_text(json.dumps(value))
    case 5:
      mutate.copied(rng, folder / '1', rng.choice(['2', '3', '002', 'x']))


@pytest.mark.slow
@pytest.mark.timeout(3600)
# Of what Orbax had begun to read.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_thousand_damaged_checkpoints(saved, tmp_path):
  like, right = tree(0), {x: tree(x) for x in (1, 2)}
  counts = {'refused': 0, 1: 0, 2: 0}
  for seed in range(1000):
    folder = shutil.copytree(saved, tmp_path / str(seed))
    damage(random.Random(seed), folder)
    begin = time.monotonic()
    try:
      store = checkpoint.Checkpoint(folder)
      step, state, found = store.load(like)
      store.close()
      counts[step] += 1
      assert found == {'updates': step}, seed
      for key, value in right[step].items():
        np.testing.assert_array_equal(state[key], value, err_msg=str(seed))
    except UsageError as error:
      assert '\n' not in str(error), (seed, error)
      counts['refused'] += 1
    assert time.monotonic() - begin < 5, seed
    shutil.rmtree(folder)
  print(counts)
  assert counts[1] > 300
