"""A trained agent in the Battle Factory: by hand, and a tiny agent."""

import contextlib
import json
import types

import numpy as np
import pytest

from embodied.config import resolve
from embodied.envs.battlefactory.environment import BattleFactory
from ponderdream import checkpoint, factories, settings
from scripts.experiments import battles, factory
from tests.embodied.envs.battlefactory import needs

# Shares of the foe's hit points by each move, of the own by its best move.
AHEAD, BEHIND, EVEN = ([0.2, 0.9], 0.3, 1), ([0.1], 0.5, 0), ([0.5], 0.4, 1)


def game(estimate, allowed=3, alive=2, kind='move'):
  """What `situation` reads, with the second of the team in battle."""
  return types.SimpleNamespace(
    mask=lambda: np.arange(22) < allowed,
    view={
      'kind': kind, 'active': [1, 0], 'estimates': [None, estimate, None],
      'me': [[0, 9], [5, 9], [5 * (alive > 1), 9]],
    },
  )  # fmt: skip


def test_situations_by_hand():
  told = battles.situation
  assert told(game(AHEAD)) == 'ahead' and told(game(BEHIND)) == 'behind'
  assert told(game(EVEN)) == 'even'
  assert told(game(AHEAD, alive=1)) == 'last stand'
  assert told(game(None, kind='switch')) == 'replacement'
  # Nothing is to be thought about, whatever else is true.
  assert told(game(EVEN, allowed=1, alive=1)) == 'forced'


def test_levels_are_means_over_decisions():
  found = battles.thinking([('even', 1, 2.0), ('even', 4, 3.0), ('b', 1, 1)])
  assert found['even'] == {'of': 2, 'levels': 2.5, 'expected': 2.5}
  assert found['b'] == {'of': 1, 'levels': 1, 'expected': 1}


class Pupil:
  """A player by `move(game)` that stands for an agent in `play`."""

  def __init__(self, games, move):
    self.games, self.move = games, move
    self.init_policy = lambda count: None

  def policy(self, carry, obs, mode):
    acts = [0 if x.done else self.move(x) for x in self.games]
    assert all(m[a] or x for m, a, x in zip(
      obs['mask'], acts, obs['is_last'], strict=True))  # fmt: skip
    halts = np.log(np.full((len(acts), 2), 0.5))
    return carry, {'action': np.array(acts)}, {'think/halts': halts}


def config():
  names = ['pondernet', 'cpu', 'battlefactory', 'debug']
  return resolve(settings.blocks(), names)


@needs.ENGINE
def test_who_plays_as_a_scripted_player_wins_as_often():
  best = lambda x: x.battle.advice('damage')
  games = battles.arena(config(), 'trainer1', seed=0)
  wins, thoughts = battles.play(Pupil(games, best), games, 2)
  args = types.SimpleNamespace(seed=0, sets='random')
  want = factory.battles(factory.Baseline('damage'), 'trainer1', 16, args)
  assert len(wins) == 16 and wins.mean() == want['share']
  assert 0 < wins.mean() < 1
  assert {x[0] for x in thoughts} > {'ahead', 'behind', 'last stand'}
  assert all(x[1:] == (1, 1.5) for x in thoughts)


@needs.ENGINE
def test_battles_that_the_engine_broke_off_do_not_count(monkeypatch):
  step, broken = BattleFactory.step, []

  def failing(self, action):
    obs = step(self, action)
    if obs['is_last'] and len(broken) < 3:
      broken.append(self)
      return obs | {'is_terminal': np.False_, 'reward': np.float32(0)}
    return obs

  monkeypatch.setattr(BattleFactory, 'step', failing)
  games = battles.arena(config(), 'random', seed=0)[:2]
  wins, _ = battles.play(
    Pupil(games, lambda x: x.battle.advice('damage')), games, 2
  )
  assert len(wins) == 4 and len(broken) == 3


@needs.ENGINE
@pytest.mark.slow
def test_an_agent_is_measured(tmp_path, capsys):
  own = config().update(
    {'jax.dtype': 'float32', 'logdir': str(tmp_path), 'dyn.deter': 16}
  )
  own.save(tmp_path / 'config.yaml')
  agent = factories.make_agent(factories.make_spaces(own), own)
  saved = checkpoint.Checkpoint(tmp_path / 'checkpoints', keep=1)
  with contextlib.closing(saved):
    saved.save(7, agent.save(), {'updates': 0})
    saved.wait()
  out = ['--out', str(tmp_path / 'out'), '--battles', '8', '--seed', '1']
  battles.main(['--logdir', str(tmp_path), *out, '--foes', 'round'])
  found = json.loads((tmp_path / 'out.json').read_text())
  for case in ('as learnt', 'surest', 'one level'):
    assert found[case]['round']['of'] == 8
  learnt, one = (found[x]['thinking'] for x in ('as learnt', 'one level'))
  for name in ('forced', 'ahead', 'behind', 'last stand'):
    # The halting of a new agent is the prior, 1/2, up to four levels.
    assert learnt[name]['expected'] == pytest.approx(1.875, abs=0.2)
    assert one[name]['levels'] == one[name]['expected'] == 1
  assert 'last stand' in capsys.readouterr().out


def test_other_games_are_refused(tmp_path, capsys):
  resolve(settings.blocks(), ['dummy', 'debug']).save(tmp_path / 'config.yaml')
  with pytest.raises(SystemExit):
    battles.arguments.run(lambda _: battles.main(['--logdir', str(tmp_path)]))
  assert 'dummy_disc' in capsys.readouterr().err
