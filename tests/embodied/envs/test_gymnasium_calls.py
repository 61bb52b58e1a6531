"""Environments that do not follow Gymnasium's interface, or hold nothing."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from embodied import envs
from embodied.errors import ContractError, UsageError

VECTOR = spaces.Box(-1, 1, (2,), np.float32)
TWO = spaces.Discrete(2)
SEEN = np.zeros(2, np.float32)
EMPTY = spaces.Box(-1, 1, (0,), np.float32)
STEP = {'action': np.int32(0), 'reset': np.False_}
START = STEP | {'reset': np.True_}


class Plain(gymnasium.Env):
  """Gives what it is told to."""

  observation_space, action_space = VECTOR, TWO
  begins, follows = (SEEN, {}), (SEEN, 0.0, False, False, {})
  received = None

  def reset(self, *, seed=None, options=None):
    return self.begins

  def step(self, action):
    self.received = action
    return self.follows


def made(monkeypatch, entry):
  """The environment that a registered function makes."""
  spec = gymnasium.envs.registration.EnvSpec('Calls-v0', entry_point=entry)
  monkeypatch.setitem(gymnasium.registry, 'Calls-v0', spec)
  return envs.make_env('gymnasium_Calls-v0', 0, seed=0)


def kind(**changes):
  return type('Changed', (Plain,), changes)


class Seedless(Plain):
  def reset(self):
    return self.begins


class Bare(gymnasium.Env):
  action_space = TWO


class Foreign:
  observation_space, action_space = VECTOR, TWO


@pytest.mark.parametrize(
  'entry, words',
  [
    (kind(begins=SEEN), ['reset', 'ndarray', '(observation, info)']),
    (kind(begins=(SEEN, 3)), ['reset', '(ndarray, int)']),
    (kind(begins=None), ['reset', 'NoneType']),
    (Seedless, ['seed=None']),
    (Bare, ['observation_space']),
    (kind(action_space=2), ['action_space']),
    (Foreign, ['no single environment', 'Foreign', 'run.envs']),
    (lambda **_: gymnasium.make_vec('CartPole-v1', 2), ['Vector', 'run.envs']),
    (kind(observation_space=spaces.Dict()), ['observation', 'nothing']),
    (kind(observation_space=spaces.Tuple([EMPTY])), ['nothing']),
    (kind(action_space=spaces.Tuple([])), ['action', 'nothing']),
    (kind(action_space=EMPTY), ['action', 'nothing']),
  ],
)
def test_what_cannot_be_used_is_a_sentence(monkeypatch, entry, words):
  with pytest.raises(UsageError) as caught:
    made(monkeypatch, entry)
  text = str(caught.value)
  assert all(x in text for x in words) and '\n' not in text and len(text) < 400


@pytest.mark.parametrize(
  'follows, shown',
  [
    ((SEEN, 0.0, False, {}), '(ndarray, float, bool, dict)'),
    ((SEEN, 0.0, False, False, 1), 'bool, int)'),
    (SEEN, 'ndarray'),
  ],
)
def test_a_step_of_another_form_is_a_sentence(monkeypatch, follows, shown):
  env = made(monkeypatch, kind(follows=follows))
  env.step(START)
  with pytest.raises(ContractError) as caught:
    env.step(STEP)
  assert shown in str(caught.value) and 'step 1' in str(caught.value)


def test_no_info_is_an_empty_one(monkeypatch):
  begins, follows = (SEEN, None), [SEEN, 1.0, False, False, None]
  env = made(monkeypatch, kind(begins=begins, follows=follows))
  env.step(START)
  assert env.step(STEP)['reward'] == 1


def test_an_error_of_the_environment_itself_stays(monkeypatch):
  def reset(self, *, seed=None, options=None):
    raise TypeError('my own')

  with pytest.raises(TypeError, match='my own'):
    made(monkeypatch, kind(reset=reset))


def test_arrays_of_no_elements_are_left_out(monkeypatch):
  changes = {
    'observation_space': spaces.Dict(a=EMPTY, b=VECTOR),
    'action_space': spaces.Dict(a=EMPTY, b=TWO),
    'begins': ({'a': np.zeros(0), 'b': SEEN}, {}),
  }
  env = made(monkeypatch, kind(**changes))
  assert 'a' not in env.obs_space and 'b' in env.obs_space
  assert set(env.act_space) == {'action.b', 'reset'}
  inner = env
  while not isinstance(inner, Plain):
    inner = inner.env
  inner.follows = (changes['begins'][0], 0.0, False, False, {})
  zero = {'action.b': np.int32(1)}
  env.step(zero | {'reset': np.True_})
  env.step(zero | {'reset': np.False_})
  assert changes['action_space'].contains(inner.received), inner.received
