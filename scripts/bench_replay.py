"""What sampling and writing back cost: our replay against DreamerV3's.

    python scripts/bench_replay.py [--peer CHECKOUT]

Fills replays with steps of Crafter as agents of several sizes store them, and
takes the time to sample 16 windows of 65 steps and to write the latents of 64
of them back, in milliseconds of CPU and of the clock: `first` while the pages
are not mapped yet, and after each was touched once. `issue_ms` is what
DreamerV3's replay took on two busy cores, for sampling and writing;
`times_faster` is against that, by the clock.

The C library keeps freed memory, as in every run on CPUs (`memory.py`), for
both sides alike.

With `--peer`, a checkout of github.com/danijar/dreamerv3 whose requirements
`elements` and `numpy` are installed, its replay takes turns with ours in the
same process, and `ratio` is the median over the rounds of CPU times.

One JSON line per case, also in scripts/results/replay.jsonl. A million steps
take 13 to 29 GB of disk; cases that do not fit into the free memory are said
to be skipped, as the disk would be measured.
"""

import argparse
import importlib
import pathlib
import shutil
import sys
import tempfile
import types

import jsonl
import numpy as np

from embodied.replay import Replay
from ponderdream.nets.cpu import malloc as memory

BATCH, LENGTH = 16, 65
LATENTS = ('dyn/deter', 'dyn/stoch')
# By size: units of the deterministic state, and classes of the 32 latents.
SIZES = {'1m': (512, 4), '12m': (2048, 16), '200m': (8192, 64)}
# Milliseconds of DreamerV3's replay, sampling and writing back.
ISSUE_MS = {'1m': (7.0, 1.1), '200m': (38.0, 13.6)}


def main(argv):
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--sizes', nargs='+', choices=SIZES, default=list(SIZES))
  parser.add_argument(
    '--held', nargs='+', type=jsonl.count, default=[10**4, 10**5, 10**6]
  )
  parser.add_argument('--rounds', type=jsonl.count, default=40)
  parser.add_argument('--folder', default=None, help='for the steps')
  parser.add_argument('--peer', type=pathlib.Path, default=None)
  args = parser.parse_args(argv)
  memory.keep()
  lines = jsonl.Lines('replay')
  for size in args.sizes:
    for held in args.held:
      lines.add(case(size, held, args))


def case(size, held, args):
  """One size of agent with so many steps."""
  step = make_step(size, np.float16, packed=True)
  total = sum(np.asarray(x).nbytes for x in step.values())
  line = {
    'bench': 'replay',
    'size': size,
    'held': held,
    'bytes_per_step': total,
    'bytes_beside_frame': total - step['image'].nbytes,
  }
  need, free = held * total / 1e9, free_memory() / 1e9
  if need > 0.8 * free:
    return line | {'skipped': f'needs {need:.1f} GB of {free:.1f} free'}
  folder = tempfile.mkdtemp(prefix='bench-replay-', dir=args.folder)
  try:
    ours = Ours(folder, step, held)
    line |= measure(size, ours, make_peer(size, held, args.peer), args.rounds)
    ours.replay.close()
    return line
  finally:
    shutil.rmtree(folder)


def make_step(size, dtype, packed):
  """A step of Crafter and of the latents of an agent."""
  units, classes = SIZES[size]
  latent = np.zeros(32, np.uint8) if packed else np.zeros((32, classes), dtype)
  return {
    'image': np.random.default_rng(0).integers(
      0, 256, (64, 64, 3), np.uint8
    ),
    'reward': np.float32(0),
    'is_first': np.False_,
    'is_last': np.False_,
    'is_terminal': np.False_,
    'action': np.int32(0),
    'dyn/deter': np.zeros(units, dtype),
    'dyn/stoch': latent,
  }  # fmt: skip


class Ours:
  """Our replay behind two functions: sample, and write back."""

  def __init__(self, folder, step, held):
    self.replay = Replay(LENGTH, 10**8, folder, online=False, context=LATENTS)
    for _ in range(held):
      self.replay.add(step, 0)
    shape = (BATCH, LENGTH - 1)
    self.latents = {
      k: np.zeros((*shape, *step[k].shape), step[k].dtype) for k in LATENTS
    }

  def sample(self):
    self.data = self.replay.sample(BATCH)

  def write(self):
    self.replay.update(self.data['stepid'][:, 1:], self.latents)

  def touch(self):
    """Reads a byte of every page, as sampling everything once would."""
    for chunk in self.replay._store.chunks:
      for column in self.replay._store._columns(chunk).values():
        column.reshape(-1).view(np.uint8)[::4096].sum()


class Peer:
  """DreamerV3's replay likewise, loaded from a checkout without its agent."""

  def __init__(self, checkout, step, held):
    package = types.ModuleType('peer')
    package.__path__ = [str(checkout / 'embodied' / 'core')]
    sys.modules['peer'] = package
    replay = importlib.import_module('peer.replay')
    self.replay = replay.Replay(LENGTH, 10**8)
    for _ in range(held):
      self.replay.add(step, 0)

  def sample(self):
    self.data = self.replay.sample(BATCH)

  def write(self):
    keys = ('stepid', *LATENTS)
    self.replay.update({k: self.data[k][:, 1:] for k in keys})


def make_peer(size, held, checkout):
  """The peer, or None where it is not asked for or does not fit."""
  step = make_step(size, np.float32, packed=False)
  need = held * sum(np.asarray(x).nbytes for x in step.values())
  if checkout is None or need > 0.8 * free_memory():
    return None
  return Peer(checkout, step, held)


def measure(size, ours, peer, rounds):
  """Milliseconds, and the ratios to the peer."""
  first = [both(ours) for _ in range(5)]
  ours.touch()
  spent = {'ours': [], 'peer': []}
  for number in range(rounds + 3):
    mine, theirs = both(ours), both(peer) if peer else None
    if number >= 3:
      spent['ours'].append(mine)
      spent['peer'].append(theirs)
  pick = lambda rows, *i: jsonl.median([sum(x[j] for j in i) for x in rows])
  mine = spent['ours']
  line = {
    'sample_cpu_ms': pick(mine, 0),
    'write_cpu_ms': pick(mine, 1),
    'sample_ms': pick(mine, 2),
    'write_ms': pick(mine, 3),
    'first_cpu_ms': pick(first, 0, 1),
  }
  if size in ISSUE_MS:
    line['issue_ms'] = sum(ISSUE_MS[size])
    line['times_faster'] = line['issue_ms'] / pick(mine, 2, 3)
  if peer:
    pairs = zip(spent['peer'], mine, strict=True)
    ratios = [(b[0] + b[1]) / (a[0] + a[1]) for b, a in pairs]
    line |= {
      'peer_sample_cpu_ms': pick(spent['peer'], 0),
      'peer_write_cpu_ms': pick(spent['peer'], 1),
      'peer_sample_ms': pick(spent['peer'], 2),
      'peer_write_ms': pick(spent['peer'], 3),
      'ratio': jsonl.median(ratios),
    }
  return line | jsonl.machine()


def both(replay):
  """CPU milliseconds of sampling and of writing back, and of the clock."""
  (cpu, wall), (cpu_back, wall_back) = (
    jsonl.timed(replay.sample), jsonl.timed(replay.write)
  )  # fmt: skip
  return [1e3 * x for x in (cpu, cpu_back, wall, wall_back)]


def free_memory():
  """Bytes that can be used without swapping."""
  text = pathlib.Path('/proc/meminfo').read_text()
  return 1024 * int(text.split('MemAvailable:')[1].split()[0])


if __name__ == '__main__':
  main(sys.argv[1:])
