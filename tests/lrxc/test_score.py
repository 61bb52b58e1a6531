"""p_good: what it is computed from, and how its weights are fitted."""

import numpy as np
import pytest

from ponderdream.lrxc import score
from ponderdream.lrxc.schema import Canonical, Evidence, Node
from tests.lrxc.plans import plan


def node(t0=0.0, t1=9.0, thing='wood', **more):
  return Node(
    episode_id='e', node_id=0, parent_id=None, level=0, text='x', t0=t0, t1=t1,
    canonical=Canonical(verb='collect', object=thing), source='narrated',
    **more,
  )  # fmt: skip


def p_good(node, *others):
  _, (scored,) = score.score(EPISODE, [node], [[x] for x in others])
  return scored.p_good


EPISODE, _ = plan()


def test_features_by_hand():
  said = (Evidence(t0=1.0, t1=2.0, quote='wood'),) * 3
  row = score.features(EPISODE, node(evidence=said, status='failed'), [])
  # One; said; log 4 of the quotes; log 10 of the seconds; ended; no parent;
  # no captions by hand; nobody to agree with.
  want = [1, 1, np.log(4), np.log(10), 1, 0, 0, 0]
  np.testing.assert_allclose(row, want)
  assert len(row) == len(score.WEIGHTS)


def test_agreement_counts():
  alone = p_good(node())
  assert p_good(node(), node(5.0, 20.0)) > alone
  assert p_good(node(), node(9.0, 20.0)) < alone  # at another time
  assert p_good(node(), node(thing='stone')) < alone
  # One of two others: nothing is said.
  both = p_good(node(), node(), node(thing='stone'))
  assert both == pytest.approx(alone, abs=1e-4)


def test_an_episode_is_as_good_as_its_nodes_are_long():
  nodes = [node(0.0, 30.0), node(30.0, 31.0, thing='coal')]
  scored, (first, second) = score.score(EPISODE, nodes, [])
  want = (30 * first.p_good + second.p_good) / 31
  assert scored.quality.p_good == pytest.approx(want, abs=1e-3)
  assert scored.quality.method == score.METHOD
  assert score.score(EPISODE, [], [])[0].quality.p_good == 0


def test_weights_are_found_again():
  rng = np.random.default_rng(0)
  rows = np.concatenate([np.ones((20000, 1)), rng.normal(size=(20000, 2))], 1)
  true = np.array([0.5, 1.0, -2.0])
  good = rng.random(20000) < 1 / (1 + np.exp(-rows @ true))
  found = score.fit(rows, good, decay=1e-6)
  np.testing.assert_allclose(found, true, atol=0.1)


def test_separable_nodes_have_finite_weights():
  rows = np.array([[1.0, -1.0], [1.0, 1.0]])
  found = score.fit(rows, np.array([False, True]))
  assert np.isfinite(found).all() and found[1] > 1
