"""A tree that grows: where goals join it, and how they end."""

from ponderdream.lrxc.lexicons import CRAFTER, Goal
from ponderdream.lrxc.rules.growth import Tree

WOOD, TABLE = Goal('collect', 'wood'), Goal('place', 'table')
PICKAXE, COAL = Goal('make', 'wood_pickaxe'), Goal('collect', 'coal')
DRINK, ZOMBIE = Goal('drink', 'water'), Goal('defeat', 'zombie')
SHELTER, SLEEP = Goal('build', 'shelter'), Goal('sleep')


def rows(tree, end=100):
  """Goal, parent, span and status of every goal but the root."""
  found = tree.finish(end)
  return [
    (x.goal, found[x.parent].goal, x.t0, x.t1, x.status) for x in found[1:]
  ]


def grown():
  tree = Tree(CRAFTER, 0)
  return tree, CRAFTER.root


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
