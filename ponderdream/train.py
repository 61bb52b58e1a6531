"""Trains an agent, or resumes its training.

python -m ponderdream.train --configs crafter pondernet --logdir DIR

The same command with the same logdir resumes. `--key.sub value` overrides a
key of `configs.yaml`. SIGTERM and Ctrl-C save a checkpoint and exit with 0.
`--run.script offline --data OLD_LOGDIR` trains on the replay of an earlier
run, without environments.

On several hosts, run the same command on each of them. See
`ponderdream/distributed/README.md`.
"""

import contextlib
import sys
import threading
from collections.abc import Sequence

# The process of each environment imports this module too. Importing JAX there
# would take seconds and memory, so functions import what needs it.
from embodied import signals
from embodied.config import Config
from embodied.config.flags import asks_for_help, split_flags, take
from embodied.errors import UsageError
from ponderdream import settings

FLAGS = ('configs',)


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  if asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    with signals.stop_requested() as stop:
      return train(configure(argv), stop)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


def configure(argv: Sequence[str]) -> Config:
  """The configuration of a command line, with `jax.dtype` resolved.

  If no block names a size, adds the block `size12m` on an accelerator and
  `cpu` without one.

  Raises:
    UsageError: an unknown flag, a value that is not valid, or hosts that do
      not fit.
  """
  flags = split_flags(argv)
  names = take(flags, 'configs')
  config = settings.parse(names, flags, FLAGS)
  from ponderdream import factories
  from ponderdream.distributed import console, devices, hosts

  factories.connect(config)
  with console.exit_alone():
    config = factories.setup(config)
    if not settings.sized(names):
      size = 'size12m' if devices.accelerated() else 'cpu'
      config = settings.parse([*names, size], flags, FLAGS).update(
        {'jax.dtype': config.jax.dtype, 'logdir': config.logdir}
      )
      where = 'An accelerator' if size == 'size12m' else 'No accelerator'
      console.say(
        f'{where} found and no size named: the block {size} comes last.'
      )
    every = hosts.Hosts()
    settings.check_alike(config, every.exchange)
    if '{timestamp}' in ''.join(flags.get('logdir', [])):
      hosts.together(lambda: settings.check_alone(every.count))
  return config


def train(config: Config, stop: threading.Event) -> int:
  """Trains until `run.steps`, or until `stop` is set; returns the exit
  code."""
  from ponderdream import runs
  from ponderdream.distributed import console, devices, hosts

  try:
    with console.exit_alone(), contextlib.ExitStack() as stack:
      parts = hosts.together(lambda: runs.prepare(config, stack, stop))
      run, checkpoint = runs.assemble(config, stack, stop, parts)
      runs.resume(run, checkpoint, config, parts.resumed)
      # Saved only now: after an error, the corrected command must not be
      # refused because of another configuration.
      hosts.together(lambda: settings.remember(config, hosts.host()))
      settings.processes.record(config, devices.described(), hosts.host())
      run.run()
  except Exception as error:
    return console.print_error(error)
  done = 'Finished' if run.step >= config.run.steps else 'Stopped'
  console.say(f'{done} at step {run.step}; everything is in {config.logdir}.')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
