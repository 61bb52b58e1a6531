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
  """Counts in how many episodes each achievement was unlocked, of those that
  could unlock it."""

  def __init__(self) -> None:
    self.episodes: dict[str, int] = {}
    self.counts: dict[str, float] = {}
    # The achievements that an episode may unlock, in each world of a run.
    self.worlds: set[frozenset[str]] = set()

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
    self.worlds.add(frozenset(names))
    for key, value in names.items():
      self.episodes[key] = self.episodes.get(key, 0) + 1
      self.counts[key] = self.counts.get(key, 0.0) + value

  def rates(self) -> dict[str, float]:
    """Percent of the episodes in which each achievement was unlocked."""
    return {
      k: 100 * v / self.episodes[k] for k, v in sorted(self.counts.items())
    }

  def result(self) -> dict[str, float]:
    """The rates as `success/<name>` and `success/score`; empty if the
    environment has no achievements."""
    named = {f'success/{k}': v for k, v in self.rates().items()}
    total = self.crafter_score()
    return named if total is None else named | {'success/score': total}

  def summary(self) -> dict[str, Any]:
    """`success` (the rates), `success_episodes` (of how many episodes), and
    `crafter_score`, see there."""
    return {
      'success': self.rates(),
      'success_episodes': dict(sorted(self.episodes.items())),
      'crafter_score': self.crafter_score(),
    }

  def crafter_score(self) -> float | None:
    """Crafter's score; None without achievements, or if several worlds have
    different ones."""
    if len(self.worlds - {frozenset()}) != 1:
      return None
    return score(list(self.rates().values()))
