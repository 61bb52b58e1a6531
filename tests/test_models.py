"""Sizes: the plain agent has DreamerV3's parameters to the last digit."""

import jax
import numpy as np
import pytest

from embodied import space
from embodied.config import resolve
from ponderdream import models, settings
from tests import helpers

OBS = {'image': space.Space(np.uint8, (64, 64, 3))}
ACT = {
  'action': space.Space(np.int32, (), 0, 17),
  'reset': space.Space(bool),
}

# Counted from danijar/dreamerv3 at commit e3f0224 on Crafter, by module:
# encoder, dynamics, decoder, reward, continuation, actor, critic.
COUNTS = {
  'size1m': (14304, 377408, 80595, 57663, 41153, 50641, 66111),
  'size12m': (220416, 5982464, 1272003, 721407, 656129, 792337, 853503),
  'size25m': (493824, 13446528, 2857635, 1573503, 1475713, 1778321, 1869951),
  'size50m': (876032, 23892480, 5076355, 2753279, 2622977, 3157521, 3279615),
  'size100m': (
    1966848, 53730048, 11413059, 6095871, 5900545, 7095569, 7278591,
  ),
  'size200m': (
    3492864, 95495168, 20282115, 10749183, 10488833, 12606481, 12850431,
  ),
  'size400m': (
    7850496, 214808064, 45617283, 23987967, 23597569, 28346897, 28712703,
  ),
}  # fmt: skip
TOTALS = {
  'size1m': 687875,
  'size12m': 10498259,
  'size25m': 23495475,
  'size50m': 41658259,
  'size100m': 93480531,
  'size200m': 165965075,
  'size400m': 372920979,
}
KEYS = ('enc', 'dyn', 'imgdec', 'rew', 'con', 'actdec', 'val')


def count(*names, **overrides):
  config = resolve(settings.blocks(), names)
  config = config.update({'jax.dtype': 'float32', **overrides})
  built = models.build(config, OBS, ACT)
  params = jax.eval_shape(built.init, jax.random.key(0))
  return {
    k: sum(x.size for x in jax.tree.leaves(v)) for k, v in params.items()
  }


@pytest.mark.parametrize('size', COUNTS)
def test_parameter_counts_are_those_of_dreamerv3(size):
  got = count('crafter', size)
  assert got == dict(zip(KEYS, COUNTS[size], strict=True))
  assert sum(got.values()) == TOTALS[size]


def test_no_size_named_is_the_size_of_200m():
  assert count('crafter') == count('crafter', 'size200m')


@pytest.mark.parametrize(
  'block', [x for x in settings.blocks() if x != 'defaults']
)
def test_every_block_builds(block):
  assert count(block)
  more = {'goalenc', 'inner'}
  tokens = {x: {'tokdec'} for x in ('cpu', 'sokoban')}
  words = {'words': {'txtdec'}, 'phase3': {'goalstate'}}
  more |= (tokens | words).get(block, set())
  assert count(block, 'pondernet').keys() == {*KEYS, *more}


@pytest.mark.parametrize('mode', ['pondernet', 'act', 'fixed', 'kl'])
@pytest.mark.parametrize('cell', ['residual', 'gru'])
@pytest.mark.parametrize('feedback', ['none', 'goal'])
def test_every_kind_of_thinking_builds(mode, cell, feedback):
  got = count(
    'pondernet',
    'debug',
    **{'ponder.mode': mode, 'inner.cell': cell, 'inner.feedback': feedback},
  )
  assert got['inner'] > 0


@pytest.mark.parametrize('cell', ['gru', 'conv'])
def test_levels_of_their_own_have_as_many_parameters_times_levels(cell):
  names = ('pondernet', 'debug')
  how = {'inner.cell': cell, 'ponder.max_steps': 7, 'inputs': 'tokens'}
  tied, own = (
    count(*names, **how, **{'inner.tied': x}) for x in (True, False)
  )
  assert own.pop('inner') == 7 * tied.pop('inner') and own == tied


def test_errors_of_a_critic_without_bins_are_in_units_of_its_scale():
  kit = helpers.tiny('pondernet', **{'val.bins': 1})
  built, params = kit.models, helpers.disturbed(kit.agent.state.params)
  feat = jax.random.normal(jax.random.key(0), (6, built.shapes.feat))
  seen = jax.random.normal(jax.random.key(1), (6, built.shapes.actor))
  view = models.View(feat, seen)
  found = [built.value(built.rescaled(params, x), view) for x in (2.0, 40.0)]
  small, large = (x.pred() for x in found)
  np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-4)
  for scale, dist in zip((2.0, 40.0), found, strict=True):
    # An error of 20, in states of their own.
    loss = -dist[2:].log_prob(dist.pred()[2:] + 20)
    np.testing.assert_allclose(loss, np.full(4, (20 / scale) ** 2 / 2), 1e-4)
