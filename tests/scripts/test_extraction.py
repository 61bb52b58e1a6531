"""The experiment about extraction, and the grammar of actions beside it."""

import json

import pytest

from embodied.experts.plan import Goal, Plan
from scripts import grammars
from scripts.experiments import extraction


def test_a_grammar_by_hand():
  # 'ab' occurs 4 times, then 'XX' twice: less often than wanted.
  (tree,) = grammars.trees([list('ababcabab')], 2.0, least=4)
  rows = [(x.goal[0], x.t0, x.t1, x.parent) for x in tree]
  assert rows == [
    ('all', 0, 18, None),
    ('skill', 0, 4, 0),
    ('skill', 4, 8, 0),
    ('skill', 10, 14, 0),
    ('skill', 14, 18, 0),
  ]
  (tree,) = grammars.trees([list('ababcabab')], 2.0, least=2)
  assert [(x.t0, x.t1, x.level) for x in tree[1:4]] == [
    (0, 8, 1), (0, 4, 2), (4, 8, 2),
  ]  # fmt: skip


def test_runs_of_one_action_are_one_symbol():
  assert grammars.runs('aabccc') == [('a', 2), ('b', 1), ('c', 3)]
  (tree,) = grammars.trees([list('aabaab')], 1.0, least=2)
  assert [(x.t0, x.t1) for x in tree] == [(0, 6), (0, 3), (3, 6)]
  assert grammars.induce([[]]) == {}


def play(seed):
  """A short plan: wood for a table, step by step."""
  root = Goal('survive and unlock everything', 'survive', 'everything')
  table = Goal('place a table', 'place', 'table')
  wood = Goal('collect wood', 'collect', 'wood')
  move, do = Goal('move left', 'move', 'left'), Goal('interact', 'do')
  plan = Plan()
  for t in range(30):
    step = do if t % 5 == 4 else move
    plan.tell(t, (root, table, wood, step) if t < 20 else (root, table, step))
  return plan.nodes(30), ['left', 'left', 'do'] * 10


def test_the_command_writes_its_table(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(extraction, 'play', play)
  extraction.main(
    ['--episodes', '2', '--asked', '1', '--fit', '--out', str(tmp_path / 'x')]
  )
  found = json.loads((tmp_path / 'x.json').read_text())
  rows = {x['name']: x for x in found['rows']}
  assert rows['the truth']['f1'] == 1 and rows['the truth']['depth'] == 3
  assert rows['language model that knows']['f1'] == pytest.approx(1)
  assert rows['rules, low noise']['true'] <= 2 * 3
  assert rows['by hand, held out']['f1'] >= 0.6
  assert rows['by hand, tuned on']['level'] >= 0.9
  assert 'rules, low noise' in capsys.readouterr().out


def test_only_goals_that_are_spoken_of_count():
  nodes, _ = play(0)
  plan = extraction.in_seconds(nodes, 2.0)

  class Cue:
    node = 2  # wood, which serves the table

  said = extraction.spoken_of(plan, [Cue()])
  assert [x.text for x in said] == [x['text'] for x in nodes[:3]]
  assert len(extraction.compared(plan)) == 3  # without moves
