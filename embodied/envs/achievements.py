"""Success rates of achievements, and Crafter's score.

For every environment whose observations have keys `log/achievement_NAME`, the
number of times that this achievement was unlocked in the episode so far.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from embodied.run.tracker import Tracker

PREFIX = 'achievement_'


def score(percent: ArrayLike) -> float:
  """`exp(mean_i ln(1 + s_i)) - 1` of success rates `[n]` in percent.

  Hafner 2021, Crafter (arXiv 2109.06780), section 3: the geometric mean
  rewards rare achievements.

  Raises:
    ValueError: no rates, or rates outside of 0 to 100.
  """
  rates = np.asarray(percent, np.float64)
  if not rates.size or not ((rates >= 0) & (rates <= 100)).all():
    raise ValueError(f'Success rates are percentages, got {rates}.')
  return float(np.expm1(np.log1p(rates).mean()))


def unlocked(episode: Mapping[str, float]) -> dict[str, float]:
  """From the log values of an episode: 1.0 for each achievement that was
  unlocked and 0.0 for the others, by name."""
  start, end = f'log/{PREFIX}', '/max'
  return {
    k[len(start) : -len(end)]: float(v > 0)
    for k, v in episode.items()
    if k.startswith(start) and k.endswith(end)
  }


class Achievements(Tracker):
  """Counts in how many episodes each achievement was unlocked."""

  def __init__(self) -> None:
    self.episodes = 0
    self.counts: dict[str, float] = {}

  def load(self, scores: Sequence[Mapping[str, float]]) -> None:
    start = f'episode/{PREFIX}'
    for line in scores:
      self.add(
        {k[len(start) :]: v for k, v in line.items() if k.startswith(start)}
      )

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    names = unlocked(episode)
    self.add(names)
    return {PREFIX + k: v for k, v in names.items()}

  def add(self, names: Mapping[str, float]) -> None:
    """Counts one episode, as `unlocked` returns it."""
    self.episodes += 1
    for key, value in names.items():
      self.counts[key] = self.counts.get(key, 0.0) + value

  def rates(self) -> dict[str, float]:
    """Percent of the episodes in which each achievement was unlocked."""
    return {k: 100 * v / self.episodes for k, v in sorted(self.counts.items())}

  def result(self) -> dict[str, float]:
    """The rates as `success/<name>` and `success/score`; empty if the
    environment has no achievements."""
    rates = self.rates()
    if not rates:
      return {}
    named = {f'success/{k}': v for k, v in rates.items()}
    return named | {'success/score': score(list(rates.values()))}

  def summary(self) -> dict[str, Any]:
    """`success` (the rates), and `crafter_score` (None without them)."""
    rates = self.rates()
    total = score(list(rates.values())) if rates else None
    return {'success': rates, 'crafter_score': total}
