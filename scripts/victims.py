"""Commands that are killed, and what has to be left of their work.

A victim is a command that writes into a folder of its own. `look` says what is
finished; `keeps`, `resumed` and `whole` raise Lost if something of it is gone,
or counts twice, after a kill.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

from ponderdream.lrxc import audit
from ponderdream.lrxc.data import Data
from scripts import results

MARK = 'PONDERDREAM_VICTIM'
# Seconds that a start may take, and that children may outlive their parent.
START, ORPHANED = 600.0, 60.0


class Lost(AssertionError):
  """Finished work is gone, or counts twice."""


def need(right, otherwise):
  """Raises Lost, saying `otherwise`, if something is not right."""
  if not right:
    raise Lost(otherwise)


class Victim:
  """A command, `python -m` with the arguments `argv`, that works in `folder`.
  It lives `life` seconds at most after it has made progress.

  Attributes:
    again: whether it does its work again after it has ended.
    process: that was started last.
    marks: of all processes, see `children`.
  """

  again = False

  def __init__(self, folder, *argv, life=6.0):
    self.folder, self.life = pathlib.Path(folder), life
    self.argv = [sys.executable, '-m', *map(str, argv)]
    self.output = self.folder.with_suffix('.out')
    self.marks = []

  def start(self):
    self.marks.append(f'{os.getpid()}-{self.folder.name}-{len(self.marks)}')
    with self.output.open('w') as out:
      self.process = subprocess.Popen(
        self.argv,
        cwd=results.ROOT,
        stdout=out,
        stderr=subprocess.STDOUT,
        env=os.environ | {MARK: self.marks[-1]},
      )

  def wait(self, condition):
    """Waits for a condition, or until the process has ended by itself."""
    end = time.monotonic() + START
    while not condition() and self.process.poll() != 0:
      alive = self.process.poll() is None and time.monotonic() < end
      need(alive, f'It failed, or is too slow: {self.said()}')
      time.sleep(0.05)

  def wait_for_progress(self):
    known = self.progress()
    self.wait(lambda: self.progress() > known)

  def begin(self):
    """Does what has to be done before the first kill."""

  def kill(self):
    """Kills the process; returns whether it had not ended by itself."""
    code = self.process.poll()
    need(not code, f'It ended with {code}: {self.said()}')
    self.process.kill()
    self.process.wait()
    return code is None

  def said(self):
    """The end of what the process put out."""
    return self.output.read_text()[-2000:]

  def finish(self):
    """Lets the command end; raises Lost if it fails."""
    code = self.process.wait(START)
    need(code == 0, f'It ended with {code}: {self.said()}')

  def check_orphans(self):
    """Raises Lost if children of the process that has ended do not end."""
    end = time.monotonic() + ORPHANED
    while found := children(self.marks[-1]):
      need(time.monotonic() < end, f'The children {found} live on.')
      time.sleep(0.2)

  def progress(self):
    """A number that grows with what is finished."""
    return len(self.look())

  def resumed(self, left):
    """Checks how the last process went on from what was `left`; returns
    whether it came to say so."""
    return False


def children(mark):
  """Processes that have the mark among their variables."""
  wanted, found = f'{MARK}={mark}'.encode(), []
  for path in pathlib.Path('/proc').glob('[0-9]*/environ'):
    try:
      if wanted in path.read_bytes().split(b'\0'):
        found.append(int(path.parent.name))
    except OSError:
      continue  # it has ended
  return found


class Files(Victim):
  """Makes files, which are finished when they are there; at the end they are
  those in `right`, which nobody disturbed."""

  def __init__(self, folder, right, *argv, life=6.0):
    super().__init__(folder, *argv, life=life)
    self.right = pathlib.Path(right)

  def look(self):
    """Hashes of the finished files, by name."""
    return hashes(self.folder)

  def keeps(self, before, after):
    changed = [k for k in before if after.get(k) != before[k]]
    need(not changed, f'Changed or gone: {changed}')

  def whole(self, kills):
    found, right = self.content(self.folder), self.content(self.right)
    need(found == right, f'{self.folder} differs from {self.right}.')
    rest = [x for x in self.folder.rglob('.*') if x.name != '.lock']
    need(not rest, f'{rest} was left.')
    return {'files': len(self.look())}

  def content(self, folder):
    return hashes(folder)


class Again(Files):
  """Makes files again that are there."""

  again = True

  def wait_for_progress(self):
    """There is none to see."""


class DataSet(Files):
  """Collects an LRXC data set in shards."""

  def look(self):
    names = [x.name for x in (self.folder / 'episodes').glob('[!.]*')]
    found = hashes(self.folder)
    return {k: v for k, v in found.items() if pathlib.Path(k).name in names}

  def content(self, folder):
    need(not list(audit.problems(folder)), f'{folder} is not valid.')
    data = Data(folder)
    need(len({x.episode_id for x in data.rows}) == len(data), 'A copy.')
    return {x.episode_id: whole(data, i) for i, x in enumerate(data.rows)}


def whole(data, number):
  """All that a data set has of an episode."""
  plain = lambda x: x if isinstance(x, list) else np.asarray(x).tobytes()
  steps = {k: plain(v) for k, v in data.steps(number).items()}
  return data.episode(number), data.nodes(number), steps


def hashes(folder):
  """Hashes of the files in a folder that are neither hidden nor a lock."""
  paths = [x for x in sorted(folder.rglob('*')) if x.is_file()]
  return {
    str(x.relative_to(folder)): hashlib.sha256(x.read_bytes()).hexdigest()
    for x in paths
    if x.name[0] != '.' and x.name != 'lock'
  }
