"""How well the scripted experts play, and how fast.

    python -m scripts.experiments.experts --episodes 50 --seed 10000

Plays each of VARIANTS of the Crafter expert for so many episodes, which end
with death, with the last achievement, or after --length steps. Writes
scripts/results/experts.json: the mean number of achievements with a 95%
interval, the share of the episodes in which each was unlocked, Crafter's
score of these shares, deaths, lengths, and steps per second of processor time
with pictures. The file keeps what it
has of other variants.
"""

import json
import time

import numpy as np

from embodied.envs.achievements import score
from embodied.envs.crafter import ACHIEVEMENTS, Crafter
from embodied.experts import make_expert
from ponderdream.page import intervals
from scripts import arguments, results

VARIANTS = {
  'fog': {},
  'privileged': {'privileged': True},
  'noise 0.1': {'noise': 0.1},
  'noise 0.3': {'noise': 0.3},
  'disorder': {'disorder': True},
  'forgetful': {'forgetful': True},
  'asked': {'asked': True},
}


def play(seed, length, variant):
  """One episode: what was unlocked, its length, and whether it was fatal."""
  env = Crafter('reward', seed=seed, length=length)
  expert = make_expert('crafter', **variant)
  expert.reset(seed)
  obs = env.step({'action': 0, 'reset': True})
  steps, unlocked = 0, set()
  begin = time.process_time()
  while not obs['is_last'] and len(unlocked) < len(ACHIEVEMENTS):
    obs = env.step({'action': expert.act(env), 'reset': False})
    unlocked = {x for x in ACHIEVEMENTS if obs[f'log/achievement_{x}']}
    steps += 1
  seconds = time.process_time() - begin
  return {
    'seed': seed,
    'unlocked': sorted(unlocked),
    'steps': steps,
    'dead': bool(obs['is_terminal']),
    'seconds': seconds,
  }


def summary(episodes):
  """The numbers of one variant."""
  counts = np.array([len(x['unlocked']) for x in episodes])
  share = {
    name: 100 * float(np.mean([name in x['unlocked'] for x in episodes]))
    for name in ACHIEVEMENTS
  }
  steps = sum(x['steps'] for x in episodes)
  return {
    'achievements': float(counts.mean()),
    'interval': intervals.of_mean(counts).half,
    'least': int(counts.min()),
    'most': int(counts.max()),
    'score': score(list(share.values())),
    'deaths': sum(x['dead'] for x in episodes),
    'steps': steps / len(episodes),
    'steps_per_second': steps / sum(x['seconds'] for x in episodes),
    'success': share,
  }


def main(argv):
  parser = arguments.parser(__doc__, 'experts')
  parser.add_argument('--episodes', type=arguments.count, default=50)
  parser.add_argument('--seed', type=arguments.whole(0), default=10000)
  parser.add_argument('--length', type=arguments.count, default=3000)
  parser.add_argument('--variants', nargs='+', default=list(VARIANTS))
  args = parser.parse_args(argv)
  play(args.seed, 50, {})  # compiles the environment
  path = results.named(args.out, '.json')
  found = json.loads(path.read_text()) if path.exists() else {}
  for name in args.variants:
    seeds = range(args.seed, args.seed + args.episodes)
    episodes = [play(x, args.length, VARIANTS[name]) for x in seeds]
    found[name] = {'command': results.command(), **summary(episodes)}
    line = found[name]
    print(
      f'{name}: {line["achievements"]:.2f} achievements, score'
      f' {line["score"]:.1f}%, {line["deaths"]} deaths,'
      f' {line["steps_per_second"]:.0f} steps/s',
      flush=True,
    )
  results.write(args.out, found)


if __name__ == '__main__':
  arguments.run(main)
