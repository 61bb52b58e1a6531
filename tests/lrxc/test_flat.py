"""Flat intents as trees of depth one."""

import json

import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import flat
from tests.naming import naming

VIDEO = {
  'video': 'abc', 'spans': [[4, 9], [0.5, 4]],
  'texts': ['chop it', 'find a tree'], 'annotator': 'not read',
}  # fmt: skip


def read(path, found):
  path.write_text(json.dumps(found))
  return list(flat.read(path))


def brief(nodes):
  return [(x.parent_id, x.level, x.t0, x.t1, x.text) for x in nodes]


def test_without_a_goal_each_intent_is_a_root(tmp_path):
  ((episode, nodes),) = read(tmp_path / 'a.json', [VIDEO])
  assert (episode.episode_id, episode.source.kind) == ('abc', 'human')
  assert (episode.clock, episode.n_steps, episode.goal) == ('seconds', 0, None)
  assert episode.span() == (0, 9)
  assert brief(nodes) == [
    (None, 0, 0.5, 4, 'find a tree'), (None, 0, 4, 9, 'chop it'),
  ]  # fmt: skip


def test_with_a_goal_intents_are_its_children(tmp_path):
  more = {'goal': 'build a house', 'duration': 60, 'game': 'Minecraft',
          'url': 'https://x.org/v', 'licence': 'CC-BY'}  # fmt: skip
  ((episode, nodes),) = read(tmp_path / 'a.json', [VIDEO | more])
  assert (episode.goal, episode.env_id) == ('build a house', 'Minecraft')
  assert episode.source.licence == 'CC-BY' and episode.span() == (0, 60)
  assert brief(nodes) == [
    (None, 0, 0, 60, 'build a house'), (0, 1, 0.5, 4, 'find a tree'),
    (0, 1, 4, 9, 'chop it'),
  ]  # fmt: skip


def test_one_intent_at_a_time(tmp_path):
  # b ends a, d begins with c and is later in the file; e follows after a gap.
  spans = [[0, 5], [3, 8], [6, 7], [6, 9], [10, 11]]
  video = {'video': 'v', 'spans': spans, 'texts': [*'abcde']}
  ((_, nodes),) = read(tmp_path / 'a.json', [video])
  assert [(x.t0, x.t1, x.text) for x in nodes] == [
    (0, 3, 'a'), (3, 6, 'b'), (6, 9, 'd'), (10, 11, 'e'),
  ]  # fmt: skip


def test_nothing_annotated(tmp_path):
  video = {'video': 'v', 'spans': [], 'texts': [], 'goal': 'win'}
  ((episode, nodes),) = read(tmp_path / 'a.json', [video])
  assert nodes == [] and episode.goal == 'win'
  assert read(tmp_path / 'a.json', []) == []


@pytest.mark.parametrize(
  'found, words',
  [
    ({}, ['list']),
    ([3], ['video 1', 'object']),
    ([{}], ['video 1', "'spans'"]),
    ([VIDEO, VIDEO], ['video 2', "'abc'", 'twice']),
    ([VIDEO | {'spans': [[0, 1]]}], [1, 2]),
    ([VIDEO | {'spans': [[0, 1], [2]]}], ["'spans'"]),
    ([VIDEO | {'spans': [[0, 1], ['2', 3]]}], ["'spans'"]),
    ([VIDEO | {'spans': [[4, 9], [7, 2]]}], ["'abc'", 'node', '[7, 2)']),
    ([VIDEO | {'texts': ['', 'x']}], ["'abc'", 'node', "'text'"]),
    ([VIDEO | {'texts': [None, 'x']}], ["'abc'", 'node', "'text'"]),
    ([VIDEO | {'video': '../x'}], ["'../x'"]),
    ([VIDEO | {'video': 7}], ["'episode_id'", 7]),
    ([VIDEO | {'duration': 5}], ["'abc'", 'node 1', 9]),
    ([VIDEO | {'goal': 3}], ["'goal'", 3]),
    ([VIDEO | {'duration': -1}], ["'source.t_end_s'", -1]),
  ],
)
def test_names_what_is_wrong(tmp_path, found, words):
  with pytest.raises(UsageError, match=naming('a.json', *words)) as caught:
    read(tmp_path / 'a.json', found)
  assert '\n' not in str(caught.value)


def test_what_is_no_json(tmp_path):
  for text in ('[', '[' * 10**5, '[NaN'):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(UsageError, match=naming('a.json', 'JSON')):
      list(flat.read(tmp_path / 'a.json'))
