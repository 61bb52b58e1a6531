"""Where the time of a training run goes.

    python scripts/bench_loop.py [--configs crafter cpu] [--updates 150]

Trains for real, in a temporary folder, and takes the wall time of every part
of the loop. The updates before `--skip` are for compiling and not counted.
`train` is the time until an update has been computed, `env` what the policy
waits for observations, `sample` what an update waits for its batch (sampling
itself goes on in a thread beside it), `add` writing the steps down,
`write_back` the refreshed latents, `rest` the loop itself.

One JSON line, also in scripts/results/loop.jsonl.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time

import jsonl


def main(argv):
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--configs', nargs='+', default=['crafter', 'cpu'])
  parser.add_argument('--updates', type=jsonl.count, default=150)
  parser.add_argument('--skip', type=jsonl.count, default=20)
  args = parser.parse_args(argv)
  lines = jsonl.Lines('loop')
  with tempfile.TemporaryDirectory(prefix='bench-loop-') as folder:
    lines.add(measure(args.configs, folder, args.skip, args.updates))


def measure(names, folder, skip, updates):
  """Runs, and returns the shares of its wall time."""
  from ponderdream import train

  flags = ['--configs', *names, '--logdir', folder]
  stop = threading.Event()
  with contextlib.ExitStack() as stack:
    config = train.configure(flags)
    _, *own = train.prepare(config, stack, stop)
    run = train.assemble(config, stack, stop, *own)
    clock = Clock()
    watch(run, clock)
    learn = run.learn

    def counted():
      learn()
      if run.updates >= skip and not clock.begin:
        clock.start(run)
      elif run.updates >= skip + updates:
        clock.stop(run)
        stop.set()

    run.learn = counted
    run.run()
  return {
    'bench': 'loop',
    'configs': ' '.join(names),
    'envs': config.run.envs,
    **clock.result(),
    **jsonl.machine(),
  }


class Clock:
  """Exclusive wall seconds by part: what is inside of another part is taken
  off that one."""

  def __init__(self):
    self.spent = {}
    self.inner = [0.0]
    self.begin = self.end = 0.0

  def start(self, run):
    self.spent.clear()
    self.before = run.updates, run.step
    self.begin = time.perf_counter()

  def stop(self, run):
    if not self.end:
      self.end = time.perf_counter()
      self.after = run.updates, run.step
      self.final = dict(self.spent)

  def watched(self, part, function):
    """`function`, taking its time."""

    def call(*args, **kwargs):
      begin = time.perf_counter()
      self.inner.append(0.0)
      try:
        return function(*args, **kwargs)
      finally:
        whole = time.perf_counter() - begin
        own = whole - self.inner.pop()
        self.inner[-1] += whole
        self.spent[part] = self.spent.get(part, 0.0) + own

    return call

  def result(self):
    wall = self.end - self.begin
    updates, steps = (
      b - a for a, b in zip(self.before, self.after, strict=True)
    )
    shares = {k: v / wall for k, v in sorted(self.final.items())}
    return {
      'updates': updates,
      'steps': steps,
      'seconds': wall,
      'ms_per_update': 1e3 * wall / updates,
      **{f'share_{k}': v for k, v in shares.items()},
      'share_rest': 1 - sum(shares.values()),
    }


class Watched:
  """An iterator whose `next` takes its time."""

  def __init__(self, stream, clock):
    self.close = stream.close
    self.next = clock.watched('sample', lambda: next(stream))

  def __next__(self):
    return self.next()


def watch(run, clock):
  """Puts the clock around the parts of a run."""
  import jax

  agent, driver = run.agent, run.driver
  policy = clock.watched('policy', agent.policy)
  # The policy's parameters come out of the last update: what it would wait
  # for them is the update's time.
  ready = clock.watched('train', lambda: jax.block_until_ready(agent.state))

  def wait_and_act(*args, **kwargs):
    ready()
    return policy(*args, **kwargs)

  agent.policy = wait_and_act
  for owner, name, part in (
    (agent, 'train', 'train'),
    (agent, 'flush', 'train'),
    (driver, '_receive', 'env'),
    (run.replay, 'update', 'write_back'),
    (run.logger, 'write', 'log'),
    (run.logger, 'add', 'log'),
    (run.metrics, 'add', 'log'),
    (run.terminal, 'update', 'log'),
    (run, 'report', 'report'),
    (run, 'save', 'save'),
  ):
    setattr(owner, name, clock.watched(part, getattr(owner, name)))
  add, follow = driver._callbacks
  driver._callbacks = [
    clock.watched('add', add), clock.watched('log', follow)
  ]  # fmt: skip
  run.stream = Watched(run.stream, clock)


if __name__ == '__main__':
  main(sys.argv[1:])
