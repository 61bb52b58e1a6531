"""Steps several environments with one policy."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embodied.base import Carry, Obs
from embodied.driver.board import Board
from embodied.driver.worker import (
  LocalWorker,
  MakeEnv,
  ProcessWorker,
  WorkerError,
)
from embodied.errors import EnvironmentFailed

Policy = Callable[[Carry, Obs], tuple[Carry, dict[str, Any], dict[str, Any]]]
OnStep = Callable[[dict[str, Any], int], None]

# Failures in a row, without an answer to an action, that end the run.
MAX_FAILED_STARTS = 3

# Time limit for all environments together to close.
CLOSE_SECONDS = 2.0

log = logging.getLogger('embodied')


class Driver:
  """Steps `B` environments in lockstep and calls back for every step.

  With `parallel` the environments step at the same time, and also while the
  callbacks of the previous step run and the agent learns: the driver requests
  the next step as soon as the policy has chosen actions. Observations are
  passed through shared memory.

  If an environment raises, exceeds the time limit, or its process dies, the
  driver restarts it, and its next observation is the first of a new episode.
  The driver counts this in `restarts`, keeps the message in `last_error`, and
  logs a warning to the logger 'embodied'.

  Args:
    make_env_fns: `B` functions that make an environment. With `parallel` they
      have to be picklable.
    parallel: Start a process for each environment. Otherwise all run in this
      process, and an environment that hangs stops the program.
    timeout: Time limit of one step or reset in seconds. Making an environment
      may always take a minute.
    stop_requested: Whether the run should stop. If so, methods raise Stopped
      instead of waiting for a worker process, and only `close` is allowed.

  Raises:
    UsageError: Making an environment raised it.
    ValueError: No functions, functions that cannot be pickled, or environments
      with different spaces.
    EnvironmentFailed: An environment failed three times in a row without
      answering an action. Later steps can raise this too.
  """

  def __init__(
    self,
    make_env_fns: Sequence[MakeEnv],
    *,
    parallel: bool = True,
    timeout: float = 60.0,
    stop_requested: Callable[[], bool] = lambda: False,
  ) -> None:
    if not make_env_fns:
      raise ValueError(
        'make_env_fns is empty; a Driver needs at least one environment.'
      )
    self.restarts = 0
    self.last_error = ''
    self._workers: list[ProcessWorker | LocalWorker] = [
      ProcessWorker(fn, timeout, stop_requested)
      if parallel
      else LocalWorker(fn)
      for fn in make_env_fns
    ]
    self._failures = [0] * len(self._workers)
    self._answered = [False] * len(self._workers)
    self._callbacks: list[OnStep] = []
    try:
      for worker in self._workers:
        worker.start()
      spaces = [self._spaces(i) for i in range(len(self._workers))]
    except BaseException:
      self.close()
      raise
    self.obs_space, self.act_space = spaces[0]
    for i, other in enumerate(spaces):
      if other != spaces[0]:
        self.close()
        raise ValueError(
          f'The spaces of environment {i} differ from those of environment 0;'
          ' all have to be equal.'
        )
    self._board = Board(spaces[0], len(self))
    for i, worker in enumerate(self._workers):
      worker.attach(self._board, i)
    # Environments that have not answered yet, and whether the policy has seen
    # the observations on the board.
    self._pending: list[int] = []
    self._seen = True
    self.reset()

  def __len__(self) -> int:
    return len(self._workers)

  def on_step(self, callback: OnStep) -> None:
    """Call `callback(transition, worker)` for every step of every environment.

    A transition is one dict without a batch dimension. It contains the
    observation, the action that the policy chose for it (without `reset`, and
    zeros if the observation has `is_last`), and other outputs of the policy.
    """
    self._callbacks.append(callback)

  def reset(self, init_policy: Callable[[int], Carry] | None = None) -> None:
    """Start new episodes with a new carry of the policy."""
    self._carry = init_policy(len(self)) if init_policy else None
    self._receive()
    # The policy has not seen these first observations: no reset is needed.
    unseen = self._board.obs['is_first'] & (not self._seen)
    for value in self._board.acts.values():
      value[:] = 0
    self._board.acts['reset'][:] = True
    self._request(np.flatnonzero(~unseen).tolist())

  def __call__(
    self, policy: Policy, steps: int = 0, episodes: int = 0
  ) -> None:
    """Step until both numbers are reached, summed over all environments.

    Args:
      policy: `(carry, obs [B, ...]) -> (carry, acts [B, ...], outs [B, ...])`
        with all action keys but `reset`. It does not get keys `log/...`.
      steps: Observations to collect, including the first ones of episodes.
      episodes: Observations with `is_last` to collect.
    """
    step = episode = 0
    while step < steps or episode < episodes:
      is_last = self._step(policy)
      step += len(is_last)
      episode += int(is_last.sum())

  def close(self) -> None:
    """Close the environments; the driver is not used afterwards."""
    for worker in self._workers:
      worker.dismiss()
    end = time.monotonic() + CLOSE_SECONDS
    for worker in self._workers:
      worker.stop(patience=max(0.0, end - time.monotonic()))
    self._workers = []

  def _step(self, policy: Policy) -> np.ndarray:
    self._receive()
    obs = {k: v.copy() for k, v in self._board.obs.items()}
    shown = {k: v for k, v in obs.items() if not k.startswith('log/')}
    self._carry, acts, outs = policy(self._carry, shown)
    self._seen = True
    acts = {k: np.array(v) for k, v in acts.items() if k != 'reset'}
    outs = {k: np.asarray(v) for k, v in outs.items()}
    if {*acts, 'reset'} != self.act_space.keys():
      raise ValueError(
        f'The policy returned the actions {sorted(acts)}; the action space has'
        f' {sorted(self.act_space)}. Return all of them but reset.'
      )
    is_last = obs['is_last']
    for value in acts.values():
      value[is_last] = 0
    for key, value in self._board.acts.items():
      value[:] = is_last if key == 'reset' else acts[key]
    self._request(list(range(len(self))))
    batch = {**obs, **acts, **outs}
    for i in range(len(self)):
      transition = {k: v[i] for k, v in batch.items()}
      for callback in self._callbacks:
        callback(transition, i)
    return is_last

  def _spaces(self, i: int) -> Any:
    """Wait until the environment is made; restart it if that fails."""
    while True:
      try:
        return self._workers[i].spaces()
      except WorkerError as e:
        self._restart(i, e)

  def _request(self, which: list[int]) -> None:
    """Request steps with the actions on the board, without waiting."""
    for i in which:
      self._workers[i].send()
    self._pending, self._seen = which, False

  def _receive(self) -> None:
    """Wait until all requested observations are on the board."""
    for i in self._pending:
      while not self._received(i):
        self._board.acts['reset'][i] = True
        self._workers[i].send()
    self._pending = []

  def _received(self, i: int) -> bool:
    """Wait for one observation; False if the environment was restarted."""
    try:
      self._workers[i].receive()
      self._answered[i] |= not self._board.obs['is_first'][i]
      return True
    except WorkerError as e:
      self._restart(i, e)
    self._spaces(i)
    self._workers[i].attach(self._board, i)
    return False

  def _restart(self, i: int, error: WorkerError) -> None:
    self.last_error = f'Environment {i}: {error}'
    self._workers[i].stop()
    self._failures[i] = 0 if self._answered[i] else self._failures[i] + 1
    self._answered[i] = False
    if self._failures[i] >= MAX_FAILED_STARTS:
      raise EnvironmentFailed(
        f'Environment {i} failed {MAX_FAILED_STARTS} times in a row without'
        f' answering an action. The last error: {error}'
      )
    self.restarts += 1
    log.warning(
      'Environment %d is restarted (restart %d): %s', i, self.restarts, error
    )
    self._workers[i].start()
