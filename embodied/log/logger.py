"""Logging of numbers, histograms and videos."""

import datetime
import json
import logging
import math
import os
import re
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embodied import files
from embodied.files import Folder
from embodied.log.video import is_video, write_mp4

log = logging.getLogger('embodied')

# Number of bins of a histogram in TensorBoard, from its lowest to its highest
# value.
BINS = 30

# Frames per second of videos.
FPS = 10


class Record(NamedTuple):
  """The values of one step, by key."""

  step: int
  scalars: dict[str, float]
  histograms: dict[str, NDArray[Any]]  # [n]
  videos: dict[str, NDArray[np.uint8]]  # [T, H, W, C]


class Output(Protocol):
  """Where a Logger writes to."""

  def write(self, record: Record) -> None: ...

  def close(self) -> None: ...


class Logger:
  """Collects values and passes them to its outputs.

  Every `add` calls `step` for the current step. Values of different steps, and
  two values of the same key, go into different records, so that nothing is
  lost however rarely `write` is called.
  """

  def __init__(
    self, outputs: Sequence[Output], step: Callable[[], int]
  ) -> None:
    self._outputs = outputs
    self._step = step
    self._records: list[Record] = []

  def add(
    self, values: Mapping[str, ArrayLike], prefix: str | None = None
  ) -> None:
    """Adds numbers, arrays `[n]` (histograms) and videos `[T, H, W, C]` uint8
    with 1 or 3 channels. With a prefix, a key becomes 'prefix/key'.

    Raises ValueError, naming the key, for any other value.
    """
    record = Record(int(self._step()), {}, {}, {})
    for key, value in values.items():
      key = f'{prefix}/{key}' if prefix else key
      array = np.asarray(value)
      numeric = array.dtype.kind in 'biuf' and key != 'step'
      if numeric and array.ndim == 0:
        record.scalars[key] = float(array)
      elif numeric and array.ndim == 1:
        record.histograms[key] = array
      elif is_video(array):
        record.videos[key] = array
      else:
        raise ValueError(
          f"Cannot log '{key}' ({array.dtype} {array.shape}); log numbers "
          "(under another name than 'step'), arrays with one axis, or uint8 "
          'videos [T, H, W, C] with 1 or 3 channels.'
        )
    last = self._records[-1] if self._records else None
    if last is None or last.step != record.step or _overlap(last, record):
      self._records.append(record)
    else:
      last.scalars.update(record.scalars)
      last.histograms.update(record.histograms)
      last.videos.update(record.videos)

  def write(self) -> None:
    """Writes everything that was added since the last write."""
    records, self._records = self._records, []
    for record in records:
      for output in self._outputs:
        output.write(record)

  def close(self) -> None:
    """Writes the rest and closes the outputs."""
    self.write()
    for output in self._outputs:
      output.close()


class JsonLines:
  """One line of strict JSON per record: `step`, and the scalars whose whole
  keys match `pattern`.

  NaN and infinities are written as the texts "NaN", "Infinity" and
  "-Infinity". Lines are appended to the file; a line is in it when `write`
  returns. An incomplete last line, as after a crash, is removed.
  """

  def __init__(
    self, path: str | os.PathLike[str], pattern: str = '.*'
  ) -> None:
    folder, name = files.beside(path, make=True), Path(path).name
    self._pattern = re.compile(pattern, re.DOTALL)
    self._file = folder.open(name, 'a+b')
    _cut_tail(self._file)

  def write(self, record: Record) -> None:
    line: dict[str, int | float | str] = {'step': record.step}
    for key, value in record.scalars.items():
      if self._pattern.fullmatch(key):
        line[key] = value if math.isfinite(value) else _NAMES[str(value)]
    if len(line) > 1:
      self._file.write(json.dumps(line, allow_nan=False).encode() + b'\n')
      self._file.flush()

  def close(self) -> None:
    self._file.close()


class TensorBoard:
  """Scalars and histograms as TensorBoard events in `logdir`.

  An event is in the file when `write` returns. The writers of tensorboardX are
  not used: one writes in a thread, and blocks forever once that thread has
  died of a full disk, and both follow links.
  """

  def __init__(self, logdir: str | os.PathLike[str]) -> None:
    from tensorboardX.proto.event_pb2 import Event

    now = datetime.datetime.now().timestamp()
    name = f'events.out.tfevents.{now:.0f}.{socket.gethostname()}'
    self._file = Folder(logdir).open(name, 'ab')
    self._add(Event(wall_time=now, file_version='brain.Event:2'))

  def write(self, record: Record) -> None:
    from tensorboardX import summary
    from tensorboardX.proto.event_pb2 import Event

    parts = [summary.scalar(k, v) for k, v in record.scalars.items()]
    for key, values in record.histograms.items():
      finite = values[np.isfinite(values)].astype(np.float64)
      if finite.size:  # a histogram cannot hold NaN
        parts.append(summary.histogram(key, finite, BINS))
    if not parts:
      return
    for part in parts[1:]:
      parts[0].MergeFrom(part)
    now = datetime.datetime.now().timestamp()
    self._add(Event(step=record.step, wall_time=now, summary=parts[0]))

  def _add(self, event: Any) -> None:
    """Appends an event in the format of TFRecord: its length, a checksum of
    the length, the event, and a checksum of the event."""
    from tensorboardX.record_writer import masked_crc32c

    data = event.SerializeToString()
    length = struct.pack('<Q', len(data))
    for part in (length, data):
      self._file.write(part + struct.pack('<I', masked_crc32c(part)))
    self._file.flush()

  def close(self) -> None:
    self._file.close()


class VideoFiles:
  """Videos as `<key>-<step>.mp4` in a folder, with dashes for slashes in the
  key. If a video cannot be written, a warning is logged."""

  def __init__(self, folder: Folder) -> None:
    self._folder = folder

  def write(self, record: Record) -> None:
    for key, video in record.videos.items():
      name = f'{key.replace("/", "-")}-{record.step}.mp4'
      try:
        write_mp4(self._folder, name, video, FPS)
      except OSError as e:
        path = self._folder.path / name
        log.warning('The video %s was not written: %s', path, e)

  def close(self) -> None:
    pass


_NAMES = {'nan': 'NaN', 'inf': 'Infinity', '-inf': '-Infinity'}


def _cut_tail(file: IO[bytes]) -> None:
  """Removes what follows the last newline."""
  end = file.seek(0, os.SEEK_END)
  while end:
    start = max(0, end - 65536)
    file.seek(start)
    newline = file.read(end - start).rfind(b'\n')
    if newline >= 0:
      end = start + newline + 1
      break
    end = start
  file.truncate(end)


def _overlap(left: Record, right: Record) -> bool:
  """Whether the records have a key of one kind in common."""
  return bool(
    left.scalars.keys() & right.scalars.keys()
    or left.histograms.keys() & right.histograms.keys()
    or left.videos.keys() & right.videos.keys()
  )
