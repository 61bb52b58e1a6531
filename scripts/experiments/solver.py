"""How many rooms the Sokoban expert solves, and how fast.

    python -m scripts.experiments.solver --levels ../shared/boxoban/hard

Plays every level of each folder once, at most --most of a folder. Writes
scripts/results/solver.json: the share of the levels that are solved within the
120 steps of an episode and planned within 10 seconds, with a 95% interval
(Wilson); seconds of wall-clock time for the plan (median, largest); fewest
pushes, steps, and stages of a plan on average. The file keeps what it has of
other folders. Without --levels it plays `sokoban_small`, 7x7 with two boxes.
"""

import json
import pathlib
import time

import numpy as np

from embodied import envs
from embodied.envs.fast_sokoban import levels
from embodied.experts import make_expert
from ponderdream.page import intervals
from scripts import arguments, results

LIMIT = 10.0  # seconds


def play(expert, env, seed):
  """One episode: whether it was solved, and what it took."""
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  steps, slowest = 0, 0.0
  while not obs['is_last']:
    begin = time.perf_counter()
    action = expert.act(env)
    # The first action waits for the plan, all others are fast.
    slowest = max(slowest, time.perf_counter() - begin)
    obs = env.step({'action': np.int32(action), 'reset': np.False_})
    steps += 1
  stages = [x for x in expert.nodes(steps) if x['level'] == 1]
  return {
    'solved': bool(obs['log/achievement_solved']),
    'seconds': slowest,
    'pushes': int(obs['log/pushes']),
    'steps': steps,
    'stages': len(stages),
  }


def summary(episodes):
  """The numbers of one folder."""
  good = [x['solved'] and x['seconds'] <= LIMIT for x in episodes]
  mean = lambda key: float(np.mean([x[key] for x in episodes]))
  seconds = [x['seconds'] for x in episodes]
  return {
    'levels': len(episodes),
    'solved': sum(good) / len(good),
    'interval': intervals.wilson(sum(good), len(good))[1:],
    'seconds_median': results.median(seconds),
    'seconds_most': max(seconds),
    'pushes': mean('pushes'),
    'steps': mean('steps'),
    'steps_most': max(x['steps'] for x in episodes),
    'stages': mean('stages'),
  }


def measure(folder, most):
  """The numbers of a folder of levels, or of rooms made at random."""
  expert = make_expert('sokoban', levels=folder)
  env = envs.make_env(expert.task, 0, seed=0, **expert.settings)
  # An environment plays each level once before one comes again.
  count = min(most, len(levels.read(folder).cells)) if folder else most
  play(expert, env, 0)  # compiles
  return summary([play(expert, env, seed) for seed in range(count)])


def main(argv):
  parser = arguments.parser(__doc__, 'solver')
  add = parser.add_argument
  add('--levels', nargs='*', default=[''], help='folders of level files')
  add('--most', type=arguments.count, default=1000)
  args = parser.parse_args(argv)
  path = results.named(args.out, '.json')
  found = json.loads(path.read_text()) if path.exists() else {}
  for folder in args.levels:
    name = '/'.join(pathlib.Path(folder).parts[-2:]) or 'sokoban_small'
    found[name] = measure(folder, args.most)
    found[name]['command'] = results.command()
    print(name, json.dumps(results.plain(found[name])), flush=True)
  results.write(args.out, found)


if __name__ == '__main__':
  arguments.run(main)
