"""The game: `crafter.Env` with faster code in its slow parts."""

import pickle
from collections.abc import Sequence
from typing import Any

import crafter
import numba
import numpy as np
from crafter import constants

from embodied.envs.fast_crafter import objects, picture, terrain
from embodied.envs.fast_crafter.world import AREA, REGION, World

Array = np.ndarray

ACTIONS = tuple(constants.actions)
ACHIEVEMENTS = tuple(constants.achievements)
CENTER = (AREA[0] // 2, AREA[1] // 2)
MATERIALS = 1 + len(constants.materials)
# Attributes that a pickle leaves out because they can be computed again.
TRANSIENT = ('_next', '_space')
# Creatures at this L1 distance from the player or farther do not act: it is
# twice the width of the view.
REACH = 2 * 9
# Number of steps between two times that creatures appear and disappear.
BALANCE = 10
SPAWN = {
  terrain.COW: objects.Cow,
  terrain.ZOMBIE: objects.Zombie,
  terrain.SKELETON: objects.Skeleton,
}


class Game(crafter.Env):
  """Does the same as `crafter.Env(reward=..., length=..., seed=...)`.

  Frames, rewards, dones, infos and random numbers equal those of the package,
  provided that it iterates over the objects of a region in the order in which
  they were added (see `world.World`). Copies and pickles contain only the
  state of the game, about 20 kB, and continue in the same way.

  Attributes:
    unlocked: names of the achievements of this episode.
  """

  # Read by `observation_space` of the package.
  _size = (picture.SIZE, picture.SIZE)

  def __init__(self, reward: bool, length: int, seed: int) -> None:
    self._reward = reward
    self._length = length
    self._seed = seed
    self._episode = 0
    self._world = World()
    self._next: tuple[int, terrain.Land] | None = None

  def prepare(self) -> None:
    """Generates the world of the next episode now. Changes no result."""
    episode = self._episode + 1
    if self._next is None or self._next[0] != episode:
      seed = hash((self._seed, episode)) % (2**31 - 1)
      self._next = episode, terrain.generate(seed, CENTER)

  def reseed(self, seed: int | Sequence[int]) -> None:
    """Replaces the random numbers of this world and of later ones."""
    words = np.random.SeedSequence(seed).generate_state(4)
    self._world.random.seed(words)
    self._seed = int(words[0])
    self._next = None

  def reset(self) -> Array:
    """Starts the next episode; returns its first picture."""
    self.prepare()
    assert self._next is not None
    self._episode, land = self._next
    self._next = None
    self._step = 0
    self.unlocked: set[str] = set()
    self._world.load(land.draws, land.ground)
    self._update_time()
    self._player = objects.Player(self._world, CENTER)
    self._last_health = self._player.health
    self._world.add(self._player)
    for kind, x, y in land.creatures:
      cls = SPAWN[kind]
      more = () if cls is objects.Cow else (self._player,)
      self._world.add(cls(self._world, (x, y), *more))
    return self.render()

  def step(self, action: int) -> tuple[Array, float, bool, dict[str, Any]]:
    """Acts once; returns picture, reward, done and info."""
    self._step += 1
    self._update_time()
    self._player.action = ACTIONS[action]
    self._update_objects()
    if self._step % BALANCE == 0:
      self._balance()
    image = self.render()
    reward = self._judge()
    dead = self._player.health <= 0
    info = {
      'inventory': self._player.inventory.copy(),
      'achievements': self._player.achievements.copy(),
      'discount': 1 - float(dead),
      'semantic': self._world.semantic(),
      'player_pos': np.array(self._player.pos),
      'reward': reward,
    }
    done = dead or self._step >= self._length
    return image, reward if self._reward else 0.0, done, info

  def render(self) -> Array:
    """The picture, uint8 `[64, 64, 3]`. At night each call draws new noise."""
    return picture.draw(self._world, self._player)

  def _update_objects(self) -> None:
    """Lets objects near the player act."""
    player = self._player
    for obj in self._world.objects:
      (x, y), (px, py) = obj.pos, player.pos
      if abs(x - px) + abs(y - py) < REACH:
        obj.update()

  def _judge(self) -> float:
    """The reward: a tenth of the change in health, 1 for achievements."""
    player = self._player
    reward = (player.health - self._last_health) / 10
    self._last_health = player.health
    done = {k for k, v in player.achievements.items() if v > 0}
    if done - self.unlocked:
      self.unlocked |= done
      reward += 1.0
    return reward

  def _balance(self) -> None:
    self._space = _count(self._world._mat_map, *REGION).tolist()
    for chunk, objs in self._world.chunks.items():
      self._balance_chunk(chunk, objs)

  def _balance_object(
    self,
    chunk: tuple[int, int, int, int],
    objs: Any,
    cls: Any,
    material: str,
    span_dist: int,
    despan_dist: int,
    spawn_prob: float,
    despawn_prob: float,
    ctor: Any,
    target_fn: Any,
  ) -> None:
    """Adds or removes one creature, by the numbers of `_balance_chunk`."""
    world, random = self._world, self._world.random
    members = [x for x in objs if isinstance(x, cls)]
    column = self._space[chunk[0] // REGION[0]][chunk[2] // REGION[1]]
    space = column[world._mat_ids[material]]
    least, most = target_fn(len(members), space)
    if len(members) < int(least) and random.uniform() < spawn_prob:
      cells = np.argwhere(world.mask(*chunk, material))
      x, y = cells[random.randint(0, len(cells))].tolist()
      pos = objects.Vec((chunk[0] + x, chunk[2] + y))
      away = self._player.distance(pos) >= span_dist
      if away and world[pos][1] is None:
        world.add(ctor(pos))
    elif len(members) > int(most) and random.uniform() < despawn_prob:
      obj = members[random.randint(0, len(members))]
      if self._player.distance(obj.pos) >= despan_dist:
        world.remove(obj)

  def __reduce__(self) -> tuple[Any, ...]:
    state = {k: v for k, v in vars(self).items() if k not in TRANSIENT}
    # Bytes, because a deep copy does not descend into them.
    return _restore, (pickle.dumps(state, pickle.HIGHEST_PROTOCOL),)


def _restore(state: bytes) -> Game:
  game = Game.__new__(Game)
  game.__dict__.update(pickle.loads(state), _next=None)
  return game


@numba.njit(cache=True)
def _count(ground, width, height):
  """Cells of each material in each region, `[x, y, material]`."""
  shape = ground.shape[0] // width + 1, ground.shape[1] // height + 1
  out = np.zeros((*shape, MATERIALS), np.int64)
  for x in range(ground.shape[0]):
    for y in range(ground.shape[1]):
      out[x // width, y // height, ground[x, y]] += 1
  return out
