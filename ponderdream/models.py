"""The networks of an agent: a table of parts, and what they say of a state.

A part is a linen module under the key of its settings and its parameters. To
add one, write a function `(config, shapes) -> Part | None` and a row of PARTS.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from embodied.base import mask_key
from ponderdream.goals import encoder as tasks
from ponderdream.goals import immediate, inner
from ponderdream.nets import dists, heads
from ponderdream.world import (
  actions,
  decoder,
  encoder,
  pictures,
  rssm,
  spaces,
)

Array = jax.Array


class View(NamedTuple):
  """What heads and policies get of model states `[...]`.

  Attributes:
    feat: what the heads of the world model get, `[..., F]`.
    actor: what actor and critic get, `[..., A]`.
    goal: goals `[..., G]`; None in an agent without goals.
    mask: allowed actions `[..., O]`; None where all are allowed.
  """

  feat: Array
  actor: Array
  goal: Array | None = None
  mask: Array | None = None


class Part(NamedTuple):
  """A module, and example inputs of batch size 1 that create its
  parameters."""

  module: nn.Module
  inputs: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Shapes:
  """What the parts have to agree on.

  Attributes:
    obs_space: spaces of the observations that the agent sees.
    action: encoding and distribution of actions.
    tokens, feat, actor, goal: widths of tokens, features, the input of actor
      and critic, and goals; `goal` is 0 in the plain agent.
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
  module = encoder.Encoder(shapes.obs_space, **config.enc, dtype=shapes.dtype)
  return Part(module, (shapes.observation(),))


def _dyn(config: Any, shapes: Shapes) -> Part:
  module = rssm.RSSM(
    **config.dyn,
    tokens=shapes.tokens,
    action=shapes.action.width,
    dtype=shapes.dtype,
  )
  action = jnp.zeros((1, shapes.action.width))
  return Part(module, (*shapes.zeros(shapes.tokens), action))


def _imgdec(config: Any, shapes: Shapes) -> Part:
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
  return _head(config.val, config.val.bins, shapes, shapes.actor)


def _goalenc(config: Any, shapes: Shapes) -> Part | None:
  if not shapes.goal:
    return None
  module = tasks.GoalEncoder(tasks=1, units=shapes.goal)
  return Part(module, (jnp.zeros((1,), jnp.int32),))


def _inner(config: Any, shapes: Shapes) -> Part | None:
  if not shapes.goal:
    return None
  module = inner.Inner(
    shapes.actor,
    shapes.goal,
    **config.inner,
    prior=config.ponder.prior,
    dtype=shapes.dtype,
  )
  return Part(module, shapes.zeros(shapes.actor, shapes.goal))


def _actdec(config: Any, shapes: Shapes) -> Part:
  width = shapes.goal or shapes.actor
  return _head(config.actdec, shapes.action.outputs, shapes, width)


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
}


def build(
  config: Any, obs_space: Mapping[str, Any], act_space: Mapping[str, Any]
) -> 'Models':
  """The networks that a configuration asks for.

  Args:
    config: the whole configuration.
    obs_space: spaces by key, as environments give them.
    act_space: likewise; the agent fills in the key `action`.

  Raises:
    UsageError: pictures that the configuration cannot take.
  """
  obs_space = spaces.visible(obs_space)
  pictures.check(config, obs_space)
  shapes = Shapes(
    obs_space=obs_space,
    action=actions.spec(act_space['action'], config.actdec.unimix),
    tokens=0,
    feat=config.dyn.deter + config.dyn.stoch * config.dyn.classes,
    actor=0,
    goal=0 if config.ponder.mode == 'none' else config.goalenc.units,
    dtype=jnp.dtype(config.jax.dtype),
  )
  enc, inputs = _enc(config, shapes)
  encode = lambda obs: enc.init_with_output(jax.random.key(0), obs)[0]
  tokens = jax.eval_shape(encode, *inputs).shape[-1]
  actor = {'stoch': shapes.feat, 'tokens': config.dyn.deter + tokens}
  shapes = dataclasses.replace(
    shapes, tokens=tokens, actor=actor[config.inputs]
  )
  built = {key: make(config, shapes) for key, make in PARTS.items()}
  ponder = immediate.PonderConfig(
    config.ponder.mode,
    config.ponder.max_steps,
    config.ponder.eps,
    config.ponder.prior,
    config.ponder.compact,
  )
  parts = {key: part for key, part in built.items() if part is not None}
  return Models(shapes, ponder, parts, config.inputs)


@dataclasses.dataclass(frozen=True, eq=False)
class Models:
  """The parts of an agent, without parameters.

  `params[key]` are the parameters of `parts[key]`. A part that the agent does
  not have is absent: the plain agent has no `goalenc` and no `inner`.
  """

  shapes: Shapes
  ponder: immediate.PonderConfig
  parts: Mapping[str, Part]
  inputs: str

  @property
  def obs_space(self) -> Mapping[str, Any]:
    return self.shapes.obs_space

  @property
  def action(self) -> actions.ActionSpec:
    return self.shapes.action

  @property
  def dyn(self) -> rssm.RSSM:
    return self.parts['dyn'].module

  @property
  def pondering(self) -> bool:
    """Whether the actor is a goal model that is pondered."""
    return 'inner' in self.parts

  def init(self, key: Array) -> dict[str, Any]:
    """Fresh parameters. The key is consumed."""
    keys = jax.random.split(key, len(self.parts))
    params = {}
    for key, (name, part) in zip(keys, self.parts.items(), strict=True):
      touch = 'touch' if hasattr(part.module, 'touch') else '__call__'
      params[name] = part.module.init(key, *part.inputs, method=touch)[
        'params'
      ]
    return params

  def apply(self, params: Any, part: str, *args: Any, **kwargs: Any) -> Any:
    """The output of a part for its parameters `params[part]`."""
    module = self.parts[part].module
    return module.apply({'params': params[part]}, *args, **kwargs)

  def perceive(
    self, params: Any, obs: Mapping[str, Array]
  ) -> dict[str, Array]:
    """What the encoder finds in observations `[B, ...]` that can be stored
    beside them, so that it need not be computed again."""
    enc = self.parts['enc'].module
    return enc.perceive(params['enc']['codes'], obs) if enc.has_table else {}

  def encode(self, params: Any, obs: Mapping[str, Array]) -> Array:
    """Tokens `[B, E]` of observations `[B, ...]`, with or without what
    `perceive` gave for them."""
    return self.apply(params, 'enc', obs)

  def grow(
    self,
    params: Any,
    obs: Mapping[str, Array],
    gather: Callable[[Array], Array],
  ) -> Any:
    """The parameters with what the encoder adds to its table of patches from
    observations `[B, ...]`."""
    enc = self.parts['enc'].module
    if not enc.has_table:
      return params
    codes = enc.grown(params['enc']['codes'], obs, gather)
    return params | {'enc': params['enc'] | {'codes': codes}}

  def decode(self, params: Any, state: rssm.State) -> dict[str, Array]:
    """Raw predictions of all observation keys from states `[B, ...]`."""
    return self.apply(params, 'imgdec', *state)

  def mask(self, params: Any, state: rssm.State) -> Array | None:
    """Which actions the model believes to be allowed in states `[B, ...]`:
    `[B, O]`, or None where all are allowed."""
    key = mask_key(self.obs_space)
    return None if key is None else self.decode(params, state)[key] > 0

  def allowed(self, obs: Mapping[str, Array]) -> Array | None:
    """Which actions observations `[...]` allow: `[..., O]`, or None where all
    are allowed."""
    key = mask_key(self.obs_space)
    return None if key is None else obs[key]

  def view(
    self,
    params: Any,
    state: rssm.State,
    tokens: Array | None = None,
    mask: Array | None = None,
  ) -> View:
    """The view of model states `[...]`, with the goal of the run. All views
    are made here.

    Args:
      tokens: those of the observations there, `[..., E]`; None in a dream.
      mask: allowed actions `[..., O]`, or None.
    """
    feat = actor = rssm.features(state)
    if self.inputs == 'tokens':
      if tokens is None:
        tokens = self.predicted_tokens(params, state)
      actor = jnp.concatenate([state.deter, tokens], -1)
    goal = None
    if 'goalenc' in self.parts:
      task = jnp.zeros(feat.shape[:-1], jnp.int32)
      goal = self.apply(params, 'goalenc', task)
    return View(feat, actor, goal, mask)

  def predicted_tokens(self, params: Any, state: rssm.State) -> Array:
    """Tokens that are expected in states `[...]`, `[..., E]`."""
    return self.apply(params, 'tokdec', rssm.features(state))

  def reward(self, params: Any, view: View) -> dists.TwoHot | dists.Point:
    """Reward on arrival in the states, `[...]`."""
    return dists.scalar(self.apply(params, 'rew', view.feat))

  def cont(self, params: Any, view: View) -> dists.Binary:
    """Whether the episode goes on after the states, `[...]`."""
    return dists.Binary(self.apply(params, 'con', view.feat)[..., 0])

  def value(self, params: Any, view: View) -> dists.TwoHot | dists.Point:
    """Return from the states on, `[...]`. `params` are those of the agent,
    or its slow copies."""
    return dists.scalar(self.apply(params, 'val', view.actor))

  def policy(
    self, raw: Array, view: View
  ) -> dists.Discrete | dists.BoundedNormal:
    """The distribution of actions for outputs `[..., O]` of the actor."""
    return self.action.dist(raw, view.mask)

  def levels(self, params: Any, view: View) -> immediate.HaltingLevels:
    """The policies of all halting levels for views `[B]`."""
    subgoal, actdec = self._actor()
    return immediate.all_levels(
      subgoal, actdec, params, view.actor, view.goal, self.ponder
    )

  def choose(
    self,
    params: Any,
    view: View,
    key: Array,
    acting: immediate.Acting = immediate.SAMPLED,
  ) -> tuple[Array, Array]:
    """The policy that acts for views `[B]`: outputs of the actor `[B, O]`,
    and the number of ponder steps `[B]`. The key is consumed."""
    subgoal, actdec = self._actor()
    return immediate.choose(
      subgoal, actdec, params, view.actor, view.goal, self.ponder, key, acting
    )

  def _actor(self) -> tuple[Any, Any]:
    """The subgoal model, None in the plain agent, and the action decoder."""
    subgoal = self.parts['inner'].module if self.pondering else None
    return subgoal, self.parts['actdec'].module
