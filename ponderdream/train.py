"""Trains an agent, or goes on training it.

python -m ponderdream.train --configs crafter pondernet --logdir DIR

The same command with the same logdir resumes. `--key.sub value` overrides a
key of `configs.yaml`. SIGTERM and Ctrl-C save a checkpoint and exit with 0.
"""

import contextlib
import pathlib
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

# An environment's process imports this module again, and must not pay for
# JAX: everything that needs it is imported inside of the functions.
from embodied import flags as flags_
from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import settings

if TYPE_CHECKING:
  from embodied.run import train as loop

FLAGS = ('configs',)


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  try:
    config = configure(argv)
    return train(config)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


def configure(argv: Sequence[str]) -> Config:
  """The configuration that the arguments ask for, platform resolved.

  Where there is neither an accelerator nor the name of a size, the `cpu`
  block is taken; on an accelerator, `size12m`.
  """
  flags = flags_.split_flags(argv)
  names = flags.pop('configs', [])
  config = settings.parse(names, flags, FLAGS)
  from ponderdream import factories, parallel

  config = factories.setup(config)
  if not settings.sized(names):
    size = 'size12m' if parallel.accelerated() else 'cpu'
    config = settings.parse([*names, size], flags, FLAGS).update(
      {'jax.dtype': config.jax.dtype, 'logdir': config.logdir}
    )
    where = 'An accelerator' if size == 'size12m' else 'No accelerator'
    print(f'{where} found and no size named: taking the {size} block.')
  return config


def train(config: Config) -> int:
  """Trains until the steps are done or the process is asked to stop."""
  from embodied.run import train as loop

  stop = threading.Event()
  for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stop.set())
  resumed = settings.compare(config)
  settings.make_logdir(config)
  with contextlib.ExitStack() as stack:
    run = assemble(config, stack, stop)
    if resumed and run.checkpoint.steps():
      step = run.resume()
      print(f'Resuming at step {run.step}, from the checkpoint of {step}.')
    elif resumed:
      print(
        f'There is no checkpoint in {config.logdir}: starting with new'
        f' networks, on the {run.step} steps that its replay holds.'
      )
    # Only now, so that a mistake does not stand in the way of its correction.
    settings.remember(config)
    try:
      run.run()
    except loop.Diverged as error:
      print(f'Error: {error}', file=sys.stderr)
      return 1
  done = 'Finished' if run.step >= config.run.steps else 'Stopped'
  print(f'{done} at step {run.step}; everything is in {config.logdir}.')
  return 0


def assemble(
  config: Config, stack: contextlib.ExitStack, stop: threading.Event
) -> 'loop.Train':
  """Makes the parts of a run; the stack closes them, last one first."""
  from embodied import success as success_
  from embodied.run import train as loop
  from ponderdream import checkpoint as checkpoint_
  from ponderdream import factories, parallel

  parallel.check_batch(config.batch.size)
  keep = lambda part: stack.enter_context(contextlib.closing(part))
  logdir = pathlib.Path(config.logdir)
  replay = keep(factories.make_replay(config))
  # Worlds of their own for every process of a run.
  driver = keep(factories.make_driver(config, config.run.envs, replay.total))
  agent = factories.make_agent(driver, config)
  checkpoint = keep(
    checkpoint_.Checkpoint(logdir / 'checkpoints', config.run.keep)
  )
  success = success_.Success()
  success.load(logdir / 'scores.jsonl')
  terminal = factories.make_terminal(config, success.best)
  logger = keep(factories.make_logger(config, terminal, lambda: run.step))
  run = loop.Train(
    agent=agent,
    driver=driver,
    replay=replay,
    logger=logger,
    terminal=terminal,
    checkpoint=checkpoint,
    success=success,
    settings=config.run,
    batch=config.batch.size,
    length=config.batch.length,
    stop=stop.is_set,
  )
  return run


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
