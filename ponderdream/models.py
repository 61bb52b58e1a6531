"""The networks of an agent, and what they compute of a state."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from embodied.base import ASKED, mask_key
from ponderdream.goals import immediate, modes
from ponderdream.nets import dists, heads, layers, text
from ponderdream.parts import PARTS, Part, Shapes, token_width
from ponderdream.world import actions, pictures, rssm, spaces

Array = jax.Array

# Texts that are encoded together; a batch has room for many more than it has.
AT_ONCE = 32


class View(NamedTuple):
  """The inputs of heads and policies at model states `[...]`.

  Attributes:
    feat: of the heads of the world model, `[..., F]`.
    actor: of actor and critic, `[..., A]`.
    goal: goals `[..., G]`; None in an agent without goals.
    mask: allowed actions `[..., O]`; None where all are allowed.
  """

  feat: Array
  actor: Array
  goal: Array | None = None
  mask: Array | None = None


def build(
  config: Any,
  obs_space: Mapping[str, Any],
  act_space: Mapping[str, Any],
  task: np.ndarray | None = None,
) -> 'Models':
  """The networks of a configuration.

  Args:
    config: the whole configuration.
    obs_space: spaces by key, as environments give them.
    act_space: likewise.
    task: the goals that the agent may be asked for in pieces, int `[n, L]`, if
      goals are texts; the first one is the run's own.

  Raises:
    UsageError: pictures whose sizes do not fit the configuration.
  """
  obs_space = spaces.visible(obs_space)
  pictures.check(config, obs_space)
  shapes = Shapes(
    obs_space=obs_space,
    action=actions.spec(act_space, config.actdec.unimix),
    tokens=0,
    feat=config.dyn.deter + config.dyn.stoch * config.dyn.classes,
    actor=0,
    goal=0 if config.ponder.mode == 'none' else config.goalenc.units,
    dtype=jnp.dtype(config.jax.dtype),
  )
  tokens = token_width(config, shapes)
  actor = {'stoch': shapes.feat, 'tokens': config.dyn.deter + tokens}
  shapes = dataclasses.replace(
    shapes, tokens=tokens, actor=actor[config.inputs]
  )
  built = {key: make(config, shapes) for key, make in PARTS.items()}
  settling = modes.Settling(config.ponder.kl, shapes.action.divergence)
  ponder = modes.PonderConfig(
    config.ponder.mode,
    config.ponder.max_steps,
    config.ponder.eps,
    config.ponder.prior,
    config.ponder.compact,
    settling if config.ponder.mode == 'kl' else None,
  )
  parts = {key: part for key, part in built.items() if part is not None}
  return Models(shapes, ponder, parts, config.inputs, task)


@dataclasses.dataclass(frozen=True, eq=False)
class Models:
  """The parts of an agent, without parameters.

  `params[key]` are the parameters of `parts[key]`. A part that the agent does
  not have is absent: the plain agent has no `goalenc` and no `inner`.
  """

  shapes: Shapes
  ponder: modes.PonderConfig
  parts: Mapping[str, Part]
  inputs: str
  task: np.ndarray | None = None

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

  @property
  def speaks(self) -> bool:
    """Whether goals are texts, so that subgoals can be said."""
    return 'txtdec' in self.parts

  def init(self, key: Array) -> dict[str, Any]:
    """Fresh parameters. The key is consumed."""
    keys = jax.random.split(key, len(self.parts))
    pairs = zip(keys, self.parts.items(), strict=True)
    return {name: part.init(key) for key, (name, part) in pairs}

  def apply(self, params: Any, part: str, *args: Any, **kwargs: Any) -> Any:
    """The output of a part for its parameters `params[part]`."""
    module = self.parts[part].module
    return module.apply({'params': params[part]}, *args, **kwargs)

  def perceive(
    self, params: Any, obs: Mapping[str, Array]
  ) -> dict[str, Array]:
    """The encoder's results for observations `[B, ...]` that are stored with
    them, so that they are not computed again."""
    enc = self.parts['enc'].module
    return enc.perceive(params['enc']['codes'], obs) if enc.has_table else {}

  def encode(self, params: Any, obs: Mapping[str, Array]) -> Array:
    """Tokens `[B, E]` of observations `[B, ...]`. They may include the results
    of `perceive`."""
    return self.apply(params, 'enc', obs)

  def grow(
    self,
    params: Any,
    obs: Mapping[str, Array],
    gather: Callable[[Array], Array],
  ) -> Any:
    """The parameters with new patches of observations `[B, ...]` in the
    encoder's table; see `Encoder.grown`."""
    enc = self.parts['enc'].module
    if not enc.has_table:
      return params
    codes = enc.grown(params['enc']['codes'], obs, gather)
    return params | {'enc': params['enc'] | {'codes': codes}}

  def rescaled(self, params: Any, scale: Array) -> Any:
    """The parameters with a critic for returns of another size, which says
    the same; a critic of bins needs none."""
    if 'scale' not in params['val']:
      return params
    return params | {'val': heads.rescaled(params['val'], scale)}

  def decode(self, params: Any, state: rssm.State) -> dict[str, Array]:
    """Raw predictions from states `[B, ...]` of all observation keys that are
    predicted, see `decoder.predicted`; empty if there are none."""
    if 'imgdec' not in self.parts:
      return {}
    return self.apply(params, 'imgdec', *state)

  def mask(self, params: Any, state: rssm.State) -> Array | None:
    """The predicted mask of allowed actions in states `[B, ...]`: `[B, O]`, or
    None if the environment has no mask."""
    key = mask_key(self.obs_space)
    return None if key is None else self.decode(params, state)[key] > 0

  def allowed(self, obs: Mapping[str, Array]) -> Array | None:
    """The mask of allowed actions in observations `[...]`: `[..., O]`, or None
    if the environment has no mask."""
    key = mask_key(self.obs_space)
    return None if key is None else obs[key]

  def view(
    self,
    params: Any,
    state: rssm.State,
    tokens: Array | None = None,
    mask: Array | None = None,
    goal: Array | None = None,
  ) -> View:
    """The view of model states `[...]`.

    Args:
      tokens: of the observations, `[..., E]`; None for imagined states, where
        they are predicted.
      mask: allowed actions `[..., O]`, or None.
      goal: goals `[..., G]`; None for the goal of the run.
    """
    feat = actor = rssm.features(state)
    if self.inputs == 'tokens':
      if tokens is None:
        tokens = self.predicted_tokens(params, state)
      actor = jnp.concatenate([state.deter, tokens], -1)
    if goal is None and 'goalenc' in self.parts:
      goal = self.own_goal(params, feat.shape[:-1])
    return View(feat, actor, goal, mask)

  def own_goal(self, params: Any, shape: tuple[int, ...]) -> Array:
    """The goal of the run, `[*shape, G]`."""
    if self.task is None:
      return self.apply(params, 'goalenc', jnp.zeros(shape, jnp.int32))
    goal = self.task_goals(params, 1)[0]
    return jnp.broadcast_to(goal, (*shape, goal.size))

  def goal_of(self, params: Any, obs: Mapping[str, Array]) -> Array | None:
    """What is asked for in observations `[...]`, `[..., G]`; None where
    nothing but the goal of the run is."""
    if ASKED not in obs or self.task is None:
      return None
    return self.task_goals(params, len(self.task))[obs[ASKED]]

  def task_goals(self, params: Any, count: int) -> Array:
    """The first goals that the agent may be asked for, `[count, G]`."""
    assert self.task is not None
    used = self.task[:count].any(0).sum()
    pieces = jnp.asarray(self.task[:count, :used])
    return layers.unit_rms(self.apply(params, 'goalenc', pieces))

  def goals(self, params: Any, texts: Array) -> Array:
    """Goals `[N, G]` of texts, int `[N, L]`, each with a mean square of 1."""
    embed = lambda rows: self.apply(params, 'goalenc', rows)
    each = lambda rows: text.packed(embed, rows, AT_ONCE)
    return layers.unit_rms(text.briefly(each, texts))

  def predicted_tokens(self, params: Any, state: rssm.State) -> Array:
    """Predicted tokens `[..., E]` in states `[...]`."""
    return self.apply(params, 'tokdec', rssm.features(state))

  def reward(self, params: Any, view: View) -> dists.TwoHot | dists.Point:
    """Reward on arrival in the states, `[...]`."""
    return dists.scalar(self.apply(params, 'rew', view.feat))

  def cont(self, params: Any, view: View) -> dists.Binary:
    """Whether the episode continues after the states, `[...]`."""
    return dists.Binary(self.apply(params, 'con', view.feat)[..., 0])

  def value(self, params: Any, view: View) -> dists.TwoHot | dists.Point:
    """The value of states, `[...]`, with the parameters of the agent or its
    slow copies; if goals are texts, for the goal of the view."""
    seen = view.actor
    if self.speaks and view.goal is not None:
      seen = jnp.concatenate([seen, view.goal], -1)
    scale = params['val'].get('scale', 1.0)
    return dists.scalar(self.apply(params, 'val', seen), scale)

  def policy(self, raw: Array, view: View) -> dists.ActionDist:
    """The distribution of actions for outputs `[..., O]` of the actor."""
    return self.action.dist(raw, view.mask)

  def levels(self, params: Any, view: View) -> modes.HaltingLevels:
    """The policies of all halting levels for views `[B]`."""
    subgoal, actdec = self._actor()
    inputs = view.actor, view.goal, self.ponder, view.mask
    return immediate.all_levels(subgoal, actdec, params, *inputs)

  def thoughts(
    self, params: Any, view: View, lesson: tuple[Array, Array]
  ) -> immediate.Thoughts:
    """The subgoals and policies of all levels for views `[B]`, of which some
    are asked with the goals of a `lesson`; see `immediate.Given`."""
    subgoal, actdec = self._actor()
    assert view.goal is not None, 'This agent has no goals.'
    return immediate.thoughts(
      subgoal, actdec, params, view.actor, view.goal, lesson, self.ponder
    )

  def speak(self, params: Any, view: View) -> tuple[Array, Array]:
    """What all levels are after in views `[B]`, in words: pieces, int `[B, N,
    L]`, and their log halting probabilities `[B, N]`."""
    found = self.subgoals(params, view)
    decoder = self.parts['txtdec'].module
    goal = found.goal.swapaxes(0, 1)
    rows = goal.reshape((-1, goal.shape[-1]))
    said = text.say(decoder, params['txtdec'], rows)
    return said.reshape((*goal.shape[:2], -1)), found.log_p.T

  def subgoals(self, params: Any, view: View) -> immediate.Thoughts:
    """`thoughts` without a lesson."""
    shape = len(view.feat), self.ponder.max_steps
    nothing = jnp.zeros((*shape, self.shapes.goal)), jnp.zeros(shape, bool)
    return self.thoughts(params, view, nothing)

  def goal_state(
    self, params: Any, feat: Array, goal: Array
  ) -> tuple[Array, Array]:
    """The model state once a goal is achieved, from states `[M, F]` and goals
    `[M, G]`: deter `[M, D]`, and log-probabilities of stoch `[M, S, C]`."""
    seen = jnp.concatenate([feat, goal.astype(feat.dtype)], -1)
    out = self.apply(params, 'goalstate', seen).astype(jnp.float32)
    deter, logits = jnp.split(out, [self.dyn.deter], -1)
    shape = -1, self.dyn.stoch, self.dyn.classes
    return deter, jax.nn.log_softmax(logits.reshape(shape))

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
    inputs = view.actor, view.goal, self.ponder, key, acting, view.mask
    return immediate.choose(subgoal, actdec, params, *inputs)

  def _actor(self) -> tuple[Any, Any]:
    """The subgoal model, None in the plain agent, and the action decoder."""
    subgoal = self.parts['inner'].module if self.pondering else None
    return subgoal, self.parts['actdec'].module
