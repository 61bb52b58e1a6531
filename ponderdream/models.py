"""All networks of the agent, under the keys of the configuration."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from embodied.base import mask_key
from embodied.errors import UsageError
from ponderdream.goals import encoder as goalenc_
from ponderdream.goals import immediate
from ponderdream.goals import inner as inner_
from ponderdream.nets import dists, heads
from ponderdream.world import actions as actdec_
from ponderdream.world import decoder, encoder, rssm, spaces

Array = jax.Array


@dataclasses.dataclass(frozen=True, eq=False)
class Models:
  """Linen modules without parameters; `params[key]` belongs to module `key`.

  `goalenc` and `inner` are None in the plain agent.
  """

  obs_space: Mapping[str, Any]
  action: actdec_.ActionSpec
  think: immediate.Thinking
  enc: encoder.Encoder
  dyn: rssm.RSSM
  imgdec: decoder.Decoder
  rew: heads.Head
  con: heads.Head
  val: heads.Head
  actdec: heads.Head
  goalenc: goalenc_.GoalEncoder | None
  inner: inner_.Inner | None

  def init(self, key: Array) -> dict[str, Any]:
    """Fresh parameters. The key is consumed."""
    obs = {
      k: jnp.zeros((1, *v.shape), v.dtype) for k, v in self.obs_space.items()
    }
    tokens = jnp.zeros((1, self.dyn.tokens), self.enc.dtype)
    action = jnp.zeros((1, self.action.width))
    state = rssm.initial(self.dyn, 1)
    feat = rssm.features(state)
    inputs: dict[str, tuple] = {
      'enc': (self.enc, obs),
      'dyn': (self.dyn, tokens, action),
      'imgdec': (self.imgdec, *state),
      'rew': (self.rew, feat),
      'con': (self.con, feat),
      'val': (self.val, feat),
    }
    if self.inner is None:
      inputs['actdec'] = (self.actdec, feat)
    else:
      goal = jnp.zeros((1, self.inner.goal))
      inputs['goalenc'] = (self.goalenc, jnp.zeros((1,), jnp.int32))
      inputs['inner'] = (self.inner, feat, goal)
      inputs['actdec'] = (self.actdec, goal)
    keys = jax.random.split(key, len(inputs))
    params = {}
    for key, (name, (module, *args)) in zip(keys, inputs.items(), strict=True):
      touch = 'touch' if hasattr(module, 'touch') else '__call__'
      params[name] = module.init(key, *args, method=touch)['params']
    return params

  def encode(self, params: Any, obs: Mapping[str, Array]) -> Array:
    """Tokens `[B, E]` of observations `[B, ...]`."""
    return self.enc.apply({'params': params['enc']}, obs)

  def reward(self, params: Any, feat: Array) -> dists.TwoHot:
    """Reward on arrival in `feat` `[..., F]`."""
    return dists.TwoHot(self.rew.apply({'params': params['rew']}, feat))

  def cont(self, params: Any, feat: Array) -> dists.Binary:
    """Whether the episode goes on after `feat` `[..., F]`."""
    out = self.con.apply({'params': params['con']}, feat)
    return dists.Binary(out[..., 0])

  def value(self, params: Any, feat: Array) -> dists.TwoHot:
    """Return from `feat` `[..., F]` on; `params` are those of `val`."""
    return dists.TwoHot(self.val.apply({'params': params}, feat))

  def decode(self, params: Any, state: rssm.State) -> dict[str, Array]:
    """Raw predictions of all observation keys from states `[B, ...]`."""
    return self.imgdec.apply({'params': params['imgdec']}, *state)

  def goal(self, params: Any, batch: int) -> Array | None:
    """The goal of each example `[B, G]`; None in the plain agent."""
    if self.goalenc is None:
      return None
    task = jnp.zeros((batch,), jnp.int32)
    return self.goalenc.apply({'params': params['goalenc']}, task)

  def levels(self, params: Any, feat: Array) -> immediate.Levels:
    """The policies of all halting levels for `feat` `[B, F]`."""
    goal = self.goal(params, feat.shape[0])
    return immediate.levels(
      self.inner, self.actdec, params, feat, goal, self.think
    )

  def choose(
    self,
    params: Any,
    feat: Array,
    key: Array,
    halt: str = 'sample',
    suppress: int = 0,
  ) -> tuple[Array, Array]:
    """The policy acted on for `feat` `[B, F]`, and its number of steps."""
    goal = self.goal(params, feat.shape[0])
    parts = self.inner, self.actdec, params, feat, goal, self.think
    return immediate.choose(*parts, key, halt, suppress)

  def mask(self, params: Any, state: rssm.State) -> Array | None:
    """Which actions the model believes to be allowed, `[B, O]` or None."""
    key = mask_key(self.obs_space)
    return None if key is None else self.decode(params, state)[key] > 0

  def allowed(self, obs: Mapping[str, Any]) -> Any:
    """Which actions an observation allows, bool `[B, O]` or None."""
    key = mask_key(self.obs_space)
    return None if key is None else obs[key]


def build(
  config: Any, obs_space: Mapping[str, Any], act_space: Mapping[str, Any]
) -> Models:
  """The networks that a configuration asks for.

  Args:
    config: the whole configuration.
    obs_space: spaces by key, as environments give them.
    act_space: likewise; the agent fills in the key `action`.

  Raises:
    UsageError: pictures that the configuration cannot take.
  """
  dtype = jnp.dtype(config.jax.dtype)
  obs_space = spaces.visible(obs_space)
  check_pictures(config, obs_space)
  action = actdec_.spec(act_space['action'], config.actdec.unimix)
  enc = encoder.Encoder(obs_space, **config.enc, dtype=dtype)
  obs = {
    k: jax.ShapeDtypeStruct((1, *v.shape), v.dtype)
    for k, v in obs_space.items()
  }
  tokens = jax.eval_shape(
    lambda obs: enc.init_with_output(jax.random.key(0), obs)[0], obs
  )
  dyn = rssm.RSSM(
    **config.dyn, tokens=tokens.shape[-1], action=action.width, dtype=dtype
  )
  feat = config.dyn.deter + config.dyn.stoch * config.dyn.classes
  scalar = lambda cfg, outputs: heads.Head(
    cfg.layers, cfg.units, outputs, cfg.outscale, dtype
  )
  think = immediate.Thinking(
    config.ponder.mode,
    config.ponder.max_steps,
    config.ponder.eps,
    config.ponder.prior,
    config.ponder.compact,
  )
  goalenc = inner = None
  if think.mode != 'none':
    goalenc = goalenc_.GoalEncoder(tasks=1, units=config.goalenc.units)
    inner = inner_.Inner(
      feat,
      config.goalenc.units,
      **config.inner,
      prior=think.prior,
      dtype=dtype,
    )
  return Models(
    obs_space=obs_space,
    action=action,
    think=think,
    enc=enc,
    dyn=dyn,
    imgdec=decoder.Decoder(obs_space, **config.imgdec, dtype=dtype),
    rew=scalar(config.rew, config.rew.bins),
    con=scalar(config.con, 1),
    val=scalar(config.val, config.val.bins),
    actdec=scalar(config.actdec, action.outputs),
    goalenc=goalenc,
    inner=inner,
  )


def check_pictures(config: Any, obs_space: Mapping[str, Any]) -> None:
  """Raises UsageError unless all pictures are of one size that fits."""
  sizes = {v.shape[:2] for v in obs_space.values() if v.role == 'image'}
  if len(sizes) > 1:
    raise UsageError(
      f'The environment shows pictures of sizes {sorted(sizes)}; wrap it so'
      ' that they have one size.'
    )
  last = config.imgdec.mults[-1] if config.imgdec.kind == 'conv' else 1
  for count in (config.imgdec.depth * last, config.dyn.deter) if sizes else ():
    if count % config.imgdec.blocks:
      raise UsageError(
        f'imgdec.blocks is {config.imgdec.blocks}, which does not divide'
        f' {count}; it has to divide dyn.deter and the channels of the'
        ' smallest picture.'
      )
  for name in ('enc', 'imgdec') if sizes else ():
    part = config[name]
    step = 2 ** len(part.mults)
    if part.kind == 'conv' and part.kernel % 2 == 0:
      raise UsageError(
        f'{name}.kernel must be odd, so that it has a middle; got'
        f' {part.kernel}.'
      )
    for size in sizes:
      if part.kind == 'conv' and any(x % step for x in size):
        raise UsageError(
          f'The environment shows pictures of {size[0]}x{size[1]} pixels; the'
          f' convolutions need multiples of {step}. Resize them, or set'
          ' enc.kind and imgdec.kind to patch.'
        )
