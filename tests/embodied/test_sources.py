"""Data sets and mixtures of sources, with steps that say where they are from.

Every step holds its own `name`: 1000 times the number of its source, plus its
stepid there.
"""

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.replay import Replay
from embodied.sources import SOURCE_BIT, Fixed, Mixture, check_spaces
from embodied.space import Space
from tests.naming import naming

LENGTH = 4
KEYS = ('name', 'is_first', 'is_last')


def fill(folder, number, steps=40, latents=True, **more):
  """A replay of one stream."""
  replay = Replay(LENGTH, 1000, folder, chunk_size=8, online=False)
  for n in range(steps):
    step = {'name': np.int32(1000 * number + n), **more}
    step |= {'is_first': n == 0, 'is_last': False}
    step |= {'seen': np.int32(0)} if latents else {}
    replay.add(step, 0)
  return replay


def names(data):
  return data['name'][:, 0].tolist()


class TestFixed:
  def test_it_offers_the_keys_that_are_asked_for(self, tmp_path):
    fill(tmp_path, 0).close()
    data = Fixed(tmp_path, LENGTH, KEYS, [0])
    batch = data.sample(5)
    assert batch.keys() == {*KEYS, 'stepid'}
    assert batch['name'].shape == (5, LENGTH)
    np.testing.assert_array_equal(batch['name'], batch['stepid'])
    data.close()

  def test_updates_are_dropped(self, tmp_path):
    fill(tmp_path, 0).close()
    before = {x.name: x.read_bytes() for x in tmp_path.iterdir()}
    data = Fixed(tmp_path, LENGTH, KEYS, [0])
    batch = data.sample(5)
    data.update(batch['stepid'], {'name': batch['name'] + 1})
    data.close()
    assert {x.name: x.read_bytes() for x in tmp_path.iterdir()} == before

  def test_a_resumed_run_draws_what_it_would_have_drawn(self, tmp_path):
    fill(tmp_path, 0).close()
    data = Fixed(tmp_path, LENGTH, KEYS, [0, 1])
    batches = [names(data.sample(8)) for _ in range(6)]
    # All different, and the windows are all of those that there are.
    assert len(set(map(tuple, batches))) == 6
    assert set(names(data.sample(2000))) == set(range(40 - LENGTH + 1))
    again = Fixed(tmp_path, LENGTH, KEYS, [0, 1])
    again.seek(4)
    # Reports take nothing away from training.
    report = names(again.sample(8, fresh=False))
    assert names(again.sample(8)) == batches[4] != report
    again.sample(8, fresh=False)
    assert names(again.sample(8)) == batches[5]
    other = Fixed(tmp_path, LENGTH, KEYS, [0, 2])
    assert names(other.sample(8)) != batches[0]

  def test_what_differs_from_the_task_is_refused(self, tmp_path):
    fill(tmp_path, 0, vector=np.zeros(3, np.float32)).close()
    keys = [*KEYS, 'vector']
    data = Fixed(tmp_path, LENGTH, keys, [0])
    good = {
      'name': Space(np.int32, (), 0, 1000),
      'vector': Space(np.float32, (3,)),
    }
    check_spaces('old', data, good)
    bad = {
      'gone': Space(np.int32),
      'vector': Space(np.float32, (4,)),
      'name': Space(np.int32, (), 0, 12),
    }
    for key, space in bad.items():
      with pytest.raises(UsageError, match=naming('old', f"'{key}'")):
        check_spaces('old', data, good | {key: space})
    long = Fixed(tmp_path, 41, keys, [0])
    with pytest.raises(UsageError, match=naming('old', 41, 'steps')):
      check_spaces('old', long, good)


@pytest.fixture
def mixture(tmp_path):
  """Two replays and a data set without `seen`, for half of the rows."""
  first = fill(tmp_path / '0', 0)
  second = fill(tmp_path / '1', 1)
  fill(tmp_path / '2', 2).close()
  third = Fixed(tmp_path / '2', LENGTH, KEYS, [0])
  parts = {'replay': (first, 1.0), 'more': (second, 1.0), 'data': (third, 2)}
  mixture = Mixture(parts)
  yield mixture
  mixture.close()


class TestMixture:
  def test_shares_hold_exactly_over_time(self, mixture):
    counts = np.zeros(3, int)
    for batch in range(1, 30):
      origin = mixture.sample(7)['name'][:, 0] // 1000
      counts += np.bincount(origin, minlength=3)
      shares = np.array([0.25, 0.25, 0.5]) * 7 * batch
      assert (abs(counts - shares) <= 1).all(), (batch, counts)
      # Reports change nothing about that.
      mixture.sample(3, fresh=False)

  def test_a_resumed_run_deals_what_it_would_have_dealt(self, mixture):
    origins = [mixture.sample(7)['name'][:, 0] // 1000 for _ in range(9)]
    assert len({tuple(x) for x in origins}) > 1
    mixture.seek(4)
    again = [mixture.sample(7)['name'][:, 0] // 1000 for _ in range(5)]
    np.testing.assert_array_equal(again, origins[4:])

  def test_rows_of_all_sources_are_spread_over_a_batch(self, mixture):
    origin = mixture.sample(16)['name'][:, 0] // 1000
    for part in (origin[:8], origin[8:]):
      assert np.bincount(part).tolist() == [2, 2, 4]

  def test_rows_that_lack_a_key_have_zeros_and_say_so(self, mixture):
    for source in mixture._sources[:2]:
      ids = np.arange(40)[None]
      source.update(ids, {'seen': ids.astype(np.int32) + 7})
    batch = mixture.sample(16)
    # Only what some source lacks has a mask.
    assert {k for k in batch if k.startswith('has/')} == {'has/seen'}
    origin = batch['name'][:, 0] // 1000
    np.testing.assert_array_equal(batch['has/seen'], origin < 2)
    want = np.where(origin[:, None] < 2, batch['name'] % 1000 + 7, 0)
    np.testing.assert_array_equal(batch['seen'], want)
    assert batch['seen'].dtype == np.int32

  def test_every_row_is_written_back_where_it_came_from(self, mixture):
    first, second, third = mixture._sources
    written = {0: set(), 1: set()}
    for _ in range(10):
      batch = mixture.sample(12)
      # No two sources give out the same number.
      whole = 1000 * (batch['stepid'] >> SOURCE_BIT)
      whole += batch['stepid'] & (1 << SOURCE_BIT) - 1
      np.testing.assert_array_equal(whole, batch['name'])
      for origin, wrote in written.items():
        rows = batch['name'][:, 0] // 1000 == origin
        wrote |= set((batch['name'][rows] % 1000).ravel().tolist())
      # The last step of each window is left out, as the first is in training.
      mixture.update(batch['stepid'], {'seen': batch['name'] + 1})
    for origin, source in enumerate((first, second)):
      for _ in range(50):
        batch = source.sample(4)
        ids = batch['stepid']
        want = np.where(np.isin(ids, [*written[origin]]), batch['name'] + 1, 0)
        np.testing.assert_array_equal(batch['seen'], want)
    assert 'seen' not in third.sample(1)

  def test_priorities_reach_their_source(self, tmp_path):
    first = fill(tmp_path / '0', 0)
    losses = {}

    class Second(Replay):
      def update(self, stepid, values):
        for ids, row in zip(stepid, values['priority'], strict=True):
          losses.update(zip(ids.tolist(), row.tolist(), strict=True))

    fill(tmp_path / '1', 1).close()
    second = Second(LENGTH, 1000, tmp_path / '1')
    mixture = Mixture({'a': (first, 1), 'b': (second, 1)})
    batch = mixture.sample(8)
    mixture.update(batch['stepid'], {'priority': batch['name'] / 2})
    assert losses and all(v == (1000 + k) / 2 for k, v in losses.items())
    mixture.close()

  def test_a_single_source_passes_through_as_it_is(self):
    sample, ids = {'stepid': np.zeros((2, 3), np.int64)}, []

    class Source:
      def sample(self, amount, fresh):
        assert (amount, fresh) == (2, False)
        return sample

      def update(self, stepid, values):
        ids.append(stepid)

    mixture = Mixture({'replay': (Source(), 3.0)})
    assert mixture.sample(2, fresh=False) is sample
    mixture.update(sample['stepid'], {})
    assert ids[0] is sample['stepid']

  def test_arrays_that_rows_share_are_not_dealt_out(self, tmp_path):
    class Texts:
      def __init__(self, number):
        self.number = number

      def sample(self, amount, fresh=True):
        data = {'stepid': np.zeros((amount, LENGTH), np.int64)}
        return data | {'shared/texts': np.full((3, 2), self.number)}

    replay = fill(tmp_path, 0)
    batch = Mixture({'a': (replay, 1), 'b': (Texts(7), 1)}).sample(6)
    np.testing.assert_array_equal(batch['shared/texts'], np.full((3, 2), 7))
    assert 'has/shared/texts' not in batch and len(batch['name']) == 6
    both = Mixture({'a': (Texts(1), 1), 'b': (Texts(2), 1)})
    with pytest.raises(ValueError, match=naming('a', 'b', 'shared/texts')):
      both.sample(6)
    replay.close()

  def test_it_is_empty_while_one_of_its_sources_is(self, tmp_path):
    fill(tmp_path / '0', 0).close()
    data = Fixed(tmp_path / '0', LENGTH, KEYS, [0])
    replay = Replay(LENGTH, 100, tmp_path / '1')
    mixture = Mixture({'replay': (replay, 1), 'data': (data, 1)})
    assert len(mixture) == 0
    for n in range(LENGTH):
      step = {'name': np.int32(n), 'is_first': n == 0, 'is_last': False}
      replay.add(step, 0)
    assert len(mixture) == 1 + 37
    stats = mixture.stats()
    assert stats['replay/windows'] == 1 and stats['data/windows'] == 37
    mixture.close()

  def test_forms_that_differ_are_refused(self, tmp_path):
    first = fill(tmp_path / '0', 0, vector=np.zeros(3, np.float32))
    second = fill(tmp_path / '1', 1, vector=np.zeros(4, np.float32))
    mixture = Mixture({'a': (first, 1), 'b': (second, 1)})
    with pytest.raises(ValueError, match=naming("'vector'", 3, 4)):
      mixture.sample(4)
    mixture.close()

  @pytest.mark.parametrize('share', [0.0, -1.0, np.nan])
  def test_shares_are_positive(self, share):
    with pytest.raises(ValueError, match=naming("'b'", share)):
      Mixture({'a': (None, 1.0), 'b': (None, share)})
