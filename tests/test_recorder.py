"""Episodes that are recorded for the page."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from ponderdream import recorder
from ponderdream.page import kinds
from ponderdream.recorder import Recorder

WORDS = {1: 'win', 2: 'eat a cow', 3: 'move left'}


def decode(rows):
  return [WORDS[int(x[0])] for x in rows]


def step(i, last=4, **more):
  """A step of an episode; at step 2 wood is collected."""
  image = np.full((8, 8, 3), 40 * i, np.uint8)
  return {
    'image': image, 'action': np.int32(i),
    'reward': np.float32(0.5 * (i == 2)),
    'is_first': i == 0, 'is_last': i == last, 'is_terminal': i == last,
    'log/achievement_wood': np.float32(i >= 2), 'log/rows': np.float32(3),
    'log/ponder_steps': np.float32(1 + i % 2),
    'think/value': np.float32(10 + i),
    'think/choice': np.array([[7], [8], [9]]),
    'think/said': np.array([[1], [2], [3]], np.int32),
    'think/halts': np.log(np.array([0.25, 0.72, 0.03])),
    'think/expected': np.array([0.1, 0.2, 0.3], np.float32),
    'think/imagined': np.stack([image, image, image + 99]),
  } | more  # fmt: skip


def pixels(content, number):
  return np.asarray(
    Image.open(io.BytesIO(base64.b64decode(content['pictures'][number])))
  )


def test_an_episode_by_hand():
  made = Recorder('image', decode, discount=0.5, note='a note')
  for i in range(5):
    made.on_step(step(i), 0)
    made.on_step(step(i, reward=9.0), 1)  # Another environment.
  content = made.content(700)
  (episode,) = content['episodes']
  assert content['step'] == 700 and content['note'] == 'a note'
  assert content['shape'] == [8, 8] and content['texts'] == [
    'win',
    'eat a cow',
  ]
  assert episode['steps'] == [1, 2, 1, 2, None]
  assert episode['action'] == [0, 1, 2, 3, None]
  assert episode['reward'] == [0, 0, 0.5, 0, 0] and episode['return'] == 0.5
  # The end is terminal, so that it is worth nothing.
  assert episode['value'] == [10, 11, 12, 13, 0]
  assert episode['came'] == [5.5, 0.5 + 6, 6.5, 0, None]
  assert episode['events'] == [[2, 'wood']] and episode['log'] == {
    'rows': 5 * [3]
  }
  # Until it has halted with 95%: two levels; none after the last step.
  assert episode['halts'] == 4 * [[0.25, 0.72]] + [[]]
  assert episode['said'] == 4 * [[0, 1]] + [[]]
  assert episode['choice'][0] == [7, 8] and episode['expected'][0] == [
    0.1,
    0.2,
  ]
  assert episode['whole'] and episode['terminal']
  for i, number in enumerate(episode['frames']):
    assert (pixels(content, number) == 40 * i).all()  # exactly
  # Both levels imagine the same.
  assert episode['imagined'][0][0] == episode['imagined'][0][1]
  json.dumps(content, allow_nan=False)
  assert kinds.playable(json.loads(json.dumps(content)))


def test_the_level_that_acts_is_always_told():
  made = Recorder('image')
  made.on_step(step(0, **{'log/ponder_steps': 3.0}), 0)
  assert len(made.episodes[0]['halts'][0]) == 3 and made.episodes[0][
    'said'
  ] == [[]]


def test_agents_and_worlds_that_tell_less():
  made = Recorder(None)
  bare = {
    'is_first': True,
    'is_last': False,
    'is_terminal': False,
    'reward': 0.0,
  }
  made.on_step(bare, 0)
  made.on_step(bare | {'is_first': False, 'reward': 2.0}, 0)
  made.on_step(bare | {'is_first': False, 'is_last': True}, 0)
  (episode,) = made.content(0)['episodes']
  assert episode['frames'] == [] and episode['events'] == [[1, 'reward 2']]
  assert episode['steps'] == episode['value'] == episode['came'] == 3 * [None]
  assert episode['halts'] == 3 * [[]]
  assert kinds.playable(json.loads(json.dumps(made.content(0))))


def test_it_ends_after_many_steps(monkeypatch):
  monkeypatch.setattr(recorder, 'FRAMES', 7)
  made = Recorder(None)
  for _ in range(2):
    for i in range(5):
      made.on_step(step(i), 0)
  first, second = made.content(0)['episodes']
  assert first['whole'] and not second['whole']
  assert len(second['reward']) == 2


@pytest.mark.parametrize(
  'action, shown',
  [(np.int32(3), 3), (np.array([2.0]), 2), (np.array([0.25, 1]), '0.25, 1')],
)
def test_actions_as_they_are_shown(action, shown):
  assert recorder.shown_action(action) == shown
