"""Reads `scores.jsonl`, the episodes of a run."""

import json
import logging
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from embodied import files

log = logging.getLogger('embodied')

RETURN = 'episode/score'


def read(path: str | os.PathLike[str]) -> list[dict[str, float]]:
  """The lines of the file, oldest first; none if there is no file.

  A last line that was cut short is left out. A damaged line is left out and
  named in a warning.
  """
  folder, name = files.beside(path), Path(path).name
  if not folder.exists(name):
    return []
  scores = []
  lines = folder.read(name).splitlines(keepends=True)
  for number, line in enumerate(lines, 1):
    if not line.endswith(b'\n'):
      continue
    try:
      # JsonLines writes values that JSON has no number for as texts.
      scores.append({k: float(v) for k, v in json.loads(line).items()})
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
      log.warning(
        'Line %d of %s is damaged and left out (%s).', number, path, error
      )
  return scores


def best(scores: Iterable[Mapping[str, float]]) -> float | None:
  """The highest return of these episodes; None if none has a return."""
  returns = [x.get(RETURN, math.nan) for x in scores]
  return max((x for x in returns if not math.isnan(x)), default=None)
