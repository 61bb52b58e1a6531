"""Sokoban by hand, against rules written a second time, and copies of it."""

import copy
import pickle

import numpy as np
import pytest

from embodied import envs
from embodied.envs import sokoban
from embodied.envs.fast_sokoban import levels, picture, rules
from embodied.errors import UsageError
from tests.embodied.envs.rooms import board, drawn, moved, write
from tests.naming import naming

UP, DOWN, LEFT, RIGHT = range(4)
ROOM = """
  #######
  #@$ . #
  # *  .#
  #     #
  #######
"""


def act(action, reset=False):
  return {'action': np.int32(action), 'reset': np.bool_(reset)}


@pytest.fixture
def make(tmp_path):
  """Makes an environment with one room."""

  def made(text, **settings):
    folder = write(tmp_path / str(len(list(tmp_path.iterdir()))), text)
    return envs.make_env(
      'sokoban_boxoban', 0, seed=0, levels=str(folder), **settings
    )

  return made


def test_an_episode_by_hand(make):
  env = make(ROOM)
  obs = env.step(act(0, reset=True))
  assert obs['is_first'] and obs['reward'] == 0
  assert drawn(obs['cells']) == board(ROOM)
  # Of the two boxes one is on a target, and two targets are left.
  assert obs['log/boxes_left'] == 1 and obs['log/pushes'] == 0
  seen = [env.step(act(x)) for x in (UP, RIGHT, RIGHT)]
  # Against the wall; a push; a push onto the target, which solves the room.
  assert [float(x['reward']) for x in seen] == pytest.approx(
    [-0.1, -0.1, -0.1 + 1 + 10]
  )
  assert drawn(seen[1]['cells'])[1] == '# @$. #'
  assert drawn(seen[2]['cells'])[1] == '#  @* #'
  assert [float(x['log/pushes']) for x in seen] == [0, 1, 2]
  assert [bool(x['is_terminal']) for x in seen] == [False, False, True]
  assert seen[2]['is_last'] and seen[2]['log/achievement_solved'] == 1
  assert env.step(act(RIGHT))['is_first']


def test_pushes_off_a_target_and_against_boxes(make):
  env = make(ROOM)
  env.step(act(0, reset=True))
  # Down, and the box on its target away from there, onto another target.
  seen = [env.step(act(x)) for x in (DOWN, RIGHT, RIGHT, RIGHT)]
  assert [float(x['reward']) for x in seen] == pytest.approx(
    [-0.1, -0.1 - 1, -0.1, -0.1 + 1]
  )
  assert [float(x['log/boxes_left']) for x in seen] == [1, 2, 2, 1]
  # A box cannot be pushed into a wall, nor into another box.
  last = env.step(act(RIGHT))
  assert drawn(last['cells'])[2] == '# . @*#'
  wall = make('#####\n#@$$#\n#. .#\n#####')
  wall.step(act(0, reset=True))
  assert drawn(wall.step(act(RIGHT))['cells'])[1] == '#@$$#'


def test_the_rules_written_a_second_time():
  rng = np.random.default_rng(0)
  env = sokoban.Sokoban('small', seed=3, boxes=3, length=60)
  for _ in range(8):
    obs = env.step(act(0, reset=True))
    room = drawn(obs['cells'])
    while not obs['is_last']:
      action = int(rng.integers(4))
      obs = env.step(act(action))
      room, reward = moved(room, action)
      assert drawn(obs['cells']) == room
      assert obs['reward'] == pytest.approx(reward)
      left = ''.join(room).count('$')
      assert obs['log/boxes_left'] == left
      assert obs['is_terminal'] == obs['log/achievement_solved'] == (left == 0)


def test_time_is_limited(make):
  env = make(ROOM, length=3)
  env.step(act(0, reset=True))
  seen = [env.step(act(UP)) for _ in range(3)]
  assert [bool(x['is_last']) for x in seen] == [False, False, True]
  assert not seen[2]['is_terminal'] and seen[2]['log/achievement_solved'] == 0


def test_pictures_show_the_cells(make):
  env = make(ROOM, view='picture')
  obs = env.step(act(0, reset=True))
  assert obs['image'].shape == (40, 56, 3) and 'cells' not in obs
  tiles = picture.TILES.reshape(len(rules.CLASSES), -1)
  assert len(np.unique(tiles, axis=0)) == len(rules.CLASSES)
  room = drawn(env.env.env.cells)
  for row, line in enumerate(room):
    for column, cell in enumerate(line):
      tile = obs['image'][8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
      assert (tile == picture.TILES[levels.CHARACTERS.index(cell)]).all()


def test_each_level_comes_once_before_one_comes_again(tmp_path):
  # Rooms of 12 cells in a row: the box is next to one of them.
  row = lambda i: f'#@{" " * i}${" " * (9 - i)}.#'
  text = '\n\n'.join(f'{"#" * 14}\n{row(i)}\n{"#" * 14}' for i in range(10))
  folder = write(tmp_path, text)

  def order(seed):
    env = sokoban.Sokoban('boxoban', seed=seed, levels=str(folder))
    rooms = [env.step(act(0, reset=True))['cells'] for _ in range(20)]
    return [int((x[1] == 2).argmax()) - 2 for x in rooms]

  assert sorted(order(0)[:10]) == list(range(10))
  assert order(0)[:10] == order(0)[10:]
  assert len({tuple(order(x)) for x in range(20)}) > 10


@pytest.mark.parametrize(
  'twin', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize('files', [False, True])
def test_a_copy_goes_on_alike_and_alone(twin, files, tmp_path):
  text = '\n\n'.join([board(ROOM, 'text'), board(ROOM, 'text')[::-1]])
  settings = {'levels': str(write(tmp_path, text))} if files else {}
  task = 'sokoban_boxoban' if files else 'sokoban_small'
  env = envs.make_env(task, 0, seed=0, length=9, **settings)
  env.step(act(0, reset=True))
  env.step(act(RIGHT))
  other, lost = twin(env), twin(env)
  for _ in range(5):
    lost.step(act(DOWN))
  rng = np.random.default_rng(0)
  for _ in range(50):
    action = act(rng.integers(4))
    left, right = env.step(action), other.step(action)
    for key in left:
      np.testing.assert_array_equal(left[key], right[key])
  assert len(pickle.dumps(env)) < 10_000


def test_observations_keep_their_values():
  env = sokoban.Sokoban('small', seed=0)
  obs = env.step(act(0, reset=True))
  before = obs['cells'].copy()
  for i in range(40):
    env.step(act(i % 4))
  np.testing.assert_array_equal(obs['cells'], before)


@pytest.mark.parametrize(
  ('task', 'settings', 'words'),
  [
    ('sokoban_big', {}, ["'sokoban_big'", 'sokoban_boxoban', 'sokoban_small']),
    ('sokoban_boxoban', {}, ["'sokoban_boxoban'", '--env.sokoban.levels']),
    ('sokoban_boxoban', {'levels': 'nowhere'}, ["'nowhere'", 'folder']),
    ('sokoban_small', {'levels': 'here'}, ["'here'", 'sokoban_boxoban']),
    ('sokoban_small', {'size': 9}, ['size', 9, 5, 8]),
    ('sokoban_small', {'boxes': 4}, ['boxes', 4, 1, 3]),
    ('sokoban_small', {'length': 0}, ['length', 0, 1]),
    ('sokoban_small', {'view': 'cell'}, ["'cell'", "'cells'"]),
  ],
)
def test_what_cannot_be_made_is_a_usage_error(task, settings, words):
  with pytest.raises(UsageError, match=naming(*words)):
    envs.make_env(task, 0, seed=0, **settings)
