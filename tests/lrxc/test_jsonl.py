"""Plans as lines of text."""

import json

import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import jsonl
from tests.lrxc.plans import NODES, episode, plan
from tests.naming import naming


def lines(*nodes, **values):
  records = [{'episode': episode(**values)}, *({'node': x} for x in nodes)]
  return ''.join(json.dumps(x) + '\n' for x in records)


def test_reads_what_it_writes(tmp_path):
  other, its_nodes = plan([], episode_id='b', goal='Überleben ⛏')
  jsonl.write(tmp_path / 'a.jsonl', [plan(), (other, its_nodes)])
  assert list(jsonl.read(tmp_path / 'a.jsonl')) == [plan(), (other, [])]
  text = (tmp_path / 'a.jsonl').read_text()
  # One line per record, in letters that hands can read.
  assert text.count('\n') == 2 + len(NODES) and 'Überleben ⛏' in text
  assert json.loads(text.splitlines()[1]) == {'node': NODES[0]}


def test_takes_what_editors_leave(tmp_path):
  path = tmp_path / 'a.jsonl'
  text = '\n\n' + lines(*NODES).replace('\n', '\r\n')[:-2]
  path.write_bytes(b'\xef\xbb\xbf' + text.encode())
  assert list(jsonl.read(path)) == [plan()]
  path.write_text('')
  assert list(jsonl.read(path)) == []


@pytest.mark.parametrize(
  'text, words',
  [
    ('{', ['line 1', 'JSON']),
    ('[1]', ['line 1', 'JSON']),
    ('{"goal": {}}', ['line 1', 'JSON']),
    ('{"node": 1, "episode": 2}', ['line 1', 'JSON']),
    ('[' * 100_000, ['line 1', 'JSON']),
    ('{"episode": NaN}', ['line 1', 'JSON']),
    ('{"episode": 7}', ['line 1', 'episode']),
    (json.dumps({'node': NODES[0]}), ['line 1', 'before', 'episode']),
    (lines() + lines(), ['line 2', "'crafter-7'", 'twice']),
    (lines(*NODES[:2], NODES[3]), ["'crafter-7'", 'node 3', 2]),
    (lines(NODES[0] | {'text': ''}), ['line 2', 'node 0', "'text'"]),
  ],
)
def test_names_the_line(tmp_path, text, words):
  path = tmp_path / 'a.jsonl'
  path.write_text(text)
  with pytest.raises(UsageError, match=naming(path, *words)) as caught:
    list(jsonl.read(path))
  assert '\n' not in str(caught.value)


def test_other_encodings_and_no_file(tmp_path):
  path = tmp_path / 'a.jsonl'
  path.write_bytes('{"episode": "Überleben"}'.encode('latin-1'))
  with pytest.raises(UsageError, match=naming(path, 'UTF-8')):
    list(jsonl.read(path))
  with pytest.raises(UsageError, match=naming(tmp_path / 'b')):
    list(jsonl.read(tmp_path / 'b'))


def test_writes_all_or_nothing(tmp_path):
  path = tmp_path / 'deep' / 'a.jsonl'
  jsonl.write(path, [plan()])
  before = path.read_bytes()

  def plans():
    yield plan([], episode_id='b')
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    jsonl.write(path, plans())
  with pytest.raises(UsageError, match=naming('node 3', 2)):
    jsonl.write(path, [plan([NODES[0], NODES[1], NODES[3]])])
  assert path.read_bytes() == before
  assert [x.name for x in path.parent.iterdir()] == ['a.jsonl']
