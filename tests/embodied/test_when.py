import pytest

from embodied import when
from tests.naming import naming


def test_ratio_by_hand():
  # At ratio 2/5 from step 10 on, after 0, 1, 2, 3, 4, 5 and 10 steps
  # floor(0.4 n) = 0, 0, 0, 1, 1, 2, 4 updates are due in total.
  ratio = when.Ratio(0.4)
  steps = [10, 11, 12, 13, 14, 15, 20]
  assert [ratio.due(t) for t in steps] == [0, 0, 0, 1, 0, 1, 2]
  assert ratio.due(20) == 0


@pytest.mark.parametrize(
  'ratio, updates, steps',
  [(0.29, 29, 100), (1 / 3, 1, 3), (0.1, 1, 10), (0.5, 1, 2), (4.7, 47, 10)],
)
def test_ratio_is_exact_over_time(ratio, updates, steps):
  # With floats, 0.29 * 100 is 28.999999999999996: one update too few.
  clock = when.Ratio(ratio)
  owed = sum(clock.due(7 + n) for n in range(1000 * steps + 1))
  assert owed == 1000 * updates


def test_ratio_goes_on_where_it_was_saved():
  first, second = when.Ratio(0.3), when.Ratio(0.3)
  done = [first.due(n) for n in range(100)]
  half = when.Ratio(0.3)
  again = [half.due(n) for n in range(50)]
  state = half.save()
  assert all(type(x) is int for x in state.values())
  second.load(state)
  again += [second.due(n) for n in range(50, 100)]
  assert again == done


def test_ratio_saved_before_its_first_call_starts_afresh():
  ratio = when.Ratio(1.0)
  ratio.load(when.Ratio(1.0).save())
  assert [ratio.due(n) for n in (500, 503)] == [0, 3]


def test_ratio_does_not_go_backwards():
  ratio = when.Ratio(1.0)
  assert [ratio.due(n) for n in (10, 20, 15, 20, 21)] == [0, 10, 0, 0, 1]


def test_ratio_keeps_what_is_over_the_most():
  # At ratio 2, 20 updates are due after ten steps: two calls return 8 each, 4
  # are left. After two more steps 8 are due, and calls return 0 and 8.
  ratio = when.Ratio(2.0)
  assert ratio.due(0, most=8) == 0
  assert [ratio.due(10, most=8) for _ in range(2)] == [8, 8]
  assert ratio.save() == {'start': 0, 'done': 16}
  assert [ratio.due(12, most=0), ratio.due(12)] == [0, 8]
  assert ratio.due(12, most=8) == 0
  with pytest.raises(ValueError, match=naming('most', -1, 0)):
    ratio.due(13, most=-1)


def test_ratio_of_zero_never_owes():
  ratio = when.Ratio(0)
  assert [ratio.due(n) for n in (0, 10**9)] == [0, 0]


@pytest.mark.parametrize('ratio', [-1.0, float('nan'), float('inf')])
def test_ratio_must_be_a_number_from_zero_on(ratio):
  with pytest.raises(ValueError, match=naming('ratio', ratio, 0)):
    when.Ratio(ratio)


def test_every(monkeypatch):
  now = [50.0]
  monkeypatch.setattr(when.time, 'monotonic', lambda: now[0])
  every = when.Every(10.0)
  seen = []
  for now[0] in (50.0, 59.9, 60.0, 60.1, 75.0, 84.9, 85.0):
    seen.append(every())
  # A new period starts at 50, and whenever the result is True: 60, 75, 85.
  assert seen == [False, False, True, False, True, False, True]


def test_every_zero_seconds_is_always_but_the_first():
  every = when.Every(0)
  assert [every() for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize('seconds', [-1.0, float('nan')])
def test_every_needs_a_period(seconds):
  with pytest.raises(ValueError, match=naming(seconds, 's', 0)):
    when.Every(seconds)
