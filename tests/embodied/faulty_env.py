"""Environments that fail on purpose. Spawned workers import this file."""

import os
import pathlib
import signal
import threading
import time

import numpy as np

from embodied.base import SIGNALS, Env
from embodied.errors import ContractError, UsageError
from embodied.space import Space


def raise_error():
  raise OSError('the emulator lost its cable')


def raise_eof():
  raise EOFError('the emulator hung up')


def raise_contract():
  raise ContractError('The speed is a banana.')


def raise_usage():
  raise UsageError('There is no such game.')


def doze():
  time.sleep(0.5)


def hang():
  print('hangs', flush=True)
  threading.Event().wait()


def die():
  os.kill(os.getpid(), signal.SIGKILL)


class Faulty(Env):
  """Counts its steps, and in a file its lives (how often it was made).

  In the first `lives` lives it calls `fault` at step `at` of the life, counted
  from 0, or when it is made if `at` is -1. `later` replaces `at` in all lives
  but the first. After `length` steps it sets `is_last`, but it continues the
  episode until it is reset.
  """

  def __init__(self, path, fault=None, at=5, later=None, lives=1, length=None):
    path = pathlib.Path(path)
    self.life = len(path.read_text()) if path.exists() else 0
    path.write_text('x' * (self.life + 1))
    self.fault = fault if self.life < lives else None
    self.at = later if self.life and later is not None else at
    self.length = length
    self.calls = 0
    self.count = 0
    if self.fault and self.at < 0:
      self.fault()

  @property
  def obs_space(self):
    return {
      'count': Space(np.int32),
      'life': Space(np.int32),
      'pid': Space(np.int64),
      **SIGNALS,
    }

  @property
  def act_space(self):
    return {'action': Space(np.int32, (), 0, 3), 'reset': Space(bool)}

  def step(self, action):
    if self.fault and self.calls == self.at:
      self.fault()
    self.count = 0 if action['reset'] else self.count + 1
    self.calls += 1
    return {
      'count': np.int32(self.count),
      'life': np.int32(self.life),
      'pid': np.int64(os.getpid()),
      'reward': np.float32(0),
      'is_first': np.bool_(self.count == 0),
      'is_last': np.bool_(self.count == self.length),
      'is_terminal': np.False_,
    }


class Telling(Faulty):
  """Writes to a file after how many steps `prepare` was called."""

  def __init__(self, path):
    super().__init__(path)
    self.path = pathlib.Path(f'{path}.prepared')

  def prepare(self):
    part = self.path.with_suffix('.part')
    part.write_text(str(self.calls))
    part.rename(self.path)
