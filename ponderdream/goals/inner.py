"""The subgoal model: one ponder step. All steps share its weights, unless
`inner.tied` is False.

As in PonderNet (Banino et al. 2021, arXiv 2107.05407) and ACT (Graves 2016,
arXiv 1603.08983), the input of every step is the same, except for a flag that
marks the first step, and a hidden state is carried.
"""

import math
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import layers

Array = jax.Array

# Scale of the initial halting kernel: small, so that the initial distribution
# over steps is the prior.
HALT_SCALE = 0.01


class PonderState(NamedTuple):
  """Carried from step to step: `hidden` `[B, ...]`, and `goal` `[B, G]`, the
  goal of the next step with feedback 'goal', else None."""

  hidden: Array
  goal: Array | None


class Inner(nn.Module):
  """`h_n = cell(h_{n-1}, [feat, g_n, 1{n = 1}])`, then subgoal and halting.

  `feedback` is 'none' (`g_n` is the goal) or 'goal' (`g_n` is the subgoal of
  the step before); `cell` is 'residual' or 'gru'; `prior` is the halting
  probability at initialisation; with `unit`, subgoals have a mean square of 1,
  as goals that are texts have. If levels are not `tied`, the parameters of an
  actor are those of N such models, stacked along the first axis.
  """

  feat: int
  goal: int
  units: int
  cell: str
  feedback: str
  prior: float
  dtype: Any
  unit: bool = False
  tied: bool = True

  def setup(self) -> None:
    units, dtype = self.units, self.dtype
    self.input = layers.Linear((self.seen, self.goal, 1), units, dtype)
    self.hiddennorm = layers.RMSNorm()
    self.innorm = layers.RMSNorm()
    self.make_cell()
    self.outnorm = layers.RMSNorm()
    self.subgoal = layers.Linear((self.read,), self.goal, dtype)
    self.halt = layers.Linear((self.read,), 1, jnp.float32, HALT_SCALE)

  def make_cell(self) -> None:
    """Makes the layers of `update`."""
    units, dtype = self.units, self.dtype
    if self.cell == 'gru':
      self.gates = layers.Linear((units, units), 3 * units, dtype)
    else:
      self.recur = layers.Linear((units,), units, dtype)
      self.output = layers.Linear((units,), units, dtype)

  @property
  def seen(self) -> int:
    """Numbers of `feat` that the input layer sees."""
    return self.feat

  @property
  def read(self) -> int:
    """Width of what subgoal and halting are read from."""
    return self.units

  @property
  def memory(self) -> tuple[int, ...]:
    """Shape of the hidden state of an example."""
    return (self.units,)

  def project(self, feat: Array, goal: Array) -> Array:
    """The projected input `[B, U]`, which is the same at all steps."""
    x = self.input.shift(self.input.part(feat, 0))
    if self.feedback == 'none':
      x = x + self.input.part(goal, 1)
    return x

  def step(
    self, x: Array, state: PonderState, first: Array
  ) -> tuple[PonderState, Array, Array]:
    """One ponder step.

    Args:
      x: projected input `[B, U]`.
      state: the ponder state of the step before.
      first: scalar, 1.0 at the first step and 0.0 later.

    Returns:
      The new state, the subgoal `[B, G]`, and the halting logit `[B]` in
      float32.
    """
    told = self.input.part(first.reshape((1, 1)), 2)
    if state.goal is not None:
      told = told + self.input.part(state.goal, 1)
    hidden = self.update(self.joined(x, told), state.hidden)
    y = self.gathered(self.outnorm(hidden))
    bias = math.log(self.prior) - math.log1p(-self.prior)
    logit = self.halt(y.astype(jnp.float32))[..., 0] + bias
    subgoal = self.subgoal(y)
    if self.unit:
      subgoal = layers.unit_rms(subgoal)
    fed = subgoal if self.feedback == 'goal' else None
    return PonderState(hidden, fed), subgoal, logit

  def joined(self, x: Array, told: Array) -> Array:
    """The input of a step: `x`, and what that step is told `[B or 1, U]`."""
    return x + told

  def gathered(self, y: Array) -> Array:
    """What subgoal and halting are read from, of the normed hidden state."""
    return y

  def update(self, x: Array, hidden: Array) -> Array:
    """The recurrent cell: `[B, U], [B, U] -> [B, U]`."""
    normed = self.hiddennorm(hidden)
    if self.cell == 'gru':
      x = layers.normed(x, self.innorm)
      gates = self.gates(normed, x)
      reset, cand, update = jnp.split(gates, 3, -1)
      cand = jnp.tanh(jax.nn.sigmoid(reset) * cand)
      update = jax.nn.sigmoid(update - 1)
      return update * cand + (1 - update) * hidden
    x = layers.normed(x + self.recur(normed), self.innorm)
    return hidden + self.output(x)

  def touch(self, feat: Array, goal: Array) -> Array:
    """Calls each layer once, to create its parameters."""
    state = initial(self, goal)
    first = jnp.ones(())
    return self.step(self.project(feat, goal), state, first)[-1]


def initial(inner: Inner, goal: Array) -> PonderState:
  """The ponder state before the first step: zeros, and the goal `[B, G]`."""
  hidden = jnp.zeros((goal.shape[0], *inner.memory), inner.dtype)
  fed = goal.astype(inner.dtype) if inner.feedback == 'goal' else None
  return PonderState(hidden, fed)
