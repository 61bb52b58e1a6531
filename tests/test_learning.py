"""Learning, for real, by the README's own command. Run with `-m slow`."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

LENGTH = 50
# Longer than the command of a test may take.
pytestmark = pytest.mark.timeout(2000)


def train(logdir, *args, blocks=('dummy', 'cpu')):
  """Trains outside of the suite's compiler settings; returns what it wrote of
  its episodes."""
  env = {k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'}
  command = [
    sys.executable, '-m', 'ponderdream.train', '--configs', *blocks,
    *args, '--env.dummy.length', str(LENGTH),
    '--logdir', str(logdir),
  ]  # fmt: skip
  subprocess.run(command, check=True, env=env, timeout=1800)
  lines = (logdir / 'scores.jsonl').read_text().splitlines()
  return [json.loads(x) for x in lines]


@pytest.mark.slow
@pytest.mark.parametrize('actor', ['plain', 'pondernet'])
def test_it_learns_which_action_pays(actor, tmp_path):
  # On dummy_count one action of five pays: 10 of 50 by chance. 1,024 steps at
  # a time are learnt from, and the policy moves little from them.
  mode = 'none' if actor == 'plain' else actor
  args = ('--task', 'dummy_count', '--ponder.mode', mode)
  scores = train(tmp_path / 'run', *args, '--run.steps', '12000')
  returns = [x['episode/score'] for x in scores]
  assert np.mean(returns[:8]) < 20
  assert np.mean(returns[-8:]) > 40


@pytest.mark.slow
def test_it_learns_when_an_action_pays(tmp_path):
  # On dummy_disc the action pays that equals the class just seen: 10 of 50 by
  # chance. It takes a model that knows what the two have to do with each
  # other, as no action and no class is better than another by itself.
  scores = train(tmp_path / 'run', '--run.steps', '8000')
  returns = [x['episode/score'] for x in scores]
  assert np.mean(returns[:8]) < 15
  assert np.mean(returns[-8:]) > 30


@pytest.mark.slow
def test_it_learns_to_trace_a_ladder(tmp_path):
  # One lane of four: 0.25 by chance. All three seeds of the results had 0.4
  # at 10,000 steps, and 0.5 at 15,000.
  blocks = 'ladder', 'pondernet'
  args = ('--run.steps', '15000')
  scores = train(tmp_path / 'run', *args, blocks=blocks)
  won = [x['episode/score'] for x in scores]
  assert np.mean(won[:500]) < 0.35
  assert np.mean(won[-500:]) > 0.42
