"""The real branch: what an action of every halting level is really worth.

What imagination replaces. A simulator that can be copied is branched at a
state, acts with every level, and goes on with the policy; its mean return is
set against what the model says of the same level.
"""

import copy
import functools
import gc
import time
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import embodied
from embodied.errors import UsageError
from ponderdream import agent as agent_
from ponderdream.distributed import devices
from ponderdream.dream import rollout as imagine
from ponderdream.world import rssm

Array = np.ndarray

# Steps for which a copy of the environment is compared with the original.
CHECKED = 50


class Start(NamedTuple):
  """A state to branch at: N levels, O policy outputs.

  Attributes:
    env: a copy of the environment, before the action.
    state: what the agent's model knows, `[1, ...]`.
    mask: allowed actions `[1, O]`, or None.
    raw: policy outputs of all levels `[N, O]`.
    p: halting probabilities `[N]`, 0 where not reached.
    value: the critic's value of the state.
  """

  env: embodied.Env
  state: rssm.State
  mask: Array | None
  raw: Array
  p: Array
  value: float


def reseed(root: Any, seed: Sequence[int]) -> int:
  """Gives each of numpy's generators inside of an object, wherever it is,
  other numbers; returns how many there are."""
  skip = type, types.ModuleType, types.FunctionType
  seen: set[int] = set()
  stack, found = [root], 0
  while stack:
    item = stack.pop()
    if id(item) in seen or isinstance(item, skip):
      continue
    seen.add(id(item))
    if isinstance(item, np.random.Generator | np.random.RandomState):
      own = np.random.SeedSequence([*seed, found])
      found += 1
      if isinstance(item, np.random.RandomState):
        item.seed(own.generate_state(4))
      else:
        kind = type(item.bit_generator)
        item.bit_generator.state = kind(own).state
    elif (own := getattr(item, '__self__', None)) is not None:
      stack.append(own)  # of a method; its module has generators, too
    else:
      stack.extend(gc.get_referents(item))
  return found


def collect(
  agent: agent_.Agent, envs: Sequence[embodied.Env], count: int, every: int
) -> list[Start]:
  """Follows the policy, and stops at every so manyth step for a copy.

  Args:
    envs: side by side; each is copied after `every` of its steps, shifted
      against its neighbours.
    count: number of states.

  Raises:
    UsageError: a copy of an environment does not go on as the original.
  """
  reset = {
    k: np.zeros(v.shape, v.dtype) for k, v in envs[0].act_space.items()
  } | {'reset': np.True_}
  acts = [reset] * len(envs)
  carry = agent.init_policy(len(envs))
  starts: list[Start] = []
  twin: embodied.Env | None = None
  step = 0
  while len(starts) < count:
    seen = [env.step(act) for env, act in zip(envs, acts, strict=True)]
    if twin is not None and step <= 2 * CHECKED:
      same(seen[0], twin.step(acts[0]))
    obs = {k: np.stack([x[k] for x in seen]) for k in seen[0]}
    carry, out, _ = agent.policy(carry, obs)
    for i, env in enumerate(envs):
      shift = i * every // len(envs)
      if (step + shift) % every == every - 1 and not seen[i]['is_last']:
        starts.append(start(agent, env, carry[0], obs, i))
    acts = [
      {'action': out['action'][i], 'reset': seen[i]['is_last']}
      for i in range(len(envs))
    ]
    step += 1
    if step == CHECKED:
      twin = copy.deepcopy(envs[0])
  return starts[:count]


def same(left: embodied.base.Obs, right: embodied.base.Obs) -> None:
  """Raises UsageError unless the observations are equal."""
  for key, value in left.items():
    if not np.array_equal(value, right[key]):
      raise UsageError(
        f"A copy of the environment shows another '{key}' after the same"
        ' actions; only one whose copies replay exactly can be branched.'
      )


def start(
  agent: agent_.Agent, env: embodied.Env, state: rssm.State, obs: Any, i: int
) -> Start:
  """The state of environment `i`, with the opinions of all levels."""
  state = jax.tree.map(lambda x: x[i : i + 1], state)
  mask = agent.models.allowed({k: v[i : i + 1] for k, v in obs.items()})
  raw, p, value = _opinions(agent.models)(
    devices.local(agent.state.params), state
  )
  raw, p = np.asarray(raw[:, 0]), np.asarray(p[:, 0])
  return Start(copy.deepcopy(env), state, mask, raw, p, float(value[0]))


def imagined(
  agent: agent_.Agent, start: Start, length: int, repeats: int, seed: int
) -> Array:
  """What the model says: V_n of `repeats` branches of `length` model steps,
  `[R, N]`, drawn as in learning."""
  params = devices.local(agent.state.params)
  found = _dreams(agent.models, length, repeats)(
    params, start.state, start.raw, start.mask, (start.p > 0).sum(),
    jax.random.key(seed),
  )  # fmt: skip
  return np.asarray(found)


def real(
  agent: agent_.Agent, start: Start, length: int, repeats: int, seed: int
) -> tuple[Array, Array]:
  """What copies of the simulator say: flat actions `[R, N, V]` and V_n of
  `length` real steps, `[R, N]`.

  `V_n = r_1 + g (r_2 + g (... + g V(s_L)))`, with the discount of learning
  and the critic's value where the branch is cut off, none where the episode
  ended. The random numbers of repeat r, of the environment as of the policy,
  are common to its levels: those that choose the same action share a branch.
  Levels that are not reached hold junk.
  """
  params = devices.local(agent.state.params)
  key = jax.random.key(seed)
  actions = np.asarray(
    _draws(agent.models, repeats)(start.raw, start.mask, key)
  )
  rows: dict[tuple, int] = {}
  index = np.zeros(actions.shape[:2], int)
  for r in range(repeats):
    for n in np.flatnonzero(start.p):
      index[r, n] = rows.setdefault((r, *actions[r, n].tolist()), len(rows))
  repeat = np.array([k[0] for k in rows])
  first = np.array([k[1:] for k in rows], actions.dtype)
  envs = []
  for r in repeat:
    envs.append(copy.deepcopy(start.env))
    reseed(envs[-1], (seed, int(r)))
  returns = follow(agent, params, start, envs, first, repeat, length, seed)
  return actions, returns[index]


def follow(
  agent: agent_.Agent,
  params: Any,
  start: Start,
  envs: list[embodied.Env],
  action: Array,
  repeat: Array,
  length: int,
  seed: int,
) -> Array:
  """Returns `[K]` of K environments that take `action` `[K, V]` first."""
  count = len(envs)
  discount = 1 - 1 / agent.config.loss.horizon
  # Compiled for few sizes: the last row stands in for those that are missing.
  rows = np.minimum(np.arange(1 << (count - 1).bit_length()), count - 1)
  state = jax.tree.map(lambda x: jnp.repeat(x, len(rows), 0), start.state)
  total, weight = np.zeros(count), np.ones(count)
  latest: list[Any] = [None] * count
  alive = np.ones(count, bool)
  action = action[rows]
  for t in range(length):
    chosen = agent.outward(action)
    for i in np.flatnonzero(alive):
      act = {'action': chosen[i], 'reset': np.False_}
      latest[i] = envs[i].step(act)
      total[i] += weight[i] * latest[i]['reward']
      weight[i] *= discount * (not latest[i]['is_terminal'])
    obs = {
      k: np.stack([latest[i][k] for i in rows])
      for k in (*agent.keys, 'is_first')
    }
    keys = jax.random.key(seed), np.int32(t), repeat[rows].astype(np.int32)
    state, moved, value = _acts(agent)(params, state, action, obs, *keys)
    ends = alive & np.array([bool(x['is_last']) for x in latest])
    if t == length - 1:
      ends = alive
    total[ends] += weight[ends] * np.asarray(value)[:count][ends]
    alive &= ~ends
    action = np.asarray(moved)
    if not alive.any():
      break
  return total


def compile_sizes(agent: agent_.Agent, start: Start, most: int) -> None:
  """Compiles what `real` may need for up to `most` branches at a time."""
  params = devices.local(agent.state.params)
  draws = _draws(agent.models, 1)(start.raw, start.mask, jax.random.key(0))
  size = 1
  while size < 2 * most:
    envs = [copy.deepcopy(start.env) for _ in range(size)]
    action = np.asarray(draws)[:, 0].repeat(size, 0)
    follow(agent, params, start, envs, action, np.zeros(size, int), 1, 0)
    size *= 2


@functools.cache
def _opinions(models: Any) -> Callable:
  @jax.jit
  def opinions(params, state):
    feat = rssm.features(state)
    every = models.levels(params, feat)
    value = models.value(params['val'], feat).pred()
    return every.raw, jnp.exp(every.log_p), value

  return opinions


@functools.cache
def _dreams(models: Any, length: int, repeats: int) -> Callable:
  @jax.jit
  def dreams(params, state, raw, mask, levels, key):
    many = lambda x: jnp.repeat(x, repeats, 0)
    _, values = imagine.branch(
      models, params, jax.tree.map(many, state),
      raw[:, None].repeat(repeats, 1), None if mask is None else many(mask),
      levels, length, key,
    )  # fmt: skip
    return values.T

  return dreams


@functools.cache
def _draws(models: Any, repeats: int) -> Callable:
  @jax.jit
  def draws(raw, mask, key):
    one = lambda raw, key: imagine.pick(models, raw[None], mask, key)[0]
    each = jax.vmap(jax.vmap(one, (0, None)), (None, 0))
    return each(raw, jax.random.split(key, repeats))

  return draws


@functools.cache
def _acts(agent: agent_.Agent) -> Callable:
  """The policy for rows that each have random numbers of their own."""

  def one(params, state, action, obs, key, t, repeat):
    key = jax.random.fold_in(jax.random.fold_in(key, t), repeat)
    alone = jax.tree.map(lambda x: x[None], (state, action, obs))
    state, action, obs = alone
    action = action.astype(jnp.float32)
    (state, action), _, _ = agent.act(
      params, (state, action), obs, key, 'train'
    )
    feat = rssm.features(state)
    value = agent.models.value(params['val'], feat).pred()
    return jax.tree.map(lambda x: x[0], (state, action, value))

  return jax.jit(jax.vmap(one, (None, 0, 0, 0, None, None, 0)))


def ranks(x: Array) -> Array:
  """Ranks of `[N]`, the mean rank where some are equal."""
  below = (x[:, None] > x).sum(1)
  equal = (x[:, None] == x).sum(1)
  return below + (equal - 1) / 2


def correlation(x: Array, y: Array) -> float:
  """Pearson's; 0 where one of the two is constant."""
  x, y = x - x.mean(), y - y.mean()
  size = np.sqrt((x @ x) * (y @ y))
  return float(x @ y / size) if size > 1e-12 else 0.0


def agreement(model: Array, truth: Array, p: Array) -> tuple[float, int]:
  """Mean rank correlation (Spearman) over the levels of a state.

  Args:
    model, truth: values `[S, N]`.
    p: halting probabilities `[S, N]`; levels with 0 do not count.

  Returns:
    The mean over the states whose levels truly differ, and their number.
  """
  scores = []
  for values, wanted, reached in zip(model, truth, p > 0, strict=True):
    if np.ptp(wanted[reached]) > 0:
      pair = ranks(values[reached]), ranks(wanted[reached])
      scores.append(correlation(*pair))
  return (float(np.mean(scores)) if scores else float('nan')), len(scores)


def compare(
  model: Array, truth: Array, p: Array, value: Array
) -> dict[str, float]:
  """How good the model's estimates are.

  Args:
    model: V_n by the model, `[S, R, N]`, R estimates at S states.
    truth: V_n by real branches, `[S, R', N]`.
    p: halting probabilities `[S, N]`, 0 for levels not reached.
    value: the critic's values `[S]`, which the model's A_n are taken from;
      the real ones are taken from `sum_n p_n V_n`.

  Returns:
    `rank_correlation` over the levels of a state, and at how many `states`
    these differ; `value_correlation` of V_n and `adv_correlation` of A_n over
    all states and levels; `value_bias` and `adv_bias`, model minus real, and
    `adv_rmse`; `variance` of one estimate of V_n, and `level_variance` of
    one estimate of V_n - sum_m p_m V_m.
  """
  mean, wanted = model.mean(1), truth.mean(1)
  score, states = agreement(mean, wanted, p)
  reached = p > 0
  adv = (mean - value[:, None])[reached]
  real_adv = (wanted - (p * wanted).sum(1, keepdims=True))[reached]
  return {
    'rank_correlation': score,
    'states': states,
    'value_correlation': correlation(mean[reached], wanted[reached]),
    'adv_correlation': correlation(adv, real_adv),
    'value_bias': float((mean - wanted)[reached].mean()),
    'adv_bias': float((adv - real_adv).mean()),
    'adv_rmse': float(np.sqrt(np.square(adv - real_adv).mean())),
    **spread(model, p),
  }


def spread(values: Array, p: Array) -> dict[str, float]:
  """Variances of one estimate `[S, R, N]`, see `compare`."""
  own = values - (p[:, None] * values).sum(-1, keepdims=True)
  weigh = lambda x: float((p * x.var(1, ddof=1)).sum(-1).mean())
  return {'variance': weigh(values), 'level_variance': weigh(own)}


def timed(function: Callable, *args: Any) -> tuple[Any, float]:
  """What a function returns, and the CPU seconds that it took."""
  begun = time.process_time()
  out = function(*args)
  return out, time.process_time() - begun
