"""Measures a policy without learning."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from embodied import success as success_
from embodied.base import Agent
from embodied.driver import Driver
from embodied.log.metrics import Episodes

# Two-sided 95% quantiles of the normal distribution, and of Student's t with
# 1 to 30 degrees of freedom: the standard tables, as in Abramowitz & Stegun,
# Handbook of Mathematical Functions (1964), tables 26.5 and 26.10.
NORMAL = 1.959964
STUDENT = (
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
  2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
  2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip

# Longest video in frames.
FRAMES = 1500


class Evaluation(NamedTuple):
  """What was seen.

  Attributes:
    episodes: one dict per episode, as `metrics.Episodes` gives them.
    thought: ponder steps of every action; empty for an agent without.
    frames: pictures of the first environment, in order, `[H, W, C]` each;
      empty unless asked for.
    shown: ponder steps for each of these frames.
  """

  episodes: list[dict[str, float]]
  thought: list[float]
  frames: list[np.ndarray]
  shown: list[float]


def evaluate(
  agent: Agent, driver: Driver, episodes: int, video: bool = False
) -> Evaluation:
  """Runs whole episodes in mode 'eval'.

  Every environment contributes a fixed share of them, so that those which
  end early do not count more often.
  """
  result = Evaluation([], [], [], [])
  images = (k for k, v in driver.obs_space.items() if v.role == 'image')
  picture = next(images, None)
  tracker = Episodes()
  share = np.full(len(driver), episodes // len(driver))
  share[: episodes % len(driver)] += 1

  def follow(transition: dict[str, Any], worker: int) -> None:
    if not share[worker]:
      return
    # After the last observation nothing is done, whatever was thought.
    if 'log/ponder_steps' in transition and not transition['is_last']:
      result.thought.append(float(transition['log/ponder_steps']))
    if video and worker == 0 and len(result.frames) < FRAMES:
      if picture:
        result.frames.append(transition[picture])
        result.shown.append(float(transition.get('log/ponder_steps', 0)))
    episode = tracker.add(transition, worker)
    if episode is not None:
      result.episodes.append(episode)
      share[worker] -= 1

  driver.on_step(follow)
  driver.reset(agent.init_policy)
  while share.any():
    driver(lambda carry, obs: agent.policy(carry, obs, mode='eval'), steps=1)
  return result


def summary(result: Evaluation) -> dict[str, Any]:
  """Means over the episodes, for printing and for JSON.

  Returns:
    `episodes`, `return_mean`, `return_ci95` (half the width of a 95%
    interval by Student's t, or None for a single episode), `length_mean`,
    `success` (percent by achievement), `crafter_score` (None without
    achievements),
    `ponder_steps_mean` and `ponder_steps_histogram` (share of the actions by
    number of steps; None and empty for an agent that does not ponder).
  """
  returns = np.array([x['score'] for x in result.episodes])
  success = success_.Success()
  for episode in result.episodes:
    success.add(success_.unlocked(episode))
  rates = success.rates()
  count = len(returns)
  width = None
  if count > 1:
    deviation = float(returns.std(ddof=1))
    width = quantile(count - 1) * deviation / math.sqrt(count)
  return {
    'episodes': count,
    'return_mean': float(returns.mean()),
    'return_ci95': width,
    'length_mean': float(np.mean([x['length'] for x in result.episodes])),
    'success': rates,
    'crafter_score': success_.score(list(rates.values())) if rates else None,
    **thought(result.thought),
  }


def quantile(degrees: int) -> float:
  """The two-sided 95% quantile of Student's t with `degrees` of freedom, to
  three decimals; beyond the table by Abramowitz & Stegun, equation 26.7.5."""
  if degrees <= len(STUDENT):
    return STUDENT[degrees - 1]
  z = NORMAL
  first = (z**3 + z) / 4
  second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
  return z + first / degrees + second / degrees**2


def thought(steps: list[float]) -> Mapping[str, Any]:
  """Mean and histogram of the number of ponder steps per action."""
  if not any(steps):
    return {'ponder_steps_mean': None, 'ponder_steps_histogram': {}}
  values, counts = np.unique(np.round(steps).astype(int), return_counts=True)
  shares = counts / counts.sum()
  return {
    'ponder_steps_mean': float(np.mean(steps)),
    'ponder_steps_histogram': {
      str(k): float(v) for k, v in zip(values, shares, strict=True)
    },
  }
