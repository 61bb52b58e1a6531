"""Which modules each loss teaches."""

import functools

import jax
import pytest

from ponderdream.distributed import devices
from ponderdream.learn import step
from tests.helpers import moved, tiny


@functools.cache
def taught(*names):
  """`by_loss` of a tiny agent with these blocks."""
  return by_loss(tiny(*names))


def by_loss(kit):
  """The modules that the gradient of each loss reaches."""
  data, state = kit.agent.select_keys(kit.batch), kit.agent.state
  # Heads that start at zero would hide where a gradient may flow.
  params = jax.tree.map(lambda x: x + 0.05, state.params)

  def each(params):
    _, aux = step.loss(
      kit.models, params, state, data, jax.random.key(0), kit.config
    )
    losses = {k: v for k, v in aux.metrics.items() if k.startswith('loss/')}
    return {k.removeprefix('loss/'): v for k, v in losses.items()}

  alone = jax.vmap(each, None, axis_name=devices.AXIS, axis_size=1)
  reverse = jax.jit(jax.jacrev(alone))(params)
  # The layer that ends the prior tells `dyn` from `rep`.
  parts = lambda tree: tree | {'prior': tree['dyn']['imglogit']}
  return {
    key: {k for k, v in parts(tree).items() if moved(v)}
    for key, tree in reverse.items()
  }


WORLD = {'enc', 'dyn'}
TEACHES = {
  'dyn': WORLD | {'prior'},
  'rep': WORLD,
  'rec/image': WORLD | {'imgdec'},
  'rew': WORLD | {'rew'},
  'con': WORLD | {'con'},
  'value': {'val'},
  'repval': WORLD | {'val'},
  'policy': {'actdec'},
}


@pytest.mark.parametrize('loss', TEACHES)
def test_each_loss_teaches_its_own_modules(loss):
  assert taught()[loss] == TEACHES[loss]


def test_what_predicts_tokens_is_not_taught_by_the_actor():
  others = ('dyn', 'rep', 'rec', 'rew', 'con', 'value', 'repval')
  small = {f'loss_scales.{x}': 0.0 for x in others}
  small |= {'imag.length': 1, 'ponder.max_steps': 2}
  found = by_loss(tiny('pondernet', inputs='tokens', **small))
  assert 'tokdec' in found['tok']
  assert found['policy'] == {'actdec', 'inner', 'goalenc'}
  assert found['ponder'] == {'inner', 'goalenc'}


def test_the_ponder_losses_teach_the_actor_alone():
  found = taught('pondernet')
  assert found['policy'] == {'actdec', 'inner', 'goalenc'}
  # The prior is about halting, which the action decoder has no part in.
  assert found['ponder'] == {'inner', 'goalenc'}
