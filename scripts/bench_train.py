"""Times the train step, part by part, and against a checkout of DreamerV3.

python scripts/bench_train.py [--sizes debug cpu size1m size12m]
  [--actors plain pondernet depth3] [--batch 16] [--length 64]
  [--dtype float32] [--repeats 7] [--peer CHECKOUT --peer-python PYTHON]
  [--out FILE] [--key.sub value ...]

Prints one line of JSON per case and appends it to FILE. Times are in seconds
as [median, lowest, highest], wall and processor time. All cases of a size are
alive at once and step in turns; the ratios are those of the medians. `gflop`
is the compiler's count, which has the body of every loop once (dreams, and on
a CPU convolutions; scaling.py counts all); `utilisation` is that by second, as
a share of what a product of two matrices reached in the same process. The
ponder actor starts from a prior: in `pondernet`, of 1/3, with which it thinks
for 2.9 steps on average and computes 8 levels; in `depth3`, of 0.64, and
computes 3.
"""

import argparse
import json
import os
import pathlib
import sys

import bench_serve

HERE = pathlib.Path(__file__).parent
# p starts out as the prior, cut off where less than 5% is left.
ACTORS = {
  'plain': (['crafter'], []),
  'pondernet': (['crafter', 'pondernet'], ['--ponder.prior', '0.3333']),
  'depth3': (['crafter', 'pondernet'], ['--ponder.prior', '0.64']),
}


def main(argv):
  args, rest = arguments().parse_known_args(argv)
  for size in args.sizes:
    children = {actor: ours(args, actor, size, rest) for actor in args.actors}
    if args.peer:
      children['peer'] = peer(args, size)
    cases = {k: begin(k, v) for k, v in children.items()}
    measure(args, children, cases)
    for name, case in cases.items():
      line = {'case': name, 'size': size, 'batch': args.batch}
      line |= {'length': args.length, 'dtype': args.dtype, **case}
      text = json.dumps(line)
      print(text, flush=True)
      if args.out:
        with open(args.out, 'a') as file:
          file.write(text + '\n')
    for child in children.values():
      child.close()


def arguments():
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawTextHelpFormatter
  )
  sizes = ['debug', 'cpu', 'size1m', 'size12m']
  parser.add_argument('--sizes', nargs='+', default=sizes)
  parser.add_argument(
    '--actors', nargs='+', default=list(ACTORS), choices=ACTORS
  )
  parser.add_argument('--batch', type=int, default=16)
  parser.add_argument('--length', type=int, default=64)
  parser.add_argument('--dtype', default='float32')
  parser.add_argument('--repeats', type=int, default=7)
  parser.add_argument('--peer', type=pathlib.Path)
  parser.add_argument('--peer-python', default=sys.executable)
  parser.add_argument('--out', type=pathlib.Path)
  return parser


def ours(args, actor, size, rest):
  """A process with one of our agents."""
  blocks, own = ACTORS[actor]
  flags = [
    '--batch.size', args.batch, '--batch.length', args.length,
    '--jax.dtype', args.dtype, *own, *rest,
  ]  # fmt: skip
  path = [str(HERE.parent), os.environ.get('PYTHONPATH', '')]
  return bench_serve.Child(
    sys.executable,
    HERE / 'bench_child.py',
    *blocks,
    size,
    *flags,
    PYTHONPATH=os.pathsep.join(path),
  )


def peer(args, size):
  """A process with DreamerV3's agent."""
  return bench_serve.Child(
    args.peer_python,
    HERE / 'bench_peer.py',
    args.peer,
    size,
    args.batch,
    args.length,
    args.dtype,
  )


def begin(name, child):
  """Constructs and compiles; the first step of the peer compiles, too."""
  case = {'construct': child('construct')}
  compiled = child('step' if name == 'peer' else 'compile')
  keys = ('wall', 'cpu')
  case['compile'] = {k: compiled.pop(k) for k in keys}
  return case | compiled


def measure(args, children, cases):
  """Steps in turns, then everything else."""
  times = {name: [] for name in children}
  for i in range(args.repeats + 1):
    for name, child in children.items():
      took = child('step')
      if i:  # The first one warms up.
        times[name].append(took)
  for name, child in children.items():
    case = cases[name]
    case['step'] = bench_serve.spread(times[name])
    for count in (1, 16):
      took = [child('policy', count) for _ in range(args.repeats + 1)]
      case[f'policy{count}'] = bench_serve.spread(took[1:])
    case['memory_mb'] = child('memory')
    if name == 'peer':
      continue
    rate = child('gemm')
    case['gemm_gflops'] = rate
    case['utilisation'] = {
      k: case['gflop'] / case['step'][k][0] / rate[k] for k in rate
    }
    case['parts'] = child('parts', args.repeats)
  for name, case in cases.items():
    for other in ('plain', 'peer'):
      if other in cases and other != name:
        ours, theirs = case['step'], cases[other]['step']
        case[f'step_by_{other}'] = {k: ours[k][0] / theirs[k][0] for k in ours}


if __name__ == '__main__':
  main(sys.argv[1:])
