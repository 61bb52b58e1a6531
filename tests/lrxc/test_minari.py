"""To Minari and back, byte for byte."""

import pathlib

import numpy as np
import pytest

from ponderdream.lrxc import audit, cli, data, store
from ponderdream.lrxc.store import Recording
from tests.lrxc.test_store import make_recording, same, words
from tests.naming import says

minari = pytest.importorskip('minari')


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  monkeypatch.setenv('MINARI_DATASETS_PATH', str(tmp_path / 'minari'))


def run(*argv):
  return cli.main([str(x) for x in argv], demonstrate=lambda options: 3)


def crafter_like(number, count=20):
  """Pictures that JPEG would change: noise."""
  made = make_recording(number, count)
  rng = np.random.default_rng(number)
  steps = made.steps | {
    'image': rng.integers(0, 256, (count, 64, 64, 3), np.uint8),
    'flag': rng.random((count, 3)) < 0.5,
    'large': rng.integers(-(2**62), 2**62, count),
  }
  return Recording(made.episode, made.nodes, steps)


def test_there_and_back_is_the_same(tmp_path):
  given = [crafter_like(0), crafter_like(1, 12), crafter_like(2, 70)]
  given[1].steps['action'][3] = -1  # an unknown action in the middle
  store.write(tmp_path / 'a', given)
  assert run('to-minari', tmp_path / 'a', 'crafter/expert-v0') == 0
  assert run('from-minari', 'crafter/expert-v0', tmp_path / 'b') == 0
  found = data.Data(tmp_path / 'b')
  assert len(found) == 3 and list(audit.problems(tmp_path / 'b')) == []
  for number, (episode, nodes, steps) in enumerate(given):
    assert found.episode(number) == episode
    assert found.nodes(number) == list(nodes)
    same(found.steps(number), steps)
    assert found.steps(number)['image'].tobytes() == steps['image'].tobytes()


def test_minari_users_find_what_they_know(tmp_path):
  made = crafter_like(0)
  made.steps['reward'][:] = np.arange(20)
  made.steps['reward'][4] = np.nan
  store.write(tmp_path / 'a', [made])
  assert run('to-minari', tmp_path / 'a', 'crafter/expert-v0') == 0
  (episode,) = minari.load_dataset('crafter/expert-v0')
  assert len(episode) == 19
  assert episode.observations['image'].shape == (20, 64, 64, 3)
  assert (episode.observations['image'] == made.steps['image']).all()
  assert episode.actions.tolist() == made.steps['action'][:19].tolist()
  # The reward of action t came with observation t + 1; an unknown one is 0.
  want = [1.0, 2.0, 3.0, 0.0, *range(5, 20)]
  assert episode.rewards.tolist() == want
  assert episode.terminations.tolist() == [False] * 18 + [True]


@pytest.mark.parametrize('picture', [True, False])
def test_data_that_are_not_ours(tmp_path, picture):
  from gymnasium import spaces

  shape, dtype = ((8, 8, 3), np.uint8) if picture else ((5,), np.float32)
  space = spaces.Box(0, 255, shape, dtype)
  seen = np.arange(4 * np.prod(shape)).reshape(4, *shape).astype(dtype)
  buffer = minari.data_collector.EpisodeBuffer(
    observations=seen, actions=np.array([2, 0, 1]), rewards=[0.5, 0.0, 1.0],
    terminations=[False] * 3, truncations=[False, False, True],
  )  # fmt: skip
  with pytest.warns(UserWarning):
    minari.create_dataset_from_buffers(
      'other/play-v3', [buffer], action_space=spaces.Discrete(3),
      observation_space=space, jpeg_encoding=False,
    )  # fmt: skip
  assert run('from-minari', 'other/play-v3', tmp_path / 'b') == 0
  found = data.Data(tmp_path / 'b')
  assert found.episode(0).source.url == 'minari:other/play-v3'
  assert found.episode(0).return_ == 1.5
  steps = found.steps(0)
  np.testing.assert_array_equal(steps['image' if picture else 'vector'], seen)
  assert steps['action'].tolist() == [2, 0, 1, -1]
  assert steps['reward'].tolist() == [0.0, 0.5, 0.0, 1.0]
  assert steps['truncated'].tolist() == [False, False, False, True]


def test_what_does_not_fit_is_said_in_a_sentence(tmp_path, capsys):
  from gymnasium import spaces

  store.write(tmp_path / 'a', [make_recording(0), words(0)])
  store.write(tmp_path / 'b', [make_recording(0)])
  buffer = minari.data_collector.EpisodeBuffer(
    observations=np.zeros((2, 1)), actions=np.zeros((1, 1)), rewards=[0.5],
    terminations=[False], truncations=[True],
  )  # fmt: skip
  box = spaces.Box(-1, 1, (1,), np.float64)
  with pytest.warns(UserWarning):
    minari.create_dataset_from_buffers(
      'cart/play-v0', [buffer], action_space=box, observation_space=box
    )
  cases = [
    (('to-minari', tmp_path / 'a', 'aa/bb-v0'), ["'video-0'", 'action']),
    (('to-minari', tmp_path / 'b', 'x/hdf5-v0/9'), ["'x/hdf5-v0/9'"]),
    (('from-minari', 'no/such-v0', tmp_path / 'c'), ["'no/such-v0'"]),
    (('from-minari', 'cart/play-v0', tmp_path / 'c'), ['actions', 'Box*']),
    (('from-minari', 'cart/play-v0', tmp_path / 'b'), [tmp_path / 'b']),
  ]
  for argv, said in cases:
    assert run(*argv) == 2
    error = capsys.readouterr().err
    assert says(error, *said) and error.count('\n') == 1, error
  assert run('to-minari', tmp_path / 'b', 'aa/bb-v0') == 0
  assert run('to-minari', tmp_path / 'b', 'aa/bb-v0') == 2
  assert not pathlib.Path(tmp_path / 'c').exists()
