"""Crafter by the core-hour: agents with equal budgets of processor time.

    python -m scripts.experiments.core_hour --logdir DIR
    python -m scripts.experiments.core_hour --logdir DIR --minutes 5 \\
      --seeds 1 --agents pondernet 'pondernet --run.envs 16' --out DIR/compared

Each run has its own core and a budget of processor time: the user and system
time of all its processes, including imports and compilation (about a minute
for our agents). Runs stay in DIR/<agent>-<seed>. A finished run is not
repeated, and a stopped one is resumed (and compiles again). Prints a table,
and writes JSON and a figure.

Agents (flags behind a name make a variant of it):

  plain, pondernet  `ponderdream.train` with `crafter` or `crafter pondernet`
  sokoban           `pondernet cpu sokoban`, see sokoban.py
  ppo               Stable-Baselines3, pip install -e '.[peers]'
  dreamerv3         danijar/dreamerv3 at size1m, from a checkout: --dreamerv3
"""

import concurrent.futures
import importlib.util
import json
import math
import os
import pathlib
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading

from embodied import lock
from embodied.config.flags import split_flags
from embodied.errors import UsageError, install
from embodied.files import Folder
from embodied.log.tail import Tail
from embodied.run.evaluate import summary
from ponderdream.settings import processes
from scripts import arguments, budget, results
from scripts.experiments import hours

# Runs do not use compiled programs of earlier ones, unless the caller sets
# this to true.
CACHE = {'JAX_ENABLE_COMPILATION_CACHE': 'false'}
PATH = {'PYTHONPATH': str(results.ROOT)}
HOW = {'cwd': results.ROOT, 'env': CACHE | os.environ | PATH}


def ours(*configs):
  """Commands of one of our agents."""

  def command(run, args, episodes):
    python, where = [sys.executable, '-m'], ['--logdir', run['folder']]
    if episodes:
      count = ['--episodes', str(episodes)]
      return [*python, 'ponderdream.evaluate', *where, *count]
    flags = {'configs': configs, 'seed': [str(run['seed'])]}
    flags |= {'jax.platform': ['cpu'], 'run.steps': ['1e9']}
    flags |= split_flags(run['flags'])
    return [*python, 'ponderdream.train', *joined(flags), *where]

  return command


def joined(flags):
  """The inverse of `split_flags`."""
  return [x for name, values in flags.items() for x in (f'--{name}', *values)]


def ppo(run, args, episodes):
  """Commands of Stable-Baselines3's PPO."""
  if not importlib.util.find_spec('stable_baselines3'):
    raise UsageError(f'ppo needs its packages: {install("[peers]")}')
  flags = {'logdir': [run['folder']], 'seed': [str(run['seed'])]}
  flags |= {'episodes': [str(episodes)]} if episodes else {}
  program = [sys.executable, '-m', 'scripts.experiments.ppo']
  return [*program, *joined(flags), *run['flags']]


def dreamerv3(run, args, episodes):
  """Commands of danijar/dreamerv3 at its smallest size, in float32. It saves
  every minute, but not when it is stopped."""
  if not args.dreamerv3:
    raise UsageError('dreamerv3 needs --dreamerv3 CHECKOUT.')
  folder = pathlib.Path(run['folder'])
  flags = {'configs': ['crafter', 'size1m'], 'seed': [str(run['seed'])]}
  flags |= {'jax.platform': ['cpu'], 'jax.compute_dtype': ['float32']}
  flags |= {'logger.outputs': ['jsonl'], 'run.log_every': ['5']}
  flags |= {'run.save_every': ['60'], 'run.steps': ['1e9']}
  flags |= split_flags(run['flags']) | {'logdir': [str(folder)]}
  if episodes:
    saved = folder / 'ckpt'
    saved /= (saved / 'latest').read_text().strip()
    flags |= {'script': ['eval_only'], 'run.from_checkpoint': [str(saved)]}
    flags |= {'logdir': [str(folder / 'eval')]}
  main = args.dreamerv3.resolve() / 'dreamerv3' / 'main.py'
  return [args.dreamerv3_python, main, *joined(flags)]


OURS = {
  'plain': ours('crafter'),
  'pondernet': ours('crafter', 'pondernet'),
  'sokoban': ours('pondernet', 'cpu', 'sokoban'),
}
AGENTS = {**OURS, 'ppo': ppo, 'dreamerv3': dreamerv3}


def plan(args):
  """The runs of the command line, one dict each."""
  runs = []
  for seed in range(args.first, args.first + args.seeds):
    for label in args.agents:
      agent, *flags = shlex.split(label)
      if agent not in AGENTS:
        raise UsageError(f"No agent '{agent}'; there are {', '.join(AGENTS)}.")
      flags += shlex.split(args.flags) if agent in OURS else []
      name = re.sub(r'[^\w.]+', '-', label)
      folder = str(args.logdir.resolve() / f'{name}-{seed}')
      runs.append({'label': label, 'seed': seed, 'minutes': args.minutes})
      runs[-1] |= {'episodes': args.episodes}
      runs[-1] |= {'flags': flags, 'folder': folder}
      AGENTS[agent](runs[-1], args, 0)  # Raises an error if it cannot run.
  return runs


def prepare(run):
  """Creates the folder of a run; returns whether the run is not finished.

  Raises UsageError if the folder holds another run."""
  folder = pathlib.Path(run['folder'])
  begun = folder / 'begun.json'
  if not begun.exists():
    if folder.exists():
      raise UsageError(f'{folder} is not a run of this script; move it.')
    folder.mkdir(parents=True)
    about = {'commit': processes.commit(), **results.machine()}
    begun.write_text(json.dumps(run | about) + '\n')
  before = json.loads(begun.read_text())
  # A folder may be moved; earlier versions wrote no 'episodes'.
  arguments.check_same(folder, {**before, 'folder': run['folder']}, run)
  return not finished(run).exists()


def train(run, args, stop):
  """Trains until the budget is used. Writes each episode with the processor
  seconds at its end, which are at most a second late.

  Returns the seconds, including those of earlier processes of the run."""
  folder = pathlib.Path(run['folder'])
  clock, log = folder / 'seconds', folder / 'episodes.jsonl'
  before = float(clock.read_text()) if clock.exists() else 0.0
  scores, known = (Tail(x) for x in (folder / 'scores.jsonl', log))
  list(scores.lines(len(list(known.lines()))))
  with log.open('a') as file:

    def watch(used):
      clock.write_text(str(before + used))
      for line in scores.lines():
        file.write(json.dumps({'cpu': before + used, **line}) + '\n')
      file.flush()
      return stop.is_set()

    left = 60 * run['minutes'] - before
    if left <= 0:
      return before
    return before + start(run, args, 0, 'train.log', left, watch)


def start(run, args, episodes, log, *limits):
  """Starts the agent of a run for training, or for an evaluation."""
  command = AGENTS[run['label'].split()[0]](run, args, episodes)
  log = pathlib.Path(run['folder'], log)
  return budget.run(command, log, *limits, **HOW)


def evaluate(run, args, stop):
  """Evaluates the agent in new episodes; returns the summary."""
  folder = pathlib.Path(run['folder'])
  # dreamerv3 evaluates without end, and writes its episodes here.
  scores, lines = Tail(folder / 'eval' / 'scores.jsonl'), []

  def watch(used):
    lines.extend(scores.lines())
    return stop.is_set() or len(lines) >= run['episodes']

  start(run, args, run['episodes'], 'evaluate.log', math.inf, watch)
  if lines:
    # It does not write their lengths.
    played = [{'score': x['episode/score'], 'length': 0} for x in lines]
    found = summary(played[: run['episodes']])
    return {k: v for k, v in found.items() if k != 'length_mean'}
  newest = max((folder / 'eval').glob('*.json'), key=os.path.getmtime)
  return json.loads(newest.read_text())


def perform(run, args, stop, cores):
  """Performs one run on a core of its own; prints the error if it fails."""
  if stop.is_set():
    return
  core = cores.get()
  try:
    # The affinity of this thread, which its processes inherit.
    os.sched_setaffinity(0, {core})
    print(f'{run["label"]}, seed {run["seed"]}: {run["folder"]}', flush=True)
    done = {'seconds': train(run, args, stop)}
    if not stop.is_set():
      done['evaluated'] = evaluate(run, args, stop)
    if not stop.is_set():
      finished(run).write_text(json.dumps(done) + '\n')
  except (RuntimeError, subprocess.TimeoutExpired) as error:
    print(f'Error: {error}', file=sys.stderr, flush=True)
  finally:
    cores.put(core)


def finished(run):
  """The file with the results of a finished run."""
  return pathlib.Path(run['folder'], 'finished.json')


def perform_all(runs, args):
  """Performs the runs that are not finished, several in parallel."""
  stop, cores = threading.Event(), queue.SimpleQueue()
  mine = sorted(os.sched_getaffinity(0))
  if args.jobs > len(mine):
    raise UsageError(f'{args.jobs} jobs need as many cores, not {len(mine)}.')
  for core in mine[: args.jobs]:
    cores.put(core)
  left = [run for run in runs if prepare(run)]
  with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
    try:
      each = [pool.submit(perform, x, args, stop, cores) for x in left]
      for done in concurrent.futures.as_completed(each):
        done.result()
    finally:
      stop.set()


def added(out, found):
  """The runs that `out`.json holds, and those that were `found`, which replace
  runs of the same agent and seed."""
  path = results.named(out, '.json')
  known = json.loads(path.read_text())['runs'] if path.exists() else []
  runs = {(x['label'], x['seed']): x for x in [*known, *found]}
  return list(runs.values())


def options(argv):
  """Reads the command line."""
  parser = arguments.parser(__doc__, 'core-hour')
  add, path = parser.add_argument, pathlib.Path
  add('--logdir', type=path, required=True)
  add('--agents', nargs='+', default=['ppo', 'plain', 'pondernet'])
  add('--seeds', type=arguments.count, default=3, help='how many')
  add('--first', type=arguments.whole(0), default=0, help='the first seed')
  add('--minutes', type=arguments.number(1e5), default=60.0)
  add('--episodes', type=arguments.count, default=50, help='at the end')
  add('--jobs', type=arguments.count, default=1, help='runs at once')
  add('--add', action='store_true', help='to the other runs in --out')
  add('--flags', default='', help="for all of our agents: '--run.envs 16'")
  add('--dreamerv3', type=path, help='a checkout of danijar/dreamerv3')
  add('--dreamerv3-python', default=sys.executable, help='that can run it')
  return parser.parse_args(argv)


def main(argv):
  """Runs the command line; exits with 1 if a run failed."""
  args = options(argv)
  runs = plan(args)
  with lock.hold(Folder(args.logdir)):
    perform_all(runs, args)
  done = [run for run in runs if finished(run).exists()]
  found = [hours.summary(run) for run in done]
  if args.add:
    found = added(args.out, found)
  if found:
    results.write(args.out, {'runs': found})
    hours.draw(args.out, found)
    hours.table(found)
  if len(done) < len(runs):
    sys.exit(1)


if __name__ == '__main__':
  # As after Ctrl-C, the processes of runs are ended.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  arguments.run(main)
