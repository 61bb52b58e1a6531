"""How well a trained agent fights in the Battle Factory, and when it thinks.

    python -m scripts.experiments.battles --logdir DIR

The agent of a run fights each opponent in `--battles` battles of the first
eight rounds, at equal sets: with the teams that factory.py gives to scripted
players. `round` is the Factory's own trainer of the round, `damage` takes the
move with most damage, and `switching` also switches by matchup. Then it fights
again with its surest actions, at the median level, and, if it ponders, with
its first level alone. Writes JSON, and prints shares of won battles with
intervals of 95% (Wilson), and ponder steps by situation:

  forced       one action is allowed
  replacement  the Pokemon in battle has fainted
  last stand   the last one of the team fights
  even         the best move takes about as large a share of the foe's hit
               points as the foe's best one takes of the own
  ahead, behind  it takes more, or less
"""

import pathlib

import numpy as np

from embodied.envs.battlefactory.environment import BattleFactory
from embodied.errors import UsageError
from ponderdream import agent, checkpoint, factories, settings
from ponderdream.dream import foreseen
from scripts import arguments, results
from scripts.experiments import factory

FOES = (factory.ROUND, 'damage', *reversed(factory.FOES))
ASKED = FOES[:3]
RESET = {'action': np.int32(0), 'reset': np.True_}
# Difference of shares of hit points below which a matchup is even.
EVEN = 0.15


def recalled(folder):
  """The configuration of a run. Raises UsageError if it plays another game."""
  config = settings.recall(str(folder))
  if not config.task.startswith('battlefactory_'):
    raise UsageError(
      f"The run in {folder} plays '{config.task}'; give one of a task"
      ' battlefactory_...'
    )
  return config


def arena(config, foe, seed):
  """A game for each of the first rounds, against one opponent."""
  own = dict(config.env.battlefactory) | {'shaped': 0.0}
  own['foe'] = '' if foe == factory.ROUND else foe
  rounds = range(1, factory.ROUNDS + 1)
  return [
    BattleFactory('battle', seed=seed + i, **own | {'round': i})
    for i in rounds
  ]


def opened(folder, config, games, most=0, surest=False):
  """The agent of a run, with at most so many levels, 0 for all."""
  if most:
    config = config.update({'ponder.max_steps': most})
  config = factories.setup(config)
  spaces = games[0].obs_space, games[0].act_space
  acting = agent.Acting(foresees=True)
  if surest:
    median = config.ponder.mode == 'pondernet'
    acting = acting._replace(
      greedy=True, halt='median' if median else 'sample'
    )
  acting = {'eval': acting}
  player = factories.make_agent(spaces, config, acting)
  checkpoint.restore(player, folder / 'checkpoints')
  return player


def situation(game):
  """What kind of decision is due in a battle."""
  if game.mask().sum() == 1:
    return 'forced'
  view = game.view
  if view['kind'] == 'switch':
    return 'replacement'
  if sum(hp > 0 for hp, *_ in view['me']) == 1:
    return 'last stand'
  damage, taken, _ = view['estimates'][view['active'][0]]
  edge = max(damage) - taken
  if abs(edge) < EVEN:
    return 'even'
  return 'ahead' if edge > 0 else 'behind'


def play(player, games, each):
  """`each` battles of every game.

  Returns:
    Whether each was won, and all decisions, as tuples of the situation, the
    levels that were computed, and their expected number.
  """
  carry = player.init_policy(len(games))
  wins, thoughts = [[] for _ in games], []
  obs = [game.step(RESET) for game in games]
  while min(map(len, wins)) < each:
    seen = {k: np.stack([x[k] for x in obs]) for k in obs[0]}
    carry, acts, outs = player.policy(carry, seen, mode='eval')
    p = np.exp(outs[foreseen.HALTS])
    expected = p @ np.arange(1, p.shape[1] + 1)
    levels = outs.get('log/ponder_steps', np.ones(len(games)))
    for i, game in enumerate(games):
      if len(wins[i]) == each:
        continue
      if not obs[i]['is_last']:
        thoughts.append((situation(game), levels[i], expected[i]))
        act = {'action': acts['action'][i], 'reset': np.False_}
        obs[i] = game.step(act)
        continue
      if obs[i]['is_terminal']:  # the engine did not fail
        wins[i].append(obs[i]['reward'] > 0)
      obs[i] = game.step(RESET)
  return np.concatenate(wins), thoughts


def thinking(thoughts):
  """Number of decisions, and mean levels, by situation."""
  by = {}
  for name, *levels in thoughts:
    by.setdefault(name, []).append(levels)
  return {
    name: dict(zip(('of', 'levels', 'expected'),
                   (len(x), *np.mean(x, 0)), strict=True))
    for name, x in sorted(by.items())
  }  # fmt: skip


def measure(folder, args):
  """Of the agent of a run: `{case: {foe: share}}` and its thinking."""
  config, found = recalled(folder), {}
  cases = {'as learnt': {}, 'surest': {'surest': True}}
  if config.ponder.mode != 'none':
    cases['one level'] = {'most': 1}
  each = -(-args.battles // factory.ROUNDS)
  for case, how in cases.items():
    player, thoughts = None, []
    for foe in args.foes:
      games = arena(config, foe, args.seed)
      player = player or opened(folder, config, games, **how)
      wins, more = play(player, games, each)
      thoughts += more
      share = factory.share(int(wins.sum()), len(wins))
      found.setdefault(case, {})[foe] = share
      print(f'{case}, {foe}: {factory.told(foe, share)}', flush=True)
    found[case]['thinking'] = thinking(thoughts)
  return found


def main(argv):
  parser = arguments.parser(__doc__, 'battles')
  add = parser.add_argument
  add('--logdir', type=pathlib.Path, required=True)
  add('--battles', type=arguments.count, default=400, help='of each opponent')
  add('--foes', nargs='+', choices=FOES, default=ASKED)
  add('--seed', type=arguments.whole(0), default=0)
  args = parser.parse_args(argv)
  found = measure(args.logdir, args)
  results.write(args.out, {'command': results.command(), **found})
  results.table(results.plain(found['as learnt']['thinking']))


if __name__ == '__main__':
  arguments.run(main)
