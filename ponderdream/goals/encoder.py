"""The goal encoder: from tasks to goals."""

import flax.linen as nn
import jax

Array = jax.Array


class GoalEncoder(nn.Module):
  """One learned goal per task name: index `[B]` -> goal `[B, G]`."""

  tasks: int
  units: int

  @nn.compact
  def __call__(self, task: Array) -> Array:
    init = nn.initializers.normal(1.0)
    return self.param('table', init, (self.tasks, self.units))[task]
