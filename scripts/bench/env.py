"""How fast Crafter is: the package's game against ours.

    python -m scripts.bench.env

Counts steps per second of a random policy, resets included: of the `crafter`
package with numba, of the package as pip installs it (without numba), of our
game, and of our environment in a run, with its wrappers. Each has its own
process. They take turns. `ratio` is the median over the rounds of the steps
per CPU second, divided by those of the package with numba in the same round
(`ratio_wall`: per second of wall-clock time). Run it on an idle machine.
"""

import functools
import sys

import numpy as np

from scripts import arguments, results
from scripts.bench import serve

CASES = 'package', 'package_without_numba', 'ours', 'ours_in_a_run'
TASK, ACTIONS, SEED = 'crafter_reward', 17, 0


def play_game(env):
  """A function that plays a game with the package's interface."""
  rng = np.random.RandomState(SEED)
  env.reset()

  def play(steps):
    for _ in range(steps):
      if env.step(rng.randint(ACTIONS))[2]:
        env.reset()

  return play


def play_run():
  """A function that plays the environment that a run makes."""
  from embodied import envs

  env = envs.make_env(TASK, 0, seed=SEED)
  rng = np.random.RandomState(SEED)
  obs = {'is_last': np.True_}

  def play(steps):
    nonlocal obs
    for _ in range(steps):
      action = np.int32(rng.randint(ACTIONS))
      obs = env.step({'action': action, 'reset': obs['is_last']})

  return play


def serve_case(case):
  """Main function of a process, which plays steps on request."""
  if case == 'package_without_numba':
    sys.modules['numba'] = None  # importing it fails, as if it were not there
  if case == 'ours_in_a_run':
    play = play_run()
  elif case == 'ours':
    from embodied.envs.fast_crafter import game

    play = play_game(game.Game(True, 10000, SEED))
  else:
    import crafter

    play = play_game(crafter.Env(seed=SEED))
  serve.serve({'play': lambda steps: results.timed(play, steps)})


def speed(child, steps):
  """Steps per second of a process."""
  return {k: steps / v for k, v in child('play', steps).items()}


def measure(lines, rounds, steps):
  """The cases in turns, a process each."""
  module = sys.executable, 'scripts.bench.env', '--serve'
  children = {x: serve.Child(*module, x) for x in CASES}
  # The slow case plays fewer steps, with several resets.
  counts = dict.fromkeys(CASES, steps) | {'package_without_numba': steps // 4}
  speeds = results.turns(
    {k: functools.partial(speed, v, counts[k]) for k, v in children.items()},
    rounds,
  )
  for case, child in children.items():
    child.close()
    line = {'bench': 'env', 'case': case}
    for key, unit, name in (
      ('cpu', 'cpu_second', 'ratio'), ('wall', 'second', 'ratio_wall'),
    ):  # fmt: skip
      own = [x[key] for x in speeds[case]]
      line[f'steps_per_{unit}'] = results.median(own)
      line[name] = results.ratio(speeds[case], speeds['package'], key)
    lines.add({**line, 'rounds': rounds, 'steps': steps, **results.machine()})


def main(argv):
  if argv[:1] == ['--serve']:
    serve_case(argv[1])
    return
  parser = arguments.parser(__doc__, 'env')
  add, count = parser.add_argument, arguments.count
  add('--rounds', type=count, default=7)
  add('--steps', type=count, default=600)
  args = parser.parse_args(argv)
  measure(results.Lines(args.out), args.rounds, args.steps)


if __name__ == '__main__':
  arguments.run(main)
