"""Action masks of every form that Gymnasium's spaces take."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from embodied import envs
from embodied.envs import from_gymnasium
from embodied.envs.gym import actions
from embodied.errors import ContractError

TWO, THREE = spaces.Discrete(2), spaces.Discrete(3)
FLOATS = spaces.Box(-1, 1, (2,), np.float32)
BOTH = spaces.MultiDiscrete([2, 3])
A, B = np.array([1, 0], np.int8), np.array([0, 1, 1], np.int8)
FLAT = [True, False, False, True, True]


@pytest.mark.parametrize(
  'space, mask, wanted',
  [
    (THREE, B, [False, True, True]),
    (THREE, [0, 1, 1], [False, True, True]),
    (THREE, None, [True, True, True]),
    (BOTH, np.concatenate([A, B]), FLAT),
    (BOTH, [1, 0, 0, 1, 1], FLAT),
    (BOTH, (A, B), FLAT),
    (BOTH, (None, B), [True, True, False, True, True]),
    (spaces.MultiDiscrete([[2], [3]]), ((A,), (B,)), FLAT),
    (spaces.Tuple([TWO, THREE]), (A, B), FLAT),
    (spaces.Tuple([TWO, THREE]), np.concatenate([A, B]), FLAT),
    (spaces.Tuple([TWO, FLOATS, THREE]), (A, None, B), FLAT),
    # Masks are put in the order of the action's keys.
    (spaces.Dict(a=TWO, b=THREE), {'b': B, 'a': A}, FLAT),
    (spaces.Dict(a=TWO, b=THREE), {'a': A}, [True, False, True, True, True]),
    (spaces.Dict(a=spaces.Tuple([TWO, THREE])), {'a': (A, B)}, FLAT),
  ],
)
def test_masks_become_one_vector(space, mask, wanted):
  assert actions.mask(space, mask).tolist() == wanted


class Masked(gymnasium.Env):
  """An action of two parts; shows a mask in its observations or in `info`."""

  action_space = spaces.Dict(a=TWO, x=FLOATS, b=THREE)

  def __init__(self, mask, inside):
    self.mask, self.inside = mask, inside
    space = spaces.Dict(a=spaces.MultiBinary(2), b=spaces.MultiBinary(3))
    shown = {'action_mask': space} if inside else {}
    self.observation_space = spaces.Dict(speed=FLOATS, **shown)

  def reset(self, *, seed=None, options=None):
    return self._shown()

  def step(self, action):
    obs, info = self._shown()
    return obs, 0.0, False, False, info

  def _shown(self):
    seen, mask = {'speed': np.zeros(2)}, {'action_mask': self.mask}
    return (seen | mask, {}) if self.inside else (seen, mask)


def act(env, reset):
  zeros = {k: np.zeros(v.shape, v.dtype) for k, v in env.act_space.items()}
  return zeros | {'reset': np.bool_(reset)}


@pytest.mark.parametrize('inside', [True, False])
def test_a_mask_of_parts_is_found_in_either_place(inside):
  inner = Masked({'b': B, 'a': A}, inside)
  env = envs.wrap(from_gymnasium.Adapter(inner, seed=0))
  space = env.obs_space['action_mask']
  assert space.role == 'mask' and space.shape == (5,)
  assert not [k for k in env.obs_space if k.startswith('action_mask.')]
  assert env.step(act(env, True))['action_mask'].tolist() == FLAT
  for mask, words in (
    ({'a': A, 'b': A}, ['4 entries', '5 classes']),
    ({'a': A, 'b': [A, B]}, ['flat']),
    (None, ['no observation' if inside else 'no info', 'reset']),
  ):
    inner.mask = mask
    with pytest.raises(ContractError) as caught:
      env.step(act(env, False))
    assert all(x in str(caught.value) for x in (*words, "'action_mask'"))
