"""Damaged, odd and foreign chunks: skipped by name, and no sound step lost."""

import json
import random
import shutil
import struct
import time
import zlib

import pytest
from hypothesis import strategies as st

from embodied.replay import Replay
from embodied.replay import header as headers
from embodied.replay.chunk import PREFIX
from tests.embodied.replay.steps import make_step
from tests.fuzz import mutate

STEPS, SIZE, LENGTH = 40, 8, 4


def write(folder, begin):
  replay = Replay(LENGTH, 1000, folder, chunk_size=SIZE)
  for n in range(begin, begin + STEPS):
    replay.add(make_step(n), 0)
  replay.close()


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  """Two runs of five chunks each, with steps 0 to 39 and 100 to 139."""
  folder = tmp_path_factory.mktemp('runs')
  write(folder / 'ours', 0)
  write(folder / 'theirs', 100)
  return folder


def parts(data):
  """JSON of a header, and what follows it."""
  (length,) = struct.unpack_from('<I', data, PREFIX.size - 4)
  end = PREFIX.size + length
  return json.loads(data[PREFIX.size : end]), data[end:]


def with_header(value, rest):
  """A chunk whose header is that JSON, with the right checksum."""
  text = value if isinstance(value, bytes) else json.dumps(value).encode()
  prefix = PREFIX.pack(b'PDCHUNK\n', 2, zlib.crc32(text), len(text))
  return prefix + text + rest


def damage(rng, ours, theirs):
  """Damages one chunk of ours; returns its number, None if none is lost."""
  number = rng.randrange(STEPS // SIZE)
  path = sorted(ours.glob('*.chunk'))[number]
  data = path.read_bytes()
  match rng.randrange(7):
    case 0 | 1:
      path.write_bytes(mutate.flipped(rng, data))
    case 2:
      header, rest = parts(data)
      path.write_bytes(with_header(mutate.odd_json(rng, header), rest))
    case 3:
      deep = rng.choice([b'[', b'{"a":', b'9', b'"'])
      text = deep * rng.choice([1, 10, 10**4, 10**5])
      path.write_bytes(with_header(text, parts(data)[1]))
    case 4:
      mutate.replaced(rng, path)
    case 5:
      shutil.copy(rng.choice(sorted(theirs.glob('*.chunk'))), path)
    case 6:
      name = rng.choice(['0.chunk', 'x.chunk', f'{10**6:015d}.chunk'])
      mutate.copied(rng, path, name)
      return None
  return number


def windows(counts):
  """All windows in runs of successive counts."""
  found = {tuple(range(n, n + LENGTH)) for n in counts}
  return {x for x in found if counts.issuperset(x)}


def check(seed, runs, folder):
  """Damages a chunk, and reads what is left, for each random number."""
  rng = random.Random(seed)
  shutil.rmtree(folder, ignore_errors=True)
  ours = shutil.copytree(runs / 'ours', folder)
  lost = damage(rng, ours, runs / 'theirs')
  begin = time.monotonic()
  replay = Replay(LENGTH, 1000, ours, chunk_size=SIZE, online=False)
  seen = set()
  for _ in range(6):
    rows = replay.sample(64)['count'].tolist() if len(replay) else []
    seen |= {tuple(x) for x in rows}
  skipped = replay.stats()['skipped_files']
  replay.close()
  assert time.monotonic() - begin < 5, seed
  whole = set(range(STEPS))
  gone = () if lost is None else range(lost * SIZE, (lost + 1) * SIZE)
  sound = windows(whole - {*gone})
  # Nothing of the others, no window of two, and each sound one.
  assert sound <= seen <= windows(whole), seed
  if seen < windows(whole):
    # It may have vanished, or said that it had no step.
    assert skipped or len(list(ours.glob('*.chunk'))) < STEPS // SIZE, seed


def test_sixty_damaged_chunks(runs, tmp_path):
  for seed in range(60):
    check(seed, runs, tmp_path / 'run')


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_thousand_damaged_chunks(runs, tmp_path):
  for seed in range(5000):
    check(seed, runs, tmp_path / 'run')


HEADER = json.loads(
  headers.Header(
    8, 16, 1, 8, headers.schema_of(make_step(0)), frozenset(['a']), '7' * 16
  ).encode()
)


def odd_header(rng):
  """Bytes where the JSON of a header is expected."""
  text = json.dumps(mutate.odd_json(rng, HEADER)).encode()
  return mutate.flipped(rng, text) if rng.random() < 0.3 else text


HEADERS = st.builds(odd_header, mutate.RANDOM)
KEPT_HEADERS = [
  json.dumps(x).encode()
  for x in (
    {}, [], HEADER | {'size': '8'}, HEADER | {'columns': []},
    HEADER | {'columns': {'a': ['<q9', []]}}, HEADER | {'first': 1e3},
  )
] + [b'[' * 10**5]  # fmt: skip


def check_header(text):
  try:
    found = headers.decode(text)
  except ValueError as error:
    assert 5 < len(str(error)) < 200 and '\n' not in str(error)
    return None
  assert headers.decode(found.encode()) == found
  return found


def test_three_hundred_odd_headers():
  taken, refused = mutate.fuzz(check_header, HEADERS, 300, KEPT_HEADERS)
  assert taken and refused > 200


@pytest.mark.slow
def test_twenty_thousand_odd_headers():
  mutate.fuzz(check_header, HEADERS, 20000, new=True)
