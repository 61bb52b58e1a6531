"""A linear probe for the next push of an agent, by level, for sokoban.py.

From a vector per cell, the level's hidden state, one linear map that all cells
share gives the logits of the four directions in which a box in that cell is
pushed. The softmax is over all cells and directions. It is trained on the
first three quarters of the episodes, and tested on the others. Level 0 is the
encoder's tokens, before any thought.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from embodied.envs.fast_sokoban import rules
from ponderdream.distributed import devices
from ponderdream.dream import posterior
from ponderdream.goals import immediate, spatial
from ponderdream.ponder import loop

WAYS = len(rules.ACTIONS)
# States at most, drawn from all episodes; steps of Adam, its rate, and the
# weight of the squared map.
STATES, STEPS, RATE, DECAY = 2000, 200, 0.05, 1e-4


def accuracy(player, episodes):
  """The accuracy of each level, `[N + 1]`; None for an agent that does not
  think about cells, or if there is nothing to learn from."""
  inner = player.models.parts.get('inner')
  if inner is None or not isinstance(inner.module, spatial.Spatial):
    return None
  labelled = [labels(x) for x in episodes]
  which = np.repeat(np.arange(len(episodes)), [len(x) for x in labelled])
  every = np.concatenate(labelled)
  counts = np.random.default_rng(0).permutation(np.flatnonzero(every >= 0))
  counts = np.sort(counts[:STATES])
  trained = which[counts] < 3 * len(episodes) / 4
  if trained.all() or not trained.any():
    return None
  join = lambda key: np.concatenate([x[key] for x in episodes])[counts]
  batch = {k: join(k) for k in posterior.LATENTS}
  batch['cells'] = np.concatenate([x['cells'][:-1] for x in episodes])[counts]
  found = []
  for features in thoughts(player, batch):
    right = probe(features, every[counts], trained)
    found.append(float(right[~trained].mean()))
  return found


def labels(episode):
  """The next push at every step of an episode, `[T]`: cell times four plus the
  direction; -1 after the last one."""
  cells, actions = episode['cells'], episode['action']
  found, now = np.full(len(actions), -1), -1
  boxes = (cells >> 1 == rules.BOX).reshape((len(cells), -1))
  for t in reversed(range(len(actions))):
    before = boxes[t] & ~boxes[t + 1]
    if before.any():
      now = int(before.argmax()) * WAYS + actions[t]
    found[t] = now
  return found


def thoughts(player, batch):
  """Vectors of the P cells at every level, `[M, P, D]` each: the encoder's
  tokens, then the hidden states of all levels, whatever halting says.

  Args:
    batch: `cells` int `[M, H, W]` and latents `[M, ...]`.
  """
  models, params = player.models, devices.local(player.state.params)
  subgoal = models.parts['inner'].module
  actdec = models.parts['actdec'].module

  @jax.jit
  def compute(params, batch):
    latents = {k: batch[k] for k in posterior.LATENTS}
    tokens = models.encode(params, {'cells': batch['cells']})
    view = models.view(params, posterior.unpack(models.dyn, latents), tokens)
    done = loop.unroll(
      immediate.make_step(subgoal, actdec),
      *immediate.start(subgoal, actdec, params, view.actor, view.goal),
      max_steps=models.ponder.max_steps,
      eps=None,
    )
    cells = view.actor[:, subgoal.seen :]
    cells = cells.reshape((len(cells), -1, subgoal.grid.depth))
    return cells, done.h.hidden

  tokens, hidden = jax.device_get(compute(params, batch))
  return [tokens, *hidden]


def probe(features, label, trained):
  """Whether the probe is right, bool `[M]`, of features `[M, P, D]` and labels
  `[M]`, learnt from those that are `trained`, bool `[M]`."""
  seen = features[trained]
  mean, deviation = seen.mean((0, 1)), seen.std((0, 1)) + 1e-6
  x = jnp.asarray((features - mean) / deviation, jnp.float32)
  weights = fit(x[trained], jnp.asarray(label[trained]))
  return np.asarray(logits(weights, x).argmax(-1)) == label


def logits(weights, x):
  """`[M, P, D] -> [M, 4 P]`."""
  kernel, bias = weights
  return (x @ kernel + bias[None, None]).reshape((len(x), -1))


@jax.jit
def fit(x, label):
  """The map `([D, 4], [4])` for features `[M, P, D]` and labels `[M]`."""
  weights = jnp.zeros((x.shape[-1], WAYS)), jnp.zeros(WAYS)
  adam = optax.adam(RATE)

  def loss(weights):
    each = optax.softmax_cross_entropy_with_integer_labels(
      logits(weights, x), label
    )
    return each.mean() + DECAY * jnp.square(weights[0]).sum()

  def step(_, carry):
    weights, state = carry
    update, state = adam.update(jax.grad(loss)(weights), state)
    return optax.apply_updates(weights, update), state

  start = weights, adam.init(weights)
  return jax.lax.fori_loop(0, STEPS, step, start)[0]
