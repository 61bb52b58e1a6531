"""A tree that grows: where goals join it, and how they end."""

from ponderdream.lrxc.lexicons import CRAFTER, Goal
from ponderdream.lrxc.rules.growth import Tree

WOOD, TABLE = Goal('collect', 'wood'), Goal('place', 'table')
PICKAXE, COAL = Goal('make', 'wood_pickaxe'), Goal('collect', 'coal')
DRINK, ZOMBIE = Goal('drink', 'water'), Goal('defeat', 'zombie')
STONE, BLOCK = Goal('collect', 'stone'), Goal('place', 'stone')
SHELTER, SLEEP = Goal('build', 'shelter'), Goal('sleep')


def rows(tree, end=100):
  """Goal, parent, span and status of every goal but the root."""
  found = tree.finish(end)
  return [
    (x.goal, found[x.parent].goal, x.t0, x.t1, x.status) for x in found[1:]
  ]


class Slow(Tree):
  """A tree of a speaker who pauses before each wish."""

  def want(self, goal, t, parents=(), count=None):
    self.breathe(t)
    return super().want(goal, t, parents, count)


def grown(kind=Slow):
  return kind(CRAFTER, 0), CRAFTER.root


def test_a_goal_joins_what_needs_it():
  tree, root = grown()
  tree.want(PICKAXE, 1)
  tree.want(TABLE, 10)
  tree.want(WOOD, 20)
  tree.want(PICKAXE, 30)  # again: what served it is over
  assert rows(tree) == [
    (PICKAXE, root, 1, 100, 'ongoing'),
    (TABLE, PICKAXE, 10, 30, 'achieved'),
    (WOOD, TABLE, 20, 30, 'achieved'),
  ]


def test_a_goal_that_serves_nothing_open_closes_all():
  tree, root = grown()
  tree.want(TABLE, 1)
  tree.want(COAL, 10)
  assert rows(tree) == [
    (TABLE, root, 1, 10, 'achieved'),
    (COAL, root, 10, 100, 'ongoing'),
  ]


def test_times_never_run_back():
  tree, root = grown()
  tree.want(WOOD, 5)
  tree.done(WOOD, 8)
  tree.want(COAL, 7)  # begun before the last word of what was done
  tree.done(COAL, 6)
  assert rows(tree) == [(WOOD, root, 5, 8, 'achieved')]  # coal took no time


def test_urgent_goals_interrupt_and_dangers_interrupt_them():
  tree, root = grown()
  tree.want(COAL, 1)
  tree.want(DRINK, 10)
  tree.want(ZOMBIE, 20)
  assert [x[4] for x in rows(tree)] == ['abandoned', 'abandoned', 'ongoing']


def test_a_reason_told_afterwards_is_around_the_goal():
  tree, root = grown()
  tree.want(WOOD, 10)
  tree.want(TABLE, 12)
  tree.want(SHELTER, 50)
  tree.want(SLEEP, 70)  # urgent: it may take longer to be told
  assert rows(tree) == [
    (TABLE, root, 10, 50, 'achieved'),
    (WOOD, TABLE, 10, 50, 'achieved'),
    (SLEEP, root, 50, 100, 'ongoing'),
    (SHELTER, SLEEP, 50, 100, 'ongoing'),
  ]


def test_what_was_not_announced_began_a_little_before():
  tree, root = grown()
  tree.done(WOOD, 50)
  tree.done(TABLE, 53)
  assert rows(tree) == [
    (WOOD, root, 35, 50, 'achieved'),
    (TABLE, root, 50, 53, 'achieved'),
  ]


def test_what_ends_unannounced_below_an_urgent_goal():
  # A shelter for the rest, and then somebody wakes up: of the rest as well.
  tree, root = grown()
  tree.want(Goal('rest'), 10)
  tree.want(SHELTER, 20)
  tree.done(SLEEP, 25)
  found = [(x[0], x[1], x[4]) for x in rows(tree)]
  assert found == [
    (Goal('rest'), root, 'ongoing'),
    (SHELTER, Goal('rest'), 'achieved'),
    (SLEEP, Goal('rest'), 'achieved'),
  ]


def test_death_ends_everything():
  tree, root = grown()
  tree.want(TABLE, 1)
  tree.want(WOOD, 2)
  tree.die(9)
  assert [(x[3], x[4]) for x in rows(tree)] == [(9, 'failed')] * 2
  assert tree.branches[0].status == 'failed'


def test_a_slip_of_the_tongue_leaves_nothing():
  tree, root = grown()
  slip = tree.want(WOOD, 1)
  tree.retract(slip)
  tree.want(COAL, 2)
  tree.retract(slip)  # long gone
  assert rows(tree) == [(COAL, root, 2, 100, 'ongoing')]


def test_goals_of_one_breath_are_ordered_by_what_they_serve():
  tree, root = grown(Tree)
  tree.want(PICKAXE, 1)
  tree.want(WOOD, 5)
  tree.want(TABLE, 9)  # between the two
  tree.want(PICKAXE, 20)  # again, in the same breath
  assert rows(tree) == [
    (PICKAXE, root, 1, 100, 'ongoing'),
    (TABLE, PICKAXE, 5, 100, 'ongoing'),
    (WOOD, TABLE, 5, 100, 'ongoing'),
  ]


def test_what_lies_below_an_inserted_goal_keeps_its_parent():
  tree, root = grown(Tree)
  tree.want(STONE, 1)
  tree.want(WOOD, 2)
  tree.done(WOOD, 3)
  tree.want(TABLE, 4)
  tree.want(BLOCK, 5)  # what the stone is for
  found = rows(tree)
  assert [x[:2] for x in found] == [
    (BLOCK, root), (STONE, BLOCK), (WOOD, STONE), (TABLE, STONE),
  ]  # fmt: skip
  assert found[0][2:] == (1, 100, 'ongoing')


def test_more_than_a_goal_needs_is_not_for_it():
  # A pickaxe uses one piece of wood and its table two.
  assert CRAFTER.most(WOOD, PICKAXE) == 3
  for count, parent in ((3, PICKAXE), (4, CRAFTER.root)):
    tree, _ = grown()
    tree.want(PICKAXE, 1)
    tree.want(WOOD, 10, count=count)
    assert rows(tree)[1][:2] == (WOOD, parent)
  tree, _ = grown()
  tree.want(PICKAXE, 1)
  tree.want(WOOD, 8, count=4)  # the pickaxe was just named
  assert rows(tree)[1][:2] == (WOOD, PICKAXE)


def test_a_goal_with_a_reason_of_its_own_stands_alone():
  tree, root = grown()
  tree.want(PICKAXE, 1)
  tree.alone(tree.want(WOOD, 10))
  assert rows(tree) == [
    (PICKAXE, root, 1, 10, 'achieved'),
    (WOOD, root, 10, 100, 'ongoing'),
  ]
  tree, root = grown()
  tree.want(PICKAXE, 1)
  tree.alone(tree.want(WOOD, 3))  # the pickaxe was just named
  assert rows(tree)[1][:2] == (WOOD, PICKAXE)


def test_a_shelter_is_for_sleep_until_something_else_is_said():
  for said, goal in ((None, SLEEP), (Goal('rest'), Goal('rest'))):
    tree, root = grown()
    tree.want(SHELTER, 10)
    if said:
      tree.want(said, 15)
    assert [x[:2] for x in rows(tree)] == [(goal, root), (SHELTER, goal)]
    assert tree.branches[1].said == bool(said)


def test_an_ending_that_is_told_late():
  tree, root = grown()
  assert tree.belated('failed') is None
  tree.want(COAL, 1)
  tree.want(DRINK, 10)
  tree.belated('failed')
  assert [x[4] for x in rows(tree)] == ['failed', 'ongoing']
