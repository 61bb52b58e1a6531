"""An agent is watched in the Battle Factory."""

import contextlib

import numpy as np
import pytest

from embodied.config import resolve
from embodied.envs.battlefactory import play
from ponderdream import battle, checkpoint, factories, settings
from tests.embodied.envs.battlefactory import needs


def test_thoughts_go_on_until_it_has_halted(monkeypatch):
  names = {0: 'Surf', 2: 'Rest', 4: 'switch to Golem'}
  monkeypatch.setattr(play, 'options', lambda game: names)
  outs = {
    'think/halts': np.log([0.5, 0.47, 0.02, 0.01]),
    'think/choice': np.array([[0], [4], [2], [2]]),
    'think/value': np.float32(-0.25),
    'log/ponder_steps': np.float32(2),
  }
  assert battle.thoughts(None, outs) == [
    'value -0.25, 2 ponder steps', ' 50%  Surf', ' 47%  switch to Golem',
  ]  # fmt: skip
  # An actor without levels.
  plain = {'think/halts': np.zeros(1), 'think/choice': np.array([[2]])}
  found = battle.thoughts(None, plain | {'think/value': np.float32(1)})
  assert found == ['value 1.00', '100%  Rest']


def test_other_games_are_refused(tmp_path, capsys):
  resolve(settings.blocks(), ['dummy', 'debug']).save(tmp_path / 'config.yaml')
  assert battle.main(['--logdir', str(tmp_path)]) == 2
  assert 'dummy_disc' in capsys.readouterr().err


@needs.ENGINE
@pytest.mark.slow
@pytest.mark.parametrize('words', [(), ('words',)])
def test_a_trained_agent_is_watched(words, tmp_path, capsys):
  names = ['pondernet', 'cpu', 'battlefactory', 'debug', *words]
  own = resolve(settings.blocks(), names).update(
    {'jax.dtype': 'float32', 'logdir': str(tmp_path), 'dyn.deter': 16}
  )
  battle.texts.prepare(own, [])
  own.save(tmp_path / 'config.yaml')
  agent = factories.make_agent(factories.make_spaces(own), own)
  saved = checkpoint.Checkpoint(tmp_path / 'checkpoints', keep=1)
  with contextlib.closing(saved):
    saved.save(7, agent.save(), {'updates': 0})
    saved.wait()
  assert battle.main(['--logdir', str(tmp_path), '--seed', '4']) == 0
  said = capsys.readouterr().out
  assert 'ponder steps' in said and '%  ' in said and ' used ' in said
  assert said.rstrip().endswith('wins in a row.')
