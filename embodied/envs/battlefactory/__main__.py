"""Brings the engine of the Battle Factory, or plays.

python -m embodied.envs.battlefactory setup
python -m embodied.envs.battlefactory play
python -m embodied.envs.battlefactory play --watch

A trained agent is watched by `python -m ponderdream.battle --logdir DIR`.
"""

import argparse
import random
import sys

from embodied.envs.battlefactory import install, play
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.errors import UsageError
from embodied.experts import make_expert


def parse(argv: list[str]) -> argparse.Namespace:
  """The command and its options; argparse ends the process if it must."""
  parser = argparse.ArgumentParser(
    prog='python -m embodied.envs.battlefactory',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  commands = parser.add_subparsers(dest='command', required=True)
  commands.add_parser('setup', help='bring the engine into your cache')
  one = commands.add_parser('play', help='play a challenge in the terminal')
  one.add_argument('--watch', action='store_true', help='the expert plays')
  one.add_argument('--task', default='level50', help='level50, open or battle')
  one.add_argument('--sets', default='random', help='random or frontier')
  one.add_argument('--seed', type=int, default=random.randrange(10**9))
  return parser.parse_args(argv)


def main(argv: list[str]) -> int:
  """Runs a command; returns the exit code."""
  args = parse(argv)
  try:
    # Playing needs the engine, too.
    print(f'The engine is in {install.setup()}.')
    if args.command == 'play':
      game = BattleFactory(args.task, seed=args.seed, sets=args.sets)
      choose = play.person()
      if args.watch:
        choose = play.watched(make_expert('battlefactory'), args.seed)
      play.play(game, choose)
    return 0
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
