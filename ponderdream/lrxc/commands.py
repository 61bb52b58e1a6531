"""The short commands: check a data set, and turn plans into text and back."""

import pathlib
from collections.abc import Iterator

from embodied.config import Config
from embodied.errors import UsageError
from ponderdream.lrxc import audit, flat, jsonl, store
from ponderdream.lrxc.data import Data, shards
from ponderdream.lrxc.jsonl import Plan
from ponderdream.lrxc.store import Recording

# Problems that are printed.
MOST = 20


def validate(options: Config) -> int:
  """Checks a data set or a file of plans; returns 1 if something is wrong."""
  path = pathlib.Path(options.path)
  if path.is_file():
    count = sum(1 for _ in plans(path))
    print(f'{path}: {count} episodes, all valid.')
    return 0
  found = list(audit.problems(path))
  for problem in found[:MOST]:
    print(problem)
  if found:
    print(f'Problems in {path}: {len(found)}.')
    return 1
  data = Data(path)
  steps = sum(x.n_steps for x in data.rows)
  print(f'{path}: {len(data)} episodes with {steps:,} steps, all valid.')
  return 0


def export(options: Config) -> int:
  """Writes the plans of a data set as lines of JSON."""
  data = Data(options.data)
  numbers = range(len(data))
  jsonl.write(
    options.file, ((data.episode(x), data.nodes(x)) for x in numbers)
  )
  print(f'{len(data)} episodes are in {options.file}.')
  return 0


def import_(options: Config) -> int:
  """Makes a data set of a file of plans or of flat intents; the steps come
  from the data set `options.steps`."""
  folder = pathlib.Path(options.data)
  if shards(folder):
    raise UsageError(f'{folder} holds data already; choose another folder.')
  source = Data(options.steps) if options.steps else None
  given = (_recording(x, source) for x in plans(pathlib.Path(options.file)))
  print(f'{store.write(folder, given)} episodes are in {folder}.')
  return 0


def plans(path: pathlib.Path) -> Iterator[Plan]:
  """The plans of a .jsonl file, or of a .json file of flat intents.

  Raises:
    UsageError: another kind of file, or one that is not valid.
  """
  readers = {'.jsonl': jsonl.read, '.json': flat.read}
  if path.suffix not in readers:
    raise UsageError(
      f'{path} is neither a .jsonl file of plans nor a .json file of flat'
      ' intents.'
    )
  return readers[path.suffix](path)


def _recording(plan: Plan, source: Data | None) -> Recording:
  episode, nodes = plan
  if not episode.n_steps:
    return Recording(episode, nodes)
  if source is None:
    raise UsageError(
      f'Episode {episode.episode_id!r} has {episode.n_steps} steps, which are'
      ' not in a file of words; add --steps DIR, the data set that has them.'
    )
  steps = source.steps(source.find(episode.episode_id))
  return Recording(episode, nodes, steps)
