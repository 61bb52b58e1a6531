"""The engine: one Node child per process, with many battles in it.

    engine = shared()
    battle = Battle.start(engine, teams, 'trainer3', seed, cap)
    view = battle.step(3)        copies and pickles of a battle replay exactly

`view` is what `view.js` tells of the battle: what has to be chosen, the mask
of the six actions, and what the first side sees.
"""

import atexit
import contextlib
import copy
import itertools
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any, Self

from embodied.envs.battlefactory import install

View = dict[str, Any]
Team = Sequence[dict[str, Any]]

START_SECONDS = 60.0
SECONDS = 20.0  # for an answer; a step takes 2 ms


class EngineFailed(RuntimeError):
  """The child died, hung, or could not do what it was asked."""


class Engine:
  """A Node child that plays battles.

  It ends when its parent does, as it reads requests until its pipe closes.

  Args:
    stock: with the engine's own event lookups, for comparisons.
    seconds: time limit of an answer.

  Raises:
    UsageError: no Node, or no packages.
  """

  def __init__(self, stock: bool = False, seconds: float = SECONDS) -> None:
    script = str(install.HERE / 'engine.js')
    command = [install.node(), script, str(install.folder())]
    self._process = subprocess.Popen(
      command + ['stock'] * stock,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      # Ctrl-C of a terminal is for the parent.
      start_new_session=True,
      bufsize=0,
    )
    self._seconds = seconds
    self._rest = b''
    self._lock = threading.Lock()
    self._numbers = itertools.count()
    self.dropped: list[int] = []
    self.alive = True
    try:
      hello = self._ask({'op': 'hello'}, START_SECONDS)
      self.players: list[str] = hello['players']
    except EngineFailed:
      self.close()
      raise

  @property
  def pid(self) -> int:
    return self._process.pid

  def number(self) -> int:
    """A new number for a battle."""
    return next(self._numbers)

  def ask(self, op: str, **values: Any) -> dict[str, Any]:
    """The answer to a request.

    Raises:
      EngineFailed: there is none; after a death or a time limit the engine is
        no longer `alive`.
    """
    with self._lock:
      if self.dropped:
        ids, self.dropped = self.dropped, []
        self._ask({'op': 'drop', 'ids': ids}, self._seconds)
      return self._ask({'op': op, **values}, self._seconds)

  def close(self) -> None:
    """Ends the child."""
    self.alive = False
    self._process.kill()
    for pipe in (self._process.stdin, self._process.stdout):
      if pipe is not None:
        with contextlib.suppress(OSError):
          pipe.close()
    self._process.wait()

  def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
    if not self.alive:
      raise EngineFailed('The engine has ended.')
    try:
      self._write(json.dumps(request).encode() + b'\n')
      answer: dict[str, Any] = json.loads(self._read(seconds))
    except (OSError, EOFError, TimeoutError, ValueError) as error:
      self.close()
      raise EngineFailed(f'The engine did not answer ({error}).') from None
    if 'error' in answer:
      raise EngineFailed(answer['error'])
    return answer

  def _write(self, line: bytes) -> None:
    assert self._process.stdin is not None
    while line:
      line = line[self._process.stdin.write(line) or 0 :]

  def _read(self, seconds: float) -> bytes:
    assert self._process.stdout is not None
    pipe, parts = self._process.stdout.fileno(), [self._rest]
    end = time.monotonic() + seconds
    while b'\n' not in parts[-1]:
      left = end - time.monotonic()
      if left <= 0 or not select.select([pipe], [], [], left)[0]:
        raise TimeoutError(f'nothing came in {seconds:g} s')
      parts.append(os.read(pipe, 1 << 16))
      if not parts[-1]:
        raise EOFError('its process has ended')
    line, _, self._rest = b''.join(parts).partition(b'\n')
    return line


_SHARED: dict[int, Engine] = {}  # by process, as a fork must not share a pipe


def shared() -> Engine:
  """The engine of this process; a new one if the last one has failed.

  Raises:
    UsageError: no Node, or no packages.
    EngineFailed: the child does not start.
  """
  engine = _SHARED.get(os.getpid())
  if engine is None or not engine.alive:
    engine = _SHARED[os.getpid()] = Engine()
  return engine


@atexit.register
def _end() -> None:
  engine = _SHARED.pop(os.getpid(), None)
  if engine is not None:
    engine.close()


class Battle:
  """One battle in an engine. Copies and pickles of it go on alike."""

  def __init__(self, engine: Engine) -> None:
    self.engine = engine
    self.number = engine.number()

  @classmethod
  def start(
    cls,
    engine: Engine,
    teams: Sequence[Team],
    foe: str,
    seed: Sequence[int],
    cap: int,
  ) -> tuple[Self, View]:
    """A battle of two teams of three, and its first view.

    Args:
      engine: for the battle.
      teams: of the player and of the foe, as `@pkmn/sim` takes sets.
      foe: who plays the second side, one of `players.js`.
      seed: five whole numbers, four of them below 2^16 and one below 2^32.
      cap: turns after which the battle is over.
    """
    battle = cls(engine)
    view = battle._ask(
      'start', teams=teams, foe=foe, seed=seed[:4], draws=seed[4], cap=cap
    )
    return battle, view

  def step(self, action: int, reply: int | None = None) -> View:
    """Both sides act; `reply` is the foe's action if it is not its own."""
    return self._ask('step', action=action, reply=reply)

  def advice(self, player: str) -> int:
    """What `player` would do."""
    return int(self._ask('advise', player=player)['action'])

  def reseed(self, seed: Sequence[int]) -> None:
    """Other random numbers from here on; `seed` as for `start`."""
    self._ask('reseed', seed=seed[:4], draws=seed[4])

  def log(self) -> list[str]:
    """The whole log, both sides' secrets included."""
    return list(self._ask('log')['log'])

  def __deepcopy__(self, memo: dict[int, Any]) -> Self:
    twin = type(self)(self.engine)
    self._ask('copy', to=twin.number)
    return twin

  def __copy__(self) -> Self:
    return copy.deepcopy(self)

  def __getstate__(self) -> dict[str, Any]:
    return self._ask('save')

  def __setstate__(self, state: dict[str, Any]) -> None:
    self.engine = shared()
    self.number = self.engine.number()
    self._ask('load', **state)

  def __del__(self) -> None:
    # Told with the next request: this may run in the middle of one.
    if 'number' in self.__dict__:
      self.engine.dropped.append(self.number)

  def _ask(self, op: str, **values: Any) -> dict[str, Any]:
    return self.engine.ask(op, battle=self.number, **values)
