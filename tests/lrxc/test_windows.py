"""Windows against what the data set says step by step."""

import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.sources import SOURCE_BIT
from ponderdream.lrxc import data, mixed, store, tables, windows
from tests.lrxc.plans import STACKS, plan
from tests.lrxc.test_store import make_recording, make_steps, words
from tests.naming import naming

LENGTHS = [12, 1, 64, 12, 65, 30]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp('data')
  recordings = [make_recording(i, n) for i, n in enumerate(LENGTHS)]
  held = make_recording(9)
  held = held._replace(
    episode=held.episode.model_copy(update={'split': 'valid'})
  )
  # Words are no steps, and other splits are not read.
  store.write(path, [*recordings[:2], words(0), held, *recordings[2:]])
  return path


def circle(folder):
  """All training steps in order, each as a dict; goals as texts."""
  found = data.Data(folder)
  for number in range(len(found)):
    episode, nodes = found.episode(number), found.nodes(number)
    steps = found.steps(number) if episode.split == 'train' else {}
    for t in range(episode.n_steps if steps else 0):
      force = [
        next((x for x in nodes if x.level == level
              and x.t0 <= t < x.t1), None) for level in range(3)
      ]  # fmt: skip
      stack = [x and x.text for x in force]
      # Steps until a goal is achieved, in an episode that is long enough.
      left = [
        int(np.ceil(x.t1)) - t if x and x.status == 'achieved' else 0
        for x in force[1:]
      ]
      yield {
        **{k: v[t] for k, v in steps.items()},
        'is_first': t == 0,
        'is_last': t == episode.n_steps - 1,
        'goal': stack[0] or episode.goal,
        'stack': stack[1:],
        'remaining': [x if t + x < episode.n_steps else 0 for x in left],
      }


def test_windows_are_the_steps_of_the_circle(folder):
  source = windows.Windows(folder, 40)
  steps = list(circle(folder))
  assert len(source) == len(steps) == sum(LENGTHS)
  wrapped = reached = 0
  for _ in range(20):
    batch = source.sample(5)
    texts = [*batch['shared/texts'], None]
    for row in range(5):
      start = batch['stepid'][row, 0]
      wrapped += start + 40 > len(steps)
      for t in range(40):
        want = steps[(start + t) % len(steps)]
        got = {k: v[row, t] for k, v in batch.items() if k[:7] != 'shared/'}
        assert got['stepid'] == (start + t) % len(steps)
        assert texts[got['goal']] == want['goal']
        assert [texts[x] for x in got['stack']] == want['stack']
        left = [x if t + x < 40 else 0 for x in want['remaining']]
        assert got['remaining'].tolist() == left
        reached += sum(x > 0 for x in left)
        for key in ('image', 'rungs', 'lane', 'action', 'is_first', 'is_last'):
          np.testing.assert_array_equal(got[key], want[key])
        assert got['is_terminal'] == want['terminated']
        assert got['known/reward'] == np.isfinite(want['reward'])
        assert got['reward'] == np.nan_to_num(want['reward'])
  assert wrapped and reached


def test_stacks_are_those_of_the_drawing(tmp_path):
  store.write(tmp_path, [make_recording(0)])
  source = windows.Windows(tmp_path, 12)
  assert source.levels == 2
  batch = source.sample(1)
  texts = [x.text for x in plan()[1]]
  order = np.argsort(batch['stepid'][0])
  for t, row in enumerate(order):
    stack = [batch['goal'][0, row], *batch['stack'][0, row]]
    said = [batch['shared/texts'][x] if x >= 0 else None for x in stack]
    want = [None if x < 0 else texts[x] for x in STACKS[t]]
    # Where no root is in force, the goal of the episode is.
    assert said == [want[0] or 'survive', *want[1:]]
  # Each text is there once, and those of goals that are not in force are not.
  assert sorted(batch['shared/texts']) == sorted(texts)


def test_forms_do_not_depend_on_the_batch(folder):
  source = windows.Windows(folder, 7)
  forms = [
    {k: (v.dtype, v.shape) for k, v in source.sample(3).items()
     if not k.startswith('shared/')} for _ in range(10)
  ]  # fmt: skip
  assert all(x == forms[0] for x in forms)
  assert forms[0]['stack'] == (np.int32, (3, 7, 2))
  assert forms[0]['lane'] == (np.float16, (3, 7))


def test_batches_depend_on_seed_and_number_alone(folder):
  draw = lambda source: source.sample(4)['stepid'].tolist()
  make = lambda *seed: windows.Windows(folder, 5, seed=seed)
  first = make(3)
  all_of_it = [draw(first) for _ in range(4)]
  second = make(3)
  second.seek(2)
  # A report takes nothing away.
  second.sample(9, fresh=False)
  assert [draw(second) for _ in range(2)] == all_of_it[2:]
  assert draw(make(4)) != all_of_it[0]
  assert first.stats() == {'episodes': 6, 'steps': 184, 'sampled': 4}


def test_every_step_is_as_likely_to_be_first(folder):
  source = windows.Windows(folder, 1)
  starts = source.sample(600)['stepid'][:, 0]
  count = np.bincount(starts, minlength=len(source))
  # 600 draws of 184 steps: each 3.3 times, with a deviation of 1.8, and 177 of
  # them at least once; the mean deviates by 184 / sqrt(12 * 600) = 2.2.
  assert count.max() < 3.3 + 6 * 1.8 and (count > 0).sum() > 160
  assert abs(starts.mean() - 91.5) < 5 * 2.2


def test_other_splits_and_none(folder, tmp_path):
  assert len(windows.Windows(folder, 3, split='valid')) == 12
  with pytest.raises(UsageError, match=naming(folder, "'test'")):
    windows.Windows(folder, 3, split='test')
  store.write(tmp_path, [words(0)])
  with pytest.raises(UsageError, match=naming(tmp_path, 'steps')):
    windows.Windows(tmp_path, 3)


def test_an_episode_without_a_goal(tmp_path):
  episode, _ = plan([], n_steps=5, has_images=True, goal=None)
  store.write(tmp_path, [store.Recording(episode, [], make_steps(5))])
  batch = windows.Windows(tmp_path, 4).sample(2)
  assert (batch['goal'] == -1).all() and (batch['stack'] == -1).all()
  assert batch['stack'].shape == (2, 4, 1)
  assert batch['shared/texts'].shape == (0,)


LIMITED = """
import resource, sys, time
from ponderdream.lrxc import windows
start = time.monotonic()
source = windows.Windows(sys.argv[1], 33)
opened = time.monotonic() - start
for _ in range(30):
  batch = source.sample(8)
  assert (batch['image'][:, :, 0, 0, 0] == batch['stepid'] % 251).all()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(len(source) * 64 * 64 * 3, opened, memory)
"""


def test_windows_by_goal_hold_the_start_of_one(folder):
  # Goals of level 1 begin at steps 0 and 5 of the episodes with a plan.
  source = windows.Windows(folder, 4, by_goal=1.0)
  begins, plans = [], 0
  for _ in range(40):
    batch = source.sample(8)
    texts = [*batch['shared/texts'], '']
    for first, stack in zip(batch['is_first'], batch['stack'], strict=True):
      said = [texts[x] for x in stack[:, 0]]
      new = [
        i for i in range(1, 4) if said[i] and said[i] != said[i - 1]
      ]  # fmt: skip
      plans += any(said)
      begins += [said[i] for i in new]
      assert not any(said) or new or first.any() or said[0]
  assert set(begins) == {'collect wood', 'make a table'}
  counts = [begins.count(x) for x in sorted(set(begins))]
  assert min(counts) > 0.5 * max(counts)
  # Two of the six episodes have plans, and a third of the windows are theirs;
  # by steps, it would be 24 of 184.
  assert 0.2 < plans / 320 < 0.5
  again = windows.Windows(folder, 4, by_goal=1.0)
  again.seek(39)
  np.testing.assert_array_equal(again.sample(8)['stepid'], batch['stepid'])


def test_what_was_intended_is_what_was_done_if_nobody_says_otherwise(tmp_path):
  plain, disturbed = make_recording(0), make_recording(1)
  meant = np.where(disturbed.steps['action'] < 0, -1, 5).astype(np.int32)
  disturbed = disturbed._replace(steps=disturbed.steps | {'intended': meant})
  store.write(tmp_path / 'a', [plain])
  store.write(tmp_path / 'b', [disturbed])
  for name in ('a', 'b'):
    batch = windows.Windows(tmp_path / name, 12).sample(3)
    want = batch['action'] if name == 'a' else np.where(
      batch['action'] < 0, -1, 5
    )  # fmt: skip
    np.testing.assert_array_equal(batch['intended'], want)
    assert (batch['action'] >= 0).any()
  # Both in one data set, and copied by way of `steps`.
  recordings = [
    store.Recording(x.episode(0), x.nodes(0), x.steps(0))
    for x in map(data.Data, (tmp_path / 'a', tmp_path / 'b'))
  ]
  assert 'intended' not in recordings[0].steps
  store.write(tmp_path / 'a', recordings[1:], 'more')
  both = data.Data(tmp_path / 'a')
  assert len(both) == 2 and both.fields.keys() == {'image', 'rungs', 'lane'}
  source = windows.Windows(tmp_path / 'a', 12)
  found = np.concatenate([source.sample(8)['intended'] for _ in range(4)])
  assert (found == 5).any() and ((found >= 0) & (found != 5)).any()


def test_several_data_sets_share_one_table_of_texts(tmp_path):
  for number in range(2):
    made = make_recording(number)
    nodes = [
      x.model_copy(update={'text': x.text if number else f'{x.text} again'})
      if x.level == 1 else x for x in made.nodes
    ]  # fmt: skip
    store.write(tmp_path / str(number), [made._replace(nodes=nodes)])
  parts = {
    str(i): (windows.Windows(tmp_path / str(i), 12, levels=4), i + 1)
    for i in range(2)
  }
  alone = [
    windows.Windows(tmp_path / str(i), 12, levels=4).sample(3 * (i + 1))
    for i in range(2)
  ]
  batch = mixed.Mixed(parts).sample(9)
  texts = [*batch['shared/texts'].tolist(), None]
  assert len(set(texts)) == len(texts)
  origin = batch['stepid'][:, 0] >> SOURCE_BIT
  assert origin.tolist().count(1) == 6
  for number, want in enumerate(alone):
    rows = origin == number
    words = [*want['shared/texts'].tolist(), None]
    for key in ('goal', 'stack'):
      said = [texts[x] for x in batch[key][rows].ravel()]
      assert said == [words[x] for x in want[key].ravel()]
    np.testing.assert_array_equal(batch['image'][rows], want['image'])
  assert {x for x in texts if x and x.endswith('again')}
  assert (batch['stack'] >= 0).any() and batch['stack'].shape[-1] == 4


def test_a_batch_without_plans_has_an_empty_table_of_texts(folder):
  plans = windows.Windows(folder, 12, levels=4)
  other = windows.Windows(folder, 12, levels=4)
  # As of a replay: no texts.
  bare = types.SimpleNamespace(
    sample=lambda amount, fresh: {
      k: v
      for k, v in other.sample(amount, fresh).items()
      if k not in ('goal', 'stack', 'remaining', 'shared/texts')
    }
  )
  both = mixed.Mixed({'replay': (bare, 15.0), 'plans': (plans, 1.0)})
  batches = [both.sample(8) for _ in range(4)]
  sizes = [len(x['shared/texts']) for x in batches]
  assert 0 in sizes and max(sizes) > 0
  for batch, size in zip(batches, sizes, strict=True):
    # There is a text for each row with a plan, and for no other.
    assert batch['has/goal'].any() == (size > 0)


def test_a_report_may_draw_while_a_batch_is_drawn(folder):
  source = windows.Windows(folder, 12)
  want = [source.sample(4) for _ in range(40)]
  source.seek(0)
  reports = threading.Thread(
    target=lambda: [source.sample(4, fresh=False) for _ in range(40)]
  )
  reports.start()
  found = [source.sample(4) for _ in range(40)]
  reports.join()
  for a, b in zip(found, want, strict=True):
    np.testing.assert_array_equal(a['stepid'], b['stepid'])
    np.testing.assert_array_equal(a['image'], b['image'])


@pytest.mark.slow
def test_a_data_set_larger_than_memory_opens_at_once(tmp_path):
  # 2.4 GB of pictures, read by a process that needs a quarter of that. They
  # are almost blank, which makes them small on disk.
  def recordings():
    for number in range(100):
      count = 2000
      made = make_recording(number, count)
      steps = {k: made.steps[k] for k in tables.KNOWN}
      image = np.zeros((count, 64, 64, 3), np.uint8)
      numbers = number * count + np.arange(count)
      image[:] = (numbers % 251)[:, None, None, None]
      yield made._replace(steps=steps | {'image': image})

  store.write(tmp_path, recordings())
  done = subprocess.run(
    [sys.executable, '-c', LIMITED, tmp_path],
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  size, seconds, memory = map(float, done.stdout.split())
  print(f'{size / 1e9} GB opened in {seconds} s; {memory / 1e9} GB used')
  assert memory < size / 4 and seconds < 5


@pytest.mark.slow
def test_reads_five_thousand_steps_per_second(tmp_path):
  # Pictures of tiles that change a little from step to step, as in games.
  rng = np.random.default_rng(0)
  recordings = []
  for number in range(8):
    made = make_recording(number, 1000)
    steps = {k: made.steps[k] for k in tables.KNOWN}
    tiles = rng.integers(0, 256, (1000, 9, 9, 3), np.uint8)
    tiles[1:][rng.random((999, 9, 9)) < 0.8] = 90
    image = np.kron(tiles, np.ones((1, 7, 7, 1), np.uint8))
    image = np.pad(image, ((0, 0), (0, 1), (0, 1), (0, 0)))
    recordings.append(made._replace(steps=steps | {'image': image}))
  store.write(tmp_path, recordings)
  source = windows.Windows(tmp_path, 33)
  source.sample(8)
  start = time.process_time()
  for _ in range(50):
    source.sample(8)
  # By the time of the processor, which other processes do not change.
  rate = 50 * 8 * 33 / (time.process_time() - start)
  print(f'{rate:,.0f} steps per second')
  assert rate > 5000
