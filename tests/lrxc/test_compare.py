"""Measures of two trees, by hand and against another implementation."""

import apted
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponderdream.lrxc import compare
from ponderdream.lrxc.compare import Span

A, B, C = ('get', 'a'), ('get', 'b'), ('get', 'c')


def span(goal, t0, t1, parent=None, level=0, status='achieved'):
  return Span(goal, t0, t1, parent, level, status)


TRUE = [
  span(A, 0, 100),
  span(B, 0, 40, 0, 1),
  span(C, 50, 90, 0, 1, 'failed'),
]


def test_equal_trees_have_nothing_to_edit():
  found = compare.score(TRUE, TRUE).summary()
  assert found == {
    'true': 3, 'found': 3, 'precision': 1, 'recall': 1, 'f1': 1, 'level': 1,
    'status': 1, 'iou': 1, 'edits': 0,
  }  # fmt: skip


def test_a_score_by_hand():
  found = [
    span(A, 0, 80),  # 80 of 100
    span(B, 30, 70, 0, 1),  # 10 of 70: less than .3
    span(C, 60, 100, None, 0, 'achieved'),  # 30 of 50, wrong level and status
    span(C, 50, 55, 0, 1),  # 5 of 40, and C is taken
  ]
  score = compare.score(TRUE, found, overlap=0.3).summary()
  # Two of 3 and of 4 match. To edit: the last C below all, one of 7 nodes.
  assert score == {
    'true': 3, 'found': 4, 'precision': 0.5, 'recall': 0.6667,
    'f1': round(4 / 7, 4), 'level': 0.5, 'status': 0.5, 'iou': 0.7,
    'edits': round(1 / 7, 4),
  }  # fmt: skip
  # Without names too, as the spans of the others have less in common.
  assert compare.score(TRUE, found, 0.3, named=False).matched == 2
  assert compare.score(TRUE, found).matched == 3  # 10 of 70 are enough
  assert compare.score(TRUE, [], edits=False).edits == 0


def test_each_node_matches_once_and_the_best_pair_first():
  true = [span(A, 0, 10), span(A, 10, 20)]
  found = [span(A, 0, 20), span(A, 1, 9)]
  assert compare.match(true, found, 0.3, True) == [(0, 1), (1, 0)]


def test_no_nodes():
  assert compare.score([], []).summary()['f1'] == 0
  score = compare.score(TRUE, []).summary()
  assert score['recall'] == 0 and score['edits'] == 1


def test_steps_on_the_way_are_left_out():
  nodes = [
    span(A, 0, 9),
    span(('go', 'x'), 0, 8, 0, 1),
    span(B, 0, 8, 1, 2),
    span(B, 0, 4, 2, 3),
    span(C, 4, 5, 2, 3),
  ]
  kept = compare.without(nodes, frozenset({'go'}), 2)
  assert kept == [span(A, 0, 9), span(B, 0, 8, 0, 1)]
  assert compare.shape(nodes) == {'depth': 4, 'branching': 4 / 3}
  assert compare.outline(kept) == ((0, A), (1, B))


@st.composite
def trees(draw):
  """Spans with random parents; times do not matter to edits."""
  nodes = []
  for i in range(draw(st.integers(1, 8))):
    parent = draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None
    level = nodes[parent].level + 1 if parent is not None else 0
    nodes.append(span(draw(st.sampled_from((A, B, C))), i, 9, parent, level))
  return nodes


def bracket(nodes, parent=None):
  inside = ''.join(
    f'{{{x.goal[1]}{bracket(nodes, i)}}}'
    for i, x in enumerate(nodes)
    if x.parent == parent
  )
  return inside if parent is not None else f'{{root{inside}}}'


@settings(max_examples=80, deadline=None)
@given(trees(), trees())
def test_edits_are_those_of_another_implementation(a, b):
  parse = apted.helpers.Tree.from_text
  want = apted.APTED(parse(bracket(a)), parse(bracket(b)), Unit())
  assert compare.edit_distance(a, b) == want.compute_edit_distance()


class Unit(apted.Config):
  def rename(self, node1, node2):
    return int(node1.name != node2.name)


def test_scores_add_up():
  one = compare.score(TRUE, TRUE)
  both = (one + compare.score(TRUE, [])).summary()
  assert both['recall'] == 0.5 and both['f1'] == pytest.approx(6 / 9, abs=1e-4)
