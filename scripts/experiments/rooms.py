"""Agents in rooms of Sokoban that they were not trained in, for sokoban.py.

An episode of T steps is a dict: `cells` int `[T + 1, H, W]`, `action` `[T]`,
`ponder` `[T]`, levels that were computed, `expected` `[T]`, their expected
number at that state, `needed` and `solved`, and the agent's latents `[T, ...]`
by their keys.
"""

import functools

import numpy as np

from embodied.envs.fast_sokoban import rules
from embodied.experts.sokoban import search
from ponderdream import agent, checkpoint, factories, settings
from ponderdream.dream import foreseen, posterior
from ponderdream.page import intervals
from scripts import results

# Environments, with numbers that no training uses.
ENVS, FIRST = 32, 2**42
# States of which a rank correlation is computed, at most.
RANKED = 4000


def opened(folder, more=0, most=0):
  """The agent of a run, and rooms that are the same for all runs; None if
  `more` or `most` do not apply to it.

  Args:
    more: number of levels at which halting is disabled; for a fixed number of
      levels, the number of additional ones.
    most: maximum number of levels; 0 for that of training.
  """
  config = factories.setup(settings.recall(str(folder)))
  further = config.ponder.mode != 'none' and config.inner.tied
  if (more or most) and not (further and most < config.ponder.max_steps):
    return None
  levels = most or config.ponder.max_steps
  config = config.update({'ponder.max_steps': levels, 'run.parallel': False})
  driver = factories.make_driver(config.update({'seed': 0}), ENVS, FIRST)
  acting = agent.Acting(suppress=more, foresees=not (more or most))
  spaces = driver.obs_space, driver.act_space
  player = factories.make_agent(spaces, config, {'eval': acting})
  checkpoint.restore(player, folder / 'checkpoints')
  return player, driver


def play(player, driver, episodes):
  """So many episodes, as many of each environment (and closes them)."""
  each = -(-episodes // len(driver))
  playing = [[] for _ in range(len(driver))]
  found = [[] for _ in range(len(driver))]

  def follow(step, worker):
    playing[worker].append(step)
    if step['is_last']:
      if len(found[worker]) < each:
        found[worker].append(joined(playing[worker]))
      playing[worker] = []

  driver.on_step(follow)
  driver.reset(player.init_policy)
  policy = lambda carry, obs: player.policy(carry, obs, mode='eval')
  while min(map(len, found)) < each:
    driver(policy, steps=1)
  driver.close()
  return [x for worker in found for x in worker][:episodes]


def joined(steps):
  """The steps of an episode as one dict."""
  acted = {k: np.stack([x[k] for x in steps[:-1]]) for k in posterior.LATENTS}
  ponder = np.array([x.get('log/ponder_steps', 0) for x in steps[:-1]])
  expected = ponder
  halts = [x.get(foreseen.HALTS) for x in steps[:-1]]
  if halts[0] is not None and len(halts[0]) > 1:
    p = np.exp(np.stack(halts))
    expected = p @ np.arange(1, p.shape[1] + 1)
  return acted | {
    'cells': np.stack([x['cells'] for x in steps]),
    'action': np.array([x['action'] for x in steps[:-1]], int),
    'ponder': ponder,
    'expected': expected,
    'needed': int(steps[0]['log/needed']),
    'solved': bool(steps[-1]['log/achievement_solved']),
  }


def success(episodes):
  """Share of solved rooms, with a 95% interval (Wilson), by the pushes that
  the room needs, and levels computed per action."""
  solved = np.array([x['solved'] for x in episodes])
  needed = np.array([x['needed'] for x in episodes])
  by = {}
  for pushes in np.unique(needed):
    own = solved[needed == pushes]
    by[int(pushes)] = [len(own), float(own.mean())]
  return {
    'success': float(solved.mean()),
    'interval': list(intervals.wilson(solved.sum(), len(solved))[1:]),
    'levels': float(np.concatenate([x['ponder'] for x in episodes]).mean()),
    'by_needed': by,
  }


def thinking(episodes):
  """Expected levels by the pushes that are left, and over the episode.

  `by_left`, `by_time` (of ten steps each): number of states and mean levels;
  `at_risk`: of states where one push makes the room unsolvable, of others,
  and of those where it is; `rank_left` over states, `rank_needed` over the
  first states of rooms: rank correlations (Spearman).
  """
  # One list of levels for every value.
  left, time, risk, pairs, first = {}, {}, {}, [], []
  for episode in episodes:
    for t, levels in enumerate(episode['expected']):
      cells = episode['cells'][t]
      pushes = remaining(cells.astype(np.uint8).tobytes(), cells.shape)
      time.setdefault(10 * (t // 10), []).append(levels)
      if pushes is None:
        risk.setdefault('lost', []).append(levels)
        continue
      left.setdefault(pushes, []).append(levels)
      pairs.append((levels, pushes))
      key = 'at risk' if risky(cells) else 'safe'
      risk.setdefault(key, []).append(levels)
    first.append((episode['expected'][0], episode['needed']))
  told = lambda by: {k: [len(by[k]), np.mean(by[k])] for k in sorted(by)}
  return {
    'by_left': told(left),
    'by_time': told(time),
    'at_risk': told(risk),
    'rank_left': spearman(pairs),
    'rank_needed': spearman(first),
  }


def spearman(pairs):
  """The rank correlation of pairs `[N, 2]`, of RANKED of them at most."""
  some = np.random.default_rng(0).permutation(len(pairs))[:RANKED]
  x, y = np.asarray(pairs, float)[some].T
  # Levels that differ by rounding alone are equal.
  return results.correlation(results.ranks(x.round(5)), results.ranks(y))


@functools.lru_cache(200_000)
def remaining(room, shape):
  """The fewest pushes that solve a room, classes of cells uint8 as bytes; None
  if it cannot be solved any more."""
  plan = search.solve(np.frombuffer(room, np.uint8).reshape(shape)).plan
  return None if plan is None else len(plan)


def risky(cells):
  """Whether one push loses a room `[H, W]` that can be solved."""
  for way in range(len(rules.ACTIONS)):
    flat, numbers = np.zeros(cells.size, np.uint8), np.zeros(4, np.int64)
    rules.load(flat, numbers, cells.astype(np.uint8).reshape(-1))
    rules.step(flat, numbers, cells.shape[1], way)
    if numbers[rules.PUSHES] and numbers[rules.LEFT]:
      if remaining(flat.tobytes(), cells.shape) is None:
        return True
  return False
