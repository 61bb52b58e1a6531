"""The agent: parameters, and the compiled functions that use them."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import embodied
from embodied.base import ASKED
from embodied.log import video
from embodied.sources import SHARED
from ponderdream import models, objectives, state
from ponderdream.distributed import devices, hosts
from ponderdream.dream import foreseen, levels, openloop, posterior
from ponderdream.goals import immediate
from ponderdream.goals.immediate import Acting as Acting
from ponderdream.learn import optim, step
from ponderdream.losses import policy_gradient
from ponderdream.objectives import ppo
from ponderdream.world import encoder, rssm

Array = jax.Array
Data = Mapping[str, np.ndarray]


class Placed(NamedTuple):
  """A batch for `Agent.train`.

  Attributes:
    stepid: steps whose latents the update refreshes, `[B, T]`; None for the
      newest steps, whose latents are not refreshed.
    batch: arrays on the devices, `[D, B / D, ...]`.
  """

  stepid: np.ndarray | None
  batch: dict[str, Array]


class Agent(embodied.Agent):
  """Implements `embodied.Agent` for a configuration and its spaces.

  Args:
    obs_space: spaces by key, as environments give them.
    act_space: likewise.
    config: the whole configuration, with `jax.dtype` resolved.
    acting: how actions are chosen, by mode; by default sampled.
    task: the goals that the agent may be asked for in pieces, int `[n, L]`, if
      goals are texts; the first one is the run's own.

  Raises:
    UsageError: pictures or `opt.groups` that do not fit.
    ValueError: the loss `ppo` is used, and mode 'train' does not sample.
  """

  def __init__(
    self,
    obs_space: Mapping[str, Any],
    act_space: Mapping[str, Any],
    config: Any,
    acting: Mapping[str, Acting] | None = None,
    task: np.ndarray | None = None,
  ):
    self.config = config
    self.acting = {'train': Acting(), 'eval': Acting()} | dict(acting or {})
    if config.loss_scales.ppo and self.acting['train'] != Acting():
      raise ValueError(
        f'The mode train acts by {self.acting["train"]}; the loss ppo needs'
        ' sampled actions, so give the mode train Acting().'
      )
    self.models = models.build(config, obs_space, act_space, task)
    self.act_space = act_space
    init, self.train_key, self.act_key, self.report_key = jax.random.split(
      jax.random.key(config.seed), 4
    )
    shapes = jax.eval_shape(self.models.init, init)
    optimizers = optim.by_kind(config, shapes)
    leashed = config.loss_scales.leash_halt or config.loss_scales.leash_act
    make = functools.partial(
      state.initial, self.models, optimizers, config.slow, bool(leashed)
    )
    self.state = devices.create(make, init)
    self.act_key = jax.random.fold_in(self.act_key, hosts.host())
    self.acted = 0
    self.pending: tuple[Any, ...] | None = None
    self._train = {
      kind: devices.pmap(step.make(self.models, optimizer, config, kind))
      for kind, optimizer in optimizers.items()
    }
    self._policy = jax.jit(self.act, static_argnums=(4, 5))
    self._report = jax.jit(functools.partial(openloop.openloop, self.models))

  @property
  def modelled(self) -> bool:
    """Whether the world model is trained, so that it can foresee."""
    run = self.config.run
    replayed = run.train_ratio > 0 or run.script == 'offline'
    return bool(replayed and self.config.loss_scales.dyn)

  def init_policy(self, batch: int) -> tuple[rssm.State, Array]:
    """Model state and last action of `batch` environments."""
    action = jnp.zeros((batch, self.models.action.variables), jnp.float32)
    carry = rssm.initial(self.models.dyn, batch), action
    # Placed like the carry that `policy` returns, which would be compiled for
    # a second time otherwise.
    return jax.device_put(carry, jax.local_devices()[0])

  def policy(
    self, carry: Any, obs: Mapping[str, np.ndarray], mode: str = 'train'
  ) -> tuple[Any, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Acts on observations `[B, ...]`.

    Returns:
      The carry, actions `[B, ...]` by key, and arrays to store with each step:
      latents, `log_mu` if the loss `ppo` is used, and `log/ponder_steps` `[B]`
      if this agent ponders. An agent that acts aloud also gives `think/said`
      and `think/halts`, see `Models.speak`. For `think/wanted`, and for an
      agent that foresees, see `ponderdream.dream.foreseen`.

    Raises:
      ValueError: a mode that has no `Acting`.
      FloatingPointError: the model state is not finite.
    """
    if mode not in self.acting:
      raise ValueError(
        f"Policy mode is '{mode}'; choose one of {', '.join(self.acting)}."
      )
    seen = [*self.models.obs_space, 'is_first', ASKED]
    obs = {k: obs[k] for k in seen if k in obs}
    key = jax.random.fold_in(self.act_key, self.acted)
    self.acted += 1
    params = devices.local(self.state.params)
    records = mode == 'train' and optim.FRESH in self._train
    carry, action, outs = self._policy(
      params, carry, obs, key, self.acting[mode], records
    )
    outs = {k: np.asarray(v) for k, v in outs.items()}
    if not np.isfinite(outs['dyn/deter']).all():
      raise FloatingPointError(
        'The model state of the policy is not a finite number.'
      )
    return carry, self.to_env_action(action), outs

  def to_env_action(self, action: Any) -> dict[str, np.ndarray]:
    """Flat actions `[B, V]` of the policy as the environment takes them, by
    key."""
    found = self.models.action.split(np.asarray(action))
    return {k: self._shifted(k, v, 1) for k, v in found.items()}

  def _shifted(self, key: str, value: np.ndarray, sign: int) -> np.ndarray:
    """Actions of one key with classes from 0 on, as those of the environment
    (`sign` 1), or the other way round (-1)."""
    space = self.act_space[key]
    if space.discrete:
      value = value + sign * space.low.astype(space.dtype)
    return value.astype(space.dtype)

  def act(
    self,
    params: Any,
    carry: Any,
    obs: Mapping[str, Array],
    key: Array,
    acting: Acting,
    records: bool,
  ) -> tuple[Any, Array, dict[str, Array]]:
    """One step, to be compiled: observe, ponder, act. With `records` it also
    returns `log mu(a)`, the log-probability of the action under the mixture of
    all levels, which the loss `ppo` needs."""
    models = self.models
    before, action = carry
    filter_key, halt_key, draw_key = jax.random.split(key, 3)
    found = models.perceive(params, obs)
    tokens = models.encode(params, {**obs, **found})
    post, _ = rssm.observe(
      models.dyn,
      {'params': params['dyn']},
      before,
      tokens[:, None],
      models.action.encode(action)[:, None],
      obs['is_first'][:, None],
      filter_key,
    )
    post = jax.tree.map(lambda x: x[:, 0], post)
    goal = models.goal_of(params, obs)
    view = models.view(params, post, tokens, models.allowed(obs), goal)
    outs = posterior.pack(post) | found
    if records:
      every = models.levels(params, view)
      raw, steps = immediate.sample_level(every, halt_key)
    else:
      raw, steps = models.choose(params, view, halt_key, acting)
    dist = models.policy(raw, view)
    action = dist.mode() if acting.greedy else dist.sample(draw_key)
    if records:
      log_pi = models.policy(every.raw, view).log_prob(action[None])
      outs[ppo.LOG_MU] = policy_gradient.log_mu(every.log_p, log_pi)
    if models.pondering:
      outs['log/ponder_steps'] = steps
    if acting.foresees:
      *_, dream_key = jax.random.split(key, 4)
      outs |= foreseen.foreseen(
        models, params, post, view, self.modelled, dream_key
      )
    if acting.aloud and models.speaks:
      outs['think/said'], outs['think/halts'] = models.speak(params, view)
      outs |= foreseen.wanted(models, params, view)
    return (post, action.astype(jnp.float32)), action, outs

  def place(self, data: Data, fresh: bool = False) -> Placed:
    """Starts the transfer of `[B, T + 1, ...]` to the devices."""
    batch = devices.place(self.select_keys(data, fresh))
    return Placed(None if fresh else data['stepid'][:, 1:], batch)

  def train(
    self, data: Data | Placed
  ) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """One update on `[B, T + 1, ...]`. It does not wait for accelerators; on
    CPUs it does (see `factories.setup`).

    Returns:
      The results of the *previous* update (empty at the first call): refreshed
      latents and the loss `priority` `[B, T, ...]` with their `stepid`
      `[B, T]`; and scalar metrics.
    """
    if not isinstance(data, Placed):
      data = self.place(data)
    before = self.flush()
    kind = optim.FRESH if data.stepid is None else optim.REPLAYED
    self.state, latents, metrics = self._train[kind](
      self.state, data.batch, self.train_key
    )
    self.pending = data.stepid, latents, metrics
    return before

  def flush(self) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Waits for the last update and returns its results, once."""
    if self.pending is None:
      return {}, {}
    stepid, latents, metrics = self.pending
    self.pending = None
    outs = {}
    if stepid is not None:
      outs = {'stepid': stepid, **devices.merge(latents)}
    return outs, levels.by_name(jax.device_get(metrics))

  def report(self, data: Data) -> dict[str, Any]:
    """Open-loop predictions for `[B, T + 1, ...]`: videos `[T, H, W, 3]`; none
    if pictures are not predicted."""
    if not self.config.loss_scales.rec:
      return {}
    params = devices.local(self.state.params)
    key = jax.random.fold_in(self.report_key, int(self.state.updates))
    videos = self._report(params, self.select_keys(data), key)
    return {k: video.rgb(np.asarray(v)) for k, v in videos.items()}

  def select_keys(
    self, data: Data, fresh: bool = False
  ) -> dict[str, np.ndarray]:
    """The keys of a batch that an update reads; classes are counted from 0.

    Data of another network has no latents, and a replay has no plans. In a
    mixture of both, `has/<key>` `[B]` says which rows have them. It becomes
    `[B, T + 1]`, with a time axis like the others.
    """
    latents = [k for k in posterior.LATENTS if k in data]
    keys = [*self.models.obs_space, *self.models.action.keys]
    keys += [*embodied.SIGNALS, *latents]
    if encoder.CODES in data and f'has/{encoder.CODES}' not in data:
      keys.append(encoder.CODES)
    # An agent without words leaves texts on the host.
    shared = [k for k in data if k.startswith(SHARED)]
    keys += [k for k in shared if data[k].dtype.kind != 'U']
    if fresh and ASKED in data:
      keys.append(ASKED)
    rows = objectives.active(self.config.loss_scales, fresh).values()
    more = [k for row in rows for k in row.keys if k in data]
    masks = [f'has/{k}' for k in [*latents, *more] if f'has/{k}' in data]
    time = np.ones(data['is_first'].shape, bool)
    data = {k: data[k] for k in [*keys, *more]} | {
      k: data[k][:, None] & time for k in masks
    }
    actions = self.models.action.keys
    return data | {k: self._shifted(k, data[k], -1) for k in actions}

  def save(self) -> state.TrainState:
    """The train state, replicated over the devices of all hosts. The next
    update reuses its memory; copy what has to stay."""
    return devices.common(self.state)

  def load(self, tree: state.TrainState, seen: int = 0) -> None:
    """Restores a state that `save` returned.

    The state holds no random keys. The key of an update is `fold_in(train_key,
    updates)`, so updates after a checkpoint are reproducible. The key of the
    policy also depends on `seen`: two processes that continue from one
    checkpoint must not draw the same random actions again.

    Args:
      seen: number of steps ever added to this host's replay; 0 without one.
    """
    self.state = devices.replicate(tree)
    self.act_key = jax.random.fold_in(self.act_key, int(tree.updates))
    if seen:
      self.act_key = jax.random.fold_in(self.act_key, seen % 2**32)

  def adopt(self, params: Mapping[str, Any]) -> list[str]:
    """Copies the parameters of another run where key and shape agree.

    Slow copies are reset to the parameters; the optimiser state is not
    changed.

    Args:
      params: nested dicts of arrays, as `save().params`.

    Returns:
      The keys of this agent's parameters that were not copied, such as
      `actdec/out/kernel`.
    """
    merged, missing = state.adopt(self.state, params)
    self.state = devices.replicate(merged)
    return missing
