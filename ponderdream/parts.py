"""The table of networks, which are the parts of an agent.

A part is a linen module under the key of its settings and its parameters. To
add one, write a function `(config, shapes) -> Part | None` and a row of PARTS.
None is for settings that do not use it; a UsageError says what they lack.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from embodied.errors import UsageError
from ponderdream import tokenizer
from ponderdream.goals import encoder as tasks
from ponderdream.goals import inner, spatial
from ponderdream.goals.actdec import ActionDecoder
from ponderdream.nets import heads, text
from ponderdream.world import actions, decoder, encoder, rssm

Array = jax.Array


class Part(NamedTuple):
  """A module, and example inputs of batch size 1 that create its
  parameters; `copies` of them, stacked along the first axis, or, with 0, one
  set that is not stacked."""

  module: nn.Module
  inputs: tuple[Any, ...]
  copies: int = 0

  def init(self, key: Array) -> Any:
    """Fresh parameters. The key is consumed."""
    touch = 'touch' if hasattr(self.module, 'touch') else '__call__'

    def once(key: Array) -> Any:
      return self.module.init(key, *self.inputs, method=touch)['params']

    if not self.copies:
      return once(key)
    return jax.vmap(once)(jax.random.split(key, self.copies))


@dataclasses.dataclass(frozen=True)
class Shapes:
  """Sizes that several parts use.

  Attributes:
    obs_space: spaces of the observations that the agent sees.
    action: encoding and distribution of actions.
    tokens: width of the encoder's output.
    feat: width of the input of the world model's heads.
    actor: width of the input of actor and critic.
    goal: width of goals, 0 in the plain agent.
    dtype: of the computation.
  """

  obs_space: Mapping[str, Any]
  action: actions.ActionSpec
  tokens: int
  feat: int
  actor: int
  goal: int
  dtype: Any

  def zeros(self, *widths: int) -> tuple[Array, ...]:
    """Example inputs `[1, width]`."""
    return tuple(jnp.zeros((1, width), self.dtype) for width in widths)

  def observation(self) -> dict[str, Array]:
    """An example observation `[1, ...]`."""
    items = self.obs_space.items()
    return {k: jnp.zeros((1, *v.shape), v.dtype) for k, v in items}


def _enc(config: Any, shapes: Shapes) -> Part:
  module = encoder.Encoder(
    shapes.obs_space,
    **config.enc,
    dtype=shapes.dtype,
    cells=bool(shapes.goal) and config.inner.cell in spatial.CELLS,
  )
  return Part(module, (shapes.observation(),))


def token_width(config: Any, shapes: Shapes) -> int:
  """Width of the encoder's output."""
  enc = _enc(config, shapes)
  encode = lambda obs: enc.module.init_with_output(jax.random.key(0), obs)[0]
  return jax.eval_shape(encode, *enc.inputs).shape[-1]


def _dyn(config: Any, shapes: Shapes) -> Part:
  module = rssm.RSSM(
    **config.dyn,
    tokens=shapes.tokens,
    action=shapes.action.width,
    dtype=shapes.dtype,
  )
  action = jnp.zeros((1, shapes.action.width))
  return Part(module, (*shapes.zeros(shapes.tokens), action))


def _imgdec(config: Any, shapes: Shapes) -> Part | None:
  if not decoder.predicted(shapes.obs_space):
    return None
  module = decoder.Decoder(
    shapes.obs_space, **config.imgdec, dtype=shapes.dtype
  )
  stoch = (1, config.dyn.stoch, config.dyn.classes)
  state = *shapes.zeros(config.dyn.deter), jnp.zeros(stoch, shapes.dtype)
  return Part(module, state)


def _rew(config: Any, shapes: Shapes) -> Part:
  return _head(config.rew, config.rew.bins, shapes, shapes.feat)


def _con(config: Any, shapes: Shapes) -> Part:
  return _head(config.con, 1, shapes, shapes.feat)


def _val(config: Any, shapes: Shapes) -> Part:
  cfg, width = config.val, shapes.actor
  if config.goalenc.kind == 'text':
    width += shapes.goal
  if cfg.bins > 1:
    return _head(cfg, cfg.bins, shapes, width)
  module = heads.ScaledHead(cfg.layers, cfg.units, cfg.outscale, shapes.dtype)
  return Part(module, shapes.zeros(width))


def _goalenc(config: Any, shapes: Shapes) -> Part | None:
  if not shapes.goal:
    return None
  cfg = config.goalenc
  if cfg.kind == 'table':
    return Part(tasks.GoalEncoder(1, cfg.units), (jnp.zeros((1,), jnp.int32),))
  length = config.text.length
  module = text.TextEncoder(
    tokenizer.VOCABULARY,
    length,
    cfg.units,
    cfg.layers,
    cfg.heads,
    shapes.dtype,
  )
  return Part(module, (jnp.ones((1, length), jnp.int32),))


def _txtdec(config: Any, shapes: Shapes) -> Part | None:
  if not shapes.goal or config.goalenc.kind != 'text':
    return None
  length = config.text.length
  module = text.TextDecoder(
    tokenizer.VOCABULARY, length, **config.txtdec, dtype=shapes.dtype
  )
  pieces = jnp.ones((1, length), jnp.int32)
  return Part(module, (*shapes.zeros(shapes.goal), pieces))


def _inner(config: Any, shapes: Shapes) -> Part | None:
  if not shapes.goal:
    return None
  sizes = shapes.actor, shapes.goal
  options = dict(config.inner) | {
    'prior': config.ponder.prior,
    'dtype': shapes.dtype,
    'unit': config.goalenc.kind == 'text',
  }
  copies = 0 if config.inner.tied else config.ponder.max_steps
  if config.inner.cell not in spatial.CELLS:
    return Part(inner.Inner(*sizes, **options), shapes.zeros(*sizes), copies)
  grid = _enc(config, shapes).module.grid()
  if grid is None:
    raise UsageError(
      f'inner.cell {config.inner.cell} thinks about the cells of pictures or'
      ' of classes [H, W], and there are none among the observations; choose'
      ' residual or gru.'
    )
  module = spatial.Spatial(*sizes, **options, grid=spatial.Grid(*grid))
  return Part(module, shapes.zeros(*sizes), copies)


def _actdec(config: Any, shapes: Shapes) -> Part:
  cfg, outputs = config.actdec, shapes.action.outputs
  if not (cfg.state and shapes.goal):
    return _head(cfg, outputs, shapes, shapes.goal or shapes.actor)
  module = ActionDecoder(
    shapes.goal,
    shapes.actor,
    cfg.layers,
    cfg.units,
    outputs,
    cfg.outscale,
    shapes.dtype,
  )
  return Part(module, shapes.zeros(shapes.goal, shapes.actor))


def _goalstate(config: Any, shapes: Shapes) -> Part | None:
  if not (shapes.goal and config.loss_scales.goalstate):
    return None
  dyn = config.dyn
  outputs = dyn.deter + dyn.stoch * dyn.classes
  return _head(config.goalstate, outputs, shapes, shapes.feat + shapes.goal)


def _head(config: Any, outputs: int, shapes: Shapes, width: int) -> Part:
  module = heads.Head(
    config.layers, config.units, outputs, config.outscale, shapes.dtype
  )
  return Part(module, shapes.zeros(width))


def _tokdec(config: Any, shapes: Shapes) -> Part | None:
  if config.inputs != 'tokens':
    return None
  return _head(config.tokdec, shapes.tokens, shapes, shapes.feat)


# In the order in which parameters are created.
PARTS: dict[str, Callable[[Any, Shapes], Part | None]] = {
  'enc': _enc,
  'dyn': _dyn,
  'imgdec': _imgdec,
  'rew': _rew,
  'con': _con,
  'val': _val,
  'goalenc': _goalenc,
  'inner': _inner,
  'actdec': _actdec,
  'tokdec': _tokdec,
  'txtdec': _txtdec,
  'goalstate': _goalstate,
}
