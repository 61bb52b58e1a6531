"""The fast Crafter equals the package bit for bit.

The package stores the creatures of a region in a set, in the order of their
memory addresses, and draws an index into it to remove one. So two runs of the
package differ. In these tests its sets are in order of insertion, as in the
fast Crafter. This does not change the distribution of what it removes.
"""

import collections
import itertools

import crafter as package
import numpy as np
import pytest

from embodied.envs.fast_crafter import game, world

NAMES = package.constants.actions
NOOP, DO, SLEEP = (NAMES.index(x) for x in ('noop', 'do', 'sleep'))


class OrderedWorld(package.engine.World):
  """The map of the package, with sets in order of insertion."""

  def reset(self, seed=None):
    super().reset(seed)
    self._chunks = collections.defaultdict(world.Ordered)


class Twins:
  """Both games, stepped together and compared in all details."""

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
    """Compares the parts of the state that a picture does not show."""
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
    """All attributes that are not links to other objects."""
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
    """Applies the same change to both games."""
    for env in (self.theirs, self.ours):
      change(env, *args)

  def random(self, steps, seed):
    rng = np.random.RandomState(seed)
    done = True
    for _ in range(steps):
      if done:
        self.reset()
      done = self.step(rng.randint(len(NAMES)))


# Changes of a game


def put(env, thing):
  """Puts a material or a creature in front of the player."""
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
  """Puts a table and a furnace next to the player, diagonally."""
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


def test_spaces_equal_the_package():
  twins = Twins(0)
  assert twins.ours.observation_space.shape == (64, 64, 3)
  for name in ('observation_space', 'action_space', 'action_names'):
    left, right = getattr(twins.theirs, name), getattr(twins.ours, name)
    assert left == right


# Random and scripted play


@pytest.mark.parametrize('seed', range(3))
def test_random_play_equals_the_package(seed):
  Twins(seed).random(130, seed)


def test_every_achievement_equals_the_package():
  twins = Twins(7)
  tour(twins)
  assert twins.seen == set(game.ACHIEVEMENTS)


def test_nights_awake_and_asleep_equal_the_package():
  twins = Twins(11)
  twins.reset()
  # It is dark after about 200 of 300 steps and darkest after 210.
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


def test_edges_of_the_world_equal_the_package():
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
    # Next to the edge `nearby` returns nothing, in both games.
    twins.step(NAMES.index('make_wood_sword'))


def test_death_and_the_time_limit_equal_the_package():
  twins = Twins(5, length=3)
  for _ in range(2):
    twins.reset()
    assert [twins.step(NOOP) for _ in range(3)] == [False, False, True]
  twins.reset()
  twins.edit(put, 'lava')
  assert twins.step(NAMES.index('move_down'))
  silent = Twins(5, reward=False)
  silent.random(30, 0)


def test_arrows_equal_the_package():
  twins = Twins(2)
  twins.reset()

  def corridor(env):
    """The player in a path with a table, between two skeletons."""
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
  # An arrow destroys a table.
  assert twins.ours._world[x + 3, y][0] == 'path'


def test_creatures_appear_and_disappear_as_in_the_package():
  twins = Twins(6)
  twins.reset()

  def crowd(env):
    """More creatures than the rules allow, at distances from 1 to 9."""
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


# Long runs


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(20))
def test_a_thousand_random_steps_equal_the_package(seed):
  Twins(100 + seed).random(1000, seed)


@pytest.mark.slow
@pytest.mark.parametrize('seed', range(3))
def test_long_lives_equal_the_package(seed):
  """Three days and nights with achievements and sleep, then a death."""
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
