"""Trains an agent, or goes on training it.

python -m ponderdream.train --configs crafter pondernet --logdir DIR

The same command with the same logdir resumes. `--key.sub value` overrides a
key of `configs.yaml`. SIGTERM and Ctrl-C save a checkpoint and exit with 0.
`--run.script offline --data OLD_LOGDIR` learns from the replay of an earlier
run, without environments.

On several hosts the same command runs on each of them. Whatever ends one of
them (except the end of its machine) ends all, after one common checkpoint.
"""

import contextlib
import sys
import threading
from collections.abc import Sequence

# An environment's process imports this module again, and must not pay for
# JAX: everything that needs it is imported inside of the functions.
from embodied import signals
from embodied.config import Config
from embodied.config import flags as flags_
from embodied.errors import UsageError
from ponderdream import settings

FLAGS = ('configs',)


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  if flags_.asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    with signals.stop_requested() as stop:
      return train(configure(argv), stop)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


def configure(argv: Sequence[str]) -> Config:
  """The configuration that the arguments ask for, platform resolved.

  Where there is neither an accelerator nor the name of a size, the `cpu`
  block is taken; on an accelerator, `size12m`.
  """
  flags = flags_.split_flags(argv)
  names = flags_.take(flags, 'configs')
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
      console.say(f'{where} found and no size named: taking the {size} block.')
    every = hosts.Hosts()
    settings.check_alike(config, every.exchange)
    if '{timestamp}' in ''.join(flags.get('logdir', [])):
      hosts.together(lambda: settings.check_alone(every.count))
  return config


def train(config: Config, stop: threading.Event) -> int:
  """Runs until the steps are done or the process is asked to stop; returns
  the exit code."""
  from ponderdream import runs
  from ponderdream.distributed import console, hosts

  try:
    with console.exit_alone(), contextlib.ExitStack() as stack:
      parts = hosts.together(lambda: runs.prepare(config, stack, stop))
      run, checkpoint = runs.assemble(config, stack, stop, parts)
      runs.resume(run, checkpoint, config, parts.resumed)
      # Only now, so that after a mistake the corrected command is not refused
      # as another configuration.
      hosts.together(lambda: settings.remember(config, hosts.host()))
      run.run()
  except Exception as error:
    return console.print_error(error)
  done = 'Finished' if run.step >= config.run.steps else 'Stopped'
  console.say(f'{done} at step {run.step}; everything is in {config.logdir}.')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
