"""A trained agent in the Battle Factory, to be watched in the terminal.

python -m ponderdream.battle --logdir DIR

It plays one battle, or one challenge, of the kind that it was trained on. Each
decision shows the battle, how many levels the agent thought, and the action
that it would take at each of them, with its probability to halt there; an
agent with words also says its goals.
"""

import argparse
import random
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from embodied.base import Obs
from embodied.envs.battlefactory import install, play
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.errors import UsageError
from ponderdream import checkpoint, factories, settings, texts
from ponderdream.agent import Acting
from ponderdream.dream import foreseen
from ponderdream.trackers import HALTS, SAID, SURELY, spoken

TASK = 'battlefactory_'


def game_of(config: Any, seed: int) -> BattleFactory:
  """The game that a run was trained on. Raises UsageError for another one."""
  if not config.task.startswith(TASK):
    raise UsageError(
      f"The run in {config.logdir} plays '{config.task}'; give one of a task"
      f' {TASK}...'
    )
  own = dict(config.env.battlefactory)
  return BattleFactory(config.task.removeprefix(TASK), seed=seed, **own)


def player(
  config: Any, game: BattleFactory, write: Callable[[str], None] = print
) -> play.Choose:
  """The agent of a run, which tells what it thinks."""
  config = factories.setup(config)
  acting = {'eval': Acting(aloud=True, foresees=True)}
  spaces = game.obs_space, game.act_space
  agent = factories.make_agent(spaces, config, acting)
  checkpoint.restore(agent, factories.checkpoints(config))
  decode = texts.decoder(config)
  carry = agent.init_policy(1)

  def choose(game: BattleFactory, obs: Obs) -> int:
    nonlocal carry
    seen = {k: np.asarray(v)[None] for k, v in obs.items() if k[:4] != 'log/'}
    carry, acts, outs = agent.policy(carry, seen, 'eval')
    for line in thoughts(game, {k: v[0] for k, v in outs.items()}):
      write(f'  {line}')
    if decode is not None:
      said = spoken(outs[SAID][0], outs[HALTS][0], decode)
      write(f'  {" > ".join(text for text, _ in said)}')
    return int(acts['action'][0])

  return choose


def thoughts(game: BattleFactory, outs: Any) -> list[str]:
  """A line for each level up to the one by which it has surely halted."""
  halts = np.exp(outs[foreseen.HALTS])
  count = 1 + int((halts.cumsum() < SURELY).sum())
  names = play.options(game)
  lines = [f'value {float(outs[foreseen.VALUE]):.2f}']
  if 'log/ponder_steps' in outs:
    lines[0] += f', {outs["log/ponder_steps"]:g} ponder steps'
  for halt, choice in zip(halts[:count], outs[foreseen.CHOICE], strict=False):
    lines.append(f'{halt:4.0%}  {names.get(int(choice[0]), "?")}')
  return lines


def main(argv: list[str]) -> int:
  """Runs the command; returns the exit code."""
  parser = argparse.ArgumentParser(
    prog='python -m ponderdream.battle',
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument('--logdir', required=True, help='of a training')
  parser.add_argument('--seed', type=int, default=random.randrange(10**9))
  args = parser.parse_args(argv)
  try:
    config = settings.recall(args.logdir)
    install.setup()
    game = game_of(config, args.seed)
    play.play(game, player(config, game))
    return 0
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
