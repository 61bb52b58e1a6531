"""Success rates over all episodes of a run, and Crafter's score of them."""

import json
import logging
import math
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

log = logging.getLogger('embodied')

ACHIEVEMENT = 'achievement_'


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
  """From the log values of an episode, 1.0 for each achievement that was
  unlocked in it and 0.0 for the others, by its name."""
  start, end = f'log/{ACHIEVEMENT}', '/max'
  return {
    k[len(start) : -len(end)]: float(v > 0)
    for k, v in episode.items()
    if k.startswith(start) and k.endswith(end)
  }


def parse(line: bytes) -> tuple[dict[str, float], float]:
  """Achievements and return (NaN without one) of a line of `scores.jsonl`."""
  start = f'episode/{ACHIEVEMENT}'
  episode = json.loads(line)
  unlocked = {
    k[len(start) :]: float(v)
    for k, v in episode.items()
    if k.startswith(start)
  }
  # JsonLines writes the values JSON has no number for as texts.
  return unlocked, float(episode.get('episode/score', 'nan'))


class Success:
  """Counts in how many episodes each achievement was unlocked.

  `best` is the best return of the episodes that were loaded, None if none
  were.
  """

  def __init__(self) -> None:
    self.episodes = 0
    self.counts: dict[str, float] = {}
    self.best: float | None = None

  def add(self, achievements: Mapping[str, float]) -> None:
    """Takes in one episode, as `unlocked` returns it."""
    self.episodes += 1
    for key, value in achievements.items():
      self.counts[key] = self.counts.get(key, 0.0) + value

  def load(self, path: str | os.PathLike[str]) -> None:
    """Counts the episodes of a `scores.jsonl` that an earlier process wrote,
    and remembers the best 'episode/score'; a last line that was cut short is
    passed over, and a damaged one is named in a warning."""
    if not Path(path).exists():
      return
    text = Path(path).read_bytes()
    for number, line in enumerate(text.splitlines(keepends=True), 1):
      if not line.endswith(b'\n'):
        continue
      try:
        unlocked, score = parse(line)
      except (ValueError, TypeError, AttributeError) as error:
        log.warning(
          'Line %d of %s is damaged, and not counted (%s).',
          number,
          path,
          error,
        )
        continue
      self.add(unlocked)
      if not math.isnan(score) and (self.best is None or score > self.best):
        self.best = score

  def rates(self) -> dict[str, float]:
    """Percent of the episodes in which each achievement was unlocked."""
    return {k: 100 * v / self.episodes for k, v in sorted(self.counts.items())}

  def result(self) -> dict[str, float]:
    """The rates as `success/<name>` and `success/score`; empty where the
    environment has no achievements."""
    rates = self.rates()
    if not rates:
      return {}
    named = {f'success/{k}': v for k, v in rates.items()}
    return named | {'success/score': score(list(rates.values()))}
