"""The recorder turns stacks into nodes."""

import pytest

from embodied.experts.plan import Goal, Plan

ALL, WOOD, TREE, LEFT, UP = (
  Goal(x, x.split()[0])
  for x in ('survive', 'collect wood', 'go to a tree', 'move left', 'move up')
)


def told(*steps):
  plan = Plan()
  for t, step in enumerate(steps):
    stack, ended = step if isinstance(step[1], list) else (step, ())
    plan.tell(t, stack, ended)
  return plan


def brief(nodes):
  return [
    (x['text'], x['parent_id'], x['t0'], x['t1'], x['status']) for x in nodes
  ]


def test_spans_and_parents_by_hand():
  plan = told(
    (ALL, WOOD, TREE, LEFT),
    (ALL, WOOD, TREE, LEFT),
    # The way ends at once when its action changes.
    (ALL, WOOD, TREE, UP),
    ((ALL, WOOD, LEFT), [(TREE, 'achieved')]),
    ((ALL, UP), [(WOOD, 'failed')]),
  )
  assert brief(plan.nodes(5)) == [
    ('survive', None, 0, 5, 'ongoing'),
    ('collect wood', 0, 0, 4, 'failed'),
    ('go to a tree', 1, 0, 3, 'achieved'),
    ('move left', 2, 0, 2, 'achieved'),
    ('move up', 2, 2, 3, 'achieved'),
    ('move left', 1, 3, 4, 'achieved'),
    ('move up', 0, 4, 5, 'ongoing'),
  ]


def test_a_goal_that_ended_and_is_wanted_again_is_a_new_node():
  plan = told(
    (ALL, WOOD, LEFT),
    ((ALL, WOOD, LEFT), [(WOOD, 'achieved')]),
    (ALL, TREE, LEFT),
  )
  nodes = plan.nodes(3, {ALL: 'achieved'})
  assert brief(nodes) == [
    ('survive', None, 0, 3, 'achieved'),
    ('collect wood', 0, 0, 1, 'achieved'),
    ('move left', 1, 0, 1, 'achieved'),
    ('collect wood', 0, 1, 2, 'abandoned'),
    ('move left', 3, 1, 2, 'achieved'),
    ('go to a tree', 0, 2, 3, 'ongoing'),
    ('move left', 5, 2, 3, 'ongoing'),
  ]
  # The picture of step 1 shows the achieved goal; there is no step 3.
  assert [x['goal_image_t'] for x in nodes[:4]] == [None, 1, 1, None]


def test_only_the_first_ending_counts():
  # The goal was achieved; begun again, it failed at once.
  ended = [(WOOD, 'achieved'), (WOOD, 'failed')]
  nodes = told((ALL, WOOD, LEFT), ((ALL, UP), ended)).nodes(2)
  assert nodes[1]['status'] == 'achieved'


def test_nodes_keep_what_a_goal_says():
  goal = Goal('collect 5 wood', 'collect', 'wood', 5, 'tools need wood')
  node = told((ALL, goal, LEFT)).nodes(1)[1]
  assert node['canonical'] == {'verb': 'collect', 'object': 'wood', 'count': 5}
  assert node['why'] == 'tools need wood'
  assert node['source'] == 'scripted'
  assert node['level'] == 1


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda x: x.tell(1, (ALL,)), 'after step -1'),
    (lambda x: x.tell(0, ()), 'empty'),
    (lambda x: x.tell(0, (Goal('', 'go'),)), '0 characters'),
    (lambda x: x.tell(0, (Goal('a' * 201, 'go'),)), '201 characters'),
    (lambda x: x.tell(0, (ALL,), [(ALL, 'lost')]), "as 'lost'"),
    (lambda x: x.nodes(1), 'told 0 steps of an episode of 1'),
  ],
)
def test_mistakes_are_named(call, message):
  with pytest.raises(ValueError, match=message):
    call(Plan())
