"""The time to sample from replay and to write back, ours and DreamerV3's.

    python -m scripts.bench.replay [--peer CHECKOUT]

Fills replays with steps of Crafter as agents of several sizes store them.
Measures the milliseconds (CPU and wall-clock) to sample 16 windows of 65 steps
and to write the latents of 64 steps back: `first` before the pages of the
files are mapped, and then after most of them were read once. The C library
keeps freed memory, as in every run on CPUs (nets/cpu/malloc.py).

`--peer` names a checkout of github.com/danijar/dreamerv3 whose requirements
`elements` and `numpy` are installed. Its replay takes turns with ours in the
same process. `ratio` is the median over the rounds of its CPU time divided by
ours.

Writes a line per case. A million steps take 13 to 29 GB of disk. If they do
not fit into the free memory, the speed of the disk is measured.
"""

import functools
import importlib
import pathlib
import sys
import tempfile
import types

import numpy as np

from embodied.replay import Replay
from ponderdream.nets.cpu import malloc
from scripts import arguments, results

BATCH, LENGTH = 16, 65
LATENTS = ('dyn/deter', 'dyn/stoch')
# By size: units of the deterministic state, and classes of the 32 latents.
SIZES = {'1m': (512, 4), '12m': (2048, 16), '200m': (8192, 64)}
# Rounds that do not count.
WARM = 3


def case(size, held, args):
  """The result for one size of agent and `held` steps."""
  step = make_step(size, np.float16, True)
  total = sum(np.asarray(x).nbytes for x in step.values())
  line = {
    'bench': 'replay',
    'size': size,
    'held': held,
    'bytes_per_step': total,
    'bytes_beside_frame': total - step['image'].nbytes,
  }
  with tempfile.TemporaryDirectory(dir=args.folder) as folder:
    ours = Ours(folder, step, held)
    peer = None
    if args.peer:
      peer = Peer(args.peer, make_step(size, np.float32, False), held)
    line |= measure(ours, peer, args.rounds)
    ours.replay.close()
  return line


def make_step(size, dtype, packed):
  """A step of Crafter with the latents of an agent; `packed` are classes as
  numbers instead of one-hot vectors."""
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
    self.held = held
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
    """Samples until 95% of the steps have been read: three times as many as
    there are (1 - e^-3)."""
    for _ in range(3 * self.held // (BATCH * LENGTH) + 1):
      self.sample()


class Peer:
  """DreamerV3's replay with the same functions, loaded from a checkout."""

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


def measure(ours, peer, rounds):
  """Milliseconds, and the ratios to the peer."""
  first = [both(ours) for _ in range(5)]
  ours.touch()
  replays = {'': ours} | ({'peer_': peer} if peer else {})
  each = {k: functools.partial(both, v) for k, v in replays.items()}
  times = results.turns(each, rounds, WARM)
  line = {}
  for name, rows in times.items():
    medians = {k: v[0] for k, v in results.spread(rows).items()}
    line |= {f'{name}{k}': v for k, v in medians.items() if k != 'cpu'}
  line['first_cpu_ms'] = 1e3 * results.spread(first)['cpu'][0]
  if peer:
    line['ratio'] = results.ratio(times['peer_'], times[''], 'cpu')
  return line | results.machine()


def both(replay):
  """Milliseconds of sampling and of writing back, and CPU seconds of both."""
  out = {'cpu': 0.0}
  for name in ('sample', 'write'):
    took = results.timed(getattr(replay, name))
    out[f'{name}_cpu_ms'] = 1e3 * took['cpu']
    out[f'{name}_ms'] = 1e3 * took['wall']
    out['cpu'] += took['cpu']
  return out


def main(argv):
  parser = arguments.parser(__doc__, 'replay')
  add, count = parser.add_argument, arguments.count
  add('--sizes', nargs='+', choices=SIZES, default=list(SIZES))
  add('--held', nargs='+', type=count, default=[10**4, 10**5],
      help='steps in the replay')  # fmt: skip
  add('--rounds', type=count, default=40)
  add('--folder', help='for the steps')
  add('--peer', type=pathlib.Path, help='a checkout of danijar/dreamerv3')
  args = parser.parse_args(argv)
  malloc.keep()
  lines = results.Lines(args.out)
  for size in args.sizes:
    for held in args.held:
      lines.add(case(size, held, args))


if __name__ == '__main__':
  arguments.run(main)
