"""Reads `scores.jsonl`, the episodes of a run."""

import math
import os
from collections.abc import Iterable, Mapping

from embodied.log.tail import Tail

RETURN = 'episode/score'


def read(path: str | os.PathLike[str]) -> list[dict[str, float]]:
  """The lines of the file, oldest first; none if there is no file. Damaged
  lines are left out, see `Tail`."""
  return list(Tail(path).lines())


def best(scores: Iterable[Mapping[str, float]]) -> float | None:
  """The highest return of these episodes; None if none has a return."""
  returns = [x.get(RETURN, math.nan) for x in scores]
  return max((x for x in returns if not math.isnan(x)), default=None)
