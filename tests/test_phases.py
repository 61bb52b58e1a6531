"""The phases of the recipe: which losses fall, and which parts move."""

import jax
import numpy as np
import pytest

from ponderdream import datasets, factories, settings, texts
from tests.helpers import moved
from tests.test_texts import write_plans

ACTOR = {'goalenc', 'inner', 'actdec'}
WORLD = {'enc', 'dyn', 'imgdec', 'rew', 'con'}
# The parts that move, and losses that fall.
PHASES = {
  'phase0': (WORLD, {'rec/vector', 'rew', 'con'}),
  'prepre': ({'val'}, {'demoval'}),
  'phase1': (
    {'enc', 'dyn', 'val', 'txtdec'} | ACTOR, {'say', 'align', 'bc', 'demoval'},
  ),
  'phase3': (
    WORLD | ACTOR | {'val', 'txtdec', 'goalstate'},
    {'say', 'align', 'bc', 'rec/vector', 'goalstate'},
  ),
}  # fmt: skip


@pytest.fixture(scope='module')
def plans(tmp_path_factory):
  folder = tmp_path_factory.mktemp('plans')
  write_plans(folder)
  return folder


# Each compiles an update of its own, that of the critic in the shortest time.
slow = [
  pytest.param(x, marks=pytest.mark.slow) for x in PHASES if x != 'prepre'
]


@pytest.mark.parametrize('phase', ['prepre', *slow])
def test_a_phase_learns_what_it_says(phase, plans, tmp_path):
  parts, falling = PHASES[phase]
  config = settings.parse(
    ['dummy', 'pondernet', 'debug', 'words', phase],
    {'data': [str(plans)], 'goal': ['win'], 'logdir': [str(tmp_path)]}, (),
  )  # fmt: skip
  config = config.update({
    'jax.dtype': 'float32', 'opt.lr': 3e-3, 'imitation.force': 0.0,
  })  # fmt: skip
  texts.prepare(config, [plans])
  spaces = factories.make_spaces(config)
  source = datasets.make(config, spaces, {})
  agent = factories.make_agent(spaces, config)
  before, lines = jax.tree.map(np.array, agent.save().params), []
  for _ in range(61):
    _, metrics = agent.train(source.sample(config.batch.size))
    lines.append(metrics)
  agent.flush()
  after = agent.save().params
  found = {
    k for k in before if moved(jax.tree.map(np.subtract, after[k], before[k]))
  }
  assert found == parts
  for key in falling:
    losses = [x[f'loss/{key}'] for x in lines[1:]]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]), key
