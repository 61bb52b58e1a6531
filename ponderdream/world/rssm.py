"""The recurrent state-space model with a block-diagonal GRU.

Hafner et al., DreamerV3 (arXiv 2301.04104): a deterministic state `deter`
`[B, D]` and `S` categorical variables of `C` classes, `stoch` `[B, S, C]`.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from ponderdream.nets import dists, layers
from ponderdream.nets.cpu import deferred

Array = jax.Array


class State(NamedTuple):
  """The state of the model: deter `[B, D]`, one-hot stoch `[B, S, C]`."""

  deter: Array
  stoch: Array


class RSSM(nn.Module):
  """One step of the dynamics.

  The layers that read only the action or only the tokens do not depend on the
  recurrence. `embed_action` and `embed_tokens` compute them for all steps at
  once, before the loop over time.
  """

  deter: int
  hidden: int
  stoch: int
  classes: int
  blocks: int
  dynlayers: int
  imglayers: int
  obslayers: int
  unimix: float
  tokens: int
  action: int
  dtype: Any

  def setup(self) -> None:
    dense = lambda size: layers.Linear((size,), self.hidden, self.dtype)
    self.dynin0 = dense(self.deter)
    self.dynin1 = dense(self.stoch * self.classes)
    self.dynin2 = dense(self.action)
    self.dynin0norm = layers.RMSNorm()
    self.dynin1norm = layers.RMSNorm()
    self.dynin2norm = layers.RMSNorm()
    block = lambda units, shared: layers.BlockLinear(
      self.blocks, self.deter, units, self.dtype, shared
    )
    first = (self.hidden,) * 3
    self.dynhid = [
      block(self.deter, first if i == 0 else ()) for i in range(self.dynlayers)
    ]
    self.dynhidnorm = [layers.RMSNorm() for _ in range(self.dynlayers)]
    self.dyngru = block(3 * self.deter, ())
    self.img = layers.MLP(self.imglayers, self.hidden, self.dtype)
    logits = self.stoch * self.classes
    self.imglogit = layers.Linear((self.hidden,), logits, self.dtype)
    self.obsin = layers.Linear(
      (self.deter, self.tokens), self.hidden, self.dtype
    )
    self.obsinnorm = layers.RMSNorm()
    self.obs = layers.MLP(self.obslayers - 1, self.hidden, self.dtype)
    self.obslogit = layers.Linear((self.hidden,), logits, self.dtype)

  def embed_action(self, action: Array) -> Array:
    """Action `[..., A]` -> its part of the first hidden layer, `[..., D]`."""
    scale = jnp.maximum(1, jnp.abs(action))
    action = action / jax.lax.stop_gradient(scale)
    x = layers.normed(self.dynin2(action), self.dynin2norm)
    return self.dynhid[0].part(x, 2)

  def embed_tokens(self, tokens: Array) -> Array:
    """Tokens `[..., E]` -> their part of the posterior, `[..., H]`."""
    return self.obsin.part(tokens, 1)

  def advance(self, state: State, action: Array) -> Array:
    """The next `deter` `[B, D]`, from an embedded action `[B, D]`."""
    deter = state.deter.astype(self.dtype)
    stoch = state.stoch.reshape((*state.stoch.shape[:-2], -1))
    x0 = layers.normed(self.dynin0(deter), self.dynin0norm)
    x1 = layers.normed(self.dynin1(stoch), self.dynin1norm)
    hid = self.dynhid[0]
    x = hid.diagonal(deter) + hid.part(x0, 0) + hid.part(x1, 1) + action
    x = layers.normed(x, self.dynhidnorm[0])
    for hid, norm in zip(self.dynhid[1:], self.dynhidnorm[1:], strict=True):
      x = layers.normed(hid.diagonal(x), norm)
    reset, cand, update = self.dyngru.diagonal_pieces(x, 3)
    cand = jnp.tanh(jax.nn.sigmoid(reset) * cand)
    update = jax.nn.sigmoid(update - 1)
    return update * cand + (1 - update) * deter

  def prior(self, deter: Array) -> Array:
    """Log-probabilities of stoch without an observation, `[..., S, C]`."""
    return self.shape_logits(self.imglogit(self.img(deter)))

  def posterior(self, deter: Array, tokens: Array) -> Array:
    """Log-probabilities given embedded tokens `[..., H]`: `[..., S, C]`."""
    x = self.obsin.shift(self.obsin.part(deter, 0) + tokens)
    x = self.obs(layers.normed(x, self.obsinnorm))
    return self.shape_logits(self.obslogit(x))

  def shape_logits(self, logits: Array) -> Array:
    """Logits `[..., S * C]` -> log-probabilities `[..., S, C]`."""
    shape = (*logits.shape[:-1], self.stoch, self.classes)
    return dists.unimix(logits.reshape(shape), self.unimix)

  def touch(self, tokens: Array, action: Array) -> Array:
    """Calls each layer once, to create its parameters."""
    state = initial(self, tokens.shape[0])
    deter = self.advance(state, self.embed_action(action))
    return self.prior(deter) + self.posterior(deter, self.embed_tokens(tokens))


def initial(dyn: RSSM, batch: int) -> State:
  """Zeros: `deter` `[B, D]` and `stoch` `[B, S, C]`."""
  return State(
    jnp.zeros((batch, dyn.deter), dyn.dtype),
    jnp.zeros((batch, dyn.stoch, dyn.classes), dyn.dtype),
  )


def features(state: State) -> Array:
  """Input of the heads: `deter` and flat `stoch` joined, `[..., F]`."""
  stoch = state.stoch.reshape((*state.stoch.shape[:-2], -1))
  return jnp.concatenate([state.deter, stoch.astype(state.deter.dtype)], -1)


def observe_step(
  dyn: RSSM,
  params: Any,
  state: State,
  token: Array,
  action: Array,
  reset: Array,
  key: Array,
) -> tuple[State, Array]:
  """One step with an observation.

  Args:
    state: before the step; set to zeros where `reset`.
    token: embedded tokens `[B, H]`.
    action: embedded action `[B, D]`; at a reset, that of a zero action.
    reset: `[B]`, whether an episode begins.
    key: consumed.

  Returns:
    The posterior state, and its log-probabilities `[B, S, C]`.
  """
  keep = 1 - reset.astype(dyn.dtype)
  state = State(state.deter * keep[:, None], state.stoch * keep[:, None, None])
  deter = dyn.apply(params, state, action, method='advance')
  logp = dyn.apply(params, deter, token, method='posterior')
  stoch = dists.sample_onehot(key, logp).astype(dyn.dtype)
  return State(deter, stoch), logp


def observe(
  dyn: RSSM,
  params: Any,
  state: State,
  tokens: Array,
  actions: Array,
  resets: Array,
  key: Array,
) -> tuple[State, Array]:
  """Infers the states of a sequence of observations.

  Args:
    state: the state before the first step.
    tokens: `[B, T, E]`.
    actions: `[B, T, A]`, the action *before* each observation.
    resets: `[B, T]`, True where an episode begins. State and action before it
      are replaced by zeros.
    key: consumed.

  Returns:
    Posterior states `[B, T, ...]` and their log-probabilities `[B, T, S, C]`.
  """
  actions = actions * (1 - resets.astype(actions.dtype))[..., None]
  actions = dyn.apply(params, actions, method='embed_action')
  tokens = dyn.apply(params, tokens, method='embed_tokens')

  def body(params: Any, state: State, xs: Any) -> tuple[State, Any]:
    state, logp = observe_step(dyn, params, state, *xs)
    return state, (state, logp)

  keys = jax.random.split(key, tokens.shape[1])
  swap = lambda x: x.swapaxes(0, 1)
  xs = (swap(tokens), swap(actions), swap(resets), keys)
  _, out = deferred.scan(body, params, state, xs)
  return jax.tree.map(swap, out)


def imagine_step(
  dyn: RSSM, params: Any, state: State, action: Array, key: Array
) -> State:
  """One step without an observation, after an embedded action `[B, D]`."""
  deter = dyn.apply(params, state, action, method='advance')
  logp = dyn.apply(params, deter, method='prior')
  return State(deter, dists.sample_onehot(key, logp).astype(dyn.dtype))
