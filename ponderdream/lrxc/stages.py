"""Stages of the pipeline: a folder of records is made from another one.

Each record is a JSON file that says by a hash what it was made from. It is
written in whole or not at all, and made again only if that hash changes. So a
stage that was stopped, or killed, goes on where it was.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from ponderdream.lrxc import files
from ponderdream.lrxc.progress import progress

Record = dict[str, Any]
KEY = re.compile(r'[A-Za-z0-9_-]{1,64}')


class Job(NamedTuple):
  """Makes one record; `made_from` is a hash of all that it depends on.

  `make` raises UsageError if there can be none.
  """

  made_from: str
  make: Callable[[], Record]


class Halt(UsageError):
  """What stops a whole stage, as each record would fail by it."""


class Left(NamedTuple):
  """What a stage did: counts, and why some records are missing."""

  made: int
  kept: int
  missing: Mapping[str, str]


def key(name: str) -> str:
  """A name for a file: `name` itself if it is safe, else one from its hash."""
  return name if KEY.fullmatch(name) else f'id-{digest(name)[:24]}'


def digest(*parts: str | bytes) -> str:
  """SHA-256 of the parts, each with its length, in hexadecimal digits."""
  total = hashlib.sha256()
  for part in parts:
    data = part.encode(errors='replace') if isinstance(part, str) else part
    total.update(b'%d:' % len(data) + data)
  return total.hexdigest()


def run(noun: str, out: Path, jobs: Mapping[str, Job]) -> Left:
  """Makes the records of all jobs in the folder `out`, those that are new.

  Args:
    noun: what the records are of, such as 'videos'.
    jobs: by key, which is the name of the file.

  Raises:
    UsageError: Another process uses the folder, or it cannot be made; or a
      job raised Halt. The records that were made stay.
  """
  made, kept, missing = 0, 0, {}
  with hold(out), progress(noun, len(jobs)) as bar:
    for i, (name, job) in enumerate(jobs.items()):
      bar(i)
      path = out / f'{name}.json'
      if _made_from(path) == job.made_from:
        kept += 1
        continue
      path.unlink(missing_ok=True)
      try:
        write(path, {'made_from': job.made_from, **job.make()})
        made += 1
      except Halt:
        raise
      except UsageError as error:
        missing[name] = str(error)
    bar(len(jobs))
  return Left(made, kept, missing)


@contextlib.contextmanager
def hold(out: Path) -> Iterator[None]:
  """Holds the folder `out` for this process alone, without what killed ones
  left in it."""
  try:
    out.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UsageError(f'Cannot make the folder {out}: {error}.') from None
  with lock.hold(Folder(out), '.lock'):
    files.clean(out)
    yield


def tell(verb: str, noun: str, left: Left, out: Path) -> int:
  """Prints what a stage did; returns the exit code, 1 if anything is missing.

  Args:
    verb, noun: such as 'read' and 'videos'.
  """
  for name, reason in left.missing.items():
    print(f'{name}: {reason}')
  print(
    f'{left.made:,} {noun} {verb}, {left.kept:,} were there already,'
    f' {len(left.missing):,} left out. They are in {out}.'
  )
  return 1 if left.missing else 0


def read(path: Path) -> Record:
  """A record. Raises UsageError if the file is none."""
  try:
    record = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise UsageError(f'Cannot read {path}: {error}.') from None
  if not isinstance(record, dict):
    raise UsageError(f'{path} does not hold a record.')
  return record


def write(path: Path, record: Mapping[str, Any]) -> None:
  """Writes a record, in whole or not at all."""
  with files.replacing(path) as part:
    part.write_text(json.dumps(record, allow_nan=False) + '\n')


def records(folder: Path, command: str) -> Iterator[tuple[str, Path]]:
  """Keys and files of the records in a folder that `command` made.

  Raises:
    UsageError: There are none.
  """
  paths = sorted(x for x in folder.glob('*.json') if x.name[0] != '.')
  if not paths:
    raise UsageError(
      f'There are no records in {folder}; make them by'
      f' `python -m ponderdream.lrxc {command}`.'
    )
  yield from ((x.stem, x) for x in paths)


def _made_from(path: Path) -> str | None:
  try:
    return read(path).get('made_from')
  except UsageError:
    return None
