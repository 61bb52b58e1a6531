"""What is read of the scores that earlier processes wrote."""

import json

import pytest

from embodied.log import scores
from tests.naming import says


@pytest.mark.parametrize(
  'damaged',
  [b'\0' * 40, b'{"step": 1', b'[3]', b'\xff\xfe', b'{"episode/score": [1]}']
  + [b'{"episode/achievement_a": null}', b''],
)
def test_a_damaged_line_is_named_and_left_out(tmp_path, damaged, caplog):
  path = tmp_path / 'scores.jsonl'
  line = {'step': 1, 'episode/achievement_a': 1.0, 'episode/score': 3.0}
  whole = json.dumps(line).encode()
  path.write_bytes(b'\n'.join([whole, damaged, whole, b'']))
  assert scores.read(path) == [line, line]
  assert says(caplog.text, 'line 2', path)


@pytest.mark.parametrize(
  'returns, best',
  [
    ([-3.0, -1.5, -2.0], -1.5),
    ([1.0, 'NaN', 0.5], 1.0),
    (['NaN', 2.0], 2.0),
    (['-Infinity', -9.0], -9.0),
    (['NaN'], None),
    ([], None),
  ],
)
def test_best_return_of_an_earlier_process(tmp_path, returns, best):
  path = tmp_path / 'scores.jsonl'
  lines = [json.dumps({'step': 1, 'episode/score': x}) for x in returns]
  lines += [json.dumps({'step': 1, 'episode/length': 9.0})]
  # The last line was cut short.
  path.write_text('\n'.join(lines) + '\n{"step": 9, "episode/score": 99.0')
  found = scores.read(path)
  assert len(found) == len(lines)
  assert scores.best(found) == best


def test_no_file_has_no_scores(tmp_path):
  assert scores.read(tmp_path / 'missing.jsonl') == []
