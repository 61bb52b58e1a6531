"""Success rates and Crafter's score by hand."""

import json
import math

import pytest

from embodied import success
from tests.naming import naming, says


def test_score_by_hand():
  # exp((ln 1 + ln 4) / 2) - 1 = 1.
  assert success.score([0, 3]) == pytest.approx(1.0)
  assert success.score([100] * 22) == pytest.approx(100)
  assert success.score([0] * 22) == 0
  # One of 22 always: 101^(1/22) - 1 = exp(4.61512 / 22) - 1 = 0.23341.
  assert success.score([100] + [0] * 21) == pytest.approx(0.23341, abs=1e-5)


@pytest.mark.parametrize('rates', [[], [-1], [101], [math.nan]])
def test_rates_that_are_none(rates):
  with pytest.raises(ValueError, match=naming('percentages', '[')):
    success.score(rates)


def test_an_achievement_counts_once_per_episode():
  episode = {
    'log/achievement_wake_up/max': 1.0,
    'log/achievement_wake_up/sum': 57.0,
    'log/achievement_eat_cow/max': 0.0,
    'log/hits/max': 3.0,
    'score': 2.0,
  }
  assert success.unlocked(episode) == {'wake_up': 1.0, 'eat_cow': 0.0}


def test_rates_go_on_from_an_earlier_process(tmp_path):
  path = tmp_path / 'scores.jsonl'
  rows = [(1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
  with path.open('w') as file:
    for a, b in rows:
      line = {
        'step': 1,
        'episode/achievement_a': a,
        'episode/achievement_b': b,
      }
      file.write(json.dumps(line | {'episode/score': 3.0}) + '\n')
    file.write('{"step": 9, "episode/achie')
  counts = success.Success()
  counts.load(path)
  counts.add({'a': 1.0, 'b': 0.0})
  # Three of four, and one of four.
  assert counts.rates() == {'a': 75.0, 'b': 25.0}
  result = counts.result()
  assert result['success/a'] == 75.0
  assert result['success/score'] == pytest.approx((76 * 26) ** 0.5 - 1)


@pytest.mark.parametrize(
  'damaged',
  [b'\0' * 40, b'{"step": 1', b'[3]', b'\xff\xfe', b'{"episode/score": [1]}']
  + [b'{"episode/achievement_a": null}', b''],
)
def test_a_damaged_line_is_named_and_not_counted(tmp_path, damaged, caplog):
  path = tmp_path / 'scores.jsonl'
  line = {'step': 1, 'episode/achievement_a': 1.0, 'episode/score': 3.0}
  whole = json.dumps(line).encode()
  path.write_bytes(b'\n'.join([whole, damaged, whole, b'']))
  found = success.Success()
  found.load(path)
  assert (found.episodes, found.counts, found.best) == (2, {'a': 2.0}, 3.0)
  assert says(caplog.text, 'line 2', path)


@pytest.mark.parametrize(
  'scores, best',
  [
    ([-3.0, -1.5, -2.0], -1.5),
    ([1.0, 'NaN', 0.5], 1.0),
    (['NaN', 2.0], 2.0),
    (['-Infinity', -9.0], -9.0),
    (['NaN'], None),
    ([], None),
  ],
)
def test_best_return_of_an_earlier_process(tmp_path, scores, best):
  path = tmp_path / 'scores.jsonl'
  lines = [json.dumps({'step': 1, 'episode/score': x}) for x in scores]
  lines += [json.dumps({'step': 1, 'episode/length': 9.0})]
  path.write_text('\n'.join(lines) + '\n{"step": 9, "episode/score": 99.0')
  found = success.Success()
  assert found.best is None
  found.load(path)
  assert found.best == best


def test_without_achievements_there_is_no_score(tmp_path):
  counts = success.Success()
  counts.load(tmp_path / 'missing.jsonl')
  counts.add({})
  assert counts.result() == {}
