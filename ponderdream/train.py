"""Trains an agent, or goes on training it.

python -m ponderdream.train --configs crafter pondernet --logdir DIR

The same command with the same logdir resumes. `--key.sub value` overrides a
key of `configs.yaml`. SIGTERM and Ctrl-C save a checkpoint and exit with 0.
"""

import pathlib
import signal
import sys
import threading
from collections.abc import Sequence

# An environment's process imports this module again, and must not pay for
# JAX: everything that needs it is imported inside of the functions.
from embodied import flags as flags_
from embodied.config import Config
from embodied.errors import UsageError
from ponderdream import settings

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
  from embodied import success as success_
  from embodied.run import train as loop
  from ponderdream import checkpoint as checkpoint_
  from ponderdream import factories

  stop = threading.Event()
  for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stop.set())
  resumed = settings.remember(config)
  logdir = pathlib.Path(config.logdir)
  success = success_.Success()
  success.load(logdir / 'scores.jsonl')
  replay = factories.make_replay(config)
  # Worlds of their own for every process of a run.
  driver = factories.make_driver(config, config.run.envs, replay.total)
  agent = factories.make_agent(driver, config)
  checkpoint = checkpoint_.Checkpoint(logdir / 'checkpoints', config.run.keep)
  terminal = factories.make_terminal(config)
  logger = factories.make_logger(config, terminal, lambda: run.step)
  run = loop.Train(
    agent,
    driver,
    replay,
    logger,
    terminal,
    checkpoint,
    success,
    config.run,
    config.batch.size,
    config.batch.length,
    stop.is_set,
  )
  if resumed and checkpoint.steps():
    step, state, meta = checkpoint.load(agent.save())
    agent.load(state)
    run.load(meta)
    print(f'Resuming {logdir} at step {run.step}, checkpoint {step}.')
  try:
    run.run()
  except loop.Diverged as error:
    print(f'Error: {error}', file=sys.stderr)
    return 1
  finally:
    logger.close()
    checkpoint.close()
    driver.close()
    replay.close()
  reason = 'Stopped' if run.step < config.run.steps else 'Finished'
  print(f'{reason} at step {run.step}; everything is in {logdir}.')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
