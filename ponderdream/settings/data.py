"""The setting `data`: the run's own replay, fixed data sets, or both."""

import math
import pathlib

from embodied.config import Config
from embodied.errors import UsageError

# The name of the run's own replay among the sources of data.
REPLAY = 'replay'


def shares(config: Config) -> dict[str, float]:
  """Share of every batch by source, 'replay' or a folder, from the texts
  `NAME_OR_FOLDER[=SHARE]` of the setting `data`; 1 where none is given.

  Raises:
    UsageError: no source, one that is named twice, a share that is not
      positive, or sources that do not suit `run.script`.
  """
  found: dict[str, float] = {}
  for text in config.data:
    name, share = _split(text)
    if name in found:
      raise UsageError(f"--data names '{name}' twice; name it once.")
    if not 0 < share < math.inf:
      raise UsageError(
        f"The share of '{name}' in --data is {share}; give one above 0."
      )
    found[name] = share
  acting = config.run.script == 'train'
  # The newest steps do not come from the replay.
  if acting and REPLAY not in found and not config.loss_scales.ppo:
    raise UsageError(
      'run.script is train, and --data does not name the replay of this run;'
      ' add replay, or set --run.script offline.'
    )
  if acting and found.keys() - {REPLAY} and not config.run.train_ratio:
    raise UsageError(
      f'--data names {", ".join(x for x in found if x != REPLAY)}, but'
      ' run.train_ratio is 0, so that it would not be used; set it above 0, or'
      ' add the block dreams after cpu.'
    )
  if not acting and (REPLAY in found or not found):
    raise UsageError(
      'run.script is offline, and an offline run has no replay of its own;'
      ' give the logdirs of earlier runs by --data.'
    )
  return found


def folder(name: str) -> pathlib.Path:
  """The folder with the chunks of a data set.

  Args:
    name: the logdir of a run, or its replay folder.

  Raises:
    UsageError: there are no chunks.
  """
  path = pathlib.Path(name).expanduser()
  for place in (path / 'replay', path):
    if any(place.glob('*.chunk')):
      return place
  raise UsageError(
    f"--data names '{name}', which has no replay; give the logdir of a run, or"
    ' its replay folder.'
  )


def has_plans(name: str) -> bool:
  """Whether a folder is an LRXC data set, with plans in words."""
  return any(pathlib.Path(name).expanduser().glob('episodes/*.parquet'))


def _split(text: str) -> tuple[str, float]:
  """Name and share. The name of an existing folder may contain a `=`."""
  name, equals, share = text.rpartition('=')
  if not equals or pathlib.Path(text).expanduser().is_dir():
    return text, 1.0
  try:
    return name, float(share)
  except ValueError:
    raise UsageError(
      f"--data has '{text}', and '{share}' is not a number; write"
      ' FOLDER=SHARE, for example old=0.5.'
    ) from None
