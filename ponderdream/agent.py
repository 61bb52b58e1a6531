"""The agent: parameters, and the compiled functions that use them."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import embodied
from embodied.log import video
from ponderdream import models as models_
from ponderdream import state as state_
from ponderdream.distributed import devices, hosts
from ponderdream.dream import levels, posterior
from ponderdream.dream import openloop as report
from ponderdream.learn import optim
from ponderdream.learn import step as train_step
from ponderdream.world import rssm, spaces

Array = jax.Array
Data = Mapping[str, np.ndarray]


class Placed(NamedTuple):
  """A batch for `Agent.train`: `batch` lies on the devices, `[D, B / D, ...]`,
  and `stepid` `[B, T]` says where its latents belong."""

  stepid: np.ndarray
  batch: dict[str, Array]


class Acting(NamedTuple):
  """How the agent acts in one mode; fixed when its policy is compiled.

  Attributes:
    halt: how pondering stops, 'sample' or 'median'.
    greedy: whether the most probable action is taken, instead of a sample.
    suppress: number of first ponder steps that cannot halt.
  """

  halt: str = 'sample'
  greedy: bool = False
  suppress: int = 0


class Agent(embodied.Agent):
  """Implements `embodied.Agent` for a configuration and its spaces.

  Args:
    obs_space: spaces by key, as environments give them.
    act_space: likewise.
    config: the whole configuration, with `jax.dtype` resolved.
    acting: how to act in the modes 'train' and 'eval'; a mode that is left
      out has the defaults of `Acting`.
  """

  def __init__(
    self,
    obs_space: Mapping[str, Any],
    act_space: Mapping[str, Any],
    config: Any,
    acting: Mapping[str, Acting] | None = None,
  ):
    self.config = config
    self.models = models_.build(config, obs_space, act_space)
    self.optimizer = optim.make(**config.opt)
    self.act_dtype = act_space['action'].dtype
    self.act_low = act_space['action'].low
    self.keys = list(spaces.visible(obs_space))
    init, self.train_key, self.act_key, self.report_key = jax.random.split(
      jax.random.key(config.seed), 4
    )
    make = functools.partial(state_.initial, self.models, self.optimizer)
    self.state = devices.create(make, init)
    self.act_key = jax.random.fold_in(self.act_key, hosts.host())
    self.acted = 0
    self.pending: tuple[Any, ...] | None = None
    self._train = devices.pmap(
      train_step.make(self.models, self.optimizer, config)
    )
    self.acting = {'train': Acting(), 'eval': Acting()} | dict(acting or {})
    self._policy = jax.jit(self.act, static_argnums=4)
    self._report = jax.jit(functools.partial(report.openloop, self.models))

  def init_policy(self, batch: int) -> tuple[rssm.State, Array]:
    """Model state and last action of `batch` environments."""
    action = jnp.zeros((batch, self.models.action.variables), jnp.float32)
    return rssm.initial(self.models.dyn, batch), action

  def policy(
    self, carry: Any, obs: Mapping[str, np.ndarray], mode: str = 'train'
  ) -> tuple[Any, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Acts on observations `[B, ...]`.

    Returns:
      The carry, `{'action': [B, ...]}`, and what is stored beside each step:
      latents, and `log/ponder_steps` `[B]` if this agent ponders.
    """
    if mode not in self.acting:
      raise ValueError(f"Policy mode must be train or eval, got '{mode}'.")
    obs = {k: obs[k] for k in [*self.keys, 'is_first']}
    key = jax.random.fold_in(self.act_key, self.acted)
    self.acted += 1
    params = devices.local(self.state.params)
    carry, action, outs = self._policy(params, carry, obs, key, mode)
    outs = {k: np.asarray(v) for k, v in outs.items()}
    if not np.isfinite(outs['dyn/deter']).all():
      raise FloatingPointError(
        'The model state that the policy acts on is no finite number.'
      )
    return carry, {'action': self.outward(action)}, outs

  def outward(self, action: Any) -> np.ndarray:
    """Actions of the policy, `[B, V]` or `[B, ...]`, as the environment takes
    them."""
    shape = self.models.action.shape
    action = np.asarray(action).reshape((len(action), *shape))
    if self.models.action.classes is not None:
      action = action + self.act_low
    return action.astype(self.act_dtype)

  def act(
    self,
    params: Any,
    carry: Any,
    obs: Mapping[str, Array],
    key: Array,
    mode: str,
  ) -> tuple[Any, Array, dict[str, Array]]:
    """One step, to be compiled: observe, think, act."""
    models = self.models
    state, action = carry
    see, think, draw = jax.random.split(key, 3)
    tokens = models.encode(params, obs)
    post, _ = rssm.observe(
      models.dyn,
      {'params': params['dyn']},
      state,
      tokens[:, None],
      models.action.encode(action)[:, None],
      obs['is_first'][:, None],
      see,
    )
    post = jax.tree.map(lambda x: x[:, 0], post)
    feat = rssm.features(post)
    halt, greedy, suppress = self.acting[mode]
    raw, steps = models.choose(params, feat, think, halt, suppress)
    dist = models.action.dist(raw, models.allowed(obs))
    action = dist.mode() if greedy else dist.sample(draw)
    outs = posterior.pack(post)
    if models.inner is not None:
      outs['log/ponder_steps'] = steps
    shape = (action.shape[0], *models.action.shape)
    return (post, action.astype(jnp.float32)), action.reshape(shape), outs

  def place(self, data: Data) -> Placed:
    """Sends `[B, T + 1, ...]` on its way to the devices."""
    return Placed(data['stepid'][:, 1:], devices.place(self.seen(data)))

  def train(
    self, data: Data | Placed
  ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """One update on `[B, T + 1, ...]`, without waiting for the devices (but
    for CPUs, see `factories.setup`).

    Returns:
      What the update *before* this one gave (nothing, the first time):
      refreshed latents and the loss `priority` `[B, T, ...]` with the
      `stepid` `[B, T]` they belong to, and scalar metrics.
    """
    if not isinstance(data, Placed):
      data = self.place(data)
    before = self.flush()
    self.state, latents, metrics = self._train(
      self.state, data.batch, self.train_key
    )
    self.pending = data.stepid, latents, metrics
    return before

  def flush(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Waits for the last update and returns what it gave, once."""
    if self.pending is None:
      return {}, {}
    stepid, latents, metrics = self.pending
    self.pending = None
    outs = {'stepid': stepid, **devices.merge(latents)}
    return outs, levels.by_name(jax.device_get(metrics))

  def report(self, data: Data) -> dict[str, Any]:
    """Open-loop predictions for `[B, T + 1, ...]`: videos `[T, H, W, 3]`."""
    params = devices.local(self.state.params)
    key = jax.random.fold_in(self.report_key, int(self.state.updates))
    videos = self._report(params, self.seen(data), key)
    return {k: video.rgb(np.asarray(v)) for k, v in videos.items()}

  def seen(self, data: Data) -> dict[str, np.ndarray]:
    """The keys of replayed data that learning reads."""
    rest = ['action', *posterior.LATENTS, *embodied.SIGNALS]
    data = {k: data[k] for k in [*self.keys, *rest]}
    if self.models.action.classes is not None:
      data['action'] = data['action'] - self.act_low.astype(self.act_dtype)
    return data

  def save(self) -> state_.TrainState:
    """The train state, replicated over the devices of all hosts."""
    return devices.common(self.state)

  def load(self, tree: state_.TrainState, seen: int = 0) -> None:
    """Takes over a state that `save` returned.

    Random numbers need no place in it. Those of an update are those of
    `fold_in(train_key, updates)`, so that the ones after a checkpoint are the
    same whenever they are made. Those of the policy must not be: two processes
    that go on from one checkpoint have different steps in their replay.

    Args:
      seen: steps that this host's replay has ever held; 0 without one.
    """
    self.state = devices.replicate(tree)
    self.act_key = jax.random.fold_in(self.act_key, int(tree.updates))
    if seen:
      self.act_key = jax.random.fold_in(self.act_key, seen % 2**32)
