"""The Factory in the terminal, for a person to play, or to watch who plays."""

from collections.abc import Callable

import numpy as np

from embodied.base import Obs
from embodied.envs.battlefactory import install, words
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.envs.battlefactory.game import DRAFT, KEEP, SWAP, Game
from embodied.experts import Expert

Choose = Callable[[BattleFactory, Obs], int | None]
END = ('q', 'quit', 'exit')


def options(game: Game) -> dict[int, str]:
  """What may be done now, in words, by action."""
  return {int(x): _named(game, int(x)) for x in np.flatnonzero(game.mask())}


def _named(game: Game, action: int) -> str:
  challenge, view = game.challenge, game.view
  if action >= SWAP:
    own, theirs = divmod(action - SWAP, 3)
    names = challenge.team[own].name, challenge.beaten[theirs].name
    return f'swap {names[0]} for {names[1]}'
  if action == KEEP:
    return 'keep the team'
  if action >= DRAFT:
    return f'take {challenge.offer[action - DRAFT].name}'
  assert view is not None
  if action >= 4:
    return f'switch to {challenge.team[view["bench"][action - 4]].name}'
  # Who has to struggle or to rest has no choice.
  if action >= len(view['moves']):
    return 'go on'
  return str(install.data()['moves'][view['moves'][action][0]]['name'])


def person(
  read: Callable[[str], str] = input, write: Callable[[str], None] = print
) -> Choose:
  """A player who types the place of an action, or q to stop."""

  def choose(game: BattleFactory, obs: Obs) -> int | None:
    found = options(game)
    for place, text in enumerate(found.values(), 1):
      write(f'  {place}  {text}')
    while True:
      try:
        answer = read('> ').strip().lower()
      except (EOFError, KeyboardInterrupt):
        return None
      if answer in END:
        return None
      if answer.isdecimal() and 1 <= int(answer) <= len(found):
        return list(found)[int(answer) - 1]
      write(f'Type a number from 1 to {len(found)}, or q to stop.')

  return choose


def watched(
  expert: Expert, seed: int, write: Callable[[str], None] = print
) -> Choose:
  """The expert, who says its goals."""
  expert.reset(seed)

  def choose(game: BattleFactory, obs: Obs) -> int:
    action = expert.act(game)
    write(f'  {" > ".join(x.text for x in expert.stack)}')
    return action

  return choose


def play(
  game: BattleFactory, choose: Choose, write: Callable[[str], None] = print
) -> int:
  """Plays one challenge, or one battle; returns the wins in a row.

  Args:
    choose: who plays: the next action after an observation, or None to stop.
    write: a line of the terminal.
  """
  obs = game.step({'action': 0, 'reset': True})
  while not obs['is_last']:
    write(f'\n{game.render()}')
    action = choose(game, obs)
    if action is None:
      break
    game.lines = []
    obs = game.step({'action': action, 'reset': False})
    for line in words.happened(game.lines):
      write(f'  {line}')
    if obs['reward']:
      write('You won the battle.' if obs['reward'] > 0 else 'You lost.')
  streak = int(game.counts['streak'])
  write(f'{streak} wins in a row.')
  return streak
