"""How well scripted players do in the Battle Factory.

    python -m scripts.experiments.factory

Each player fights each opponent in `--battles` battles of the first eight
rounds, with three rentals of the round against three of its sets; every
player gets the same teams. `round` is the Factory's own trainer of the round.
`drafted` is the same after a draft of three out of six, which all but the
expert do at random. Then each player tries `--runs` challenges from the first
round on against the Factory's own trainers. Shares have intervals of 95%
(Wilson). The file keeps what it has of other players and parts; each part has
its own command and commit.
"""

import json

import numpy as np

from embodied.envs.battlefactory import engine, rules
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.experts import make_expert
from ponderdream.page import intervals
from ponderdream.settings import processes
from scripts import arguments, results

BASELINES = ('random', 'power', 'damage', 'switching')
EXPERTS = {
  'expert': {},
  'expert, privileged': {'privileged': True},
}
FOES = ('trainer0', 'trainer1', 'trainer3', 'switching')
ROUND = 'round'
PARTS = (*FOES, ROUND, 'drafted', 'streak')
ROUNDS = 8


class Baseline:
  """A player of `players.js` that drafts at random and keeps its team."""

  def __init__(self, name):
    self.name = name

  def reset(self, seed):
    self.random = np.random.default_rng(seed)

  def act(self, env):
    if env.phase == 'battle':
      return env.battle.advice(self.name)
    if env.phase == 'swap':
      return int(np.flatnonzero(env.mask())[0])
    return int(self.random.choice(np.flatnonzero(env.mask())))


def player(name):
  """The player of that name."""
  if name in BASELINES:
    return Baseline(name)
  return make_expert('battlefactory', **EXPERTS[name])


def episode(who, env, seed, battles=0):
  """The log values at the end of an episode, or after so many battles."""
  who.reset(seed)
  obs = env.step({'action': 0, 'reset': True})
  while not obs['is_last'] and not (battles and obs['log/battles'] >= battles):
    obs = env.step({'action': who.act(env), 'reset': False})
  return obs


def share(wins, count):
  found = intervals.wilson(wins, count)
  return {
    'share': found.value, 'low': found.low, 'high': found.high, 'of': count,
  }  # fmt: skip


def battles(who, foe, count, args, task='battle'):
  """Share of the battles against `foe` that are won."""
  wins, foe = 0, '' if foe == ROUND else foe
  for first in range(1, ROUNDS + 1):
    env = BattleFactory(
      task, seed=args.seed + first, round=first, foe=foe, sets=args.sets
    )
    for i in range(-(-count // ROUNDS)):
      wins += int(episode(who, env, i, battles=1)['reward'] > 0)
  return share(wins, ROUNDS * -(-count // ROUNDS))


def challenges(who, args):
  """Streaks from the first round on."""
  env = BattleFactory('level50', seed=args.seed, sets=args.sets)
  logs = [episode(who, env, i) for i in range(args.runs)]
  streaks = np.array([int(x['log/streak']) for x in logs])
  won = int((streaks >= rules.BATTLES).sum())
  return {
    'mean': streaks.mean(),
    'interval': intervals.of_mean(streaks).half,
    'median': float(np.median(streaks)),
    'best': int(streaks.max()),
    'round': share(won, len(streaks)),
  }


def measure(who, part, args):
  """One number of a player, with its interval."""
  if part == 'streak':
    return challenges(who, args)
  if part == 'drafted':
    return battles(who, 'switching', args.battles, args, 'level50')
  return battles(who, part, args.battles, args)


def told(part, numbers):
  """A result in a few words."""
  if part != 'streak':
    return f'{100 * numbers["share"]:.1f}% of {numbers["of"]}'
  rounds = 100 * numbers['round']['share']
  return f'{numbers["mean"]:.2f} wins, {rounds:.1f}% of the first rounds'


def main(argv):
  parser = arguments.parser(__doc__, 'factory')
  names = [*BASELINES, *EXPERTS]
  add = parser.add_argument
  add('--battles', type=arguments.count, default=400)
  add('--runs', type=arguments.count, default=200)
  add('--seed', type=arguments.whole(0), default=0)
  add('--sets', default='random', help='random or frontier')
  add('--players', nargs='+', default=names, choices=names)
  add('--parts', nargs='+', default=PARTS, choices=PARTS)
  args = parser.parse_args(argv)
  path = results.named(args.out, '.json')
  found = json.loads(path.read_text()) if path.exists() else {}
  engine.shared()
  how = {'command': results.command(), 'commit': processes.commit()}
  how['sets'] = args.sets
  for name in args.players:
    for part in args.parts:
      numbers = measure(player(name), part, args)
      found.setdefault(name, {})[part] = numbers | how
      print(f'{name}, {part}: {told(part, numbers)}', flush=True)
      results.write(args.out, found)


if __name__ == '__main__':
  arguments.run(main)
