"""What an agent thinks at the steps of plans in words that it has not seen.

    python -m scripts.experiments.thoughts --logdir RUN --data DATA

Reads windows of the split `valid` of an LRXC data set, with the states of the
agent that starts each window from nothing. At each step, all levels are
computed without teacher forcing. Prints, and writes as JSON, shares over all
steps with a plan:

  said       by level: the greedy text of the subgoal is the right one
  nearest    by level: it is nearest to the right one of all texts
  halt       the most probable level to halt at is that of the plan
  rank       rank correlation of the expected number of steps and the depth
             of the plan (Spearman)
  action     the most probable action is that of the plan
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream import checkpoint, factories, settings, texts
from ponderdream.dream import posterior
from ponderdream.losses import policy_gradient
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.windows import Windows
from ponderdream.nets import text
from scripts import arguments, results

LENGTH = 64  # steps of a window, and one before them


def thinking(models, params, data, plan, known, key):
  """Thoughts at the last steps of a batch `[B, T + 1, ...]`, M = B T in all.

  Args:
    plan: the goals of the levels, indices `[N, M]`.
    known: all texts in pieces, int `[U, L]`; `goal` of the batch and `plan`
      point into it.

  Returns:
    By name: `said` bool `[N, M]`, whether the text of the plan is said;
    `nearest` int `[N, M]`, `halt` and `action` int `[M]`, `steps` `[M]`.
  """
  post, tokens, _ = posterior.filtered(models, params, data, key)
  now = {k: v[:, 1:] for k, v in data.items() if k not in posterior.LATENTS}
  embedded = models.goals(params, known)
  view = models.view(params, post, tokens, models.allowed(now))
  wanted = jnp.where((now['goal'] >= 0)[..., None], embedded[now['goal']], 0)
  join = lambda x: None if x is None else x.reshape((-1, x.shape[-1]))
  view = view._replace(
    **{k: join(v) for k, v in view._replace(goal=wanted)._asdict().items()}
  )
  shape = len(view.feat), models.ponder.max_steps
  nothing = jnp.zeros((*shape, view.goal.shape[-1])), jnp.zeros(shape, bool)
  found = models.thoughts(params, view, nothing)
  near = jnp.einsum('nmg,ug->nmu', found.goal, embedded).argmax(-1)
  said = jax.lax.map(
    lambda x: says(models, params, x[0], known[x[1]]), (found.goal, plan)
  )
  pi = models.policy(found.raw, view)
  every = jnp.arange(models.action.classes[0])[:, None, None, None]
  every = jnp.broadcast_to(every, (len(every), *found.log_p.shape, 1))
  log_mu = jax.vmap(
    lambda a: policy_gradient.log_mu(found.log_p, pi.log_prob(a))
  )(every.astype(jnp.float32))
  levels = jnp.arange(1, len(found.log_p) + 1)[:, None]
  return {
    'said': said,
    'nearest': near,
    'halt': found.log_p.argmax(0) + 1,
    'steps': (jnp.exp(found.log_p) * levels).sum(0),
    'action': log_mu.argmax(0),
  }


def says(models, params, goal, pieces):
  """Whether the greedy text of goals `[M, G]` is `pieces` `[M, L]`: the most
  probable piece is the right one after all right ones before it."""
  best = models.apply(params, 'txtdec', goal, pieces).argmax(-1)
  return ((best == pieces) | (pieces == text.PADDING)).all(-1)


def summary(found, stack, action):
  """The shares of the docstring.

  Args:
    found: results of `thinking`, M steps.
    stack: the plan, int `[N, M]`, -1 from where there is none.
    action: of the plan, int `[M]`, -1 where it is not known.
  """
  known, depth = stack >= 0, (stack >= 0).sum(0)
  said = found['said']
  near = found['nearest'] == stack
  with_plan, acted = depth > 0, (depth > 0) & (action >= 0)
  share = lambda x, mask: float(x[mask].mean()) if mask.any() else None
  levels = range(int(depth.max()))
  return {
    'steps': int(with_plan.sum()),
    'said': [share(said[n], known[n]) for n in levels],
    'nearest': [share(near[n], known[n]) for n in levels],
    'said_all': share(said, known),
    'halt': share(found['halt'] == depth, with_plan),
    'rank': results.correlation(
      *(results.ranks(x[with_plan]) for x in (found['steps'], depth))
    ),
    'action': share(found['action'] == action, acted),
  }


def measure(config, agent, folder, batches):
  """The summary over some batches of the split `valid` of a data set."""
  words = texts.load(config, config.logdir)
  each = sorted(Data(folder).texts())
  rows, place = words.encode(each), {x: i for i, x in enumerate(each)}
  source = Windows(folder, LENGTH + 1, 'valid')
  think = jax.jit(thinking, static_argnums=0)
  params = agent.save().params
  parts, plans, actions = [], [], []
  for i in range(batches):
    batch = source.sample(config.batch.size)
    at = np.array([place[str(x)] for x in batch.pop(texts.TEXTS)] + [-1])
    goal, stack = at[batch['goal']], at[batch['stack'][:, 1:]]
    data = agent.select_keys(batch | {'goal': goal, 'stack': batch['stack']})
    stack = stack.reshape((-1, stack.shape[-1])).T
    spare = agent.models.ponder.max_steps - len(stack)
    plans.append(np.pad(stack, ((0, spare), (0, 0)), constant_values=-1))
    actions.append(batch['action'][:, 1:].ravel())
    found = think(
      agent.models, params, data, plans[-1], rows, jax.random.key(i)
    )
    parts.append(jax.device_get(found))
  join = lambda xs: np.concatenate(xs, -1)
  found = {k: join([x[k] for x in parts]) for k in parts[0]}
  return summary(found, join(plans), join(actions))


def main(argv):
  """Runs the command line."""
  parser = arguments.parser(__doc__, 'thoughts')
  parser.add_argument('--logdir', type=pathlib.Path, required=True)
  parser.add_argument('--data', type=pathlib.Path, required=True)
  parser.add_argument('--batches', type=arguments.count, default=8)
  args = parser.parse_args(argv)
  config = factories.setup(settings.recall(str(args.logdir)))
  agent = factories.make_agent(factories.make_spaces(config), config)
  step = checkpoint.restore(agent, args.logdir / 'checkpoints', None, False)
  found = measure(config, agent, args.data, args.batches)
  results.write(args.out, {'step': step, **found})
  for name, value in found.items():
    print(f'{name:10}', value)


if __name__ == '__main__':
  arguments.run(main)
