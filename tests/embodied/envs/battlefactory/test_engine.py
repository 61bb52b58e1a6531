"""The Node child: the same battles, exact copies, and clean ends."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from embodied.envs.battlefactory import install, sets
from embodied.envs.battlefactory.challenge import Challenge, Mon, team
from embodied.envs.battlefactory.engine import (
  Battle,
  Engine,
  EngineFailed,
  shared,
)
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming

pytestmark = needs.ENGINE
CAP = 200
SEED = [1, 2, 3, 4, 5]


def teams(seed, streak=28):
  game = Challenge('level50', 'random', np.random.default_rng(seed), streak)
  return [team(game.offer[:3]), team(game.foe)]


def played(engine, count, first=0):
  """Digests of whole battles between players of all kinds."""
  pairs = [('random', 'random'), ('switching', 'trainer3'),
           ('damage', 'trainer1'), ('power', 'trainer0')]  # fmt: skip
  return [
    engine.ask(
      'play', teams=teams(i, 7 * (i % 8)), players=pairs[i % 4],
      seed=[i, 1, 2, 3], draws=i, cap=CAP,
    )['digest']
    for i in range(first, first + count)
  ]  # fmt: skip


def future(battle, view, steps=300, seed=0):
  """Views of a battle under random actions, to its end at most."""
  rng, seen = np.random.default_rng(seed), [view]
  while seen[-1]['kind'] != 'end' and len(seen) < steps:
    seen.append(battle.step(int(rng.choice(np.flatnonzero(seen[-1]['mask'])))))
  return seen


@pytest.fixture(scope='module')
def engine():
  return shared()


@pytest.mark.parametrize(
  'count', [8, pytest.param(150, marks=pytest.mark.slow)]
)
def test_faster_lookups_leave_every_log_as_it_was(engine, count):
  stock = Engine(stock=True)
  assert played(stock, count) == played(engine, count)
  stock.close()


@pytest.mark.slow
@pytest.mark.parametrize('part', range(5))
def test_ten_thousand_battles_are_the_same_again(part):
  # Any refused choice would be an error.
  engine, first = Engine(), 2000 * part
  digests = played(engine, 2000, first)
  assert len(set(digests)) == 2000
  again = Engine()
  assert played(again, 400, first + 800) == digests[800:1200]
  for one in (engine, again):
    one.close()


def test_battles_side_by_side_do_not_mix(engine):
  pairs = [Battle.start(engine, teams(i), 'random', SEED, CAP) for i in (1, 2)]
  alone = [future(b, v) for b, v in pairs]
  pairs = [Battle.start(engine, teams(i), 'random', SEED, CAP) for i in (1, 2)]
  views = [v for _, v in pairs]
  rngs = [np.random.default_rng(0) for _ in pairs]
  for t in range(1, 400):
    for i, (battle, _) in enumerate(pairs):
      if views[i]['kind'] != 'end':
        options = np.flatnonzero(views[i]['mask'])
        views[i] = battle.step(int(rngs[i].choice(options)))
        assert views[i] == alone[i][t]
  assert {x['kind'] for x in views} == {'end'}


@pytest.mark.parametrize(
  'twin', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_goes_on_alike_and_alone(engine, twin):
  battle, view = Battle.start(engine, teams(3), 'trainer3', SEED, CAP)
  view = future(battle, view, 6)[-1]
  other = twin(battle)
  before = battle.log()
  path = future(other, view)
  assert battle.log() == before
  assert future(battle, view) == path and len(path) > 3
  assert other.log() == battle.log()


def test_a_seed_fixes_the_future_of_a_copy(engine):
  battle, view = Battle.start(engine, teams(4), 'random', SEED, CAP)
  view = future(battle, view, 4)[-1]
  copies = [copy.copy(battle) for _ in range(3)]
  for one, seed in zip(copies, ([7] * 5, [7] * 5, [8] * 5), strict=True):
    one.reseed(seed)
  one, two, other = (future(x, view) for x in copies)
  assert one == two != other
  assert future(battle, view) != one


def mon(species, moves, item='', ability='', nature='serious', iv=31):
  row = sets.Row(species, tuple(moves), item, nature, ('hp', 'spe'))
  facts = Mon(0, row, iv, '', 'M', 50).facts
  return Mon(0, row, iv, ability or facts['abilities'][0], 'M', 50)


def test_the_engine_gets_what_was_drawn(engine):
  for seed in range(10):
    game = Challenge('open', 'random', np.random.default_rng(seed), 49)
    game.draft([0, 1, 2])
    sides = [team(game.team), team(game.foe)]
    battle, view = Battle.start(engine, sides, 'random', SEED, CAP)
    for i, one in enumerate(game.team):
      hp, most, status, item, ability, points = view['me'][i]
      assert (hp, most) == (one.stats[0],) * 2 and status == ''
      assert item == one.row.item and ability == one.ability
      # Points of power that nothing has raised.
      facts = install.data()['moves']
      assert points == [facts[x]['pp'] for x in one.moves]
    if game.team[0].moves != ('transform',):
      assert tuple(view['stats']) == game.team[0].stats[1:]
      names = [x[0] for x in view['moves']]
      assert names == [*game.team[0].moves]


# Arguments of `mon` for attacker and target, factor of the type chart.
HITS = [
  (('swampert', ['surf']), ('charizard', ['splash']), 2.0),
  (('swampert', ['earthquake']), ('charizard', ['splash']), 0.0),
  (('gengar', ['thunderbolt']), ('gyarados', ['splash']), 4.0),
  (('machamp', ['crosschop'], 'choiceband', 'guts'),
   ('snorlax', ['splash'], '', 'immunity'), 2.0),
  (('blaziken', ['flamethrower'], 'charcoal', 'blaze'),
   ('snorlax', ['splash'], '', 'thickfat'), 1.0),
  (('marowak', ['earthquake'], 'thickclub', 'rockhead'),
   ('blissey', ['splash'], '', 'naturalcure'), 1.0),
  (('golem', ['explosion'], '', 'rockhead'), ('milotic', ['splash']), 1.0),
  (('gengar', ['nightshade']), ('milotic', ['splash']), 1.0),
]  # fmt: skip


def sheet(one):
  facts = one.facts
  return {
    'species': one.species, 'level': one.level, 'types': facts['types'],
    'stats': one.stats[1:], 'boosts': [0] * 5, 'ability': one.ability,
    'item': one.row.item, 'status': '', 'hp': one.stats[0],
    'most': one.stats[0], 'weight': facts['weight'], 'weather': '',
    'screens': {}, 'moves': one.moves,
  }  # fmt: skip


@pytest.mark.parametrize('case', HITS, ids=lambda x: x[0][1][0])
def test_expected_damage_is_that_of_the_engine(engine, case):
  user, target, chart = mon(*case[0]), mon(*case[1]), case[2]
  answer = engine.ask('estimate', users=[sheet(user)], targets=[sheet(target)])
  ((((expected, accuracy),),),) = answer['table']
  assert 0 < accuracy <= 1 and (expected > 0) == (chart > 0)
  sides = [team([user] * 3), team([target] * 3)]
  dealt = []
  for seed in range(12):
    battle, view = Battle.start(engine, sides, 'random', [seed] * 5, CAP)
    view = battle.step(0, reply=0)
    said = '\n'.join(view['log'])
    if any(x in said for x in ('-crit', '-miss', '-status')):
      continue
    dealt.append(target.stats[0] * (1 - view['foe'][0][0] / 48))
  # Random factors of 0.85 to 1 about 0.925, and a bar of 48 steps.
  step = target.stats[0] / 48
  assert len(dealt) > 3
  if expected == 50:
    low = high = expected
  else:
    low, high = expected * 0.85 / 0.925, expected / 0.925 + 1
  for points in dealt:
    full = min(points, target.stats[0])
    assert min(low, target.stats[0]) - step - 1 <= full <= high + step + 1


@pytest.mark.slow
def test_a_death_is_an_error_and_a_new_child_follows():
  engine = Engine()
  battle, _ = Battle.start(engine, teams(0), 'random', SEED, CAP)
  os.kill(engine.pid, signal.SIGKILL)
  with pytest.raises(EngineFailed, match=naming('engine', 'answer')):
    battle.step(0)
  assert not engine.alive
  with pytest.raises(EngineFailed):
    battle.step(0)


@pytest.mark.slow
def test_a_child_that_hangs_is_ended():
  engine = Engine(seconds=0.5)
  os.kill(engine.pid, signal.SIGSTOP)
  with pytest.raises(EngineFailed, match=naming(0.5, 's')):
    engine.ask('hello')
  with pytest.raises(ProcessLookupError):
    os.kill(engine.pid, 0)


def test_a_wrong_request_is_an_error_and_harms_nothing(engine):
  battle, view = Battle.start(engine, teams(5), 'random', SEED, CAP)
  with pytest.raises(EngineFailed, match=naming('action', 9)):
    battle.step(9)
  with pytest.raises(EngineFailed):
    engine.ask('nothing')
  assert engine.alive
  assert future(battle, view)[-1]['kind'] == 'end'


def test_a_child_does_not_outlive_its_parent():
  code = (
    'import os, signal\n'
    'from embodied.envs.battlefactory.engine import shared\n'
    'print(shared().pid, flush=True)\n'
    'os.kill(os.getpid(), signal.SIGKILL)\n'
  )
  done = subprocess.run([sys.executable, '-c', code], capture_output=True)
  assert done.returncode == -signal.SIGKILL
  pid = int(done.stdout)
  for _ in range(100):
    if not os.path.exists(f'/proc/{pid}/cmdline'):
      return
    time.sleep(0.1)
  pytest.fail('The child is still there.')


def test_battles_that_nobody_holds_are_dropped():
  engine = shared()
  battle, _ = Battle.start(engine, teams(6), 'random', SEED, CAP)
  number = battle.number
  del battle
  engine.ask('hello')
  with pytest.raises(EngineFailed, match=naming(number)):
    engine.ask('log', battle=number)
