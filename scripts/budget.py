"""Runs commands until they have used a budget of processor time.

Processor time is the user and system time of a process and of all processes
that it started. On a busy machine a run takes longer, but it computes almost
as much (a step is a little slower if other processes use the same caches).
"""

import glob
import os
import pathlib
import signal
import subprocess
import time

TICKS = os.sysconf('SC_CLK_TCK')
# Seconds between two checks of a process, and seconds that it has to exit: on
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
  """`/proc/<pid>/stat` of all processes."""
  for path in glob.glob('/proc/[0-9]*/stat'):
    try:
      yield pathlib.Path(path).read_text(errors='replace')
    except (FileNotFoundError, ProcessLookupError):
      pass  # The process has ended.


def run(command, log, seconds=float('inf'), watch=lambda used: False, **how):
  """Runs a command, and ends it by SIGTERM when it has used its budget.

  Args:
    command: list of texts.
    log: path for its output.
    seconds: budget of processor time.
    watch: called twice a second with the processor seconds used so far; if it
      returns True, the command is ended.
    how: arguments of `subprocess.Popen`, such as `cwd`.

  Returns:
    The processor seconds used before SIGTERM, or before it ended by itself.

  Raises:
    RuntimeError: it ended by itself with an error.
    subprocess.TimeoutExpired: it did not end after SIGTERM, and was killed.
  """
  with log.open('ab') as file:
    child = subprocess.Popen(
      command, stdout=file, stderr=file, start_new_session=True, **how
    )
  used, asked = 0.0, False
  try:
    while child.poll() is None and used < seconds and not asked:
      time.sleep(EVERY)
      # While a child ends, its time is missing from the sum for a moment.
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
