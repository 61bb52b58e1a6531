"""Times the train step, its objectives one by one, and DreamerV3's step.

    python -m scripts.bench.train --sizes size1m --actors plain pondernet
    python -m scripts.bench.train --peer CHECKOUT --peer-python PYTHON
    python -m scripts.bench.train --start

Writes a line per case. Times are seconds as [median, lowest, highest], of
wall-clock time (`wall`) and of processor time (`cpu`). The cases of a size run
in parallel processes and step in turns; ratios are ratios of medians.
`objectives` are train steps with a single objective, the posterior and the
optimiser. With `--start` it measures the seconds from the start command to the
first train step instead: `cold` without compiled programs in the home folder,
`warm` with them.

Other flags, such as --imag.length 5, are passed to our agents.
"""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

from scripts import arguments, results
from scripts.bench import serve

# At the start of training, the halting distribution is the prior, and levels
# are computed while the survival is at least 5%: `pondernet` expects 2.9 steps
# and computes 8 levels, `depth3` expects 1.5 and computes 3.
ACTORS = {
  'plain': ['crafter'],
  'pondernet': ['crafter', 'pondernet', '--ponder.prior', '0.3333'],
  'depth3': ['crafter', 'pondernet', '--ponder.prior', '0.64'],
}
COMMAND = (
  sys.executable, '-m', 'ponderdream.train', '--configs', 'crafter',
  'pondernet', '--run.log_every', '0.2',
)  # fmt: skip
SIZES = ['debug', 'cpu', 'size1m', 'size12m']


class Case:
  """An agent for Crafter, on random pictures; the methods are requests."""

  def __init__(self, config):
    self.config = config

  def construct(self):
    import jax

    from embodied.envs import make_env
    from ponderdream import factories

    env = make_env('crafter_reward', 0, seed=0)
    self.spaces = env.obs_space, env.act_space
    with results.clock() as took:
      self.agent = factories.make_agent(self.spaces, self.config)
      jax.block_until_ready(self.agent.state)
    leaves = jax.tree.leaves(self.agent.state.params)
    return took | {'params': sum(x.size for x in leaves)}

  def compile(self):
    """Compiles the train step."""
    with results.clock() as took:
      self.compiled = self.step_for(self.config)
    memory = self.compiled.memory_analysis()
    return took | {'temporary_mb': memory.temp_size_in_bytes / 2**20}

  def step_for(self, config):
    """The compiled train step of some settings."""
    from ponderdream.distributed import devices
    from ponderdream.learn import optim, step

    agent = self.agent
    self.data = agent.place(self.batch()).batch
    optimizer = optim.by_kind(config, agent.state.params)['replayed']
    made = step.make(agent.models, optimizer, config)
    args = agent.state, self.data, agent.train_key
    return devices.pmap(made).lower(*args).compile()

  def batch(self):
    """Steps `[B, T + 1, ...]` of noise."""
    rng = np.random.default_rng(0)
    shape = self.config.batch.size, self.config.batch.length + 1
    obs, act = self.spaces
    zeros = lambda space: np.zeros((*shape, *space.shape), space.dtype)
    out = {k: zeros(v) for k, v in {**obs, **act}.items()}
    out['image'] = rng.integers(0, 256, out['image'].shape, np.uint8)
    dyn = self.agent.models.dyn
    out['dyn/deter'] = np.zeros((*shape, dyn.deter), np.float16)
    out['dyn/stoch'] = np.zeros((*shape, dyn.stoch), np.uint8)
    return out | {'stepid': np.zeros((*shape, 1), np.int64)}

  def step(self):
    return self.timed(self.compiled)

  def timed(self, compiled):
    """Time of one update."""
    import jax

    agent = self.agent
    with results.clock() as took:
      out = compiled(agent.state, self.data, agent.train_key)
      agent.state, *_ = jax.block_until_ready(out)
    return took

  def policy(self, count):
    space, _ = self.spaces
    carry = self.agent.init_policy(count)
    obs = {k: np.zeros((count, *v.shape), v.dtype) for k, v in space.items()}
    return results.timed(self.agent.policy, carry, obs)

  def objectives(self, repeats):
    """Times of train steps that learn one objective alone."""
    from ponderdream.objectives import OBJECTIVES

    out = {}
    replayed = {k: v for k, v in OBJECTIVES.items() if not v.fresh}
    for name, row in replayed.items():
      others = set(self.config.loss_scales) - set(row.scales)
      zero = {f'loss_scales.{k}': 0.0 for k in others}
      compiled = self.step_for(self.config.update(zero))
      times = [self.timed(compiled) for _ in range(repeats + 1)]
      out[name] = results.spread(times[1:])
    return out


def serve_case(argv):
  """Main function of a process with one of our agents: blocks, then flags."""
  import jax

  from embodied.config import flags, resolve
  from ponderdream import factories, settings

  jax.config.update('jax_enable_compilation_cache', False)
  split = next((i for i, x in enumerate(argv) if x[:2] == '--'), len(argv))
  config = resolve(settings.blocks(), argv[:split])
  config = flags.apply(config, flags.split_flags(argv[split:]))
  case = Case(factories.setup(config))
  names = 'construct', 'compile', 'step', 'policy', 'objectives'
  requests = {name: getattr(case, name) for name in names}
  serve.serve(requests | {'memory': results.peak_memory})


def start(args, name, size, rest):
  """The process of a case."""
  if name == 'peer':
    shape = size, args.batch, args.length, args.dtype
    peer = 'scripts.bench.peer', args.peer.resolve(), *shape
    return serve.Child(args.peer_python, *peer)
  flags = [
    '--batch.size', args.batch, '--batch.length', args.length,
    '--jax.dtype', args.dtype, *rest,
  ]  # fmt: skip
  blocks = [*ACTORS[name][:1], size, *ACTORS[name][1:]]
  return serve.Child(
    sys.executable, 'scripts.bench.train', '--serve', *blocks, *flags
  )


def begin(name, child):
  """Constructs and compiles. The peer compiles in its first step."""
  case = {'construct': child('construct')}
  compiled = child('step' if name == 'peer' else 'compile')
  case['compile'] = {k: compiled.pop(k) for k in ('wall', 'cpu')}
  return case | compiled


def measure(children, cases, repeats):
  """Steps in turns, then the other measurements."""
  times = results.turns(
    {k: functools.partial(v, 'step') for k, v in children.items()}, repeats
  )
  for name, child in children.items():
    case = cases[name]
    case['step'] = results.spread(times[name])
    for count in (1, 16):
      took = [child('policy', count) for _ in range(repeats + 1)]
      case[f'policy{count}'] = results.spread(took[1:])
    case['memory_mb'] = child('memory')
    if name != 'peer':
      case['objectives'] = child('objectives', repeats)
  for name, case in cases.items():
    for other in {'plain', 'peer'} & set(cases) - {name}:
      pairs = case['step'], cases[other]['step']
      ratio = {k: pairs[0][k][0] / pairs[1][k][0] for k in pairs[0]}
      case[f'step_by_{other}'] = ratio


def starts(lines, flags):
  """Two starts of the command with the same home folder."""
  with tempfile.TemporaryDirectory() as home:
    for case in ('cold', 'warm'):
      logdir, begin = pathlib.Path(home, case), time.monotonic()
      process = subprocess.Popen(
        [*COMMAND, '--logdir', logdir, *flags],
        env={**os.environ, 'HOME': home},
        stdout=subprocess.DEVNULL,
      )
      path = logdir / 'metrics.jsonl'
      while not (path.exists() and '"train/loss/' in path.read_text()):
        if process.poll() is not None:
          sys.exit(f'The {case} start gave no train step; see above.')
        time.sleep(0.05)
      seconds = time.monotonic() - begin
      process.terminate()
      process.wait()
      lines.add({'case': case, 'seconds': seconds, **results.machine()})


def main(argv):
  if argv[:1] == ['--serve']:
    return serve_case(argv[1:])
  parser = arguments.parser(__doc__, 'train')
  add, count = parser.add_argument, arguments.count
  add('--sizes', nargs='+', choices=SIZES, default=SIZES)
  add('--actors', nargs='+', choices=ACTORS, default=list(ACTORS))
  add('--batch', type=count, default=16, help='sequences')
  add('--length', type=count, default=64, help='steps of a sequence')
  add('--dtype', choices=['float32', 'bfloat16'], default='float32')
  add('--repeats', type=count, default=7)
  add('--peer', type=pathlib.Path, help='a checkout of danijar/dreamerv3')
  add('--peer-python', default=sys.executable, help='with its packages')
  add('--start', action='store_true', help='time the start instead')
  args, rest = parser.parse_known_args(argv)
  lines = results.Lines(args.out)
  if args.start:
    return starts(lines, rest)
  for size in args.sizes:
    names = [*args.actors, *(['peer'] if args.peer else [])]
    children = {name: start(args, name, size, rest) for name in names}
    cases = {k: begin(k, v) for k, v in children.items()}
    measure(children, cases, args.repeats)
    for name, case in cases.items():
      shape = {k: getattr(args, k) for k in ('batch', 'length', 'dtype')}
      lines.add({'case': name, 'size': size, **shape, **case})
    for child in children.values():
      child.close()


if __name__ == '__main__':
  arguments.run(main)
