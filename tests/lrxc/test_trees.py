"""Stacks that follow from nodes, and their numbers."""

import random

import numpy as np
import pytest

from ponderdream.lrxc import trees, validate
from tests.lrxc.plans import NODES, STACKS, plan
from tests.naming import naming


def test_stacks_are_those_of_the_drawing():
  spans = trees.spans(plan()[1])
  np.testing.assert_array_equal(trees.stacks(spans, np.arange(12), 3), STACKS)
  # Another column is empty; with fewer, the deepest goals are left out.
  wide = trees.stacks(spans, np.arange(12), 4)
  np.testing.assert_array_equal(wide[:, :3], STACKS)
  assert (wide[:, 3] == -1).all()
  narrow = trees.stacks(spans, np.arange(12), 1)
  np.testing.assert_array_equal(narrow, np.array(STACKS)[:, :1])
  assert narrow.dtype == np.int32


def test_times_between_steps_and_no_nodes():
  spans = trees.spans(plan()[1])
  found = trees.stacks(spans, np.array([1.99, 2.0, 3.5, 4.0]), 3)
  assert found[:, 2].tolist() == [2, 3, 3, -1]
  empty = trees.stacks(trees.spans([]), np.arange(3), 2)
  assert empty.tolist() == [[-1, -1]] * 3


def test_numbers_do_not_depend_on_the_order_before():
  episode, nodes = plan()
  for seed in range(20):
    rng = random.Random(seed)
    ids = rng.sample(range(100), len(nodes))
    mixed = [
      x.model_copy(update={
        'node_id': ids[x.node_id],
        'parent_id': None if x.parent_id is None else ids[x.parent_id],
      })
      for x in nodes
    ]  # fmt: skip
    rng.shuffle(mixed)
    found = trees.numbered(mixed)
    assert found == nodes
    validate.check_episode(episode, found)


def test_numbers_need_ids_and_parents():
  _, nodes = plan()
  with pytest.raises(ValueError, match=naming(6, 5)):
    trees.numbered([*nodes[:5], nodes[0]])
  with pytest.raises(ValueError, match=naming(1)):
    trees.numbered(nodes[1:4])
  assert len(NODES) == len(STACKS) / 2
