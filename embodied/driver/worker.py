"""One environment of the driver, in a separate process or in this one."""

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import reduction
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from embodied.base import Env, Spaces
from embodied.driver.board import Board
from embodied.errors import ContractError, Stopped, UsageError

MakeEnv = Callable[[], Env]

log = logging.getLogger('embodied')

# Minimum time limit for importing and making an environment.
START_SECONDS = 60.0

# Minimum wait for an answer, even after its time limit: perhaps this process
# was busy, not the environment.
GRACE_SECONDS = 1.0

# Time between two checks of `stop_requested`.
SLICE_SECONDS = 1.0

# Sent through the pipe to request a step, and when it is done.
WORD = b'step'


class WorkerError(Exception):
  """The environment raised, hung, or its process died; see the message."""


class ProcessWorker:
  """Runs the environment in a spawned process.

  Call `start`, then `spaces` and `attach` once, then `send` and `receive` in
  turn. Actions and observations are rows of the board; the pipe only carries
  the requests. After a WorkerError only `stop` and `start` are allowed.

  Args:
    make: Picklable, such as a functools.partial of a function in a module.
    timeout: Time limit of one step or reset in seconds.
    stop_requested: Whether the run should stop. If so, `spaces` and `receive`
      raise Stopped instead of waiting for the environment.

  Raises:
    ValueError: `make` cannot be pickled.
  """

  def __init__(
    self,
    make: MakeEnv,
    timeout: float,
    stop_requested: Callable[[], bool] = lambda: False,
  ) -> None:
    try:
      pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as e:
      raise ValueError(
        f'{make} cannot be sent to a worker process ({e}); pass a'
        ' functools.partial of a function in a module.'
      ) from None
    self._make = make
    self._timeout = timeout
    self._stop_requested = stop_requested
    self._context = multiprocessing.get_context('spawn')
    self._process: SpawnProcess | None = None

  def start(self) -> None:
    """Start the process, without waiting for it."""
    self._pipe, child = self._context.Pipe()
    self._process = self._context.Process(
      target=_serve, args=(self._make, child), daemon=True
    )
    self._process.start()
    # With this copy closed, the pipe breaks when the process dies.
    child.close()
    self._deadline = time.monotonic() + max(START_SECONDS, self._timeout)

  def spaces(self) -> tuple[Spaces, Spaces]:
    """Wait for the environment; returns its `(obs_space, act_space)`.

    Raises WorkerError, or UsageError if making the environment raised that.
    """
    return self._receive()

  def attach(self, board: Board, row: int) -> None:
    """Give the environment its row of the board."""
    assert self._process is not None
    pid = self._process.pid
    # If the process is dead, `receive` raises the error.
    with contextlib.suppress(OSError):
      self._pipe.send_bytes(pickle.dumps((row, board.rows)))
      reduction.send_handle(self._pipe, board.fd, pid)

  def send(self) -> None:
    """Request a step with the action on the board, without waiting."""
    self._deadline = time.monotonic() + self._timeout
    with contextlib.suppress(OSError):
      self._pipe.send_bytes(WORD)

  def receive(self) -> None:
    """Wait until the observation of the step is on the board."""
    self._receive()

  def dismiss(self) -> None:
    """Ask the environment to close, without waiting."""
    if self._process is not None:
      self._pipe.close()

  def stop(self, patience: float = 0.0) -> None:
    """End the process, `patience` seconds after the request to close."""
    if self._process is None:
      return
    self._pipe.close()
    self._process.join(patience)
    self._process.kill()
    self._process.join()
    self._process.close()
    self._process = None

  def _receive(self) -> Any:
    end = max(time.monotonic() + GRACE_SECONDS, self._deadline)
    try:
      while not self._pipe.poll(min(SLICE_SECONDS, end - time.monotonic())):
        if self._stop_requested():
          raise Stopped
        if time.monotonic() >= end:
          raise WorkerError('did not answer within the time limit')
      answer = self._pipe.recv_bytes()
    except (EOFError, OSError):
      process = self._process
      assert process is not None
      process.join(1.0)
      code = process.exitcode
      raise WorkerError(f'the process died with exit code {code}') from None
    if answer == WORD:
      return None
    kind, value = pickle.loads(answer)
    if kind == 'usage':
      raise UsageError(value)
    if kind == 'error':
      raise WorkerError(value)
    return value


class LocalWorker:
  """Runs the environment in this process; if it hangs, so does the program.

  It has the methods of ProcessWorker.
  """

  def __init__(self, make: MakeEnv) -> None:
    self._make = make
    self._env: Env | None = None

  def start(self) -> None:
    self._env = None

  def spaces(self) -> tuple[Spaces, Spaces]:
    try:
      self._env = self._make()
      return self._env.obs_space, self._env.act_space
    except UsageError:
      raise
    except Exception as e:
      raise WorkerError(_told(e)) from None

  def attach(self, board: Board, row: int) -> None:
    self._board, self._row = board, row

  def send(self) -> None:
    pass

  def receive(self) -> None:
    assert self._env is not None
    try:
      obs = self._env.step(self._board.action(self._row))
      self._board.show(self._row, obs)
    except Exception as e:
      raise WorkerError(_told(e)) from None

  def dismiss(self) -> None:
    pass

  def stop(self, patience: float = 0.0) -> None:
    if self._env is not None:
      try:
        self._env.close()
      except Exception:
        log.warning('An environment raised in close.', exc_info=True)
      self._env = None


def _serve(make: MakeEnv, pipe: Connection) -> None:
  """Main function of the process: steps until the pipe closes."""
  # A terminal sends these signals to all processes. The parent handles them.
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
  threading.Thread(target=follow_parent, daemon=True).start()
  made = False
  try:
    env = make()
    spaces = env.obs_space, env.act_space
    pipe.send(('ok', spaces))
    made = True
    if place := _next(pipe):
      row, rows = pickle.loads(place)
      board = Board(spaces, rows, reduction.recv_handle(pipe))
      _answer(env, pipe, board, row)
    env.close()
  except Exception as e:
    usage = isinstance(e, UsageError) and not made
    with contextlib.suppress(OSError):
      pipe.send(('usage', str(e)) if usage else ('error', _told(e)))


def _told(error: Exception) -> str:
  """A sentence for what an environment must not give, else a traceback."""
  if isinstance(error, ContractError):
    return str(error)
  return traceback.format_exc()


def _answer(env: Env, pipe: Connection, board: Board, row: int) -> None:
  """Steps `env` at every request, until the pipe closes."""
  while True:
    if not pipe.poll():
      env.prepare()
    if _next(pipe) is None:
      return
    board.show(row, env.step(board.action(row)))
    with contextlib.suppress(OSError):
      pipe.send_bytes(WORD)


def _next(pipe: Connection) -> bytes | None:
  """The next message of the pipe; None if the parent has closed it."""
  try:
    return pipe.recv_bytes()
  except (EOFError, ConnectionError):
    return None


def follow_parent() -> None:
  """Exit when the parent exits, even if the environment hangs."""
  parent = multiprocessing.parent_process()
  assert parent is not None
  parent.join()
  os._exit(1)
