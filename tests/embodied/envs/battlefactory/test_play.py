"""The Factory in the terminal."""

from embodied.envs.battlefactory import play, words
from embodied.envs.battlefactory.environment import BattleFactory
from embodied.experts import make_expert
from tests.embodied.envs.battlefactory import needs

pytestmark = needs.ENGINE


def session(answers, task='level50', watch=False):
  """What a person reads who types these answers, and the streak."""
  left, said = iter(answers), []

  def read(_):
    try:
      return next(left)
    except StopIteration:
      raise EOFError from None

  who = play.person(read, said.append)
  if watch:
    who = play.watched(make_expert('battlefactory'), 0, said.append)
  streak = play.play(BattleFactory(task, seed=0), who, said.append)
  return said, streak


def test_a_person_drafts_and_fights():
  said, streak = session(['x', '9', '1', '1', '1', '1'])
  text = '\n'.join(said)
  assert text.count('Type a number from 1 to 6') == 2
  assert 'Round 1, battle 1.' in text and ' used ' in text
  assert streak == 0 and said[-1] == '0 wins in a row.'
  game = BattleFactory('level50', seed=0)
  game.step({'action': 0, 'reset': True})
  names = [x.name for x in game.challenge.offer[:3]]
  for name in names:
    assert f'Your {name}' in text


def test_every_action_has_a_name():
  game = BattleFactory('level50', seed=1, foe='random')
  obs, seen = game.step({'action': 0, 'reset': True}), set()
  for _ in range(120):
    found = play.options(game)
    seen |= {x.split()[0] for x in found.values()}
    obs = game.step({'action': next(iter(found)), 'reset': obs['is_last']})
  assert {'take', 'switch', 'keep', 'swap'} <= seen


def test_the_expert_can_be_watched():
  said, streak = session([], task='battle', watch=True)
  text = '\n'.join(said)
  assert 'win the round > win battle 1 > ' in text
  assert streak in (0, 1) and 'You ' in text


def test_what_happened_is_told():
  lines = [
    '|move|p1a: Starmie|Surf|p2a: Golem',
    '|-supereffective|p2a: Golem',
    '|-damage|p2a: Golem|0 fnt',
    '|faint|p2a: Golem',
    '|-status|p1a: Starmie|par',
    '|-status|p1a: Starmie|slp|[from] move: Rest',
    '|turn|2',
  ]
  assert words.happened(lines) == [
    'Your Starmie used Surf.',
    'It is super effective.',
    'Their Golem fainted.',
    'Your Starmie is paralysed now.',
  ]
