"""Two estimates of the value of each halting level's action at a state.

`imagined` uses the model, as in training. `real` makes a copy of the
environment for each action, takes the action, and follows the policy; the mean
return is the value that the model should predict.
"""

import copy
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import embodied
from embodied.errors import UsageError
from ponderdream.distributed import devices
from ponderdream.dream import branch
from ponderdream.goals.immediate import SAMPLED
from ponderdream.world import rssm

# Number of steps in which a copy of the environment is compared with the
# original.
CHECKED = 50


class Start(NamedTuple):
  """A state to branch at: N levels, O policy outputs.

  Attributes:
    env: a copy of the environment, before the action.
    state: of the agent's model, `[1, ...]`.
    mask: allowed actions `[1, O]`, or None.
    raw: policy outputs of all levels `[N, O]`.
    p: halting probabilities `[N]`, 0 where not reached.
    value: the critic's value of the state.
  """

  env: embodied.Env
  state: rssm.State
  mask: np.ndarray | None
  raw: np.ndarray
  p: np.ndarray
  value: float


class Judge:
  """Values the halting levels of an agent, with its present parameters."""

  def __init__(self, agent):
    self.agent, self.models = agent, agent.models
    self.params = devices.local(agent.state.params)
    self.discount = 1 - 1 / agent.config.loss.horizon
    self._levels = jax.jit(self.levels)
    self._draw = jax.jit(self.draw, static_argnums=3)
    self._dream = jax.jit(self.dream, static_argnums=(6, 7))
    rows = (None, 0, 0, 0, None, None, 0)
    self._act = jax.jit(jax.vmap(self.act, rows))

  def collect(self, envs, count, every):
    """Follows the policy and returns `count` starts.

    Args:
      envs: each gives a start after `every` of its steps, at different times.

    Raises:
      UsageError: a copy of an environment differs from the original.
    """
    nothing = {
      k: np.zeros(v.shape, v.dtype) for k, v in envs[0].act_space.items()
    }
    acts = [nothing | {'reset': np.True_}] * len(envs)
    carry, starts = self.agent.init_policy(len(envs)), []
    twin, step = None, 0
    while len(starts) < count:
      each = [env.step(act) for env, act in zip(envs, acts, strict=True)]
      if twin is not None and step <= 2 * CHECKED:
        other = twin.step(acts[0])
        if any(not np.array_equal(v, other[k]) for k, v in each[0].items()):
          raise UsageError(
            'A copy of the environment differs from the original after the'
            ' same actions; use an environment whose copies replay exactly.'
          )
      obs = {k: np.stack([x[k] for x in each]) for k in each[0]}
      carry, out, _ = self.agent.policy(carry, obs)
      for i, env in enumerate(envs):
        turn = (step + i * every // len(envs)) % every == every - 1
        if turn and not obs['is_last'][i]:
          starts.append(self.start(env, carry[0], obs, i))
      actions = zip(out['action'], obs['is_last'], strict=True)
      acts = [{'action': action, 'reset': last} for action, last in actions]
      step += 1
      if step == CHECKED:
        twin = copy.deepcopy(envs[0])
    return starts[:count]

  def start(self, env, state, obs, i):
    """A start in environment `i` of a batch of observations and states."""
    state = jax.tree.map(lambda x: x[i : i + 1], state)
    seen = {k: obs[k][i : i + 1] for k in self.models.obs_space}
    mask = self.models.allowed(seen)
    raw, p, value = self._levels(self.params, state, seen)
    raw, p = np.asarray(raw[:, 0]), np.asarray(p[:, 0])
    return Start(copy.deepcopy(env), state, mask, raw, p, float(value[0]))

  def imagined(self, start, length, repeats, seed):
    """V_n of `repeats` branches of `length` model steps, `[R, N]`."""
    levels, key = (start.p > 0).sum(), jax.random.key(seed)
    parts = start.state, start.raw, start.mask, levels, key
    return np.asarray(self._dream(self.params, *parts, length, repeats))

  def real(self, start, length, repeats, seed):
    """Flat actions `[R, N, V]` and V_n of `length` real steps, `[R, N]`.

    `V_n = r_1 + g (r_2 + g (... + g V(s_L)))` with the discount of training.
    The critic's value is used where the branch is truncated, not where the
    episode terminated. All levels of a repeat share the random numbers of the
    environment and of the policy, so levels with the same action share a
    branch. Values of levels that are not reached are not defined.
    """
    drawn = self._draw(start.raw, start.mask, jax.random.key(seed), repeats)
    actions = np.asarray(drawn)
    branches, index = {}, np.zeros(actions.shape[:2], int)
    for r in range(repeats):
      for n in np.flatnonzero(start.p):
        branch = r, *actions[r, n].tolist()
        index[r, n] = branches.setdefault(branch, len(branches))
    first = np.array([x[1:] for x in branches], actions.dtype)
    repeat = np.array([x[0] for x in branches], np.int32)
    # The model gets a row for each possible branch, so it is compiled once.
    rows = np.minimum(np.arange(index.size), len(branches) - 1)
    envs = [copy.deepcopy(start.env) for _ in branches]
    for env, r in zip(envs, repeat, strict=True):
      env.reseed((seed, int(r)))
    returns = self.follow(start, envs, first, repeat, rows, length, seed)
    return actions, returns[index]

  def follow(self, start, envs, action, repeat, rows, length, seed):
    """Returns `[K]` of K environments that take `action` `[K, V]` first."""
    count, key = len(envs), jax.random.key(seed)
    state = jax.tree.map(lambda x: jnp.repeat(x, len(rows), 0), start.state)
    total, weight = np.zeros(count), np.ones(count)
    alive, latest = np.ones(count, bool), [None] * count
    action, repeat = action[rows], repeat[rows]
    for t in range(length):
      chosen = self.agent.to_env_action(action)
      go = {'reset': np.False_}
      for i in np.flatnonzero(alive):
        latest[i] = envs[i].step(go | {k: v[i] for k, v in chosen.items()})
        total[i] += weight[i] * latest[i]['reward']
        weight[i] *= self.discount * (not latest[i]['is_terminal'])
      keys = *self.models.obs_space, 'is_first'
      obs = {k: np.stack([latest[i][k] for i in rows]) for k in keys}
      state, action, value = self._act(
        self.params, state, action, obs, key, np.int32(t), repeat
      )
      action, ends = np.asarray(action), [x['is_last'] for x in latest]
      ends = alive & (np.array(ends, bool) | (t == length - 1))
      total[ends] += weight[ends] * np.asarray(value)[:count][ends]
      alive &= ~ends
      if not alive.any():
        break
    return total

  def view(self, params, state, obs):
    """The view of states `[B, ...]` at real observations, as the policy has
    it."""
    known = {**obs, **self.models.perceive(params, obs)}
    tokens = self.models.encode(params, known)
    return self.models.view(params, state, tokens, self.models.allowed(obs))

  def levels(self, params, state, obs):
    """Policy outputs `[N, B, O]`, halting probabilities `[N, B]` and the
    critic's value `[B]` of states `[B, ...]` at these observations."""
    view = self.view(params, state, obs)
    every = self.models.levels(params, view)
    value = self.models.value(params, view).pred()
    return every.raw, jnp.exp(every.log_p), value

  def dream(self, params, state, raw, mask, levels, key, length, repeats):
    """The model's V_n, see `imagined`."""
    many = lambda x: jnp.repeat(x, repeats, 0)
    raw = raw[:, None].repeat(repeats, 1)
    state, mask = jax.tree.map(many, (state, mask))
    _, values = branch.branch(
      self.models, params, state, raw, mask, levels, length, key
    )
    return values.T

  def draw(self, raw, mask, key, repeats):
    """Flat actions `[R, N, V]`; a repeat has one key for all levels."""

    def one(raw, key):
      return self.models.action.dist(raw[None], mask).sample(key)[0]

    each = jax.vmap(jax.vmap(one, (0, None)), (None, 0))
    return each(raw, jax.random.split(key, repeats))

  def act(self, params, state, action, obs, key, t, repeat):
    """One step of the policy for one row, with the random numbers of time `t`
    and of its repeat: the next state, action, and the value of the state."""
    key = jax.random.fold_in(jax.random.fold_in(key, t), repeat)
    alone = jax.tree.map(lambda x: x[None], (state, action, obs))
    state, action, obs = alone
    carry = state, action.astype(jnp.float32)
    (state, action), _, _ = self.agent.act(
      params, carry, obs, key, SAMPLED, records=False
    )
    view = self.view(params, state, obs)
    value = self.models.value(params, view).pred()
    return jax.tree.map(lambda x: x[0], (state, action, value))
