"""The fast Crafter is the package's game, to the last bit.

The package keeps the creatures of a region in a set, in the order of their
memory addresses, and draws one to remove by its position: it does not even
agree with itself. So in these tests its sets are in order of insertion, as
ours are. Which creature it removes is as random as before.
"""

import collections
import copy
import functools
import itertools
import os
import pickle
import subprocess
import sys
import time

import crafter as package
import numpy as np
import opensimplex
import pytest
from PIL import Image, ImageEnhance

from embodied import envs
from embodied.driver import Driver
from embodied.envs.fast_crafter import (
  compiled,
  draws,
  game,
  objects,
  picture,
  terrain,
  world,
)

NAMES = package.constants.actions
NOOP, DO, SLEEP = (NAMES.index(x) for x in ('noop', 'do', 'sleep'))


class OrderedWorld(package.engine.World):
  """The package's map, with its sets in order of insertion."""

  def reset(self, seed=None):
    super().reset(seed)
    self._chunks = collections.defaultdict(world.Ordered)


class Twins:
  """The package's game and ours, stepped together and compared in full."""

  def __init__(self, seed, length=10000, reward=True):
    self.theirs = package.Env(seed=seed, length=length, reward=reward)
    self.theirs._world.__class__ = OrderedWorld
    self.ours = game.Game(reward, length, seed)
    self.seen = set()

  def reset(self):
    a, b = self.theirs.reset(), self.ours.reset()
    np.testing.assert_array_equal(a, b)
    self.compare()

  def step(self, action):
    a = self.theirs.step(action)
    b = self.ours.step(action)
    assert a[0].shape == b[0].shape and a[0].dtype == b[0].dtype
    np.testing.assert_array_equal(a[0], b[0])
    assert a[1:3] == b[1:3]
    assert a[3].keys() == b[3].keys()
    for key, value in a[3].items():
      np.testing.assert_array_equal(value, b[3][key], key)
      assert type(value) is type(b[3][key]), key
    self.compare()
    self.seen |= {k for k, v in a[3]['achievements'].items() if v}
    return a[2]

  def compare(self):
    """Compares what a picture does not show."""
    a, b = self.theirs._world, self.ours._world
    left, right = a.random.get_state(), b.random.get_state()
    assert left[2:] == right[2:]
    np.testing.assert_array_equal(left[1], right[1])
    np.testing.assert_array_equal(a._mat_map, b._mat_map)
    assert a.daylight == b.daylight
    assert list(a.chunks) == list(b.chunks)
    for key, chunk in a.chunks.items():
      assert self.marks(chunk) == self.marks(b.chunks[key])
    assert self.marks(a.objects) == self.marks(b.objects)

  @staticmethod
  def marks(creatures):
    """Everything about them but what they are linked with."""
    linked = ('world', 'random', 'player', 'pos', 'facing')
    return [
      (
        type(x).__name__,
        tuple(x.pos),
        tuple(getattr(x, 'facing', ())),
        {k: v for k, v in vars(x).items() if k not in linked},
      )
      for x in creatures
    ]

  def edit(self, change, *args):
    """Changes both alike."""
    for env in (self.theirs, self.ours):
      change(env, *args)

  def random(self, steps, seed):
    rng = np.random.RandomState(seed)
    done = True
    for _ in range(steps):
      if done:
        self.reset()
      done = self.step(rng.randint(len(NAMES)))


# Changes to one of the games


def put(env, thing):
  """A material, or a creature, in front of the player."""
  player, land = env._player, env._world
  target = tuple(np.add(player.pos, player.facing))
  if land[target][1]:
    land.remove(land[target][1])
  if isinstance(thing, str):
    land[target] = thing
    return
  land[target] = 'grass'
  more = () if thing is package.objects.Cow else (player,)
  land.add(thing(land, target, *more))


def furnish(env):
  """A table and a furnace at two corners of the player's cell."""
  x, y = env._player.pos
  env._world[x - 1, y - 1] = 'table'
  env._world[x + 1, y - 1] = 'furnace'


def give(env, **items):
  env._player.inventory.update(items)


def grow(env):
  for obj in env._world.objects:
    if isinstance(obj, package.objects.Plant):
      obj.grown = 301


def heal(env):
  give(env, health=9, food=9, drink=9)


def at_step(env, step):
  env._step = step


def tour(twins):
  """Unlocks every achievement."""
  act = lambda name: twins.step(NAMES.index(name))

  def use(thing, **items):
    twins.edit(put, thing)
    twins.edit(lambda env: give(env, **items))
    twins.step(DO)

  twins.reset()
  act('move_right')
  use('tree')
  twins.edit(lambda env: give(env, wood=9, stone=9, coal=9, iron=9))
  for name in ('place_table', 'place_furnace', 'place_stone'):
    twins.edit(put, 'sand')
    act(name)
  twins.edit(furnish)
  for name in NAMES:
    if name.startswith('make_'):
      twins.edit(lambda env: give(env, wood=9, stone=9, coal=9, iron=9))
      act(name)
  for material in ('stone', 'coal', 'iron', 'diamond', 'water'):
    use(material)
  twins.edit(put, 'grass')
  for _ in range(60):
    twins.step(DO)
    if 'collect_sapling' in twins.seen:
      break
  twins.edit(put, 'grass')
  act('place_plant')
  twins.edit(grow)
  act('do')
  for creature in ('Cow', 'Zombie', 'Skeleton'):
    twins.edit(heal)
    for _ in range(8):
      use(getattr(package.objects, creature), iron_sword=1)
      twins.step(DO)
  twins.edit(heal)
  twins.edit(lambda env: give(env, energy=8))
  for _ in range(40):
    twins.step(SLEEP)
    twins.edit(heal)
    if 'wake_up' in twins.seen:
      break


def test_spaces_are_the_package_s():
  twins = Twins(0)
  assert twins.ours.observation_space.shape == (64, 64, 3)
  for name in ('observation_space', 'action_space', 'action_names'):
    left, right = getattr(twins.theirs, name), getattr(twins.ours, name)
    assert left == right


# A few seeds, and by script


@pytest.mark.parametrize('seed', range(3))
def test_random_play_is_the_package_s(seed):
  Twins(seed).random(130, seed)


def test_every_achievement_is_the_package_s():
  twins = Twins(7)
  tour(twins)
  assert twins.seen == set(game.ACHIEVEMENTS)


def test_nights_awake_and_asleep_are_the_package_s():
  twins = Twins(11)
  twins.reset()
  # Night falls after some 200 steps and is darkest at 210 of 300.
  twins.edit(at_step, 200)
  for n in range(20):
    twins.step(NOOP)
    twins.edit(heal)
    assert twins.ours._world.daylight < 0.5
    if n == 9:
      twins.edit(lambda env: give(env, energy=3))
      twins.step(SLEEP)
  assert twins.ours._player.sleeping
  twins.edit(heal)
  twins.edit(put, package.objects.Zombie)
  for _ in range(8):
    twins.step(SLEEP)


def test_edges_of_the_world_are_the_package_s():
  twins = Twins(3)
  twins.reset()

  def jump(env, to):
    if env._world[to][1]:
      env._world.remove(env._world[to][1])
    env._world[to] = 'grass'
    env._world.move(env._player, np.array(to))
    give(env, wood=9)

  for corner in itertools.product((0, 63), (0, 63)):
    twins.edit(jump, corner)
    for name in ('move_left', 'move_down', 'do', 'place_stone', 'noop'):
      twins.step(NAMES.index(name))
    twins.edit(put, 'table') if corner[1] == 0 else None
    # Beside the edge the package's `nearby` sees nothing; ours neither.
    twins.step(NAMES.index('make_wood_sword'))


def test_death_and_the_time_limit_are_the_package_s():
  twins = Twins(5, length=3)
  for _ in range(2):
    twins.reset()
    assert [twins.step(NOOP) for _ in range(3)] == [False, False, True]
  twins.reset()
  twins.edit(put, 'lava')
  assert twins.step(NAMES.index('move_down'))
  silent = Twins(5, reward=False)
  silent.random(30, 0)


def test_arrows_are_the_package_s():
  twins = Twins(2)
  twins.reset()

  def corridor(env):
    """Skeletons at the ends of a path with a table, and the player in it."""
    land, (x, y) = env._world, env._player.pos
    for i in range(-6, 7):
      if land[x + i, y][1] and i:
        land.remove(land[x + i, y][1])
      land[x + i, y] = 'path'
    land[x, y + 1] = land[x, y - 1] = 'stone'
    land[x + 3, y] = 'table'
    for i in (-4, 5):
      land.add(package.objects.Skeleton(land, (x + i, y), env._player))
    land.add(package.objects.Arrow(land, (x + 4, y), np.array((-1, 0))))

  twins.edit(corridor)
  x, y = twins.ours._player.pos
  arrows = 0
  for _ in range(80):
    twins.step(NOOP)
    twins.edit(heal)
    kinds = [type(x).__name__ for x in twins.ours._world.objects]
    arrows += 'Arrow' in kinds
  assert arrows > 3
  # They destroy tables.
  assert twins.ours._world[x + 3, y][0] == 'path'


def test_creatures_come_and_go_as_the_package_s():
  twins = Twins(6)
  twins.reset()

  def crowd(env):
    """More creatures than a region keeps, at distances from 1 to 9."""
    land, (x, y) = env._world, env._player.pos
    for i in range(-6, 7):
      for j in range(-6, 7):
        if 0 < abs(i) + abs(j) < 10 and land[x + i, y + j][1] is None:
          cls = (package.objects.Cow, package.objects.Skeleton)[(i + j) % 2]
          land[x + i, y + j] = 'path' if (i + j) % 2 else 'grass'
          more = () if cls is package.objects.Cow else (env._player,)
          land.add(cls(land, (x + i, y + j), *more))

  def balance(env, light):
    env._world.daylight = light
    if env is twins.ours:
      env._balance()
    else:
      for chunk, objs in env._world.chunks.items():
        env._balance_chunk(chunk, objs)

  twins.edit(crowd)
  names = lambda: [type(x).__name__ for x in twins.ours._world.objects]
  before = names()
  for number in range(80):
    twins.edit(balance, 0.1 if number % 4 else 0.9)
    if number % 8 == 0:
      twins.compare()
  after = names()
  for name in ('Skeleton', 'Cow'):
    assert after.count(name) < before.count(name)
  assert after.count('Zombie') > before.count('Zombie')


# At length


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(20))
def test_thousand_random_steps_are_the_package_s(seed):
  Twins(100 + seed).random(1000, seed)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(3))
def test_long_lives_are_the_package_s(seed):
  """Three days and nights, with achievements, sleep and a death at last."""
  twins = Twins(seed)
  tour(twins)
  rng = np.random.RandomState(seed)
  asleep = dark = 0
  for n in range(1200):
    tired = twins.ours._player.inventory['energy'] < 4
    twins.step(SLEEP if tired else rng.randint(len(NAMES)))
    asleep += twins.ours._player.sleeping
    dark += twins.ours._world.daylight < 0.5
    if n % 5 == 0:
      twins.edit(heal)
  assert asleep > 50 and dark > 200
  twins.edit(lambda env: give(env, food=0, drink=0, energy=0, health=1))
  assert any(twins.step(NOOP) for _ in range(200))
  twins.random(100, seed)


# Copies


def play(env, actions):
  out = []
  for action in actions:
    image, reward, done, info = env.step(action)
    out.append((image.tobytes(), reward, done, info['semantic'].tobytes()))
    if done:
      out.append(env.reset().tobytes())
  return out, env._world.random.get_state()[1].tolist()


@pytest.mark.parametrize(
  'clone', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize('prepared', [False, True])
def test_copies_go_on_alike(clone, prepared):
  env = game.Game(True, 10000, 4)
  env.reset()
  rng = np.random.RandomState(1)
  play(env, rng.randint(0, 17, 60))
  env._step = 190  # so that it gets dark
  if prepared:
    env.prepare()
  twin = clone(env)
  assert len(pickle.dumps(env)) < 30_000
  actions = rng.randint(0, 17, 120)
  assert play(env, actions) == play(twin, actions)
  assert (env.reset() == twin.reset()).all()
  assert play(env, actions[:20]) == play(twin, actions[:20])


def test_a_copy_shares_nothing_that_changes():
  env = game.Game(True, 10000, 4)
  env.reset()
  twin = copy.deepcopy(env)
  before = pickle.dumps(env)
  play(twin, range(17))
  assert pickle.dumps(env) == before


def test_preparing_changes_no_episode():
  early, late = (game.Game(True, 10000, 9) for _ in range(2))
  for _ in range(3):
    early.prepare()
    assert (early.reset() == late.reset()).all()
    early.prepare()
    assert play(early, range(12)) == play(late, range(12))


def test_a_worker_s_worlds_made_ahead_are_the_same():
  """Through the driver, with a pause after each step to prepare in."""
  make = functools.partial(
    envs.make_env, 'crafter_reward', 2, seed=5, length=4
  )
  actions = np.random.RandomState(0).randint(0, 17, 12).astype(np.int32)

  def frames(parallel):
    driver = Driver([make], parallel=parallel)
    seen = []
    driver.on_step(lambda step, worker: seen.append(step['image'].copy()))
    if parallel:
      driver.on_step(lambda step, worker: time.sleep(0.02))
    for action in actions:
      driver(lambda carry, obs, a=action: (carry, {'action': [a]}, {}), 1)
    driver.close()
    return np.array(seen)

  np.testing.assert_array_equal(frames(False), frames(True))


# The parts


def test_draws_are_those_of_numpy():
  for seed in (0, 7, 2**31 - 2):
    ours, theirs = draws.Draws(seed), np.random.RandomState(seed)
    for n in (1, 2, 3, 4, 5, 100, 144, 2**31 - 1, 2**32):
      for _ in range(40):
        assert ours.uniform() == theirs.uniform()
        assert ours.randint(0, n) == theirs.randint(0, n)
        assert ours.randint(-3, n - 3) == theirs.randint(-3, n - 3)
    np.testing.assert_array_equal(
      ours.uniform(32, 127, (6, 3)), theirs.uniform(32, 127, (6, 3))
    )
    np.testing.assert_array_equal(ours.floats(9), theirs.random_sample(9))
    assert ours.get_state()[1].tolist() == theirs.get_state()[1].tolist()
  with pytest.raises(ValueError, match='no integer from 3 to below 3'):
    ours.randint(3, 3)


@pytest.mark.parametrize('seed', [0, 1, 2**31 - 2])
def test_noise_tables_are_those_of_opensimplex(seed):
  for ours, theirs in zip(
    terrain._permutation(seed), opensimplex.internals._init(seed), strict=True
  ):
    np.testing.assert_array_equal(ours, theirs)


def test_gray_and_faded_colors_are_those_of_pil():
  values = np.arange(256, dtype=np.uint8)
  # Each channel over its whole range, in steps that meet every residue.
  r, g, b = np.meshgrid(values[::3], values, values[::5], indexing='ij')
  colors = np.stack([r, g, b], -1).reshape(-1, 256, 3)
  image = Image.fromarray(colors)
  wide = colors.astype(np.int64)
  gray = picture._gray(wide[..., 0], wide[..., 1], wide[..., 2])
  np.testing.assert_array_equal(gray, np.array(image.convert('L')))
  faded = picture.tiles().faded[gray[..., None], colors]
  want = np.array(ImageEnhance.Color(image).enhance(0.4))
  np.testing.assert_array_equal(faded, want)


def test_directions_add_up_as_arrays():
  vec = objects.Vec((3, -4))
  assert vec + (1, 2) == (4, -2) and -vec == (-3, 4)
  assert isinstance(vec + np.array([1, 2]), objects.Vec)


def test_what_is_compiled_is_kept_where_one_can_write(tmp_path, monkeypatch):
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  monkeypatch.setenv('HOME', str(tmp_path))
  home = tmp_path / '.cache' / 'ponderdream' / 'numba'
  assert compiled.cache_folder() == home
  # A file in the place of the folder: nobody can write there, root neither.
  blocked = tmp_path / 'blocked'
  blocked.write_text('')
  monkeypatch.setenv('XDG_CACHE_HOME', str(blocked))
  monkeypatch.setattr('tempfile.gettempdir', lambda: str(tmp_path / 'tmp'))
  (tmp_path / 'tmp').mkdir()
  other = compiled.cache_folder()
  assert other.is_dir() and (tmp_path / 'tmp') in other.parents


@pytest.mark.slow
def test_a_second_process_need_not_compile(tmp_path):
  code = (
    'import time; from embodied.envs.fast_crafter import game;'
    'begin = time.process_time(); env = game.Game(True, 100, 0); env.reset();'
    '[env.step(0) for _ in range(11)]; print(time.process_time() - begin)'
  )
  env = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)}
  env['PYTHONPATH'] = os.pathsep.join(sys.path)
  seconds = [
    float(
      subprocess.run(
        [sys.executable, '-c', code], env=env, check=True, capture_output=True
      ).stdout
    )
    for _ in range(2)
  ]
  assert list(tmp_path.rglob('*.nbc'))
  assert seconds[1] < seconds[0] / 2
