"""What the wrappers do to actions and observations."""

import numpy as np
import pytest

from embodied import envs, wrappers
from embodied.base import SIGNALS, Env, RandomAgent
from embodied.space import Space
from tests.naming import naming

RESET = {'reset': np.True_}
GO = {'reset': np.False_}


class Echo(Env):
  """Keeps the last action, and always returns the same observation."""

  def __init__(self, act_space, obs=None, obs_space=None):
    self.obs_space_ = {
      **SIGNALS,
      **(obs_space or {}),
    }
    self.act_space_ = {'action': act_space, 'reset': Space(bool)}
    self.obs = {
      'reward': np.float32(0),
      'is_first': np.False_,
      'is_last': np.False_,
      'is_terminal': np.False_,
      **(obs or {}),
    }
    self.action = None

  @property
  def obs_space(self):
    return self.obs_space_

  @property
  def act_space(self):
    return self.act_space_

  def step(self, action):
    self.action = action['action']
    return self.obs


def test_normalize_scales_finite_bounds_only():
  # Bounds [-2, 4]: the middle is 1, the half width 3, so 0.5 becomes 2.5.
  # [0, inf) and (-inf, inf) have no middle and stay as they are.
  space = Space(np.float32, (3,), [-2, 0, -np.inf], [4, np.inf, np.inf])
  env = Echo(space)
  outer = wrappers.NormalizeAction(env)
  assert outer.act_space['action'] == Space(
    np.float32, (3,), [-1, 0, -np.inf], [1, np.inf, np.inf]
  )
  for value, want in [(-1, -2), (0, 1), (0.5, 2.5), (1, 4)]:
    outer.step({**GO, 'action': np.array([value, 7, -7], np.float32)})
    np.testing.assert_allclose(env.action, [want, 7, -7], rtol=1e-6)
    assert env.action.dtype == np.float32


def test_normalized_actions_never_leave_the_bounds():
  # With neighbouring floats as bounds, every wrong rounding is out of them.
  rng = np.random.default_rng(0)
  low = rng.normal(size=50).astype(np.float32)
  space = Space(np.float32, (50,), low, np.nextafter(low, np.float32(np.inf)))
  env = Echo(space)
  outer = wrappers.NormalizeAction(env)
  ends = [np.full(50, x, np.float32) for x in (-1, 1)]
  for value in [outer.act_space['action'].sample(rng) for _ in range(100)]:
    outer.step({**GO, 'action': value})
    assert space.contains(env.action)
  for value, bound in zip(ends, (space.low, space.high), strict=True):
    outer.step({**GO, 'action': value})
    np.testing.assert_array_equal(env.action, bound)


def test_clip_brings_actions_inside():
  env = Echo(Space(np.float32, (3,), [-1, -1, -np.inf], [1, 1, np.inf]))
  outer = wrappers.ClipAction(env)
  outer.step({**GO, 'action': np.array([-3, 0.5, 9], np.float32)})
  np.testing.assert_array_equal(env.action, np.float32([-1, 0.5, 9]))


def test_dtypes_become_float32_and_int32_and_actions_go_back():
  obs_space = {
    'wide': Space(np.float64, (2,), 0, 1),
    'long': Space(np.int64, (), 0, 7),
    'free': Space(np.int64),
    'pixels': Space(np.uint8, (2, 2, 3)),
    'secret': Space(np.float64, role='hidden'),
  }
  obs = {
    'wide': np.array([0.1, 1.0]),
    'secret': np.float64(2),
    'long': np.int64(6),
    'free': np.int64(-5),
    'pixels': np.zeros((2, 2, 3), np.uint8),
  }
  env = Echo(Space(np.int64, (), 0, 3), obs, obs_space)
  outer = wrappers.UnifyDtypes(env)
  assert outer.obs_space['wide'] == Space(np.float32, (2,), 0, 1)
  assert outer.obs_space['long'] == Space(np.int32, (), 0, 7)
  assert outer.obs_space['free'] == Space(np.int32)
  assert outer.obs_space['pixels'] == obs_space['pixels']
  assert outer.obs_space['secret'] == Space(np.float32, role='hidden')
  assert outer.act_space['action'] == Space(np.int32, (), 0, 3)
  got = outer.step({**GO, 'action': np.int32(2)})
  assert env.action.dtype == np.int64
  for key, space in outer.obs_space.items():
    assert space.contains(got[key]), key


@pytest.mark.parametrize(
  ('obs', 'words'),
  [
    ({'reward': np.float32(np.nan)}, ["'reward'", 'nan']),
    ({'reward': 0.0}, ["'reward'", 'float64']),
    ({'reward': np.zeros(1, np.float32)}, ["'reward'", '(1,)']),
    ({'extra': np.float32(0)}, ["'extra'", 'keys']),
    ({'is_terminal': np.True_}, ['is_terminal', 'is_last']),
    ({'is_first': np.True_, 'reward': np.float32(1)}, ['reward', '1.0', 0]),
  ],
)
def test_observations_that_break_the_contract_raise(obs, words):
  env = wrappers.CheckSpaces(Echo(Space(np.int32, (), 0, 3), obs))
  with pytest.raises(ValueError, match=naming('observation', *words)):
    env.step({**GO, 'action': np.int32(0)})


@pytest.mark.parametrize('value', [np.int32(3), np.int32(-1), np.int64(0)])
def test_actions_outside_of_their_space_raise(value):
  env = wrappers.CheckSpaces(Echo(Space(np.int32, (), 0, 3)))
  env.step({**GO, 'action': np.int32(2)})
  with pytest.raises(ValueError, match=naming("'action'", value, value.dtype)):
    env.step({**GO, 'action': value})
  with pytest.raises(
    ValueError, match=naming('keys', "['reset']", "'action'")
  ):
    env.step(GO)


def test_of_an_action_that_resets_nothing_else_counts():
  # As drivers send it: zeros, which are no class here.
  env = wrappers.CheckSpaces(Echo(Space(np.int32, (), 1, 4)))
  env.step({'reset': np.True_, 'action': np.int32(0)})
  env.step({'reset': np.False_, 'action': np.int32(3)})
  with pytest.raises(ValueError, match=naming("'action'", 0)):
    env.step({'reset': np.False_, 'action': np.int32(0)})


def test_masks_have_to_allow_something_for_every_element():
  # Two elements of 2 and 3 classes: the mask is [a0, a1, b0, b1, b2].
  space = Space(np.int32, (2,), 0, [2, 3])
  action = {**GO, 'action': np.zeros(2, np.int32)}

  def step(*mask):
    mask = np.array(mask, bool)
    echo = Echo(
      space,
      {'action_mask': mask},
      {'action_mask': Space(bool, mask.shape, role='mask')},
    )
    return wrappers.CheckSpaces(echo).step(action)

  step(0, 1, 0, 0, 1)
  with pytest.raises(ValueError, match=naming("'action_mask'", 'class')):
    step(1, 1, 0, 0, 0)
  with pytest.raises(ValueError, match=naming("'action_mask'", 'class')):
    step(0, 0, 1, 1, 1)
  with pytest.raises(ValueError, match=naming("'action_mask'", '(4,)', 5)):
    step(1, 1, 1, 1)


def test_a_mask_is_known_by_its_role():
  allowed = Space(bool, (3,), role='mask')
  flags = {'action_mask': Space(bool, (3,)), 'other': Space(bool)}
  obs = {
    'action_mask': np.zeros(3, bool),
    'other': np.False_,
    'allowed': np.array([0, 1, 0], bool),
  }
  echo = Echo(Space(np.int32, (), 0, 3), obs, {**flags, 'allowed': allowed})
  action = {**GO, 'action': np.int32(1)}
  assert wrappers.CheckSpaces(echo).step(action) is echo.obs
  agent = RandomAgent(echo.obs_space, echo.act_space)
  batch = {k: np.stack([v] * 20) for k, v in echo.obs.items()}
  assert (agent.policy(None, batch)[1]['action'] == 1).all()
  echo.obs_space_['action_mask'] = allowed
  with pytest.raises(ValueError, match=naming("'action_mask'", "'allowed'")):
    wrappers.CheckSpaces(echo)


@pytest.mark.parametrize('name', SIGNALS)
def test_environments_declare_the_signals(name):
  space = SIGNALS[name]
  echo = Echo(Space(np.int32, (), 0, 3))
  echo.obs_space_[name] = Space(space.dtype)
  with pytest.raises(
    ValueError, match=naming(f"'{name}'", 'embodied.SIGNALS')
  ):
    wrappers.CheckSpaces(echo)
  del echo.obs_space_[name]
  with pytest.raises(ValueError, match=naming(f"'{name}'", 'None')):
    wrappers.CheckSpaces(echo)


def test_the_stack_clips_then_scales_then_checks():
  env = Echo(Space(np.float64, (1,), -2, 2))
  outer = envs.wrap(env)
  assert outer.act_space['action'] == Space(np.float32, (1,), -1, 1)
  for value, want in [(0.5, 1), (-1, -2), (30, 2)]:
    outer.step({**GO, 'action': np.array([value], np.float32)})
    np.testing.assert_allclose(env.action, [want])
    assert env.action.dtype == np.float64
  with pytest.raises(ValueError, match=naming("'action'", 'nan')):
    outer.step({**GO, 'action': np.array([np.nan], np.float32)})


def test_the_random_agent_stays_inside_of_the_mask():
  space = Space(np.int32, (2,), 0, [2, 3])
  obs_space = {'action_mask': Space(bool, (5,), role='mask')}
  act_space = {'action': space, 'reset': Space(bool)}
  agent = RandomAgent(obs_space, act_space, seed=1)
  # First row: only (1, 0) and (1, 2); second row: only (0, 1).
  mask = np.array([[0, 1, 1, 0, 1], [1, 0, 0, 1, 0]], bool)
  obs = {'is_first': np.zeros(2, bool), 'action_mask': mask}
  draws = [agent.policy(None, obs)[1]['action'] for _ in range(60)]
  assert all(x.dtype == np.int32 and x.shape == (2, 2) for x in draws)
  assert {tuple(x[0].tolist()) for x in draws} == {(1, 0), (1, 2)}
  assert {tuple(x[1].tolist()) for x in draws} == {(0, 1)}
  # Both have probability 1/2: in 60 draws the standard deviation is 3.9.
  share = np.mean([x[0, 1] == 2 for x in draws])
  assert 0.2 < share < 0.8


def test_the_random_agent_is_fixed_by_its_seed():
  space = {'action': Space(np.float32, (2,), -1, 1), 'reset': Space(bool)}
  obs = {'is_first': np.zeros(3, bool)}

  def acts(seed):
    carry, acts, outs = RandomAgent(SIGNALS, space, seed).policy(None, obs)
    assert carry is None and outs == {} and set(acts) == {'action'}
    return acts['action']

  np.testing.assert_array_equal(acts(0), acts(0))
  assert acts(0).shape == (3, 2) and (acts(0) != acts(1)).all()
