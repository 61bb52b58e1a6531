"""Imagined and real branches, on ladders, where the truth is known."""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from embodied.config import resolve
from embodied.envs import ladder, make_env
from embodied.errors import UsageError
from ponderdream import settings
from ponderdream.agent import Agent
from scripts.experiments import branch, branching
from tests.naming import naming

LEVELS, ROWS = 4, 6
DISCOUNT = 1 - 1 / 100


def make(index=0):
  return make_env('ladder_mixed', index, seed=0, rows=ROWS)


@pytest.fixture(scope='module')
def agent():
  """Untrained, with levels that want different things."""
  names = ['ladder', 'debug', 'pondernet']
  config = resolve(settings.blocks(), names)
  config = config.update({'jax.dtype': 'float32', 'ponder.max_steps': LEVELS})
  env = make()
  agent = Agent(env.obs_space, env.act_space, config)
  params = dict(agent.state.params)
  for name in ('inner', 'actdec', 'val'):
    leaves, tree = jax.tree.flatten(params[name])
    keys = jax.random.split(jax.random.key(1), len(leaves))
    pairs = zip(leaves, keys, strict=True)
    params[name] = tree.unflatten(
      [x + jax.random.normal(k, x.shape) for x, k in pairs]
    )
  # At every level half of what is left: 1/2, 1/4, 1/8, 1/8.
  halt = params['inner']['halt']
  params['inner']['halt'] = jax.tree.map(jnp.zeros_like, halt)
  agent.load(agent.state._replace(params=params))
  return agent


@pytest.fixture(scope='module')
def judge(agent):
  return branching.Judge(agent)


@pytest.fixture(scope='module')
def choices(judge):
  """Starts at which a lane is still to be chosen."""
  starts = judge.collect([make(i) for i in range(4)], 120, 1)
  return [x for x in starts if inside(x).lane == 4]


def inside(start):
  """The ladder itself, out of its wrappers."""
  env = start.env
  while not isinstance(env, ladder.Ladder):
    env = env.env
  return env


def worth(start):
  """True values of the four actions: 1 at the prize, discounted once for
  every step after the one that chooses."""
  env = inside(start)
  best = ladder.answer(env.rungs, env.prize)
  return DISCOUNT ** ((env.count - 1) // ladder.PACE) * (np.arange(4) == best)


def test_real_branches_are_worth_what_the_ladder_pays(judge, choices):
  # Longer than any ride, so that the critic, which knows nothing, has no say.
  # Short rides and long ones, which alone are discounted.
  both = sorted(choices, key=lambda x: inside(x).count)[::10]
  assert inside(both[0]).count <= ladder.PACE < inside(both[-1]).count
  for start in both:
    actions, values = judge.real(start, ROWS + 2, 8, 0)
    assert actions.shape == (8, LEVELS, 1) and values.shape == (8, LEVELS)
    want = worth(start)[actions[..., 0]]
    reached = start.p > 0
    np.testing.assert_allclose(values[:, reached], want[:, reached], rtol=1e-5)


def test_a_branch_that_is_cut_off_is_completed_by_the_critic(judge, choices):
  start = max(choices, key=lambda x: inside(x).count)
  values = judge.real(start, 1, 8, 0)[1][:, start.p > 0]
  # One step pays nothing; what is left is the critic's opinion.
  assert inside(start).count > ladder.PACE and (values != 0).all()


def decided(start, rng):
  """The start with levels that take the right lane with clearly different
  probabilities, in a random order."""
  chance = rng.permutation([0.1, 0.37, 0.63, 0.9])
  best = np.argmax(worth(start))
  raw = np.zeros_like(start.raw)
  raw[:, best] = np.log(3 * chance / (1 - chance))
  return start._replace(raw=raw, p=np.full(LEVELS, 1 / LEVELS))


def test_levels_that_choose_alike_share_their_luck(judge, choices):
  rng = np.random.default_rng(0)
  for start in choices[:4]:
    start = decided(start, rng)
    actions, values = judge.real(start, 2, 16, 0)
    for r in range(16):
      for n in np.flatnonzero(start.p):
        same = actions[r, :, 0] == actions[r, n, 0]
        same &= start.p > 0
        assert np.ptp(values[r, same]) == 0
    # And the draws themselves are those of the policies.
    assert len(np.unique(actions[:, start.p > 0])) > 1


def test_a_perfect_model_scores_one(judge, choices):
  rng = np.random.default_rng(0)
  starts = [decided(x, rng) for x in choices[:20]]
  p = np.stack([x.p for x in starts])
  truth = np.stack(
    [judge.real(x, ROWS + 2, 100, i)[1] for i, x in enumerate(starts)]
  )
  # The values by arithmetic: probability of the right lane, discounted.
  dist = judge.models.action.dist(np.stack([x.raw for x in starts]), None)
  pay = np.stack([worth(x) for x in starts])
  exact = (np.exp(dist.logps[0]) * pay[:, None]).sum(-1)[:, None]
  value = (p * exact[:, 0]).sum(1)
  got = branch.compare(exact.repeat(2, 1), truth, p, value)
  # Levels differ by 0.26 and more; the mean of 100 branches errs by 0.05.
  assert got['states'] == len(starts) == 20
  assert got['rank_correlation'] == 1
  assert got['value_correlation'] > 0.98 and got['adv_correlation'] > 0.98
  assert abs(got['value_bias']) < 0.02 and abs(got['adv_bias']) < 0.02
  assert got['variance'] == 0

  # Turned around it is the opposite, and with its levels shuffled nothing.
  turned = branch.compare(-exact.repeat(2, 1), truth, p, -value)
  assert turned['rank_correlation'] == -1
  wrong = rng.permuted(exact, axis=-1).repeat(2, 1)
  assert abs(branch.compare(wrong, truth, p, value)['rank_correlation']) < 0.5


def test_a_constant_bias_is_seen_and_moves_no_rank():
  rng = np.random.default_rng(0)
  truth = rng.normal(size=(5, 3, 4))
  p = np.full((5, 4), 0.25)
  value = truth.mean((1, 2))
  got = branch.compare(truth + 0.5, truth, p, value)
  assert got['rank_correlation'] == pytest.approx(1)
  assert got['value_bias'] == pytest.approx(0.5)
  assert got['adv_bias'] == pytest.approx(0.5)
  assert got['adv_rmse'] == pytest.approx(0.5)


def test_levels_that_were_not_reached_and_ties_do_not_count():
  p = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])
  truth = np.array([[1.0, 2.0, 99.0], [4.0, 4.0, 9.0]])
  model = np.array([[1.0, 2.0, -99.0], [1.0, 2.0, 3.0]])
  # In the second state both levels are worth the same: there is no order.
  assert branch.agreement(model, truth, p) == (1.0, 1)
  assert branch.agreement(0 * model, truth, p) == (0.0, 1)


def test_variances_by_hand():
  # Two estimates of two levels: the first varies by 2 ((0, 2) has variance
  # 2), the second by 0; the common part of (0, 2) and (0, 2) is no variance
  # of the levels.
  p = np.array([[0.5, 0.5]])
  apart = np.array([[[0.0, 1.0], [2.0, 1.0]]])
  assert branch.variances(apart, p)['variance'] == pytest.approx(1)
  # Against their mean: -0.5, 0.5 and 0.5, -0.5, each of variance 1/2.
  assert branch.variances(apart, p)['level_variance'] == pytest.approx(0.5)
  together = np.array([[[0.0, 0.0], [2.0, 2.0]]])
  assert branch.variances(together, p)['variance'] == pytest.approx(2)
  assert branch.variances(together, p)['level_variance'] == 0


def test_the_model_is_asked_with_draws_of_its_own(judge, choices):
  start = choices[0]
  found = judge.imagined(start, 2, 6, 0)
  assert found.shape == (6, LEVELS) and np.isfinite(found).all()
  assert (found[:, start.p == 0] == 0).all()
  assert len(np.unique(found[:, 0])) == 6
  np.testing.assert_array_equal(found, judge.imagined(start, 2, 6, 0))
  assert (found != judge.imagined(start, 2, 6, 1))[:, 0].all()


def test_the_branches_of_a_repeat_share_their_seed(
  judge, choices, monkeypatch
):
  start, seeds = decided(choices[0], np.random.default_rng(0)), []
  monkeypatch.setattr(
    ladder.Ladder, 'reseed', lambda self, seed: seeds.append(seed)
  )
  actions, _ = judge.real(start, 2, 5, 7)
  different = [len(np.unique(actions[r])) for r in range(5)]
  assert max(different) > 1
  want = [(7, r) for r in range(5) for _ in range(different[r])]
  assert seeds == want


def test_copies_that_do_not_replay_are_refused(judge, monkeypatch):
  shared = np.random.default_rng(0)
  step = ladder.Ladder.step

  def disturbed(self, action):
    self.rng = shared  # is not copied with the environment
    return step(self, action)

  monkeypatch.setattr(ladder.Ladder, 'step', disturbed)
  with pytest.raises(UsageError, match=naming('cop*', 'replay*')):
    judge.collect([make()], 200, 1)


def test_a_perfect_model_agrees_as_well_as_noise_allows():
  rng, states, repeats, levels = np.random.default_rng(0), 3000, 16, 6
  worth = rng.normal(size=(states, 1, levels))
  truth = worth + rng.normal(0, 4, (states, repeats, levels))
  p = np.full(levels, 1 / levels)
  starts = [types.SimpleNamespace(p=p, value=0.0)] * states
  seconds = {'real': 1.0, 1: 1.0}
  perfect = np.repeat(worth, 2, 1)
  found = branch.summary(starts, truth, {1: perfect}, seconds)
  best = found['real']['rank_correlation_of_a_perfect_model']
  # The mean of 16 has a variance of 1 + 16 / 16: the root of a half, for
  # values. Ranks of few levels agree a little less.
  assert best == pytest.approx(np.sqrt(0.5), abs=0.06)
  got = found['imagined']['1']['rank_correlation']
  assert got == pytest.approx(best, abs=0.08)
