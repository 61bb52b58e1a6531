"""Random damage to files, JSON and folders."""

import json
import os
import shutil

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

# Chooses as `random.Random` does; Hypothesis makes what fails smaller.
RANDOM = st.randoms(use_true_random=False)

# Values that stand where another one is expected.
ODD = [
  None, True, 0, -1, 1.5, 10**30, float('nan'), '', 'x', [], [[]], {},
  {'a': 1}, ['x', 1], '\ud800', 2**63,
]  # fmt: skip


def fuzz(check, inputs, count, kept=(), new=False):
  """Checks `kept` inputs and `count` others, the same at every run unless they
  are to be `new`. An input that fails is made smaller, and shown.

  Returns:
    How often `check` returned something, and how often None.
  """
  counts = {True: 0, False: 0}

  def once(value):
    counts[check(value) is not None] += 1

  for value in kept:
    once = example(value)(once)
  how = settings(
    max_examples=count, deadline=None, derandomize=not new, database=None,
    suppress_health_check=[*HealthCheck],
  )  # fmt: skip
  how(given(inputs)(once))()
  return counts[True], counts[False]


def flipped(rng, data):
  """The bytes with some of them changed, cut out, put in or cut off."""
  data = bytearray(data)
  for _ in range(rng.choice([1, 1, 2, 8])):
    at = rng.randrange(len(data) or 1)
    match rng.randrange(5):
      case 0 | 1 if data:
        data[at] ^= 1 << rng.randrange(8)
      case 2:
        del data[at : at + rng.choice([1, 4, 100, 5000])]
      case 3:
        data[at:at] = rng.randbytes(rng.choice([1, 4, 100]))
      case _:
        end = at + rng.choice([1, 8, 300])
        data[at:end] = rng.randbytes(len(data[at:end]))
  return bytes(data)


def odd_json(rng, value):
  """A copy of a JSON value with one part of it exchanged or missing."""
  if rng.random() < 0.15 or not isinstance(value, dict | list) or not value:
    deep = json.loads('[' * 50 + ']' * 50)
    return rng.choice([*ODD, deep])
  copy = dict(value) if isinstance(value, dict) else list(value)
  key = rng.choice([*copy] if isinstance(copy, dict) else range(len(copy)))
  if rng.random() < 0.3:
    del copy[key]
  elif rng.random() < 0.2 and isinstance(copy, dict):
    copy[rng.choice(['', 'more', '../x', key + 'x'])] = copy[key]
  else:
    copy[key] = odd_json(rng, copy[key])
  return copy


def replaced(rng, path):
  """Puts something else into the place of a file."""
  path.unlink()
  match rng.randrange(5):
    case 0:
      os.mkfifo(path)
    case 1:
      path.mkdir()
    case 2:
      path.symlink_to(rng.choice(['/dev/zero', '/etc/hostname', path.name]))
    case 3:
      path.write_bytes(b'')


def copied(rng, path, name):
  """Copies a file or a folder to another name beside it."""
  target = path.with_name(name)
  if path.is_dir():
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(path, target)
  else:
    shutil.copy(path, target)
