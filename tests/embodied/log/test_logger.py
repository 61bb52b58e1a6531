import json
import resource
import struct
import subprocess
from itertools import count

import imageio_ffmpeg
import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.files import Folder
from embodied.log.logger import (
  JsonLines,
  Logger,
  Record,
  TensorBoard,
  VideoFiles,
)
from embodied.log.video import write_mp4
from tests.naming import naming


class Memory:
  """An output that remembers."""

  def __init__(self):
    self.records = []
    self.closed = False

  def write(self, record):
    self.records.append(record)

  def close(self):
    self.closed = True


def refuse(constant):
  raise ValueError(f'{constant} is not JSON')


def strict_lines(path):
  text = path.read_text()
  assert not text or text.endswith('\n')
  return [json.loads(x, parse_constant=refuse) for x in text.splitlines()]


def video(frames=3, height=4, width=6, channels=3):
  return np.zeros((frames, height, width, channels), np.uint8)


# Logger


def test_kinds_are_told_apart():
  memory = Memory()
  logger = Logger([memory], lambda: np.int64(7))
  logger.add({'loss': np.float32(0.5), 'on': True, 'n': 3}, 'train')
  logger.add({'halt': [1, 2, 3], 'film': video()})
  assert memory.records == []
  logger.write()
  (record,) = memory.records
  assert record.step == 7 and type(record.step) is int
  assert record.scalars == {'train/loss': 0.5, 'train/on': 1.0, 'train/n': 3.0}
  assert all(type(x) is float for x in record.scalars.values())
  assert record.histograms['halt'].tolist() == [1, 2, 3]
  assert record.videos['film'].shape == (3, 4, 6, 3)
  logger.write()
  assert len(memory.records) == 1


def test_no_value_is_lost_between_writes():
  memory, step = Memory(), 10
  logger = Logger([memory], lambda: step)
  logger.add({'episode/score': 1.0})
  logger.add({'train/loss': 9.0})
  logger.add({'episode/score': 2.0})  # another episode at the same step
  step = 11
  logger.add({'episode/score': 3.0})
  logger.close()
  assert [(r.step, r.scalars) for r in memory.records] == [
    (10, {'episode/score': 1.0, 'train/loss': 9.0}),
    (10, {'episode/score': 2.0}),
    (11, {'episode/score': 3.0}),
  ]
  assert memory.closed


@pytest.mark.parametrize(
  'key, value',
  [
    ('name', 'text'),
    ('image', np.zeros((4, 4, 3), np.uint8)),
    ('video', np.zeros((2, 4, 4, 3), np.float32)),
    ('video', np.zeros((2, 4, 4, 2), np.uint8)),
    ('nothing', None),
    ('step', 3),
  ],
)
def test_what_cannot_be_logged_is_named(key, value):
  logger = Logger([], lambda: 0)
  with pytest.raises(ValueError, match=naming(f"'{key}'", 'log')):
    logger.add({'fine': 1.0, key: value})


# JSON lines


def test_json_lines_by_hand(tmp_path):
  output = JsonLines(tmp_path / 'a' / 'metrics.jsonl')
  output.write(Record(5, {'loss': 0.25, 'n': 3.0}, {'h': np.ones(3)}, {}))
  text = (tmp_path / 'a' / 'metrics.jsonl').read_text()  # before closing
  assert text == '{"step": 5, "loss": 0.25, "n": 3.0}\n'
  output.write(Record(6, {}, {'h': np.ones(3)}, {}))  # nothing to say
  output.write(Record(7, {'loss': 0.5}, {}, {}))
  output.close()
  lines = strict_lines(tmp_path / 'a' / 'metrics.jsonl')
  assert lines[1:] == [{'step': 7, 'loss': 0.5}]


def test_json_is_strict_whatever_the_value(tmp_path):
  values = {
    'a': np.nan,
    'b': np.inf,
    'c': -np.inf,
    'd': np.float32(1e-45),
    'e "quoted"\n': -0.0,
    'f': 1.7976931348623157e308,
  }
  logger = Logger([JsonLines(tmp_path / 'x.jsonl')], lambda: 3)
  logger.add(values)
  logger.close()
  (line,) = strict_lines(tmp_path / 'x.jsonl')
  assert [line['a'], line['b'], line['c']] == ['NaN', 'Infinity', '-Infinity']
  for key in ('d', 'e "quoted"\n', 'f'):
    assert line[key] == float(values[key])


def test_pattern_matches_whole_keys(tmp_path):
  steps = count()
  logger = Logger(
    [
      JsonLines(tmp_path / 'metrics.jsonl'),
      JsonLines(tmp_path / 'scores.jsonl', 'episode/.*'),
    ],
    lambda: next(steps),
  )
  logger.add({'loss': 1.0, 'old/episode/score': 4.0})
  logger.add({'score': 2.0, 'length': 9}, 'episode')
  logger.close()
  assert len(strict_lines(tmp_path / 'metrics.jsonl')) == 2
  assert strict_lines(tmp_path / 'scores.jsonl') == [
    {'step': 1, 'episode/score': 2.0, 'episode/length': 9.0}
  ]


@pytest.mark.parametrize('whole', [0, 1, 70_000])
def test_line_cut_short_is_removed_and_the_rest_kept(tmp_path, whole):
  path = tmp_path / 'x.jsonl'
  line = '{"step": 1, "pad": 1}\n'
  path.write_text(line * whole + '{"step": 2, "lo')
  output = JsonLines(path)
  output.write(Record(3, {'loss': 1.0}, {}, {}))
  output.close()
  lines = strict_lines(path)
  assert len(lines) == whole + 1
  assert lines[-1] == {'step': 3, 'loss': 1.0}


def test_very_long_cut_line_is_removed(tmp_path):
  path = tmp_path / 'x.jsonl'
  path.write_text('{"step": 1}\n' + 'x' * 200_000)
  JsonLines(path).close()
  assert path.read_text() == '{"step": 1}\n'


# Files


def event_payloads(path):
  """The records of a TensorBoard event file: length, crc, data, crc."""
  data, found = path.read_bytes(), []
  while data:
    (size,) = struct.unpack_from('<Q', data)
    found.append(data[12 : 12 + size])
    data = data[16 + size :]
  return found


def test_tensorboard_events_hold_the_values(tmp_path):
  from tensorboardX.proto.event_pb2 import Event

  logger = Logger([TensorBoard(tmp_path)], lambda: 12)
  logger.add({'loss': 0.5, 'bad': np.nan})
  logger.add({'halt': np.array([0.0, 1.0, np.nan, 3.0]), 'none': []})
  logger.add({'flags': np.array([True, False])})
  logger.close()
  (path,) = tmp_path.glob('events.*')
  events = [Event.FromString(x) for x in event_payloads(path)]
  values = {v.tag: (e.step, v) for e in events for v in e.summary.value}
  assert values['loss'][0] == 12
  assert values['loss'][1].simple_value == 0.5
  assert np.isnan(values['bad'][1].simple_value)
  assert values['halt'][1].histo.num == 3
  assert values['halt'][1].histo.max == 3.0
  assert values['flags'][1].histo.sum == 1
  assert 'none' not in values


def test_a_full_disk_does_not_block(tmp_path):
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  logger = Logger([TensorBoard(tmp_path)], lambda: 12)
  resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
  try:
    with pytest.raises(OSError, match='File too large'):
      for i in range(1000):
        logger.add({f'a_rather_long_name_of_a_number_{i}': 1.0})
        logger.write()
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
  logger.close()


def read_mp4(path):
  """The frames, uint8 [T, H, W, 3]; not by imageio, which forks."""
  program = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-i', str(path)]
  target = '-f image2pipe -c:v ppm -'.split()
  data = subprocess.run(
    [*program, *target], capture_output=True, check=True
  ).stdout
  # Per frame the lines 'P6', 'width height' and '255', then the pixels.
  head = b'\n'.join(data.split(b'\n', 3)[:3]) + b'\n'
  width, height = map(int, head.split()[1:3])
  rows = np.frombuffer(data, np.uint8).reshape(
    -1, len(head) + height * width * 3
  )
  return rows[:, len(head) :].reshape(-1, height, width, 3)


def test_videos_can_be_read_back(tmp_path):
  # Flat grey frames survive the codec to within a few levels.
  film = np.repeat([40, 120, 200], 64 * 64 * 3).astype(np.uint8)
  logger = Logger([VideoFiles(Folder(tmp_path, 'videos'))], lambda: 900)
  logger.add({'report/openloop/image': film.reshape(3, 64, 64, 3)})
  logger.close()
  (path,) = (tmp_path / 'videos').iterdir()
  assert path.name == 'report-openloop-image-900.mp4'
  frames = read_mp4(path)
  assert frames.shape == (3, 64, 64, 3)
  assert np.abs(frames.mean((1, 2, 3)) - [40, 120, 200]).max() < 5


def test_odd_sides_and_grey_videos(tmp_path):
  write_mp4(
    Folder(tmp_path), 'x.mp4', video(2, 21, 33, 1) + np.uint8(99), fps=5
  )
  frames = read_mp4(tmp_path / 'x.mp4')
  assert frames.shape == (2, 22, 34, 3)
  assert np.abs(frames.astype(float) - 99).max() < 5


@pytest.mark.parametrize('name', ['x.mp4', '.part-x.mp4'])
def test_a_video_is_not_written_through_a_link(tmp_path, name):
  outside, folder = tmp_path / 'outside', Folder(tmp_path / 'run')
  outside.write_text('mine')
  (folder.path / name).symlink_to(outside)
  with pytest.raises(UsageError, match=naming(folder.path / name, 'link')):
    write_mp4(folder, 'x.mp4', video(), fps=5)
  assert outside.read_text() == 'mine'


def test_video_of_another_form_is_refused(tmp_path):
  with pytest.raises(ValueError, match=naming('float64', 'uint8')):
    write_mp4(Folder(tmp_path), 'x.mp4', video().astype(float), fps=5)
  with pytest.raises(ValueError, match=naming('(0, 4, 6, 3)')):
    write_mp4(Folder(tmp_path), 'x.mp4', video(frames=0), fps=5)


def test_a_video_that_cannot_be_written_is_warned_of(
  tmp_path, monkeypatch, caplog
):
  written = []

  def write(folder, name, film, fps):
    if name.startswith('bad'):
      raise OSError(28, 'No space left on device')
    written.append(name)

  monkeypatch.setattr('embodied.log.logger.write_mp4', write)
  logger = Logger([VideoFiles(Folder(tmp_path))], lambda: 9)
  logger.add({'bad/film': video(), 'good': video()})
  logger.write()
  assert written == ['good-9.mp4']  # the next one is written all the same
  (warning,) = caplog.records
  assert (warning.name, warning.levelname) == ('embodied', 'WARNING')
  assert str(tmp_path / 'bad-film-9.mp4') in warning.message
  assert 'No space left on device' in warning.message


def test_a_missing_ffmpeg_is_an_os_error(tmp_path, monkeypatch):
  def missing():
    raise RuntimeError('No ffmpeg exe could be found.')

  monkeypatch.setattr(imageio_ffmpeg, 'get_ffmpeg_exe', missing)
  with pytest.raises(OSError, match=naming(tmp_path / 'x.mp4', 'ffmpeg')):
    write_mp4(Folder(tmp_path), 'x.mp4', video(), fps=5)
