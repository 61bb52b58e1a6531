"""A run as its files tell it, read anew only as far as they have grown."""

import contextlib
import json
import math
import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from embodied import files
from embodied.config import Config
from embodied.errors import UsageError
from embodied.files import Folder
from embodied.log.tail import Tail
from ponderdream.page.columns import Columns, Numbers

# Where a curve may be drawn over, and the key of each in metrics.jsonl.
AXES = {
  'updates': 'run/updates',
  'core': 'run/core_seconds',
  'wall': 'run/wall_seconds',
}
METRICS, SCORES = 'metrics.jsonl', 'scores.jsonl'
EPISODES = '.episodes.json'
# Files that are written at once: folders inside of the run, and names.
OWN = 'config.yaml', 'processes.jsonl'
ALL: tuple[tuple[tuple[str, ...], str], ...] = (
  ((), '|'.join(map(re.escape, OWN))),
  # A name with a dot in front is that of a file that is being written.
  (('eval',), r'(?!\.).*\.(json|mp4)'),
  (('videos',), r'(?!\.).*\.mp4'),
)


class File(NamedTuple):
  """A file in a folder that is held."""

  folder: Folder
  name: str

  @property
  def key(self) -> tuple[str, str]:
    return str(self.folder.path), self.name

  @property
  def stem(self) -> str:
    return self.name.rpartition('.')[0]

  def read(self) -> bytes:
    """Raises OSError, and UsageError if it is a link or the like."""
    return self.folder.read(self.name)

  def stamp(self) -> tuple[int, int]:
    """Changes when the file does."""
    found = os.stat(self.name, dir_fd=self.folder.fd, follow_symlinks=False)
    return found.st_mtime_ns, found.st_size


class Run:
  """The folder of a run, or a single file of an evaluation: its JSON, its
  episodes or its video.

  Attributes:
    path, name: of the run.
    metrics, scores: the lines of `metrics.jsonl` and of `scores.jsonl`.
    files: other files of the run.
    settings, processes: of the run; empty if they are not known.
    odd: sentences on what cannot be read.

  Raises:
    UsageError: there is no such folder or file.
  """

  def __init__(self, path: pathlib.Path, name: str) -> None:
    if not path.exists():
      raise UsageError(
        f'There is no {path}; give the logdir of a run, or a JSON or video of'
        ' an evaluation.'
      )
    self.path, self.name = path, name
    self.begin()

  def begin(self) -> None:
    """Forgets what was read."""
    self.metrics, self.scores = Columns(), Columns()
    self._tails = {x: Tail(self.path / x) for x in (METRICS, SCORES)}
    self._stamps: dict[tuple[str, str], tuple[int, int]] = {}
    self.files: list[File] = []
    self.settings: dict[str, Any] = {}
    self.processes: list[dict[str, Any]] = []
    self.odd: list[str] = []
    self._kept: dict[tuple[str, str], tuple[tuple[int, int], bytes]] = {}

  def read(self) -> bool:
    """Reads what is new; returns whether there was something."""
    if any(x.shrunk() for x in self._tails.values()):
      self.begin()
    before = [x.place for x in self._tails.values()]
    self.odd = []
    for name, columns in ((METRICS, self.metrics), (SCORES, self.scores)):
      with self._noting():
        columns.add(self._tails[name].lines())
    self.files = self._list()
    stamps = {x.key: x.stamp() for x in self.files}
    changed = stamps != self._stamps
    self._stamps = stamps
    if changed:
      self.settings = self._settings()
      self.processes = self._processes()
    return changed or before != [x.place for x in self._tails.values()]

  def _list(self) -> list[File]:
    """Settings, evaluations, episodes and videos, by folder and step."""
    if self.path.is_file():
      return [File(files.beside(self.path), self.path.name)]
    found = []
    for folders, pattern in ALL:
      with self._noting():
        if not (self.path.joinpath(*folders)).is_dir():
          continue
        folder = Folder(self.path, *folders, make=False)
        names = [x for x in folder.names() if re.fullmatch(pattern, x)]
        found += [File(folder, x) for x in sorted(names, key=order)]
    return found

  def of(self, *endings: str) -> list[File]:
    """The files of evaluations with one of these endings, and videos."""
    inside = [x for x in self.files if x.name not in OWN]
    return [x for x in inside if x.name.endswith(endings)]

  def content(self, file: File) -> bytes:
    """What is in a file, read again if it has changed; empty, with a note, if
    it cannot be read."""
    stamp, kept = self._kept.get(file.key, (None, b''))
    if stamp != self._stamps[file.key]:
      kept = b''
      with self._noting():
        kept = file.read()
        self._kept[file.key] = self._stamps[file.key], kept
    return kept

  @contextlib.contextmanager
  def _noting(self) -> Iterator[None]:
    """Notes what cannot be read, and goes on."""
    try:
      yield
    except (UsageError, OSError) as error:
      self.odd.append(str(error))

  def _settings(self) -> dict[str, Any]:
    with self._noting():
      if any(x.name == 'config.yaml' for x in self.files):
        return dict(Config.load(self.path / 'config.yaml').flat)
    return {}

  def _processes(self) -> list[dict[str, Any]]:
    """When, where and by which command it was trained; see
    `ponderdream.settings.processes`."""
    own = [x for x in self.files if x.name == 'processes.jsonl']
    text = b''.join(map(self.content, own))
    lines = text[: text.rfind(b'\n') + 1].splitlines()
    return [x for x in map(load, lines) if x]

  def axes(self, step: Numbers) -> dict[str, Numbers]:
    """What the run had used at the steps `[N]`, by axis, `[N]`: NaN where its
    metrics do not tell."""
    found = {'step': step}
    known = self.metrics.step
    for axis, key in AXES.items():
      values = self.metrics[key]
      there = np.isfinite(values)
      found[axis] = np.full(len(step), np.nan)
      if there.any() and len(step):
        found[axis] = np.interp(step, known[there], values[there])
    return found

  def missing(self) -> list[str]:
    """Sentences on what the run lacks."""
    if self.path.is_file():
      return []
    found = []
    for name, what in ((SCORES, 'episode'), (METRICS, 'metric')):
      columns = self.scores if name == SCORES else self.metrics
      if not columns.rows:
        found.append(f'There is no {what} yet ({name}).')
      bad = self._tails[name].damaged
      if bad:
        found.append(f'Damaged lines of {name} are left out: {bad}.')
    if not self.settings:
      found.append('Its settings are not known (config.yaml).')
    found += self.odd
    if self.metrics.rows and AXES['wall'] not in self.metrics:
      found.append('An earlier version wrote it: its seconds are not known.')
    odd = self.metrics.odd | self.scores.odd
    if odd:
      each = ', '.join(f'{k} ({v})' for k, v in sorted(odd.items()))
      found.append(f'Values that are no numbers are left out: {each}.')
    return found


def order(name: str) -> tuple[int, str]:
  """Sorts by the step: '900.json' before '1000-greedy.json', and
  'x-900.mp4' before 'x-1000.mp4'."""
  step = re.match(r'\d+', name) or re.search(r'(?<=-)\d+(?=\.\w+$)', name)
  return int(step[0]) if step else 0, name


def load(text: bytes) -> dict[str, Any]:
  """An object of JSON, with None for what is no number; empty if it is
  none."""
  try:
    found = json.loads(text, parse_constant=lambda _: None, parse_float=finite)
  except (ValueError, RecursionError):
    return {}
  return found if isinstance(found, dict) else {}


def finite(text: str) -> float | None:
  """A number of JSON; None if it is too large for one."""
  value = float(text)
  return value if math.isfinite(value) else None
