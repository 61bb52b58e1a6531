"""Synchronisation of the hosts of a run.

Each host runs the same loop, with its own environments, its own replay and its
share of every batch. Updates and checkpoints are collective operations, which
all hosts must start together. So the hosts exchange a few numbers before each
of them (`HostSync.exchange`), and make the same decisions from these numbers.
An error of a single host is reported at the next exchange. It ends the run on
all hosts, after a common checkpoint.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from embodied.errors import Stopped, mark_shared
from embodied.hosts import Hosts

# Number of recent episodes whose mean return is the score of a checkpoint.
RECENT = 10


class OtherHostFailed(RuntimeError):
  """Another host failed; it has printed its own error."""


class Status(NamedTuple):
  """The status of one host.

  Attributes:
    ready: whether it has a batch for the next update.
    saving: whether a checkpoint is due; only the value of host 0 is used.
    full: whether the windows of its newest steps are complete.
    total: number of steps ever added to its replay.
    episodes: number of its recent episodes.
    returns: sum of their returns.
  """

  ready: bool
  saving: bool
  full: bool = False
  total: int = 0
  episodes: int = 0
  returns: float = 0.0


class HostSync:
  """The state of a run that is the same on all of its hosts.

  Args:
    hosts: the hosts that train together.
    stop: whether this host was asked to stop.

  Attributes:
    ready: whether all hosts have a batch.
    full: whether the windows of the newest steps of all hosts are complete.
    stopping: whether any host was asked to stop.
    failing: whether any host has failed.
    saving: whether a checkpoint is due.
    totals: environment steps by host, those of hosts that have left included.
    score: mean return of the recent episodes of all hosts; None while there
      are few.
    failure: the error of this host, or None.
    ended: whether all hosts have written the last checkpoint together.
  """

  def __init__(self, hosts: Hosts, stop: Callable[[], bool]) -> None:
    self.hosts = hosts
    self.stop = stop
    self.ready = self.full = self.saving = False
    self.stopping = self.failing = False
    self.totals: dict[str, int] = {}
    self.score: float | None = None
    self.failure: Exception | None = None
    self.ended = False

  @property
  def over(self) -> bool:
    """Whether the run ends on all hosts."""
    return self.stopping or self.failing

  def exchange(self, status: Status) -> None:
    """Exchanges the status of all hosts; a collective operation, which all
    hosts must call."""
    mine = [*status, self.stop(), self.failure is not None]
    ready, saving, full, totals, episodes, returns, stopping, failing = (
      self.hosts.exchange(mine).T
    )
    self.ready = bool(ready.all())
    self.full = bool(full.all())
    self.saving = bool(saving[0])
    self.totals |= {str(i): int(x) for i, x in enumerate(totals)}
    enough = episodes.sum() >= RECENT
    self.score = float(returns.sum() / episodes.sum()) if enough else None
    self.stopping = bool(stopping.any())
    self.failing = bool(failing.any())

  def run_local(self, part: Callable[..., object], *args: Any) -> None:
    """Calls `part`, which concerns only this host. An error is stored, is
    reported at the next exchange, and is raised when the run has ended on all
    hosts. After an error, further calls do nothing."""
    if self.failure is not None:
      return
    try:
      part(*args)
    except Stopped:
      pass  # the next exchange says so
    except Exception as error:
      self.failure = error

  def raise_failure(self) -> None:
    """Raises the error of this host, or OtherHostFailed if only another one
    failed; to be called when the run has ended."""
    if self.failure is not None:
      raise mark_shared(self.failure) if self.ended else self.failure
    if self.failing:
      raise mark_shared(
        OtherHostFailed('Another host failed; read what it printed.')
      )
