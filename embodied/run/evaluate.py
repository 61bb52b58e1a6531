"""Evaluation of a policy."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embodied.base import Agent
from embodied.driver import Driver
from embodied.errors import EnvironmentFailed, Stopped
from embodied.log.metrics import Episodes
from embodied.run.tracker import Tracker

# Two-sided 95% quantiles of the normal distribution, and of Student's t with
# 1 to 30 degrees of freedom: the standard tables, as in Abramowitz & Stegun,
# Handbook of Mathematical Functions (1964), tables 26.5 and 26.10.
NORMAL = 1.959964
STUDENT = (
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
  2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
  2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


RESTARTS = 10


def evaluate(
  agent: Agent,
  driver: Driver,
  episodes: int,
  trackers: Sequence[Tracker] = (),
  stop_requested: Callable[[], bool] = lambda: False,
) -> list[dict[str, float]]:
  """Runs whole episodes in mode 'eval'.

  Every environment contributes a fixed number of episodes, so that short
  episodes do not count more often. Later steps are ignored.

  Args:
    trackers: of further metrics.
    stop_requested: whether the evaluation should stop.

  Returns:
    One dict per episode, as `embodied.log.metrics.Episodes` gives them.

  Raises:
    EnvironmentFailed: environments had to be restarted RESTARTS times, and no
      episode came to its end in between.
    Stopped: `stop_requested` said so.
  """
  found: list[dict[str, float]] = []
  running = Episodes()
  left = np.full(len(driver), episodes // len(driver))
  left[: episodes % len(driver)] += 1

  def on_transition(transition: dict[str, Any], worker: int) -> None:
    if not left[worker]:
      return
    for tracker in trackers:
      tracker.on_step(transition, worker)
    episode = running.add(transition, worker)
    if episode is not None:
      for tracker in trackers:
        tracker.episode(episode)
      found.append(episode)
      left[worker] -= 1

  driver.on_step(on_transition)
  driver.reset(agent.init_policy)
  done = restarts = 0
  while left.any():
    if stop_requested():
      raise Stopped
    if len(found) > done:
      done, restarts = len(found), driver.restarts
    if driver.restarts >= restarts + RESTARTS:
      raise EnvironmentFailed(
        f'Environments were restarted {RESTARTS} times, and no episode came to'
        f' its end. The last error: {driver.last_error}'
      )
    driver(lambda carry, obs: agent.policy(carry, obs, mode='eval'), steps=1)
  return found


def summary(
  episodes: Sequence[dict[str, float]], trackers: Sequence[Tracker] = ()
) -> dict[str, Any]:
  """Means over the episodes, for printing and for JSON.

  Returns:
    `episodes`, `return_mean`, `return_ci95` (half the width of a 95%
    interval by Student's t, or None for a single episode), `length_mean`,
    `cut` (how many were cut off at a limit of steps), and the summaries of
    the trackers.
  """
  returns = np.array([x['score'] for x in episodes])
  count = len(returns)
  width = None
  if count > 1:
    deviation = float(returns.std(ddof=1))
    width = quantile(count - 1) * deviation / math.sqrt(count)
  found: dict[str, Any] = {
    'episodes': count,
    'return_mean': float(returns.mean()),
    'return_ci95': width,
    'length_mean': float(np.mean([x['length'] for x in episodes])),
    'cut': sum(x.get('log/cut/max', 0) > 0 for x in episodes),
  }
  for tracker in trackers:
    found |= tracker.summary()
  return found


def quantile(degrees: int) -> float:
  """The two-sided 95% quantile of Student's t with `degrees` of freedom, to
  three decimals; beyond the table by Abramowitz & Stegun, equation 26.7.5."""
  if degrees <= len(STUDENT):
    return STUDENT[degrees - 1]
  z = NORMAL
  first = (z**3 + z) / 4
  second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
  return z + first / degrees + second / degrees**2
