"""What the observation says of each action in battle."""

import numpy as np
import pytest

from embodied import envs
from embodied.envs.battlefactory import (
  challenge,
  engine,
  install,
  observation,
  rules,
)
from embodied.envs.battlefactory.engine import Battle
from embodied.experts.battlefactory import sheets
from tests.embodied.envs.battlefactory import needs

pytestmark = needs.ENGINE
SEED = [1, 2, 3, 4, 5]


def drawn(seed, streak=28):
  rng = np.random.default_rng(seed)
  return challenge.Challenge('level50', 'random', rng, streak)


def started(game, **changes):
  """The first view of a battle in which the foe's sets are changed."""
  teams = [challenge.team(game.offer[:3]), challenge.team(game.foe)]
  teams[1] = [x | changes for x in teams[1]]
  return Battle.start(engine.shared(), teams, 'random', SEED, 50)[1]


# Of who is not fully known: effort values of each stat if 510 are spread
# evenly, and a usual attack of each type.
TRAINED = 85  # effort values of each stat if 510 are spread evenly
TYPICAL = {
  'Normal': 'bodyslam', 'Fire': 'flamethrower', 'Water': 'surf',
  'Electric': 'thunderbolt', 'Grass': 'gigadrain', 'Ice': 'icebeam',
  'Fighting': 'brickbreak', 'Poison': 'sludgebomb', 'Ground': 'earthquake',
  'Flying': 'drillpeck', 'Psychic': 'psychic', 'Bug': 'signalbeam',
  'Rock': 'rockslide', 'Ghost': 'shadowball', 'Dragon': 'dragonclaw',
  'Dark': 'crunch', 'Steel': 'meteormash',
}  # fmt: skip


def seen(scene):
  """The foe in battle as a player would write it: average stats, no item, the
  moves that it used, and usual ones of types that these do not cover."""
  view, place = scene.view, scene.view['active'][1]
  mon, facts = scene.challenge.foe[place], install.data()['moves']
  iv = rules.foe_iv(scene.challenge.streak)
  base = mon.facts['base']
  points = [(2 * x + iv + TRAINED // 4) * mon.level // 100 for x in base]
  known = [*scene.foes[place]]
  attacks = {
    facts[x]['type'] for x in known if facts[x]['category'] != 'Status'
  }
  if len(known) < 4:
    known += [TYPICAL[x] for x in mon.types if x not in attacks]
  most = 1 if base[0] == 1 else points[0] + mon.level + 10
  return sheets.foe(scene, place, mon) | {
    'stats': [x + 5 for x in points[1:]], 'most': most, 'moves': known,
    'hp': max(1, most * view['foe'][place][0] // observation.BAR),
    'item': '', 'ability': mon.facts['abilities'][0],
  }  # fmt: skip


def test_estimates_are_those_of_the_formula():
  checked = 0
  env = envs.make_env('battlefactory_battle', 0, seed=2, round=5)
  obs = {'is_last': True}
  while checked < 12:
    first = obs['is_last']
    action = 0 if first else np.random.default_rng(checked).choice(
      np.flatnonzero(obs['mask']))  # fmt: skip
    obs = env.step({'action': np.int32(action), 'reset': np.bool_(first)})
    game = env
    while hasattr(game, 'env'):
      game = game.env
    scene, view = game.scene(), game.view
    one = scene.challenge.foe[view['active'][1]]
    # Which of two abilities it has is not known.
    if obs['is_last'] or len(one.facts['abilities']) > 1:
      continue
    if not view['foe'][view['active'][1]][0]:
      continue
    mine, other = sheets.own(scene), seen(scene)
    other |= {'item': '', 'ability': one.facts['abilities'][0]}
    dealt = sheets.estimates(mine, [other])
    taken = sheets.estimates([other], mine)[0]
    for i, found in enumerate(view['estimates']):
      if found is None:
        assert view['me'][i][0] == 0
        continue
      if len(mine[i]['moves']) == len(found[0]):
        want = [x * y / other['hp'] for x, y in dealt[i][0]]
        np.testing.assert_allclose(found[0], want)
      want = max((x * y for x, y in taken[i]), default=0) / mine[i]['hp']
      assert found[1] == pytest.approx(want)
      assert found[2] == (sheets.speed(mine[i]) > sheets.speed(other))
    checked += 1


def test_a_row_for_every_action():
  env = envs.make_env('battlefactory_battle', 0, seed=1, round=5)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  while hasattr(env, 'env'):
    env = env.env
  rows = obs['choices'].reshape(observation.CHOICES, observation.CHOICE)
  lead, *rest = env.view['estimates']
  count = len(env.view['moves'])
  np.testing.assert_allclose(rows[:count, 0], lead[0], rtol=1e-6)
  np.testing.assert_allclose(rows[:count, 1:4], [[*lead[1:], 1.0]] * count)
  for row, own in zip(rows[4:], rest, strict=True):
    np.testing.assert_allclose(row[:4], [max(own[0]), *own[1:], 1.0])
    assert not row[4:].any()
  for row, (move, *_) in zip(rows, env.view['moves'], strict=False):
    np.testing.assert_allclose(row[4:], observation.effects()[move])


def test_nobody_sees_through_the_foe():
  game = drawn(3)
  plain = started(game)['estimates']
  nothing = {'evs': dict.fromkeys(challenge.STATS, 0), 'nature': 'jolly'}
  assert plain == started(game, item='', **nothing)['estimates']
  assert plain == started(game, moves=['splash'])['estimates']
  # Its level is told, though.
  assert plain != started(game, level=80)['estimates']


def test_what_moves_do_by_hand():
  table = observation.effects()
  assert all(len(x) == observation.EFFECTS for x in table.values())
  told = lambda move: {
    i: x for i, x in enumerate(table[move]) if x
  }  # fmt: skip
  sleep, paralysis, poison, burn, freeze = range(5)
  attack, defence = 10, 11
  assert told('spore') == {sleep: 1} and told('toxic') == {poison: 1}
  assert told('bodyslam') == {paralysis: 0.3}
  assert told('icebeam') == {freeze: 0.1} and told('willowisp') == {burn: 1}
  assert told('swordsdance') == {attack: 1}
  assert told('bulkup') == {attack: 0.5, defence: 0.5}
  assert told('screech') == {15: -1} and told('sandattack') == {16: -0.5}
  assert told('recover') == {17: 0.5} and told('gigadrain') == {18: 0.5}
  assert told('explosion') == {19: 1} and told('hyperbeam') == {20: 1}
  assert told('reflect') == {21: 1} and told('protect') == {22: 1}
  assert told('metalclaw') == {attack: pytest.approx(0.05)}
  assert told('tackle') == {}
