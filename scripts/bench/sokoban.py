"""How fast Sokoban is, resets included.

    python -m scripts.bench.sokoban --levels ../shared/boxoban/hard

Counts steps of random actions per second, by cases: the compiled game with
rooms made at random, for sizes and numbers of boxes, and with the levels of a
folder if one is given; the environment's `step`, which makes dicts of arrays;
and the environment in a run, whose wrappers check every step. Episodes have
120 steps at most. The cases take turns.
"""

import functools

import numba
import numpy as np

from embodied import envs
from embodied.envs.fast_sokoban import levels, rooms, rules
from embodied.envs.sokoban import Sokoban
from scripts import arguments, results

LENGTH, ACTIONS = 120, len(rules.ACTIONS)
# Cells of a side, and boxes.
ROOMS = (5, 1), (6, 2), (7, 1), (7, 2), (7, 3), (8, 1), (8, 2), (8, 3)


@numba.njit
def play(random, known, size, boxes, steps):
  """Plays so many steps; in rooms made at random if `known` `[N, H * W]`, the
  levels of a folder, is empty. Returns the number of episodes."""
  width = known.shape[1] // size
  cells, numbers = np.zeros(size * width, np.uint8), np.zeros(4, np.int64)
  episodes = 0
  for _ in range(steps):
    if not episodes or not numbers[rules.LEFT] or numbers[1] >= LENGTH:
      if len(known):
        room = known[rooms.draw(random, len(known))]
        rules.load(cells, numbers, room)
      else:
        room, _ = rooms.generate(random, size, boxes)
        rules.load(cells, numbers, room)
      episodes += 1
    rules.step(cells, numbers, width, rooms.draw(random, ACTIONS))
  return episodes


def game(known, size, boxes):
  """A function that plays so many steps of the compiled game."""
  random = np.array([0], np.uint64)
  return functools.partial(play, random, known, size, boxes)


def environment(env):
  """A function that plays so many steps of an environment."""
  rng = np.random.default_rng(0)

  def played(steps):
    reset = np.True_
    for action in rng.integers(0, ACTIONS, steps, np.int32):
      reset = env.step({'action': action, 'reset': reset})['is_last']

  return played


def cases(folder):
  """Name of each case -> what plays it."""
  nothing = lambda size: np.zeros((0, size * size), np.uint8)
  found = {f'{n}x{n}, {b}': game(nothing(n), n, b) for n, b in ROOMS}
  if folder:
    known = levels.read(folder).cells
    flat = known.reshape(len(known), -1)
    found['levels'] = game(flat, known.shape[1], 0)
  found['step'] = environment(Sokoban('small', seed=0))
  made = envs.make_env('sokoban_small', 0, seed=0)
  return found | {'in a run': environment(made)}


def main(argv):
  parser = arguments.parser(__doc__, 'sokoban-speed')
  add = parser.add_argument
  add('--levels', default='', help='a folder of level files')
  add('--rounds', type=arguments.count, default=5)
  add('--steps', type=arguments.count, default=1_000_000)
  args = parser.parse_args(argv)
  found = cases(args.levels)
  # A call that takes a second or so.
  counts = {k: args.steps for k in found}
  counts |= {k: max(1, args.steps // 50) for k in ('step', 'in a run')}
  speeds = results.turns(
    {k: functools.partial(speed, v, counts[k]) for k, v in found.items()},
    args.rounds,
  )
  lines = results.Lines(args.out)
  for case, each in speeds.items():
    per = {x: results.median([y[x] for y in each]) for x in ('cpu', 'wall')}
    lines.add(
      {
        'bench': 'sokoban',
        'case': case,
        'steps_per_cpu_second': per['cpu'],
        'steps_per_second': per['wall'],
        'rounds': args.rounds,
        'steps': counts[case],
        **results.machine(),
      }
    )


def speed(played, steps):
  """Steps per second of one call."""
  return {k: steps / v for k, v in results.timed(played, steps).items()}


if __name__ == '__main__':
  arguments.run(main)
