"""Runs commands until they have used up their processor time.

It is the time, user and system, of a process and of all that it started. A
busy machine makes a run last longer, and hardly changes what it gets done (a
step takes some more of a core whose caches others use).
"""

import glob
import json
import os
import pathlib
import signal
import subprocess
import time

TICKS = os.sysconf('SC_CLK_TCK')
# Seconds between two looks at a process, and those that it has for its end: on
# a busy machine it may be compiling for minutes.
EVERY, PATIENCE = 0.5, 900.0


def spent(stats, session):
  """Processor seconds of a session: user and system time of its processes,
  and of their children that have ended.

  Args:
    stats: texts of `/proc/<pid>/stat`, of any processes (proc(5)).
    session: number of the process that began the session.
  """
  ticks = 0
  for stat in stats:
    # The second field is a name in parentheses, which may hold anything.
    fields = stat.rpartition(')')[2].split()
    if int(fields[3]) == session:
      ticks += sum(map(int, fields[11:15]))
  return ticks / TICKS


def stats():
  """`/proc/<pid>/stat` of every process that there is."""
  for path in glob.glob('/proc/[0-9]*/stat'):
    try:
      yield pathlib.Path(path).read_text(errors='replace')
    except (FileNotFoundError, ProcessLookupError):
      pass  # it has ended meanwhile


class Tail:
  """Reads a file that grows, or that is not there yet."""

  def __init__(self, path):
    self.path, self.place = path, 0

  def lines(self, most=None):
    """The complete lines since the last call, as dicts; the first `most`."""
    if not self.path.exists():
      return []
    with self.path.open('rb') as file:
      file.seek(self.place)
      text = file.read()
    whole = text[: text.rfind(b'\n') + 1].splitlines(keepends=True)[:most]
    self.place += sum(map(len, whole))
    return [json.loads(x) for x in whole]


def run(command, log, seconds=float('inf'), watch=lambda used: False, **how):
  """Runs a command, and ends it by SIGTERM when its time is used up.

  Args:
    command: list of texts.
    log: path for what it prints.
    seconds: processor time that it may use.
    watch: called twice a second with the processor seconds used so far; ends
      the command if it returns True.
    how: for `subprocess.Popen`, such as `cwd`.

  Returns:
    The processor seconds that were used when it was told to end, or ended.

  Raises:
    RuntimeError: it ended by itself, with an error.
    subprocess.TimeoutExpired: it did not end; it is killed.
  """
  with log.open('ab') as file:
    child = subprocess.Popen(
      command, stdout=file, stderr=file, start_new_session=True, **how
    )
  used, asked = 0.0, False
  try:
    while child.poll() is None and used < seconds and not asked:
      time.sleep(EVERY)
      # A child that ends is in neither sum for a moment.
      used = max(used, spent(stats(), child.pid))
      asked = watch(used)
    code = child.poll()
    child.terminate()
    child.wait(PATIENCE)
  finally:
    if child.poll() is None:
      os.killpg(child.pid, signal.SIGKILL)
      child.wait()
  if code:
    last = log.read_text(errors='replace').strip().splitlines()[-1:]
    raise RuntimeError(
      f'{" ".join(map(str, command))} ended with exit code {code}:'
      f' {" ".join(last)} ({log})'
    )
  return used
