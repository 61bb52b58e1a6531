"""How fast the Battle Factory is, by processor time of Python and Node.

    python -m scripts.bench.factory

Counts steps per second of an environment as a run makes it, under random
actions and with resets, and battles per second between two of the engine's
players. The time is that of both processes together, so it is that of one
core. The medians of the rounds are written, one line per case.
"""

import os
import time

import numpy as np

from embodied import envs
from embodied.envs.battlefactory import challenge, engine
from scripts import arguments, results

TASK, PLAYERS = 'battlefactory_level50', ('switching', 'trainer3')
TICK = os.sysconf('SC_CLK_TCK')


def seconds():
  """Processor time of this process and of its child."""
  with open(f'/proc/{engine.shared().pid}/stat') as file:
    fields = file.read().rpartition(')')[2].split()
  return time.process_time() + (int(fields[11]) + int(fields[12])) / TICK


def steps(env, count):
  """Steps per second of random actions."""
  rng, obs = np.random.default_rng(0), {'is_last': True}
  mask, begin = None, seconds()
  for _ in range(count):
    first = mask is None or obs['is_last']
    action = 0 if first else rng.choice(np.flatnonzero(mask))
    obs = env.step({'action': np.int32(action), 'reset': np.bool_(first)})
    mask = obs['mask']
  return count / (seconds() - begin)


def battles(count, seed):
  """Battles per second between `PLAYERS`, with teams of all rounds."""
  begin = seconds()
  for i in range(count):
    rng = np.random.default_rng((seed, i))
    game = challenge.Challenge('level50', 'random', rng, 7 * (i % 8))
    engine.shared().ask(
      'play',
      teams=[challenge.team(game.offer[:3]), challenge.team(game.foe)],
      players=PLAYERS,
      seed=[i, 1, 2, 3],
      draws=i,
      cap=200,
    )
  return count / (seconds() - begin)


def main(argv):
  parser = arguments.parser(__doc__, 'factory-speed')
  parser.add_argument('--rounds', type=arguments.count, default=5)
  parser.add_argument('--steps', type=arguments.count, default=2000)
  args = parser.parse_args(argv)
  env, lines = envs.make_env(TASK, 0, seed=0), results.Lines(args.out)
  count = max(1, args.steps // 20)
  cases = {
    'steps': lambda i: steps(env, args.steps),
    'battles': lambda i: battles(count, i),
  }
  for case, run in cases.items():
    run(-1 % 1000)  # compiles
    rates = [run(i) for i in range(args.rounds)]
    line = {'bench': 'factory', 'case': case, 'rounds': args.rounds}
    line['per_core_second'] = results.median(rates)
    lines.add({**line, 'slowest': min(rates), **results.machine()})


if __name__ == '__main__':
  arguments.run(main)
