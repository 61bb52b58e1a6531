"""What is told of a thought, and of where its levels lead."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.dream import branch, foreseen, rollout
from ponderdream.world import rssm
from tests import helpers


def test_levels_values_and_branches():
  models, params, _ = helpers.opinionated(2, 4)
  start = rssm.initial(models.dyn, 2)
  key = jax.random.key(0)

  def tell(modelled):
    view = models.view(params, start)
    return foreseen.foreseen(models, params, start, view, modelled, key)

  @jax.jit
  def both():
    """What is told, and each level by hand: one model step with its most
    probable action."""
    view = models.view(params, start)
    every = models.levels(params, view)
    dream, follow = jax.random.split(key)
    want = {
      'think/value': models.value(params, view).pred(),
      'think/choice': [], 'think/expected': [],
    }  # fmt: skip
    for n in range(2):
      action = models.policy(every.raw[n], view).mode().astype(jnp.float32)
      state = rollout.move(models, params, start, action, dream)
      value = branch.value_on_arrival(models, params, state, 0, follow)
      want['think/choice'].append(action)
      want['think/expected'].append(value)
    return tell(True), want

  found, want = both()
  for name, value in want.items():
    value = np.stack(value, 1) if isinstance(value, list) else value
    np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(np.exp(found['think/halts']).sum(1), 1, rtol=1e-5)
  # There are no pictures to imagine, and without a model nothing is expected.
  assert found.keys() == {*want, 'think/halts'}
  alone = jax.eval_shape(lambda: tell(False))
  assert alone.keys() == found.keys() - {'think/expected'}
