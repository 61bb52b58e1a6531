"""Both ends of a line between a benchmark and the processes that it times.

A child answers one request at a time, so two children in one run can be timed
in turns. Imports nothing of the project: the peer's Python runs it, too.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

MARK = '@@'


class Child:
  """A process that serves; a call sends a request and waits for the answer."""

  def __init__(self, *command, **env):
    self.process = subprocess.Popen(
      [str(x) for x in command],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      env={**os.environ, **env},
      text=True,
    )

  def __call__(self, name, *args):
    self.process.stdin.write(json.dumps([name, *args]) + '\n')
    self.process.stdin.flush()
    for line in self.process.stdout:
      if line.startswith(MARK):
        return json.loads(line[len(MARK) :])
    raise RuntimeError(f'The process ended during the request {name}.')

  def close(self):
    self.process.stdin.close()
    self.process.wait()


def serve(requests):
  """Answers lines of `[name, *args]` by `requests[name](*args)`."""
  for line in sys.stdin:
    name, *args = json.loads(line)
    print(MARK + json.dumps(requests[name](*args)), flush=True)


def timed(run):
  """Wall and processor time of one call, in seconds."""
  wall, cpu = time.perf_counter(), time.process_time()
  run()
  return {
    'wall': time.perf_counter() - wall,
    'cpu': time.process_time() - cpu,
  }


def spread(times):
  """`[{'wall': ..., 'cpu': ...}]` -> median, lowest and highest of each."""
  out = {}
  for key in times[0]:
    values = sorted(x[key] for x in times)
    summary = (statistics.median(values), values[0], values[-1])
    out[key] = [round(x, 5) for x in summary]
  return out


def peak_memory():
  """The most memory that this process held so far, in MiB."""
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith('VmHWM:'):
      return int(line.split()[1]) // 1024
  raise RuntimeError('This system does not tell the peak of memory.')
