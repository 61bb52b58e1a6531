"""How fast Crafter is: the package's game against ours.

    python -m scripts.bench.env

Plays with a random policy, resets included, and counts steps per second: the
`crafter` package with numba, the same as pip installs it (without numba), our
game, and our environment as a run has it, with its wrappers. Each has a
process of its own. They take turns, and `ratio` is the median over the rounds
of the steps per CPU second against the package's with numba in the same round
(`ratio_wall`: per second of the clock). Run it on a quiet machine.
"""

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
  """Body of a process: plays as many steps as it is asked to."""
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


def measure(lines, rounds, steps):
  """The cases in turns, a process each."""
  module = sys.executable, 'scripts.bench.env', '--serve'
  children = {x: serve.Child(*module, x) for x in CASES}
  speeds = {x: [] for x in CASES}
  for _ in range(rounds + 1):
    for case, child in children.items():
      # The slow one plays less; it still meets several resets.
      amount = steps // 4 if case == 'package_without_numba' else steps
      took = child('play', amount)
      speeds[case].append({k: amount / v for k, v in took.items()})
  for case, child in children.items():
    child.close()
    # The first round compiles.
    pairs = list(zip(speeds[case], speeds['package'], strict=True))[1:]
    line = {'bench': 'env', 'case': case}
    for key, unit in (('cpu', 'cpu_second'), ('wall', 'second')):
      line[f'steps_per_{unit}'] = results.median([x[key] for x, _ in pairs])
      ratio = results.median([a[key] / b[key] for a, b in pairs])
      line['ratio' if key == 'cpu' else 'ratio_wall'] = ratio
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
