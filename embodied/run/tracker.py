"""The interface for metrics beside returns and lengths."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from embodied.log.metrics import Metrics


class Tracker:
  """Follows the steps and episodes of a run.

  A run calls `on_step` for every transition, and `episode` for every episode
  that ends. All methods do nothing here; a tracker overrides those it needs.
  """

  def load(self, scores: Sequence[Mapping[str, float]]) -> None:
    """Reads the lines of `scores.jsonl` of earlier processes of the run, as
    `embodied.log.scores.read` returns them."""

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    """Called for each transition of the environment number `worker`."""

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    """Called for each episode, as `embodied.log.metrics.Episodes` returns it;
    returns further values for its line in `scores.jsonl`."""
    return {}

  def result(self) -> dict[str, Any]:
    """Numbers and histograms `[n]` to log, by key."""
    return {}

  def summary(self) -> dict[str, Any]:
    """Values for the JSON file of an evaluation, by key."""
    return {}


class Logged(Tracker):
  """The values `log/<name>` that an environment gives beside observations.

  Args:
    known: beginnings of names that other trackers count.
  """

  def __init__(self, known: Collection[str] = ()) -> None:
    self._known = tuple(known)
    self._means = Metrics()

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    """`log/<name>`, the largest value of the episode, for each name."""
    line = {
      k.removesuffix('/max'): v
      for k, v in episode.items()
      if k.startswith('log/')
      and k.endswith('/max')
      and not k[len('log/') :].startswith(self._known)
    }
    self._means.add(line)
    return line

  def summary(self) -> dict[str, Any]:
    """`log`, the mean of these values over the episodes, by name."""
    means = self._means.means().items()
    return {'log': {k.removeprefix('log/'): v for k, v in means}}
