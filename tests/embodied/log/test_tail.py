"""Files of JSON lines that grow."""

import json

from embodied.log.tail import BLOCK, Tail


def test_lines_are_read_once_and_when_complete(tmp_path):
  tail = Tail(tmp_path / 'lines')
  assert list(tail.lines()) == []
  (tmp_path / 'lines').write_text('{"a": 1}\n{"a": 2}\n{"a"')
  assert list(tail.lines(1)) == [{'a': 1}]
  assert list(tail.lines()) == [{'a': 2}]
  assert list(tail.lines()) == []
  with (tmp_path / 'lines').open('a') as file:
    file.write(': 3}\n')
  assert list(tail.lines()) == [{'a': 3}]


def test_long_files_are_read_in_blocks(tmp_path):
  path = tmp_path / 'lines'
  count = BLOCK // 50
  lines = [
    json.dumps({'step': i, 'episode/score': 0.125}) for i in range(count)
  ]
  path.write_text('\n'.join(lines) + '\n')
  assert path.stat().st_size > BLOCK // 2
  tail = Tail(path)
  assert [x['step'] for x in tail.lines()] == list(range(count))
  assert tail.place == path.stat().st_size and not tail.shrunk()
  path.write_text('{"step": 0}\n')
  assert tail.shrunk()
