"""Rivals of PonderNet: the KL rule, levels with weights of their own, and more
levels than in training."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from ponderdream.goals import immediate, inner, modes
from ponderdream.nets import heads
from ponderdream.world import actions
from tests import helpers
from tests.goals import test_immediate as thinking
from tests.naming import naming

CLASSES, MIX = 4, 0.01
SPEC = actions.spec({'action': embodied.Space(np.int32, (), 0, CLASSES)}, MIX)
close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)


def settled(nats, max_steps=6):
  agree = modes.Settling(nats, SPEC.divergence)
  return modes.PonderConfig('kl', max_steps, 0.05, 0.5, False, agree)


def policy(raw, mask):
  """Probabilities of the allowed actions: softmax, and 1% of the uniform."""
  odds = np.where(mask, np.exp(np.float64(raw)), 0)
  return 0.99 * odds / odds.sum(-1, keepdims=True) + 0.01 * mask / mask.sum(
    -1, keepdims=True
  )


def divergence(now, before):
  safe = np.where(now > 0, now, 1), np.where(before > 0, before, 1)
  return (now * np.log(safe[0] / safe[1])).sum(-1)


def pairs(raw, mask):
  """The policies of each level but the first, and of the level before."""
  pi = policy(raw, mask)
  return pi[1:], pi[:-1]


def settles(raw, mask, nats):
  """The number of levels up to the first whose policy is less than `nats` away
  from that of the level before, for every example."""
  near = divergence(*pairs(raw, mask)) < nats
  return np.where(near.any(0), near.argmax(0) + 2, len(raw))


def test_it_halts_where_two_policies_agree():
  model, actdec, params = thinking.make()
  feat, goal = thinking.inputs()
  args = model, actdec, params, feat, goal
  every = immediate.all_levels(*args, thinking.think('pondernet', 6, None))
  raw = np.asarray(every.raw)
  mask = np.ones((len(feat), CLASSES), bool)
  mask[:, :2] = np.eye(2, dtype=bool)[np.arange(len(feat)) % 2]
  # A threshold at which the direction of the divergence decides for one of
  # them, and the mask for others.
  now, before = pairs(raw, mask)
  ways = divergence(now, before)[0], divergence(before, now)[0]
  which = np.abs(np.log(ways[0] / ways[1])).argmax()
  nats = float(np.sqrt(ways[0][which] * ways[1][which]))
  want = settles(raw, mask, nats)
  assert (want != settles(raw, np.ones_like(mask), nats)).any()
  assert (want == 2)[which] != (ways[1][which] < nats)
  got = immediate.all_levels(*args, settled(nats), jnp.asarray(mask))
  np.testing.assert_array_equal(got.steps, want)
  np.testing.assert_array_equal(got.price, want)
  assert got.depth == want.max()
  close(got.raw[0], raw[want - 1, np.arange(len(want))])


def test_the_divergence_is_that_of_all_kinds_of_actions():
  # KL of (.5, .5) from (.25, .75): log(2) / 2 - log(1.5) / 2 = .1438; of two
  # normals with one deviation s: (m - m')^2 / (2 s^2), once per number.
  act = {
    'action.a': embodied.Space(np.int32, (), 0, 2),
    'action.b': embodied.Space(np.float32, (2,), -1, 1),
  }
  spec = actions.spec(act, 0.0)
  now = jnp.array([[0.0, 0.0, 0.3, -0.2, 0.5, 0.5]])
  before = jnp.array([[0.0, np.log(3.0), 0.1, -0.2, 0.5, 0.5]])
  deviation = 0.9 / (1 + np.exp(-2.5)) + 0.1
  apart = (np.tanh(0.3) - np.tanh(0.1)) ** 2 / (2 * deviation**2)
  want = np.log(2) / 2 - np.log(1.5) / 2 + apart
  close(spec.divergence(now, before, None), [want])
  number = actions.spec({'action': act['action.b']}, 0.0)
  close(number.divergence(now[:, 2:], before[:, 2:], None), [apart])


def test_levels_with_weights_of_their_own_by_hand():
  # As `STATES` of test_immediate: the first level leaves (1, 1), and the
  # second adds (-1, 1); one with twice the output (-2, 2), which is (-1, 3),
  # of the root mean square 5^.5.
  second = thinking.RESIDUAL | {
    'output': thinking.dense([[2, 0], [-2, 0]], 0.0, 2.0),
    'subgoal': thinking.dense([[1], [3]], 10.0),
  }
  stacked = jax.tree.map(
    lambda *x: jnp.stack(x), thinking.RESIDUAL, second
  )  # fmt: skip
  subgoals = np.float32([[1 + 6 + 4], [(-1 + 18) / 5**0.5 + 10]])
  model = inner.Inner(
    1, 1, 2, 'residual', 'none', 0.2, jnp.float32, tied=False
  )
  # Linear: the norm of a hidden layer would leave only the sign.
  actdec = heads.Head(0, 8, CLASSES, 1.0, jnp.float32)
  decode = actdec.init(jax.random.key(0), jnp.zeros((1, 1)))
  params = {'inner': stacked, 'actdec': decode['params']}
  args = model, actdec, params, jnp.array([[1.0]]), jnp.array([[2.0]])
  every = immediate.all_levels(*args, thinking.think('pondernet', 2, None))
  want = actdec.apply(decode, subgoals)
  np.testing.assert_allclose(every.raw[:, 0], want, rtol=1e-3, atol=1e-3)
  last = immediate.all_levels(*args, thinking.think('fixed', 2))
  np.testing.assert_allclose(last.raw[0, 0], want[1], rtol=1e-3, atol=1e-3)
  with pytest.raises(ValueError, match=naming(3)):
    immediate.choose(
      *args, thinking.think('fixed', 2), jax.random.key(0),
      immediate.Acting(suppress=3),
    )  # fmt: skip


def test_more_levels_than_in_training():
  model, actdec, params = thinking.make()
  feat, goal = thinking.inputs()
  args = model, actdec, params, feat, goal
  long = immediate.all_levels(*args, thinking.think('pondernet', 9, None))
  key, more = jax.random.key(0), immediate.Acting(suppress=4)
  raw, steps = immediate.choose(*args, thinking.think('fixed', 3), key, more)
  np.testing.assert_array_equal(steps, 3 + 4)
  close(raw, long.raw[6])
  # Whatever is near enough, four levels are not compared.
  raw, steps = immediate.choose(*args, settled(1e3, 3), key, more)
  np.testing.assert_array_equal(steps, 4 + 1)
  close(raw, long.raw[4])
  # Levels that must not halt weigh nothing: the two after them do, with 1/2.
  params['inner']['halt']['kernel'] *= 0
  raw, steps = immediate.choose(*args, thinking.think('act', 5), key, more)
  np.testing.assert_array_equal(steps, 4 + 2)
  close(raw, (long.raw[4] + long.raw[5]) / 2)


@pytest.mark.slow
@pytest.mark.parametrize('changes', [
  {'ponder.mode': 'kl', 'ponder.kl': 1e-3},
  {'ponder.mode': 'fixed', 'inner.tied': False},
  {'ponder.mode': 'pondernet', 'inner.tied': False},
])  # fmt: skip
def test_a_whole_update_of_a_rival(changes):
  kit = helpers.tiny('pondernet', **changes)
  before = jax.tree.map(np.array, kit.agent.state.params['inner'])
  for _ in range(2):
    kit.agent.train(kit.batch)
  _, metrics = kit.agent.flush()
  assert np.isfinite(list(metrics.values())).all(), metrics
  after = kit.agent.state.params['inner']
  subgoals = before['subgoal']['kernel'] != after['subgoal']['kernel']
  if changes.get('inner.tied', True):
    assert subgoals.any()
  elif changes['ponder.mode'] == 'fixed':
    # Only the last level's subgoal is read, but every state of the others.
    assert subgoals.any((1, 2)).tolist() == [False] * 3 + [True]
    hidden = before['output']['kernel'] != after['output']['kernel']
    assert hidden.any((1, 2)).all()
  else:
    assert subgoals.any((1, 2)).all()
