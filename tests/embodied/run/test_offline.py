"""Runs that only learn, and runs that learn from fixed data too."""

import threading

import numpy as np
import pytest

from embodied import sources
from embodied.run.learner import Diverged
from tests.embodied.run.checking import (
  LENGTH,
  Checking,
  Host,
  Memory,
  World,
  close,
  lines,
  make,
  make_offline,
)

KEYS = ('step', 'episode', 'acted', 'action', 'is_first', 'is_last')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """The replay of a run that acted and learnt."""
  folder = tmp_path_factory.mktemp('old')
  run = make(folder)
  run.run()
  close(run)
  return folder / 'replay'


def data(folder, seed=0):
  return sources.Fixed(folder, LENGTH + 1, KEYS, [seed])


def contents(folder):
  return {x.name: x.read_bytes() for x in folder.iterdir()}


def test_it_counts_updates(tmp_path, folder):
  before = contents(folder)
  memory = Memory()
  run = make_offline(tmp_path, data(folder), memory, steps=70)
  run.run()
  assert run.step == run.learner.updates == len(run.learner.agent.trained)
  assert run.step == memory.steps()[-1] == 70
  # One checkpoint after every update: they are numbered by the updates.
  assert len(memory.steps()) > 30
  meta = memory.saved[70][1]
  assert meta['updates'] == 70 and meta['seconds'].keys() == {'wall', 'core'}
  close(run)
  assert contents(folder) == before
  records = lines(tmp_path / 'metrics.jsonl')
  assert records[-1]['step'] == 70
  updates = [x['run/updates'] for x in records if 'run/updates' in x]
  assert updates[-1] == 70
  assert any('train/loss/some' in x for x in records)
  assert not (tmp_path / 'scores.jsonl').read_text()


def test_it_goes_on_where_it_stopped_with_the_same_batches(tmp_path, folder):
  whole = make_offline(tmp_path / 'a', data(folder), steps=40)
  whole.run()
  close(whole)
  memory, calls = Memory(), iter(range(10**6))
  first = make_offline(
    tmp_path / 'b', data(folder), memory, lambda: next(calls) > 20, steps=40
  )
  first.run()
  close(first)
  # 21 answers are no; the first one comes before the first round.
  assert first.step == 20
  again = make_offline(tmp_path / 'b', data(folder), memory, steps=40)
  assert again.resume() == again.step == first.step
  again.run()
  close(again)
  batches = [x.learner.agent.trained for x in (whole, first, again)]
  halves = batches[1] + batches[2][first.step :]
  np.testing.assert_array_equal(batches[0], halves)


def test_a_loss_that_is_no_number_stops_and_saves(tmp_path, folder):
  memory = Memory()
  run = make_offline(tmp_path, data(folder), memory)
  run.learner.agent.fail_at = 7
  with pytest.raises(Diverged):
    run.run()
  assert run.step == memory.steps()[-1] == 7
  close(run)


class Broken:
  """A source that fails in the sixth batch."""

  def __init__(self, source):
    self.source = source
    self.left = 6

  def sample(self, amount, fresh=True):
    self.left -= 1
    if not self.left:
      raise OSError('the data is gone')
    return self.source.sample(amount, fresh)

  def __len__(self):
    return len(self.source)

  def __getattr__(self, name):
    return getattr(self.source, name)


def test_a_source_that_fails_ends_it_after_a_checkpoint(tmp_path, folder):
  memory = Memory()
  run = make_offline(tmp_path, Broken(data(folder)), memory, report_every=1e9)
  with pytest.raises(OSError, match='the data is gone'):
    run.run()
  assert run.step == memory.steps()[-1] == 5
  close(run)


def test_two_hosts_update_together(tmp_path, folder):
  world, runs = World(2), []
  for i in range(2):
    run = make_offline(tmp_path / str(i), data(folder, i), steps=30)
    run.hosts = run.sync.hosts = Host(i, world)
    runs.append(run)
  calls = iter(range(1000))
  runs[1].sync.stop = lambda: next(calls) > 20
  threads = [threading.Thread(target=x.run, daemon=True) for x in runs]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join(60)
  assert runs[0].step == runs[1].step and 0 < runs[0].step < 30
  first, second = (x.learner.agent.trained for x in runs)
  assert not any(
    np.array_equal(a, b) for a, b in zip(first, second, strict=True)
  )
  for run in runs:
    close(run)


class Routed(Checking):
  """Says of every step that it gets back how often it has seen it."""

  def train(self, batch):
    has = batch['has/seen']
    # The data set holds no `seen`; two thirds of the rows are its.
    assert has.sum() == 1 and (batch['seen'][~has] == 0).all()
    return super().train(batch)


def test_acting_beside_a_data_set(tmp_path, folder):
  before = contents(folder)
  run = make(tmp_path, data={'old': (data(folder), 2.0)})
  agent = run.learner.agent
  agent.__class__ = Routed
  run.run()
  assert run.step == 200 and len(agent.trained) == (200 - 26) // 2
  # Rows of the own replay have come back there, and to no other step.
  seen = {}
  for batch in agent.trained:
    for ids in batch[batch[:, 0] >> sources.SOURCE_BIT == 0]:
      seen.update(dict.fromkeys(ids.tolist(), True))
  batch = run.replay.sample(200)
  marked = np.isin(batch['stepid'], [*seen])
  np.testing.assert_array_equal(batch['seen'] > 0, marked)
  assert marked.any() and not marked.all()
  records = lines(tmp_path / 'metrics.jsonl')
  assert {'replay/total', 'old/windows'} <= records[-2].keys()
  close(run)
  assert contents(folder) == before
