"""Trains an agent, or goes on training it.

python -m ponderdream.train --configs crafter pondernet --logdir DIR

The same command with the same logdir resumes. `--key.sub value` overrides a
key of `configs.yaml`. SIGTERM and Ctrl-C save a checkpoint and exit with 0.

On several hosts the same command runs on each of them, and whatever ends one
of them (but the end of its machine) ends all, after one common checkpoint.
"""

import contextlib
import os
import pathlib
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

# An environment's process imports this module again, and must not pay for
# JAX: everything that needs it is imported inside of the functions.
import embodied
from embodied import errors, lock
from embodied.config import Config
from embodied.config import flags as flags_
from embodied.errors import EnvironmentFailed, Stopped, UsageError
from ponderdream import settings

if TYPE_CHECKING:
  from embodied import replay as replay_
  from embodied.run import train as loop

FLAGS = ('configs',)

# Seconds until the process leaves when Python gets no hold of a signal.
PATIENCE = 20.0


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  if flags_.asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    with asked_to_stop() as stop:
      return train(configure(argv), stop)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2


@contextlib.contextmanager
def asked_to_stop() -> Iterator[threading.Event]:
  """An event that SIGTERM and Ctrl-C set, instead of ending the process.

  A compilation may take minutes, in which Python does not get to handle
  signals; the process leaves then, from a thread, as after `kill -9`: no step
  and no checkpoint is lost by that.
  """
  stop = threading.Event()
  numbers = signal.SIGTERM, signal.SIGINT
  before = [signal.signal(x, lambda *_: stop.set()) for x in numbers]
  told, teller = socket.socketpair()
  teller.setblocking(False)
  wakeup = signal.set_wakeup_fd(teller.fileno(), warn_on_full_buffer=False)

  def watch() -> None:
    if told.recv(1) and not stop.wait(PATIENCE):
      print('Stopped; it goes on from the last checkpoint.', flush=True)
      os._exit(0)

  thread = threading.Thread(target=watch, daemon=True)
  thread.start()
  try:
    yield stop
  finally:
    signal.set_wakeup_fd(wakeup)
    for number, handler in zip(numbers, before, strict=True):
      signal.signal(number, handler)
    teller.close()
    thread.join()
    told.close()


def configure(argv: Sequence[str]) -> Config:
  """The configuration that the arguments ask for, platform resolved.

  Where there is neither an accelerator nor the name of a size, the `cpu`
  block is taken; on an accelerator, `size12m`.
  """
  flags = flags_.split_flags(argv)
  names = flags_.take(flags, 'configs')
  config = settings.parse(names, flags, FLAGS)
  from ponderdream import factories
  from ponderdream.distributed import devices, hosts

  factories.connect(config)
  with leaving():
    config = factories.setup(config)
    if not settings.sized(names):
      size = 'size12m' if devices.accelerated() else 'cpu'
      config = settings.parse([*names, size], flags, FLAGS).update(
        {'jax.dtype': config.jax.dtype, 'logdir': config.logdir}
      )
      where = 'An accelerator' if size == 'size12m' else 'No accelerator'
      say(f'{where} found and no size named: taking the {size} block.')
    hosts = hosts.Hosts()
    settings.check_alike(config, hosts.exchange)
    if '{timestamp}' in ''.join(flags.get('logdir', [])):
      hosts.together(lambda: settings.check_alone(hosts.count))
  return config


@contextlib.contextmanager
def leaving() -> Iterator[None]:
  """Ends the process at once on an error that the other hosts do not know of:
  an orderly exit would wait for them, and they for this one."""
  from ponderdream.distributed import hosts

  try:
    yield
  except Exception as error:
    if errors.agreed(error) or not hosts.connected():
      raise
    code = ended(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def ended(error: Exception) -> int:
  """Prints what ended the run, in a sentence if it has one; the exit code."""
  from embodied.run import train as loop

  if isinstance(error, Stopped):
    print('Stopped before it began.')
    return 0
  known = (
    UsageError,
    loop.Diverged,
    loop.Elsewhere,
    EnvironmentFailed,
    FloatingPointError,
    OSError,
  )
  if isinstance(error, known):
    print(f'Error: {error}', file=sys.stderr)
  else:
    traceback.print_exception(error)
  return 2 if isinstance(error, UsageError) else 1


def say(text: str) -> None:
  """Prints, on the first host."""
  from ponderdream.distributed import hosts

  if not hosts.host():
    print(text, flush=True)


def train(config: Config, stop: threading.Event) -> int:
  """Trains until the steps are done or the process is asked to stop."""
  from ponderdream.distributed import hosts

  try:
    with leaving(), contextlib.ExitStack() as stack:
      resumed, *own = hosts.together(lambda: prepare(config, stack, stop))
      run = assemble(config, stack, stop, *own)
      # The first host's word counts: it writes the configuration.
      resumed = bool(hosts.exchange([resumed])[0, 0])
      start(run, config, resumed)
      # Only now, so that a mistake does not stand in the way of its
      # correction.
      remember = lambda: hosts.host() or settings.remember(config)
      hosts.together(remember)
      run.run()
  except Exception as error:
    return ended(error)
  done = 'Finished' if run.step >= config.run.steps else 'Stopped'
  say(f'{done} at step {run.step}; everything is in {config.logdir}.')
  return 0


def prepare(
  config: Config, stack: contextlib.ExitStack, stop: threading.Event
) -> tuple[bool, embodied.Driver, 'replay_.Replay']:
  """What a host does for itself, and what may fail on one host alone: is
  there a run to go on with, environments, replay."""
  from ponderdream import factories
  from ponderdream.distributed import devices, hosts

  devices.share(config.batch.size)
  settings.make_logdir(config)
  for folder in factories.locked(config):
    stack.enter_context(lock.hold(folder / 'lock'))
  resumed = not hosts.host() and settings.compare(config)
  keep = lambda part: stack.enter_context(contextlib.closing(part))
  replay = keep(factories.make_replay(config))
  # Worlds of their own for every process of a run.
  driver = keep(
    factories.make_driver(config, config.run.envs, replay.total, stop.is_set)
  )
  return resumed, driver, replay


def assemble(
  config: Config,
  stack: contextlib.ExitStack,
  stop: threading.Event,
  driver: embodied.Driver,
  replay: 'replay_.Replay',
) -> 'loop.Train':
  """Makes the common parts of a run; the stack closes them, last one first."""
  from embodied import success as success_
  from embodied.run import train as loop
  from ponderdream import checkpoint as checkpoint_
  from ponderdream import factories
  from ponderdream.distributed import devices, hosts

  keep = lambda part: stack.enter_context(contextlib.closing(part))
  spaces = driver.obs_space, driver.act_space
  agent = factories.make_agent(spaces, config)
  where = factories.checkpoints(config)
  checkpoint = keep(
    checkpoint_.Checkpoint(where, config.run.keep, config.flat)
  )
  success = success_.Success()
  success.load(pathlib.Path(config.logdir) / 'scores.jsonl')
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
    batch=devices.share(config.batch.size),
    length=config.batch.length,
    stop=stop.is_set,
    hosts=hosts.Hosts(),
  )
  return run


def start(run: 'loop.Train', config: Config, resumed: bool) -> None:
  """Goes on where the last process stopped, and says so."""
  from ponderdream.distributed import hosts

  run.meet()
  if not hosts.shared(run.checkpoint.directory):
    raise errors.agree(
      UsageError(
        'The hosts do not see the same checkpoints; name a folder or bucket'
        ' that all of them share by --checkpoints.'
      )
    )
  # They may be where the logdir, and what it says, was lost.
  if run.checkpoint.steps():
    hosts.together(lambda: check_checkpoints(run, config))
    step = run.resume()
    say(f'Resuming at step {run.step}, from the checkpoint of {step}.')
  elif resumed:
    say(
      f'There is no checkpoint in {run.checkpoint.directory}: starting with'
      f' new networks, on the {run.step} steps that the replay holds.'
    )


def check_checkpoints(run: 'loop.Train', config: Config) -> None:
  """Raises UsageError if they were saved with other settings."""
  found = run.checkpoint.config()
  if found:
    where = run.checkpoint.directory
    before = settings.complete(Config(found), where)
    settings.check_same(
      config, before, f'The folder {where} has checkpoints of'
    )


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
