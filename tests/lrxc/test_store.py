"""Data sets on disk: what is written is read, all of it or nothing."""

import json
import os
import random
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from ponderdream.lrxc import audit, data, store, tables
from ponderdream.lrxc.schema import Episode, Node, Quality, Source
from tests.lrxc.plans import NODES, plan
from tests.naming import naming


def make_steps(count, seed=0):
  rng = np.random.default_rng(seed)
  last = np.arange(count) == count - 1
  return {
    'action': np.where(last, -1, rng.integers(0, 17, count)).astype(np.int32),
    'action_text': [None if i % 3 else f'go {i}' for i in range(count)],
    'reward': np.where(
      np.arange(count) % 5 == 4, np.nan, rng.normal(size=count)
    ).astype(np.float32),
    'terminated': last,
    'truncated': np.zeros(count, bool),
    'image': rng.integers(0, 256, (count, 4, 4, 3), np.uint8),
    'rungs': rng.integers(-9, 9, (count, 3)).astype(np.int32),
    'lane': rng.normal(size=count).astype(np.float16),
  }


def make_recording(number, count=12):
  name = f'crafter-{number}'
  nodes = [x | {'episode_id': name} for x in NODES] if count == 12 else []
  episode, nodes = plan(
    nodes,
    episode_id=name,
    n_steps=count,
    has_images=True,
    has_actions=count > 1,
    seed=number,
  )
  return store.Recording(episode, nodes, make_steps(count, number))


def words(number):
  """An episode of words alone."""
  source = {'kind': 'youtube', 't_end_s': 9.5, 'video_id': 'x'}
  episode, _ = plan(
    [], episode_id=f'video-{number}', source=source, clock='seconds',
    n_steps=0, has_actions=False, has_rewards=False,
  )  # fmt: skip
  node = Node(
    episode_id=episode.episode_id, node_id=0, parent_id=None, level=0,
    text='gewinnen', t0=0.25, t1=9.5, source='narrated',
  )  # fmt: skip
  return store.Recording(episode, [node])


def same(found, wanted):
  assert found.keys() == wanted.keys()
  for key, value in wanted.items():
    if isinstance(value, list):
      assert found[key] == value
    else:
      assert found[key].dtype == value.dtype, key
      np.testing.assert_array_equal(found[key], value)


def test_tables_have_the_fields_of_the_models():
  names = lambda model: [x.alias or k for k, x in model.model_fields.items()]
  assert tables.EPISODES.names == [*names(Episode), 'levels']
  assert tables.NODES.names == names(Node)
  inner = lambda name: [x.name for x in tables.EPISODES.field(name).type]
  assert inner('source') == names(Source)
  assert inner('quality') == names(Quality)


def test_reads_what_was_written(tmp_path):
  # More than a shard; lengths below, at and above that of a row group.
  lengths = [12, 1, 64, 65, 130, 12, 63, 12, 200, 12]
  given = [make_recording(i, n) for i, n in enumerate(lengths)]
  given.insert(3, words(0))
  assert store.write(tmp_path, given) == 11
  found = data.Data(tmp_path)
  assert len(found) == 11 and found.shards == ['shard-00000', 'shard-00001']
  for number, (episode, nodes, steps) in enumerate(given):
    assert found.find(episode.episode_id) == number
    assert found.episode(number) == episode
    assert found.nodes(number) == nodes
    if steps:
      same(found.steps(number), steps)
      part = {k: v[7:70] for k, v in steps.items()}
      if episode.n_steps > 70:
        same(found.steps(number, 7, 70), part)
  assert found.rows[3].levels == 1 and found.rows[0].levels == 3
  assert list(audit.problems(tmp_path)) == []
  with pytest.raises(UsageError, match=naming("'x'", "'crafter-0'")):
    found.find('x')


def test_other_tools_read_it_too(tmp_path):
  store.write(tmp_path, [make_recording(0)])
  table = parquet.read_table(tmp_path / 'steps')
  assert table.column_names[:3] == ['episode_id', 't', 'action']
  about = table.schema.field('image').metadata
  assert json.loads(about[b'shape']) == [4, 4, 3]
  raw = table['image'][5].as_py()
  pixels = np.frombuffer(raw, about[b'dtype'].decode()).reshape(4, 4, 3)
  np.testing.assert_array_equal(pixels, make_steps(12)['image'][5])
  # Unknown rewards are null, not NaN.
  assert table['reward'].null_count == 2


def test_times_of_frames(tmp_path):
  source = {'kind': 'youtube', 't_start_s': 10.0, 't_end_s': 40.0, 'fps': 4.0}
  episode, nodes = plan(
    [], source=source, clock='seconds', n_steps=12, has_images=True
  )
  store.write(tmp_path, [store.Recording(episode, nodes, make_steps(12))])
  found = data.Data(tmp_path).times(0, 2, 5)
  np.testing.assert_allclose(found, [10.5, 10.75, 11.0])


BAD_STEPS = {
  'too few': (lambda s: {k: v[:-1] for k, v in s.items()}, 12, 11),
  'of different numbers': (lambda s: s | {'lane': s['lane'][1:]}, 11, 12),
  'without rewards': (
    lambda s: {k: v for k, v in s.items() if k != 'reward'}, "'reward'"
  ),
  'an impossible action': (lambda s: s | {'action': s['action'] - 1}, -1),
  'half an action': (lambda s: s | {'action': s['action'] / 2}, 'whole'),
  'an endless reward': (lambda s: s | {'reward': s['reward'] / 0}, 'finite'),
  'an early end': (lambda s: s | {'truncated': np.arange(12) == 3}, 'ends'),
  'no action': (
    lambda s: s | {'action': np.full(12, -1)}, 'has_actions', 'true'
  ),
  'no picture': (
    lambda s: {k: v for k, v in s.items() if k != 'image'}, 'has_images'
  ),
  'words': (lambda s: s | {'lane': np.array(['a'] * 12)}, "'lane'", '<U1'),
  'a taken name': (lambda s: s | {'t': np.arange(12)}, "'t'"),
  'none at all': (lambda s: None, 12),
}  # fmt: skip


@pytest.mark.filterwarnings('ignore:divide by zero')
@pytest.mark.filterwarnings('ignore:invalid value')
@pytest.mark.parametrize('name', BAD_STEPS)
def test_wrong_steps_are_refused(tmp_path, name):
  change, *said = BAD_STEPS[name]
  bad = make_recording(0)
  bad = bad._replace(steps=change(bad.steps))
  with pytest.raises(UsageError, match=naming(*said)) as caught:
    store.write(tmp_path, [make_recording(1), bad])
  assert '\n' not in str(caught.value)
  assert not list(tmp_path.glob('*/*'))


def test_one_data_set_observes_one_kind_of_thing(tmp_path):
  other = make_recording(1)
  other = other._replace(steps=other.steps | {'lane': other.steps['reward']})
  with pytest.raises(UsageError, match=naming("'crafter-1'", 'lane')):
    store.write(tmp_path, [make_recording(0), other])
  # Or in two shards, which only a reader sees together.
  store.write(tmp_path, [make_recording(0)], 'a')
  store.write(tmp_path, [other], 'b')
  found = data.Data(tmp_path)
  with pytest.raises(UsageError, match=naming('steps/b', "'lane'")):
    found.steps(0), found.steps(1)
  assert len(list(audit.problems(tmp_path))) == 1


def test_a_kill_between_two_renames_leaves_a_whole_data_set(tmp_path):
  store.write(tmp_path, [make_recording(0)], 'a')
  for renamed in range(3):
    shard = store.Shard(tmp_path, 'b-00000')
    shard.add(make_recording(1))
    moves = shard.seal().moves
    assert [x[1].parent.name for x in moves] == [*store.PARTS]
    for part, final in moves[:renamed]:
      part.replace(final)
    assert [x.episode_id for x in data.Data(tmp_path).rows] == ['crafter-0']
    assert list(audit.problems(tmp_path)) == []
  with store.writing(tmp_path):
    assert not list(tmp_path.glob('*/.*'))
  # The shard that was half there is replaced.
  store.write(tmp_path, [make_recording(2)], 'b')
  names = [x.episode_id for x in data.Data(tmp_path).rows]
  assert names == ['crafter-0', 'crafter-2']
  assert list(audit.problems(tmp_path)) == []


def test_a_kill_while_a_shard_is_replaced_leaves_no_mixture(tmp_path):
  store.write(tmp_path, [make_recording(0)], 'a')
  store.write(tmp_path, [make_recording(1)], 'b')

  class Killed(Exception):
    pass

  for fatal in range(3):
    shard = store.Shard(tmp_path, 'b-00000')
    shard.add(make_recording(2 + fatal, 20))
    moves = [*shard.seal().moves]

    class Trap(type(tmp_path)):
      def replace(self, target):
        raise Killed

    moves[fatal] = Trap(moves[fatal][0]), moves[fatal][1]
    with pytest.raises(Killed):
      store.commit(store.Sealed(tuple(moves), 1))
    names = [x.episode_id for x in data.Data(tmp_path).rows]
    assert names == ['crafter-0'] and list(audit.problems(tmp_path)) == []


WRITER = """
import sys, pathlib
from ponderdream.lrxc import store
from tests.lrxc.test_store import make_recording
def recordings():
  for i in range(10**6):
    print(i, flush=True)
    yield make_recording(i)
store.SHARD = 2
store.write(pathlib.Path(sys.argv[1]), recordings())
"""


def test_a_killed_writer_leaves_what_it_had_committed(tmp_path):
  command = [sys.executable, '-c', WRITER, tmp_path]
  with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
    for line in process.stdout:
      if int(line) == 9:
        break
    with pytest.raises(UsageError, match=naming(process.pid)):
      store.write(tmp_path, [])
    process.send_signal(signal.SIGKILL)
  assert list(audit.problems(tmp_path)) == []
  rows = data.Data(tmp_path).rows
  # Two by two: the shard of episode 9 was perhaps committed, or further ones.
  assert len(rows) >= 8 and len(rows) % 2 == 0
  assert [x.episode_id for x in rows] == [
    f'crafter-{i}' for i in range(len(rows))
  ]
  assert store.write(tmp_path, []) == 0


def test_two_writers_are_refused(tmp_path):
  with lock.hold(Folder(tmp_path)):
    with pytest.raises(UsageError, match=naming(tmp_path, os.getpid())):
      store.write(tmp_path, [make_recording(0)])


def test_what_is_no_data_set(tmp_path):
  with pytest.raises(UsageError, match=naming(tmp_path, 'LRXC')):
    data.Data(tmp_path)
  store.write(tmp_path, [make_recording(0)])
  table = parquet.read_table(tmp_path / 'episodes')
  version = pa.array([2], pa.int32())
  parquet.write_table(
    table.set_column(1, 'schema_version', version),
    tmp_path / 'episodes' / 'shard-00000.parquet',
  )
  with pytest.raises(UsageError, match=naming('schema_version', 2, 1)):
    data.Data(tmp_path)
  parquet.write_table(
    table.drop_columns(['goal']),
    tmp_path / 'episodes' / 'shard-00000.parquet',
  )
  with pytest.raises(UsageError, match=naming('episodes', 'columns', 'LRXC')):
    data.Data(tmp_path)
  # Whoever opened it would wait for a writer.
  (tmp_path / 'episodes' / 'shard-00000.parquet').unlink()
  os.mkfifo(tmp_path / 'episodes' / 'shard-00000.parquet')
  with pytest.raises(UsageError, match=naming('episodes', 'damaged', 'file')):
    data.Data(tmp_path)


def everything(folder):
  """What a reader sees, or the problem."""
  found = data.Data(folder)
  for problem in audit.problems(folder):
    raise UsageError(problem)
  return [
    (found.episode(i), found.nodes(i), repr(found.steps(i)))
    for i in range(len(found))
  ]


@pytest.mark.parametrize(
  'count', [25, pytest.param(1000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize('part', store.PARTS)
def test_damaged_shards_are_refused_or_unharmed(tmp_path, part, count):
  rng = random.Random(part)
  store.write(tmp_path, [make_recording(0), make_recording(1, 40)])
  path = tmp_path / part / 'shard-00000.parquet'
  whole, before = path.read_bytes(), everything(tmp_path)
  refused = 0
  for _ in range(count):
    damaged, at = bytearray(whole), rng.randrange(len(whole))
    kind = rng.random()
    if kind < 0.5:
      damaged[at] ^= 1 << rng.randrange(8)
    elif kind < 0.9:
      damaged = damaged[:at]
    else:
      damaged[at:at] = b'?'
    path.write_bytes(damaged)
    try:
      assert everything(tmp_path) == before
    except UsageError as error:
      refused += 1
      text = str(error)
      assert '\n' not in text and len(text) < 500, text
      assert text.isprintable() and text.endswith('.'), text
  assert refused > 0.6 * count
